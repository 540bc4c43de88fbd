"""Plots are PNGs, the same bytes for the same input; scores get one for each benchmark."""

import base64

import pytest

from ccl_assets.evaluation.report.score_plots import metadata_plots
from ccl_assets.evaluation.scoring.score_rows import score_system
from ccl_assets.lakehouse.plots import as_markdown, bar_chart, line_plot

PNG = b"\x89PNG\r\n\x1a\n"


def test_plots_are_png_and_repeatable() -> None:
    bars = bar_chart("Codes by chapter", ["01_A00-B99", "02_C00-D49"], [1059, 0.5], "codes")
    assert bars.startswith(PNG)
    assert bars == bar_chart("Codes by chapter", ["01_A00-B99", "02_C00-D49"], [1059, 0.5], "codes")
    assert line_plot("Loss", "step", {"train": [(1, 2.0), (2, 1.5)], "val": [(2, 1.7)]}).startswith(PNG)


def test_nothing_to_draw_is_still_a_plot() -> None:
    assert bar_chart("Empty", [], [], "codes").startswith(PNG)
    assert line_plot("Empty", "step", {}).startswith(PNG)


def test_dollar_signs_are_text_not_formulas() -> None:
    assert bar_chart("Cost in $", ["$x_{", "y$"], [1, 2], "$").startswith(PNG)


def test_labels_and_values_must_pair_up() -> None:
    with pytest.raises(ValueError, match="2 labels but 1 values"):
        bar_chart("Codes", ["a", "b"], [1], "codes")


def test_markdown_carries_the_bytes() -> None:
    markdown = as_markdown(b"abc", "loss [train]")
    assert markdown == f"![loss (train)](data:image/png;base64,{base64.b64encode(b'abc').decode()})"


def test_scores_are_plotted_by_benchmark_and_a_benchmark_without_labels_is_not(
    two_charts, bench, note, billable
) -> None:
    ours, theirs = two_charts.answers({"d1": ["I10"]}), two_charts.answers({}, "theirs")
    rows = [row for one in (ours, theirs) for row in score_system(one, **two_charts.tables, codes=billable)]
    plots = metadata_plots(rows)
    assert list(plots) == ["plot sample/test"]
    assert plots["plot sample/test"].startswith("![Micro-F1 on sample/test](data:image/png;base64,")
    assert "ours on sample/test" in metadata_plots([row for row in rows if row["system"] == "ours"])["plot sample/test"]
    unlabelled = bench([note("d1", "c1")])
    scores = score_system(unlabelled.answers({}), **unlabelled.tables, codes=billable)
    assert metadata_plots([*scores, *({**row, "system": "other"} for row in scores)]) == {}
    assert metadata_plots([]) == {}
