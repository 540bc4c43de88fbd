"""Words that do not speak of the patient's present condition."""

import pytest

from ccl_assets.text.negation import excluded_words
from ccl_assets.text.note_tokens import tokenize


def excluded(text):
    tokens = tokenize(text)
    flags = excluded_words(text, tokens)
    return {word for word, flag in zip(tokens.words, flags, strict=True) if flag}


@pytest.mark.parametrize(
    "text",
    [
        "denies TARGET",
        "no TARGET",
        "No evidence of acute TARGET",
        "without TARGET",
        "w/o TARGET",
        "negative for: fever, TARGET",
        "r/o TARGET",
        "TARGET was ruled out",
        "TARGET unlikely",
        "Denies fever, chills or TARGET",
        "Ruled out for TARGET",
        "family history of TARGET",
        "FH: TARGET",
        "FAMILY HISTORY:\nMother: TARGET\nFather: well",
        "Fam hx: TARGET",
        "mother with TARGET",
        "Her maternal aunt had TARGET",
        "return for TARGET",
        "Return precautions:\ntarget",
        "Risk of TARGET",
        "denies chest pain, pressure with effort\nand TARGET".replace(
            "denies", "The patient, a fine historian, denies"
        ),
    ],
)
def test_excluded(text):
    assert "target" in excluded(text)


@pytest.mark.parametrize(
    "text",
    [
        "TARGET",
        "denies fever. TARGET",
        "Denies fever but has TARGET",
        "no fever; TARGET",
        "No fever\nTARGET",
        "No fever\n- TARGET",
        "FAMILY HISTORY:\nMother: cancer\n\nHOSPITAL COURSE:\nTARGET",
        "Mother reports TARGET",
        "TARGET. Pneumonia was ruled out",
        "TARGET however PE ruled out",
        "gram negative TARGET",
        "no change in TARGET",
        "ruled out PE in the ED and after that the long work-up on the ward of our hospital found TARGET",
    ],
)
def test_not_excluded(text):
    assert "target" not in excluded(text)


def test_a_trigger_within_a_term_is_part_of_the_term():
    text = "diabetes without complications and asthma"
    tokens = tokenize(text)
    assert excluded_words(text, tokens, found=[(0, 3)]) == [False] * 5


def test_an_empty_note_has_nothing_to_exclude():
    assert excluded_words("", tokenize("")) == []
