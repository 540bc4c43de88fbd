"""Look-up of release terms in notes."""

import random

import pytest

from ccl_assets.coding.index_lookup_terms import TermTable, term_forms
from ccl_assets.coding.prediction import NoteToCode
from ccl_assets.coding.systems.index_lookup import IndexLookup
from ccl_assets.evidence.knowledge_base.shares import DEFAULT, INDEX, MODIFIER, TITLE
from ccl_assets.text.note_tokens import Break, tokenize


def pair(code, evidence, source="title", expansion="direct"):
    return {"code": code, "evidence": evidence, "source": source, "expansion": expansion}


PAIRS = [
    pair("I10", "Essential (primary) hypertension"),
    pair("I10", "high blood pressure", "inclusion_term"),
    pair("E11.9", "Type 2 diabetes mellitus without complications"),
    pair("N18.30", "Chronic kidney disease, stage 3 unspecified"),
    pair("N18.9", "Chronic kidney disease, unspecified"),
    pair("J18.9", "Pneumonia, unspecified organism"),
    pair("J15.9", "Pneumonia", "inclusion_term"),
    pair("I48.91", "Unspecified atrial fibrillation"),
    pair("K21.9", "Gastro-esophageal reflux disease"),
    pair("N16", "Renal tubulo-interstitial disorders in diseases classified elsewhere"),
    pair("N16", "Pyelonephritis", "inclusion_term"),
    pair("E66.811", "Obesity, class 1"),
    pair("M35.00", "Sjögren's syndrome"),
    pair("I67.83", "PRES", "inclusion_term"),
    pair("G45.9", "TIA", "inclusion_term"),
    pair("R52", "Pain, unspecified"),
    pair("J45.909", "Asthma NOS", "inclusion_term"),
    pair("S72.001A", "Fracture of unspecified part of neck of right femur", expansion="seventh_character"),
    pair("A04.4", "Escherichia coli enteritis", "inclusion_term"),
    pair("A04.8", "Twin term", "inclusion_term"),
    pair("A04.9", "Twin term", "inclusion_term"),
]
BILLABLE = {row["code"] for row in PAIRS} - {"E66.811"}


@pytest.fixture(scope="module")
def system():
    return IndexLookup(TermTable.from_pairs(PAIRS), BILLABLE)


def codes(system, text):
    return [prediction["code"] for prediction in system.look_up(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Essential hypertension, on lisinopril", ["I10"]),
        ("ESSENTIAL (PRIMARY) HYPERTENSION", ["I10"]),
        ("Pt has high\nblood pressure", []),  # the line was ended on purpose
        ("Comes with a long and complicated story of having had a rather high\nblood pressure", ["I10"]),
        ("has pneumonia", ["J18.9"]),
        ("chronic kidney disease, stage 3", ["N18.30"]),
        ("chronic kidney disease", ["N18.9"]),
        ("type 2 diabetes mellitus without complications", ["E11.9"]),
        ("gastroesophageal reflux disease; gastro esophageal reflux disease", ["K21.9"]),
        ("class 1 obesity", ["E66.811"]),
        ("Sjogren syndrome", ["M35.00"]),
        ("E. coli; Escherichia-coli enteritis", ["A04.4"]),
        ("asthma", ["J45.909"]),
        ("asthmatic", []),
    ],
)
def test_terms_are_found_whatever_their_dress(system, text, found):
    assert codes(system, text) == found


@pytest.mark.parametrize(
    "text", ["chest pain", "TIA", "pyelonephritis", "twin term", "fracture of part of neck of right femur", "pres"]
)
def test_short_generic_ambiguous_manifestation_and_expanded_terms_are_not_looked_up(system, text):
    assert codes(system, text) == []


def test_acronyms_match_in_capitals(system):
    assert codes(system, "MRI shows PRES") == ["I67.83"]


def test_a_match_does_not_reach_over_the_end_of_a_phrase(system):
    assert codes(system, "Blood pressure high. Blood pressure: low") == []
    assert codes(system, "high: blood pressure") == []


def test_evidence_is_verbatim_with_offsets_of_the_raw_note(system):
    text = "A/P:\n- Atrial   fibrillation -- rate ok\n- Pneumonia, atrial fibrillation"
    predictions = system.look_up(text)
    assert [(p["code"], p["evidence"]) for p in predictions] == [
        ("I48.91", "Atrial   fibrillation"),
        ("J18.9", "Pneumonia"),
    ]
    assert all(text[p["begin"] : p["end"]] == p["evidence"] for p in predictions)
    assert all(p["evidence_status"] == "verbatim" for p in predictions)


def test_a_negated_mention_does_not_hide_a_later_one(system):
    assert codes(system, "No pneumonia on admission. Day 3: pneumonia.") == ["J18.9"]


def test_validity_is_that_of_the_release(system):
    assert [p["is_valid"] for p in system.look_up("class 1 obesity. asthma")] == [False, True]


def test_notes_are_coded_in_order_without_a_model(system):
    notes = [NoteToCode("a", "asthma"), NoteToCode("b", "")]
    first, second = system.code(notes)
    assert (first.document_id, first.raw_output, first.prompt_sha256) == ("a", None, None)
    assert (first.prompt_token_count, first.completion_token_count, first.problems) == (0, 0, [])
    assert (second.document_id, second.predictions) == ("b", [])


def test_forms_follow_from_the_printed_term_by_rule():
    assert term_forms("Essential (primary) hypertension") == {
        "Essential (primary) hypertension": TITLE,
        "Essential hypertension": MODIFIER,
    }
    assert term_forms("Anemia, unspecified")["Anemia"] == DEFAULT
    assert term_forms("Urinary tract infection, site not specified")["Urinary tract infection"] == DEFAULT
    assert term_forms("Appendicitis, acute", INDEX)["acute Appendicitis"] == MODIFIER


def test_short_forms_of_the_table_are_looked_up_however_short():
    pairs = [pair("I10", "HTN", "short_form"), pair("I25.10", "CAD", "short_form"), pair("I35.0", "AS", "short_form")]
    found = IndexLookup(TermTable.from_pairs(pairs), {"I10", "I25.10", "I35.0"})
    assert codes(found, "htn and cad, as before") == ["I10", "I25.10"]


def test_breaks_between_words():
    tokens = tokenize("St. E. coli. HTN, DM: x\n- y")
    assert dict(zip(tokens.words, tokens.breaks, strict=True)) == {
        "st": Break.STATEMENT, "e": Break.NONE, "coli": Break.NONE, "htn": Break.STATEMENT, "dm": Break.NONE,
        "x": Break.PHRASE, "y": Break.STATEMENT,
    }  # fmt: skip


class Counted(dict):
    """Counts look-ups."""

    count = 0

    def get(self, *key):
        self.count += 1
        return super().get(*key)


def test_the_cost_of_a_note_does_not_grow_with_the_number_of_terms():
    draw = random.Random(7)
    vocabulary = ["".join(draw.choices("abcdefghij", k=6)) for _ in range(3_000)]
    text = " ".join(draw.choices(vocabulary, k=2_000))
    codes = Counted({" ".join(draw.choices(vocabulary, k=draw.randint(2, 6))): f"A{n}" for n in range(75_000)})
    IndexLookup(TermTable(codes, frozenset()), set()).look_up(text)
    assert codes.count < 3 * 2_000
