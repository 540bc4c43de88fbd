"""Levels of a written code, ranks among candidates, intervals over terms."""

import pytest
from span_accuracy import (
    levels,
    mean_difference,
    mean_with_interval,
    ranking,
    written_code,
)

from ccl_assets.answers.coding_format import render_coding

BILLABLE = {"J45.909", "J45.20", "J44.9", "I10"}


def test_the_first_code_of_an_answer_counts_whatever_its_dress():
    assert written_code(render_coding([(None, "J45.909", "Unspecified asthma, uncomplicated")])) == "J45.909"
    assert written_code("### ICD-10-CM Codes\n- j45909: asthma\n- I10 – Essential (primary) hypertension") == "J45.909"
    assert written_code("I am not sure.") is None
    assert written_code("") is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("J45.909", (1, 1, 1, 1)),
        ("J45.20", (0, 1, 1, 1)),
        ("J45.999", (0, 1, 1, 0)),  # begins right, but there is no such code
        ("J44.9", (0, 0, 1, 1)),
        ("I10", (0, 0, 0, 1)),
        ("U99", (0, 0, 0, 0)),
        (None, (0, 0, 0, 0)),
    ],
)
def test_levels_of_a_written_code(written, expected):
    assert tuple(levels("J45.909", written, BILLABLE).values()) == expected


def test_rank_of_the_right_candidate():
    assert ranking([-1.0, -2.0, -3.0], 0) == (1.0, 1.0)
    assert ranking([-2.0, -1.0, -3.0], 0) == (0.0, 0.5)
    assert ranking([-2.0, -1.0, -3.0], 2) == (0.0, pytest.approx(1 / 3))


def test_equal_scores_are_no_better_than_a_draw():
    first, reciprocal = ranking([0.0] * 4, 2)
    assert first == 0.25
    assert reciprocal == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert ranking([1.0, 0.0, 0.0], 1) == (0.0, pytest.approx((1 / 2 + 1 / 3) / 2))


def test_an_interval_encloses_the_mean_and_narrows_with_terms():
    few, many = mean_with_interval([1.0, 0.0] * 10), mean_with_interval([1.0, 0.0] * 200)
    for found in (few, many):
        assert found.value == 0.5
        assert found.lower < 0.5 < found.upper
    assert many.upper - many.lower < few.upper - few.lower


def test_a_difference_is_paired():
    hits = [1.0, 0.0, 0.0, 1.0] * 20
    better = [1.0, 1.0, 0.0, 1.0] * 20
    assert mean_difference(hits, hits) == mean_difference(better, better)
    assert mean_difference(hits, hits).upper == 0.0
    found = mean_difference(better, hits)
    assert found.value == 0.25
    assert 0.0 < found.lower < 0.25 < found.upper
    with pytest.raises(ValueError, match="the same terms"):
        mean_difference(hits, hits[1:])


def test_no_terms_and_one_term_have_no_interval():
    assert mean_with_interval([]).value is None
    assert (mean_with_interval([1.0]).value, mean_with_interval([1.0]).lower) == (1.0, None)
