"""The tables of figures: rows of ``eval/scores`` in, captions, headings and formatted cells out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ccl_assets.evaluation.report import published
from ccl_assets.evaluation.report.grid import SPACE, UNIT, Cell, Figures, Grid, Row, TableRow, cell, figure_name
from ccl_assets.evaluation.report.grid import description as describe
from ccl_assets.evaluation.report.published import PublishedResult
from ccl_assets.evaluation.scoring.code_subsets import ALL_CODES
from ccl_assets.evaluation.scoring.figures import ALL_RULES, OF_GOLD, PER_100

HEADLINE = (
    ("micro_f1", "none", "Micro-F1"),
    ("micro_precision", "none", "Precision"),
    ("micro_recall", "none", "Recall"),
    ("macro_f1", "gold", "Macro-F1 (gold)"),
    ("macro_f1", "any", "Macro-F1 (any)"),
    ("valid_code_rate", "none", "Billable codes"),
    ("verbatim_evidence_rate", "none", "Verbatim quotes"),
)
UNIT_TEXTS = {
    "chart": "chart: all notes of an admission together",
    "note": "note: every note by itself",
    "discharge": "discharge: discharge summaries only",
}


def summary_grid(benchmarks: Mapping[str, Figures], systems: Sequence[str]) -> Grid | None:
    """Micro-F1 of every system on every benchmark; ``None`` where one benchmark leaves nothing to put side by side."""
    if len(benchmarks) < 2:
        return None
    lines = [
        TableRow(system, "", tuple(cell(figures.find(system, "micro_f1")) for figures in benchmarks.values()))
        for system in systems
    ]
    columns = {name: published.of_benchmark(name) for name in benchmarks}
    beside = dict.fromkeys((row.system, row.backbone) for rows in columns.values() for row in rows)
    return Grid(
        f"Micro-F1, unit {UNIT}, label space {SPACE}, percent; below each figure its 95 % interval.",
        tuple(benchmarks),
        tuple(lines),
        tuple(
            TableRow(
                system,
                backbone,
                tuple(
                    Cell(next((f"{row.micro_f1:.1f}" for row in rows if (row.system, row.backbone) == key), ""))
                    for rows in columns.values()
                ),
            )
            for key in beside
            for system, backbone in [key]
        ),
    )


def headline_grid(
    benchmark: str, figures: Figures, systems: Mapping[str, str], asked: Mapping[str, tuple[int, int]]
) -> Grid:
    """The figures to look at first, and below them what was published on the same corpus.

    Args:
        benchmark: Its name.
        figures: Its scores.
        systems: Descriptions by system, those scored on it.
        asked: Notes asked and notes there are, by system.
    """
    lines = []
    for system, text in systems.items():
        rows = [figures.find(system, metric, macro) for metric, macro, _ in HEADLINE]
        count = next((row["document_count"] for row in rows if row), 0)
        notes = "{} of {} notes asked".format(*asked[system]) if system in asked else ""
        lines.append(TableRow(system, text, (Cell(str(count), notes), *map(cell, rows))))
    return Grid(
        f"Unit {UNIT}, label space {SPACE}, percent; below each figure its 95 % interval.",
        ("Charts scored", *(label for _, _, label in HEADLINE)),
        tuple(lines),
        tuple(
            TableRow(
                row.system,
                ", ".join(filter(None, (row.backbone, row.note))),
                (
                    Cell(""),
                    *_percent(row.micro_f1, row.precision, row.recall),
                    Cell(_percent(row.macro_f1)[0].value, span=2),
                    Cell(""),
                    Cell(""),
                ),
            )
            for row in published.of_benchmark(benchmark)
        ),
    )


def figure_grids(figures: Figures, systems: Sequence[str]) -> tuple[Grid, ...]:
    """One table for each unit; the two label spaces stand beside each other in it, never one alone."""
    grids = []
    for unit in UNIT_TEXTS:
        kinds = dict.fromkeys(
            (row["metric"], row["macro_convention"], row["label_space"])
            for row in figures.rows
            if row["unit"] == unit and row["subset"] == ALL_CODES
        )
        order = list(dict.fromkeys((metric, macro) for metric, macro, _ in kinds))
        lines = [
            TableRow(
                f"{figure_name(metric, macro)}, {space}",
                describe(metric),
                tuple(cell(figures.find(system, metric, macro, unit=unit, space=space)) for system in systems),
            )
            for metric, macro, space in sorted(kinds, key=lambda kind: (order.index(kind[:2]), kind[2] != "release"))
        ]
        if lines:
            grids.append(Grid(UNIT_TEXTS[unit], tuple(systems), tuple(lines)))
    return tuple(grids)


def difference_grid(differences: Sequence[Row], benchmark: str, reference: str) -> Grid | None:
    """Headline figures of every system less the reference; ``None`` where there is no other."""
    columns = HEADLINE[:5]
    cells = {
        (row["first_system"], row["metric"], row["macro_convention"]): row
        for row in differences
        if (row["benchmark"], row["unit"], row["label_space"]) == (benchmark, UNIT, SPACE)
        and row["second_system"] == reference
    }
    lines = [
        TableRow(
            f"{system} − {reference}",
            "",
            tuple(cell(cells.get((system, metric, macro)), sign="+") for metric, macro, _ in columns),
        )
        for system in dict.fromkeys(system for system, *_ in cells)
    ]
    caption = (
        f"First system less second, percentage points, on the charts both were asked about; unit {UNIT}, label space "
        f"{SPACE}. Each interval is for its own comparison: with many, some miss zero by chance."
    )
    return Grid(caption, tuple(label for *_, label in columns), tuple(lines)) if lines else None


def evidence_grid(figures: Figures, systems: Sequence[str]) -> Grid | None:
    """Quotes against human spans by MDACE's four criteria; ``None`` where people marked none."""
    criteria = [metric.removesuffix("_f1") for metric in figures.metrics if _is_evidence_f1(metric)]
    lines = []
    for system in systems:
        cells = []
        for criterion in criteria:
            f1, *rates = (cell(figures.find(system, f"{criterion}_{name}")) for name in ("f1", "precision", "recall"))
            cells.append(Cell(f1.value, " / ".join(rate.value for rate in rates)))
        lines.append(TableRow(system, "", tuple(cells)))
    columns = tuple(figure_name(criterion).removeprefix("Evidence ").capitalize() for criterion in criteria)
    caption = f"Micro-F1 of quoted against human-marked evidence, unit {UNIT}, percent; below: precision / recall."
    return Grid(caption, columns, tuple(lines)) if criteria and lines else None


