"""The ladder of recipes: what each addition to the training data brings, beside the paper's own ladder."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from ccl_assets.evaluation.report.grid import SPACE, UNIT, Cell, Figures, Grid, Row, TableRow, cell, minus
from ccl_assets.evaluation.report.published import ABLATION

# The project's systems in the order of the published ablation.
LADDER = ("base_cot", "sft_code_only", "sft_evidence", "sft_evidence_gold", "scl")
_STEPS = tuple(zip(LADDER, ABLATION, strict=True))


def ladder_steps(systems: Collection[str]) -> list[tuple[str, str]]:
    """Pairs to compare: each rung that was scored and the next lower one that was."""
    present = [system for system in LADDER if system in systems]
    return [(higher, lower) for lower, higher in pairwise(present)]


def ladder_grid(figures: Figures, differences: Sequence[Row], benchmark: str, systems: Collection[str]) -> Grid | None:
    """Each rung with its step up; ``None`` where fewer than two rungs were scored.

    Args:
        figures: Scores of the benchmark.
        differences: Paired differences, those of :func:`ladder_steps` among them.
        benchmark: Its name.
        systems: Systems scored on it.
    """
    below = dict(ladder_steps(systems))
    if not below:
        return None
    steps = {
        (row["first_system"], row["second_system"], row["metric"], row["macro_convention"]): row
        for row in differences
        if (row["benchmark"], row["unit"], row["label_space"]) == (benchmark, UNIT, SPACE)
    }
    lines = []
    lower_published = None
    for system, paper in _STEPS:
        cells = []
        for metric, macro in (("micro_f1", "none"), ("macro_f1", "gold")):
            cells.append(cell(figures.find(system, metric, macro)))
            step = cell(steps.get((system, below.get(system, ""), metric, macro)), sign="+")
            cells.append(step if system in below else Cell(""))
        cells.append(Cell(f"{paper.micro_f1:.1f}"))
        cells.append(Cell("" if lower_published is None else minus(f"{paper.micro_f1 - lower_published:+.1f}")))
        lower_published = paper.micro_f1
        name = system if system in systems else f"{system} (not scored)"
        lines.append(TableRow(name, f"{paper.system}{_compared(system, below)}", tuple(cells)))
    caption = (
        f"Unit {UNIT}, label space {SPACE}; figures in percent, steps in percentage points, paired, each from the next lower "
        "rung that was scored. The paper's columns are another backbone's on MDACE: compare the steps' order, not the figures."
    )
    columns = ("Micro-F1", "Step", "Macro-F1 (gold)", "Step", "Paper: micro-F1", "Paper: step")
    return Grid(caption, columns, tuple(lines))


def _compared(system: str, below: dict[str, str]) -> str:
    """Names the lower rung where it is not the next one."""
    lower = below.get(system)
    if lower is None or LADDER.index(system) - LADDER.index(lower) == 1:
        return ""
    return f"; step from {lower}"
