"""Quotes are traced to the raw note."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from ccl_assets.text.approximate_search import _nearest_stretch, nearest_substring
from ccl_assets.text.grounding import ground_span

NOTE = (
    "HPI: 68 yo M with hx of chronic obstructive\npulmonary  disease (COPD), hypothyroidism and stage 3 CKD.\n"
    "Denies chest pain.\nA/P:\n1. COPD - stable angina too.\n"
)
ALPHABET = st.sampled_from("abcAB xy \n\t.,ßİ3é")


def test_exact_words_are_verbatim_with_end_exclusive_offsets():
    found = ground_span("stage 3 CKD", NOTE)
    assert found.status == "verbatim"
    assert NOTE[found.begin : found.end] == found.text == "stage 3 CKD"
    assert found.edit_distance == 0


def test_wrapped_lines_and_double_blanks_do_not_spoil_a_verbatim_quote():
    found = ground_span("chronic obstructive pulmonary disease", NOTE)
    assert found.status == "verbatim"
    assert found.text == "chronic obstructive\npulmonary  disease"


def test_other_case_is_a_repair_without_edits():
    found = ground_span("Hypothyroidism", NOTE)
    assert (found.status, found.text, found.edit_distance) == ("repaired", "hypothyroidism", 0)


def test_a_few_edits_are_repaired_to_whole_words():
    found = ground_span("chronic obstructve pulmonary diseas", NOTE)
    assert (found.status, found.text, found.edit_distance) == (
        "repaired",
        "chronic obstructive\npulmonary  disease",
        2,
    )


@pytest.mark.parametrize(
    "quote", ["hyperthyroidism", "stage 4 CKD", "unstable angina", "metastatic melanoma of the skin", "denies jaw pain"]
)
def test_another_finding_is_not_repaired_into_the_note_s(quote):
    found = ground_span(quote, NOTE)
    assert found.status == "ungrounded"
    assert (found.begin, found.end, found.text, found.edit_distance) == (None, None, None, None)


@pytest.mark.parametrize(
    ("quote", "note"),
    [
        ("chronic systolic heart failure", "Chronic diastolic heart failure."),
        ("Chronic HFrEF", "Chronic HFpEF."),
        ("acute kidney failure, mild", "acute kidney failure, mold"),
        ("Obesity, class II", "Obesity class III"),
    ],
)
def test_few_letters_that_make_another_finding_are_not_repaired(quote, note):
    assert ground_span(quote, note).status == "ungrounded"


@pytest.mark.parametrize("quote", ["", "  \n", "\t"])
def test_an_empty_quote_is_ungrounded(quote):
    assert ground_span(quote, NOTE).status == "ungrounded"


def test_short_quotes_stand_at_word_boundaries_only():
    assert ground_span("PE", "SPECIAL diet").status == "ungrounded"
    assert ground_span("PE", "SPECIAL diet, PE").begin == 14


def test_a_place_at_word_boundaries_goes_before_one_inside_a_word():
    assert ground_span("stable", "unstable, now stable").begin == 14


def test_a_second_equal_quote_gets_the_second_place_and_a_third_the_first_again():
    taken = []
    for expected in (NOTE.index("COPD"), NOTE.rindex("COPD"), NOTE.index("COPD")):
        found = ground_span("COPD", NOTE, taken=taken)
        assert found.begin == expected
        taken.append((found.begin, found.end))


def test_no_edits_are_allowed_where_the_share_is_zero():
    assert ground_span("chronic obstructve pulmonary disease", NOTE, max_edit_share=0.0).status == "ungrounded"


def test_regular_expression_signs_in_a_quote_are_plain_text():
    note = "CBC (WBC 12.3) [**2181-3-4**] + a|b"
    for quote in ("(WBC 12.3)", "[**2181-3-4**]", "a|b", "+ a|b"):
        assert ground_span(quote, note).text == quote


def test_letters_whose_lower_case_is_longer_do_not_shift_offsets():
    note = "İİİİ chronic kidny disease İ"
    found = ground_span("chronic kidney disease", note)
    assert (found.status, found.text) == ("repaired", "chronic kidny disease")


@given(st.text(ALPHABET, max_size=80), st.data())
def test_every_substring_of_four_characters_or_more_is_verbatim(note, data):
    begin = data.draw(st.integers(0, len(note)))
    quote = note[begin : data.draw(st.integers(begin, len(note)))]
    found = ground_span(quote, note)
    if len(" ".join(quote.split())) >= 4:
        assert found.status == "verbatim"
        assert found.text.split() == quote.split()


@given(st.text(ALPHABET, max_size=80), st.text(ALPHABET, max_size=30), st.floats(0, 0.6))
def test_what_is_grounded_is_always_the_note_s_own_wording(note, quote, share):
    found = ground_span(quote, note, max_edit_share=share)
    if found.status == "ungrounded":
        assert found.text is None
    else:
        assert note[found.begin : found.end] == found.text
        assert found.text
        assert found.edit_distance <= share * len(quote)


@pytest.mark.slow
@given(st.text(st.sampled_from("abc "), max_size=60), st.text(st.sampled_from("abc"), min_size=4, max_size=12))
def test_the_search_finds_what_a_plain_distance_matrix_finds(text, phrase):
    """Sellers' algorithm as the textbook has it, against the library (before widening to whole words)."""
    column = list(range(len(phrase) + 1))
    best = None
    for position, character in enumerate(text, start=1):
        fresh = [0]
        for row, letter in enumerate(phrase, start=1):
            fresh.append(min(column[row] + 1, fresh[-1] + 1, column[row - 1] + (letter != character)))
        column = fresh
        if column[-1] <= 3 and (best is None or column[-1] < best[0]):
            best = (column[-1], position)
    found = _nearest_stretch(phrase, text, 3)
    assert (found and (found[0], found[2])) == best
    assert found is None or Levenshtein.distance(phrase, text[found[1] : found[2]]) == found[0]


def test_a_note_of_more_characters_than_the_library_takes_is_searched_all_the_same():
    many = "".join(chr(0x4E00 + number) for number in range(400))
    text = f"{many} acute renal failur {many}"
    found = nearest_substring("acute renal failure", text, 2)
    assert text[found.begin : found.end] == "acute renal failur" and found.distance == 1


def test_the_nearest_place_wins_over_an_earlier_one():
    text = "acute renal failing, acute renal failures"
    found = nearest_substring("acute renal failure", text, 3)
    assert text[found.begin : found.end] == "acute renal failures"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("quote", "note"),
    [
        ("chronic obstructive pulmonary diseese with emphysema", "Pt with chronic pulmonary disease. " * 5_700),
        ("x" * 499, "x y" * 66_000),
        ("a " * 249 + "b", "a " * 100_000),
        ("acute on chronic", "a" + " " * 199_999),
        ("q" * 400_000, "q" * 200_000),
    ],
)
def test_cost_is_bounded_on_a_note_of_200_000_characters(quote, note):
    started = time.perf_counter()
    ground_span(quote, note)
    assert time.perf_counter() - started < 10
