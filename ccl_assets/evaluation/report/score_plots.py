"""Plots of scores for asset metadata."""

from __future__ import annotations

from collections.abc import Sequence

from ccl_assets.evaluation.report.figure_tables import HEADLINE
from ccl_assets.evaluation.report.grid import Figures, Row
from ccl_assets.lakehouse.plots import as_markdown, bar_chart


def metadata_plots(rows: Sequence[Row]) -> dict[str, str]:
    """One bar chart per benchmark as Markdown: of one system its headline figures, of several their micro-F1.

    Args:
        rows: Rows of ``eval/scores``.

    Returns:
        Images by name; none for a benchmark without figures of codes.
    """
    systems = list(dict.fromkeys(row["system"] for row in rows))
    plots = {}
    for benchmark in sorted({row["benchmark"] for row in rows}):
        figures = Figures(row for row in rows if row["benchmark"] == benchmark)
        if len(systems) == 1:
            shown = [(label, figures.find(systems[0], metric, macro)) for metric, macro, label in HEADLINE]
        else:
            shown = [(system, figures.find(system, "micro_f1")) for system in systems]
        bars = {name: 100 * row["value"] for name, row in shown if row is not None and row["value"] is not None}
        if bars:
            what = f"{systems[0]} on {benchmark}" if len(systems) == 1 else f"Micro-F1 on {benchmark}"
            png = bar_chart(what, list(bars), [round(value, 1) for value in bars.values()], "percent, unit chart")
            plots[f"plot {benchmark}"] = as_markdown(png, what)
    return plots
