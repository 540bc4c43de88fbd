"""The tables of the report: ladder, subsets, heat map, broken rules, evidence, abstention."""

from itertools import pairwise

import pytest

from ccl_assets.evaluation.report.ablation import LADDER, ladder_grid, ladder_steps
from ccl_assets.evaluation.report.curve import coverage_grid, curves
from ccl_assets.evaluation.report.figure_tables import difference_grid, evidence_grid, violation_grid
from ccl_assets.evaluation.report.grid import Cell, Figures, cell
from ccl_assets.evaluation.report.subset_tables import SHADES, heat_map, shade, subset_grids


def figure(system, metric, value, subset="all", **others):
    return {
        "system": system,
        "benchmark": "sample/test",
        "unit": "chart",
        "label_space": "release",
        "macro_convention": "none",
        "metric": metric,
        "subset": subset,
        "value": value,
        "lower": None,
        "upper": None,
        "document_count": 3,
        **others,
    }


def difference(first, second, value, metric="micro_f1"):
    row = figure("", metric, value, lower=value - 0.01, upper=value + 0.01)
    return {**row, "first_system": first, "second_system": second}


def test_numbers_are_written_with_true_minus_signs_and_counts_without_decimals() -> None:
    row = figure("a", "micro_f1", -0.0512, lower=-0.1, upper=0.02)
    assert cell(row, "+") == Cell("−5.1", "−10.0 to +2.0")
    assert cell(figure("a", "gold_pairs", 1234)).value == "1,234"
    assert cell(figure("a", "codes_per_document", 4.25)).value == "4.2"
    assert cell(None).value == cell(figure("a", "micro_f1", None)).value == "–"


def test_each_rung_is_compared_with_the_next_lower_one_that_was_scored() -> None:
    assert ladder_steps(LADDER) == [(high, low) for low, high in pairwise(LADDER)]
    assert ladder_steps({"index_lookup", "base_cot", "scl"}) == [("scl", "base_cot")]
    assert ladder_steps({"scl"}) == ladder_steps(set()) == []


def test_the_ladder_shows_steps_beside_those_of_the_paper_and_names_gaps() -> None:
    systems = ("base_cot", "sft_code_only", "scl")
    figures = Figures([figure(name, "micro_f1", 0.1 * number) for number, name in enumerate(systems, start=1)])
    steps = [difference("sft_code_only", "base_cot", 0.1), difference("scl", "sft_code_only", 0.2)]
    grid = ladder_grid(figures, steps, "sample/test", systems)
    rows = {row.name: row for row in grid.rows}
    assert [it.value for it in rows["sft_code_only"].cells] == ["20.0", "+10.0", "–", "–", "42.3", "+15.8"]
    assert rows["base_cot"].cells[1].value == ""
    assert rows["sft_evidence (not scored)"].cells[0].value == "–"
    assert rows["scl"].hint.endswith("step from sft_code_only")
    assert rows["scl"].cells[1] == Cell("+20.0", "+19.0 to +21.0")
    assert ladder_grid(figures, steps, "sample/test", {"scl", "index_lookup"}) is None


def test_differences_stand_against_the_reference_alone() -> None:
    rows = [difference("index_lookup", "scl", -0.2), difference("scl", "sft_evidence_gold", 0.1)]
    grid = difference_grid(rows, "sample/test", "scl")
    assert [row.name for row in grid.rows] == ["index_lookup − scl"]
    assert difference_grid(rows, "other/test", "scl") is None


def test_subsets_stand_in_a_fixed_order_with_their_gold_pairs() -> None:
    rows = [
        figure("a", "micro_f1", 0.5, subset)
        for subset in (
            "unseen:synthetic",
            "chapter:09_I00-I99",
            "frequency:1-5",
            "unseen",
            "seen",
            "frequency:0",
            "all",
        )
    ]
    rows += [
        figure("a", "gold_pairs", 7, "seen"),
        figure("b", "gold_pairs", 5, "seen"),
        figure("a", "gold_pairs", 1, "unseen"),
    ]
    f1, recall = subset_grids(Figures(rows), ["a", "b"])
    assert [(row.name, row.hint) for row in f1.rows] == [
        ("Seen in training", "5 to 7 gold pairs"),
        ("Unseen in training", "1 gold pair"),
        ("1–5 training charts", ""),
        ("Unseen, best pair synthetic", ""),
    ]
    assert [cell.value for cell in f1.rows[0].cells] == ["50.0", "–"]
    assert recall.caption.startswith("Recall")
    assert subset_grids(Figures([figure("a", "micro_f1", 0.5)]), ["a"]) == ()


