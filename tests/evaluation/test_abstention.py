"""Keeping back unsure codes: the curve, its bounds, and the figures made of confidences."""

import pytest

from ccl_assets.evaluation.scoring.abstention import MOST_THRESHOLDS, abstention_curve, half_coverage_threshold
from ccl_assets.evaluation.scoring.score_rows import score_system
from ccl_assets.evaluation.scoring.units import ScoringInputError

# c1 gold I10 E11.9 N17.9; c2 gold J18.9
SURE = {
    "d1": [("I10", None, 0.9), ("A41.9", None, 0.3)],
    "d2": [("I10", None, 0.5), ("N17.9", None, 0.6)],
    "d3": [("J18.9", None, 0.9), ("I50.9", None, 0.1)],
}


def metric(rows, name: str, unit: str = "chart"):
    (row,) = [row for row in rows if (row["metric"], row["unit"], row["subset"]) == (name, unit, "all")]
    return row["value"]


def test_the_curve_worked_by_hand(two_charts, billable) -> None:
    rows = abstention_curve(two_charts.answers(SURE), **two_charts.tables, codes=billable)
    keys = ("threshold", "coverage", "precision", "recall", "kept_count")
    assert [tuple(row[key] for key in keys) for row in rows] == [
        (0.9, 2 / 5, 1, 2 / 4, 2),  # I10 has its highest confidence of the chart's notes
        (0.6, 3 / 5, 1, 3 / 4, 3),
        (0.3, 4 / 5, 3 / 4, 3 / 4, 4),
        (0.1, 1, 3 / 5, 3 / 4, 5),
    ]
    assert {(row["system"], row["benchmark"]) for row in rows} == {("ours", "sample/test")}


def test_its_end_is_the_system_as_scored(two_charts, billable) -> None:
    answers = two_charts.answers(SURE)
    rows = score_system(answers, **two_charts.tables, codes=billable, resample_count=0)
    last = abstention_curve(answers, **two_charts.tables, codes=billable)[-1]
    precision, recall = (
        next(row["value"] for row in rows if (row["metric"], row["unit"]) == (name, "chart"))
        for name in ("micro_precision", "micro_recall")
    )
    assert (last["coverage"], last["precision"], last["recall"]) == (1, precision, recall)


def test_an_invalid_code_is_never_right_however_sure(two_charts, billable) -> None:
    answers = two_charts.answers({"d1": [("I10", None, 1.0)]})
    (row,) = abstention_curve(answers, **two_charts.tables, codes=billable - {"I10"})
    assert row["precision"] == 0


def test_codes_without_confidence_go_first(two_charts, billable) -> None:
    answers = two_charts.answers({"d1": [("I10", None, 0.2), "E11.9"], "d3": ["J18.9"]})
    rows = abstention_curve(answers, **two_charts.tables, codes=billable)
    assert [(row["threshold"], row["kept_count"]) for row in rows] == [(0.2, 1), (0, 3)]


def test_at_most_fifty_thresholds_from_the_surest_to_all(bench, note, billable) -> None:
    notes = [note(f"d{number}", f"c{number}", ["I10"]) for number in range(400)]
    given = {one.document_id: [("I10", None, number / 400)] for number, one in enumerate(notes)}
    benchmark = bench(notes)
    rows = abstention_curve(benchmark.answers(given), **benchmark.tables, codes=billable)
    assert len(rows) == MOST_THRESHOLDS
    assert (rows[0]["threshold"], rows[-1]["coverage"]) == (399 / 400, 1)
    assert [row["threshold"] for row in rows] == sorted({row["threshold"] for row in rows}, reverse=True)


def test_no_curve_without_confidences_labels_or_answers(two_charts, bench, note, billable) -> None:
    unsaid = two_charts.answers({"d1": ["I10"]})
    assert abstention_curve(unsaid, **two_charts.tables, codes=billable) == []
    assert abstention_curve(unsaid.slice(0, 0), **two_charts.tables, codes=billable) == []
    unlabelled = bench([note("d1", "c1")])
    assert abstention_curve(unlabelled.answers(SURE), **unlabelled.tables, codes=billable) == []
    unasked = two_charts.answers(SURE, unasked=["d1", "d3"])
    assert abstention_curve(unasked, **two_charts.tables, codes=billable) == []


def test_two_systems_in_one_table_are_refused(two_charts, billable) -> None:
    import pyarrow as pa

    both = pa.concat_tables([two_charts.answers(SURE), two_charts.answers(SURE, "theirs")])
    with pytest.raises(ScoringInputError, match="'ours', 'theirs'"):
        abstention_curve(both, **two_charts.tables, codes=billable)


@pytest.mark.parametrize(
    ("confidences", "threshold"),
    [([], 0), ([0.4], 0.4), ([0.1, 0.9], 0.9), ([0.1, 0.5, 0.9], 0.5), ([0.7, 0.7, 0.7, 0.1], 0.7)],
)
def test_the_surer_half_keeps_ties_together(confidences: list[float], threshold: float) -> None:
    assert half_coverage_threshold(confidences) == threshold


def test_figures_of_confidence_and_repair(two_charts, billable) -> None:
    repaired = SURE | {"d3": [("J18.9", None, 0.9), ("I50.9", None, None, "I50.99")]}
    rows = score_system(two_charts.answers(repaired), **two_charts.tables, codes=billable, resample_count=0)
    assert metric(rows, "precision_at_half_coverage") == 1  # I10, J18.9 and N17.9 of five
    assert metric(rows, "mean_confidence") == pytest.approx((0.9 + 0.3 + 0.5 + 0.6 + 0.9) / 5)
    assert metric(rows, "repaired_code_rate") == 1 / 6
    unsaid = score_system(two_charts.answers({"d1": ["I10"]}), **two_charts.tables, codes=billable, resample_count=0)
    assert metric(unsaid, "precision_at_half_coverage") is metric(unsaid, "mean_confidence") is None
    assert metric(unsaid, "repaired_code_rate") == 0
