"""Notes that do not fit are cut into windows and nothing is lost."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.text.windows import Window, approximate_token_count, split_into_windows


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
    windows = split_into_windows(paragraph * 10, 200, 40, len)
    assert all((paragraph * 10)[: window.end].endswith("\n\n") for window in windows)
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


def test_a_long_note_is_measured_a_bounded_number_of_times_per_window():
    measured = []

    def count(text):
        measured.append(len(text))
        return len(text) // 3

    windows = split_into_windows("word " * 40_000, 1_000, 64, count)
    assert 60 < len(windows) < 80
    assert sum(measured) < 16 * 200_000


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("Acute on chronic systolic heart failure", 8),
        ("12.5 mg", 5),
        ("a\n\n\n\nb", 3),
        ("慢性腎臟病", 10),
        (" " * 1_000, 60),
    ],
)
def test_the_estimate_is_on_the_high_side(text, least):
    assert approximate_token_count(text) >= least