def test_the_heat_map_shades_figures_and_leaves_what_has_none_white() -> None:
    rows = [
        figure("a", "micro_f1", 1.0, "chapter:09_I00-I99"),
        figure("b", "micro_f1", 0.0, "chapter:09_I00-I99"),
        figure("a", "micro_f1", None, "chapter:none"),
    ]
    first, last = heat_map(Figures(rows), ["a", "b"], {"09_I00-I99": "Circulatory"}).rows
    assert (first.name, first.hint) == ("09 I00-I99", "Circulatory")
    assert [it.shade for it in first.cells] == [SHADES - 1, 0]
    assert [it.shade for it in last.cells] == [None, None]
    assert heat_map(Figures(rows[:0]), ["a"], {}) is None


@pytest.mark.parametrize(("share", "step"), [(0.0, 0), (0.0999, 0), (0.1, 1), (0.95, 9), (1.0, 9)])
def test_shades_are_steps_of_ten_percent(share, step) -> None:
    assert shade(share) == step


def test_broken_rules_stand_beside_those_of_people() -> None:
    rows = [
        figure("a", "excludes1_violations_per_100_codes", 2.5),
        figure("a", "gold_excludes1_violations_per_100_codes", 0.5, document_count=2),
        figure("b", "gold_excludes1_violations_per_100_codes", 0.7, document_count=9),
        figure("a", "rule_violations_per_100_codes", 3.0),
    ]
    grid = violation_grid(Figures(rows), ["a", "b"])
    assert grid.columns == ("Excludes1", "All but order")
    assert [[it.value for it in row.cells] for row in grid.rows] == [["2.5", "3.0"], ["–", "–"], ["0.7", "–"]]
    assert violation_grid(Figures([figure("a", "micro_f1", 1.0)]), ["a"]) is None


def test_evidence_is_given_as_f1_with_precision_and_recall() -> None:
    rows = [
        figure("a", f"evidence_span_exact_{name}", value)
        for name, value in (("f1", 0.5), ("precision", 0.4), ("recall", 0.6))
    ]
    grid = evidence_grid(Figures(rows), ["a", "b"])
    assert grid.columns == ("Span exact",)
    assert [row.cells[0] for row in grid.rows] == [Cell("50.0", "40.0 / 60.0"), Cell("–", "– / –")]
    assert evidence_grid(Figures([]), ["a"]) is None


def point(coverage, precision, system="a"):
    return {
        "system": system,
        "benchmark": "sample/test",
        "threshold": 1 - coverage,
        "coverage": coverage,
        "precision": precision,
        "recall": 0.1,
        "kept_count": round(100 * coverage),
    }


def test_precision_is_read_where_at_least_the_share_is_kept() -> None:
    grid = coverage_grid([point(0.2, 1.0), point(0.5, 0.8), point(1.0, 0.4), point(0.4, 0.3, "b")])
    assert [it.value for it in grid.rows[0].cells] == ["100.0", "80.0", "80.0", "40.0", "40.0", "20.0"]
    assert grid.rows[0].cells[2].interval == "50 kept, from 0.50"
    # the last cell: no point reaches 95 % precision, so that no code can be taken unread
    assert [it.value for it in grid.rows[1].cells] == ["30.0", "30.0", "–", "–", "–", "0.0"]


def test_curves_run_from_left_to_right_and_points_without_precision_are_left_out() -> None:
    drawn = curves([point(1.0, 0.0), point(0.5, 1.0), point(0.1, None)])
    assert [line.points for line in drawn.lines] == ["314.0,12.0 580.0,280.0"]
    assert curves([]) is None
    assert coverage_grid([]) is None
