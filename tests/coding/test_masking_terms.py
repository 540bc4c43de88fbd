"""Phrases that take their words from the terms inside."""

import pytest

from ccl_assets.coding.index_lookup_terms import TermTable
from ccl_assets.coding.masking_terms import common_beginning, field_phrases, masking_terms
from ccl_assets.coding.systems.index_lookup import IndexLookup


def pair(code, evidence, expansion="direct", source="alphabetic_index"):
    return {"code": code, "evidence": evidence, "source": source, "expansion": expansion}


PAIRS = [
    pair("E11.9", "Diabetes mellitus"),
    pair("E10.9", "Type 1 diabetes mellitus without complications"),
    pair("I63.9", "Stroke"),
    pair("T67.01XA", "Heat stroke", "seventh_character"),
    pair("M19.90", "Osteoarthritis"),
    pair("Z72.0", "Tobacco use"),
    pair("F17.200", "Tobacco use disorder, severe"),
    pair("I50.9", "Heart failure"),
    pair("I50.20", "Heart failure, systolic", "dash_subtree"),
    pair("I50.30", "Heart failure, systolic", "dash_subtree"),
]
TITLES = {
    "E10": "Type 1 diabetes mellitus",
    "E11": "Type 2 diabetes mellitus",
    "M17": "Osteoarthritis of knee",
    "I50": "Heart failure",
}


@pytest.fixture(scope="module")
def system():
    return IndexLookup(TermTable.from_pairs(PAIRS, TITLES), {row["code"] for row in PAIRS})


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Stroke.", ["I63.9"]),
        ("Heat stroke.", []),
        ("Heat stroke in June, a stroke in July.", ["I63.9"]),
        ("Type 1 diabetes mellitus.", ["E10.9"]),
        ("Diabetes mellitus type 1.", []),
        ("Diabetes mellitus, type 1", []),
        ("Type 2 diabetes mellitus.", ["E11.9"]),
        ("Diabetes mellitus type 2.", ["E11.9"]),
        ("Osteoarthritis of the left knee.", []),
        ("Right knee osteoarthritis", []),
        ("osteoarthritis", ["M19.90"]),
        ("Tobacco use disorder.", []),
        ("Tobacco use.", ["Z72.0"]),
        ("Heart failure, systolic", ["I50.9"]),
        ("stroke volume", []),
        ("code stroke was called", []),
    ],
)
def test_a_generic_term_gives_way_to_the_phrase_around_it(system, text, codes):
    assert [prediction["code"] for prediction in system.look_up(text)] == codes


def test_masks_keep_what_their_codes_have_in_common():
    masks = masking_terms(PAIRS, TITLES)
    assert masks["heart failure systolic"] == "I50."
    assert masks["knee osteoarthritis"] == "M17"
    assert common_beginning("E10.9", "E11.9") == "E1"


def test_phrases_of_the_field_are_folded_and_have_several_words():
    assert "st depression" in field_phrases()
    assert all(" " in phrase and phrase == phrase.casefold() for phrase in field_phrases())