def violation_grid(figures: Figures, systems: Sequence[str]) -> Grid | None:
    """Broken rules per 100 codes, those of people last; ``None`` where they were not counted."""
    metrics = [name for name in figures.metrics if name.endswith(PER_100) and not name.startswith(OF_GOLD)]
    lines = [TableRow(name, "", tuple(cell(figures.find(name, metric)) for metric in metrics)) for name in systems]
    if not metrics or not lines:
        return None
    of_gold = [_widest(figures, systems, f"{OF_GOLD}{metric}") for metric in metrics]
    lines.append(TableRow("Codes by people", "the benchmark's own, for comparison", tuple(map(cell, of_gold))))
    caption = (
        f"Per 100 codes, unit {UNIT}; below: 95 % interval. A broken rule is a reason to look: codes alone cannot tell whether two "
        "conditions are unrelated, which the guidelines allow."
    )
    names = [
        "All but order" if name == f"{ALL_RULES}{PER_100}" else figure_name(name.removesuffix(PER_100))
        for name in metrics
    ]
    return Grid(caption, tuple(names), tuple(lines))


def _widest(figures: Figures, systems: Sequence[str], metric: str) -> Row | None:
    """A figure of the benchmark itself, from the system that was asked about the most of it."""
    rows = [row for system in systems if (row := figures.find(system, metric)) is not None]
    return max(rows, key=lambda row: row["document_count"], default=None)


def published_grids() -> tuple[Grid, ...]:
    """The published results by benchmark, then the ablation and the backbones."""

    def grid(caption: str, rows: Iterable[PublishedResult]) -> Grid:
        lines = [
            TableRow(
                row.system,
                row.note,
                (Cell(row.backbone), *_percent(row.micro_f1, row.macro_f1, row.recall, row.precision)),
            )
            for row in rows
        ]
        return Grid(caption, ("Backbone", "Micro-F1", "Macro-F1", "Recall", "Precision"), tuple(lines))

    names = dict.fromkeys(row.benchmark for row in published.RESULTS)
    return (
        *(grid(f"Published on {name}", (row for row in published.RESULTS if row.benchmark == name)) for name in names),
        grid("Published ablation on MDACE", published.ABLATION),
        grid("Published backbones on MDACE", published.BACKBONES),
    )


def _percent(*values: float | None) -> tuple[Cell, ...]:
    return tuple(Cell("–" if value is None else f"{value:.1f}") for value in values)


def _is_evidence_f1(metric: str) -> bool:
    return metric.startswith("evidence_") and metric.endswith("_f1")
