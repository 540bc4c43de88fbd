"""Notes that do not fit are cut into windows and nothing is lost."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.coding.window import Window, approximate_token_count, merge_predictions, split_into_windows


def prediction(code, begin, status="verbatim"):
    end = None if begin is None else begin + 3
    return {
        "code": code, "is_valid": True, "evidence": "abc", "begin": begin, "end": end, "evidence_status": status,
    }  # fmt: skip


def test_a_note_that_fits_is_one_window():
    assert split_into_windows("short note", 100, 10) == [Window(0, 10)]
    assert split_into_windows("", 100, 10) == []


@given(st.text(st.sampled_from("ab .\n"), max_size=400), st.integers(3, 60), st.data())
def test_windows_fit_and_cover_the_note(text, size, data):
    overlap = data.draw(st.integers(0, (size - 1) // 2))
    windows = split_into_windows(text, size, overlap, len)
    covered = 0
    for window in windows:
        assert window.begin <= covered < window.end
        assert window.end - window.begin <= size
        covered = window.end
    assert covered == len(text)


def test_windows_end_at_paragraphs_and_overlap():
    paragraph = "one two three four five six seven eight nine ten\neleven twelve thirteen fourteen\n\n"
    text = paragraph * 10
    windows = split_into_windows(text, 200, 40, len)
    assert all(text[: window.end].endswith("\n\n") for window in windows)
    assert all(15 <= before.end - after.begin <= 40 for before, after in pairwise(windows))


def test_a_text_without_blanks_is_cut_all_the_same():
    assert [w.end - w.begin for w in split_into_windows("x" * 100, 40, 0, len)] == [40, 40, 20]


@pytest.mark.parametrize(("size", "overlap"), [(10, 5), (10, -1), (0, 0)])
def test_an_overlap_of_half_a_window_is_refused(size, overlap):
    with pytest.raises(ValueError, match="too small for an overlap"):
        split_into_windows("text", size, overlap)


def test_a_tokenizer_that_fits_nothing_is_reported():
    with pytest.raises(ValueError, match="not even one character"):
        split_into_windows("text", 10, 0, lambda text: 11)


def test_the_estimate_is_on_the_high_side():
    assert approximate_token_count("Acute on chronic systolic heart failure") >= 8


def test_merged_offsets_are_those_of_the_note_and_each_code_counts_once():
    merged = merge_predictions(
        [Window(0, 50), Window(40, 90)],
        [
            [prediction("I10", 42), prediction("E11.9", None, "ungrounded")],
            [prediction("I10", 2), prediction("E11.9", 7)],
        ],
    )
    assert [(p["code"], p["begin"], p["end"], p["evidence_status"]) for p in merged] == [
        ("I10", 42, 45, "verbatim"),
        ("E11.9", 47, 50, "verbatim"),
    ]


def test_merging_leaves_the_answers_as_they_were():
    answers = [[prediction("I10", 1)]]
    merge_predictions([Window(10, 20)], answers)
    assert answers[0][0]["begin"] == 1
