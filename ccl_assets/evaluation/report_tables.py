"""The tables of the report: rows of figures in, captions, headings and formatted cells out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ccl_assets.evaluation import published
from ccl_assets.evaluation.figures import DESCRIPTIONS, NOT_SHARES

Row = Mapping[str, Any]

HEADLINE = (
    ("micro_f1", "none", "Micro-F1"),
    ("micro_precision", "none", "Precision"),
    ("micro_recall", "none", "Recall"),
    ("macro_f1", "gold", "Macro-F1 (gold)"),
    ("macro_f1", "any", "Macro-F1 (any)"),
    ("valid_code_rate", "none", "Billable codes"),
    ("verbatim_evidence_rate", "none", "Verbatim quotes"),
)
HEADLINE_UNIT, HEADLINE_SPACE = "chart", "release"
UNIT_TEXTS = {
    "chart": "chart: all notes of an admission together",
    "note": "note: every note by itself",
    "discharge": "discharge: discharge summaries only",
}


@dataclass(frozen=True)
class Cell:
    """A figure as written: value, and interval where there is one."""

    value: str
    interval: str = ""


@dataclass(frozen=True)
class TableRow:
    """A row of a table: heading, explanation of the heading, cells."""

    name: str
    hint: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Grid:
    """A table with its caption and column headings."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]


def headline_grid(rows: Sequence[Row], systems: Mapping[str, str], asked: Mapping[str, tuple[int, int]]) -> Grid:
    """The figures to look at first.

    Args:
        rows: Scores of one benchmark.
        systems: Descriptions by system, those scored on it.
        asked: Notes asked and notes there are, by system.
    """
    figures = _by_place(rows)
    lines = []
    for system, description in systems.items():
        cells = [figures.get((system, HEADLINE_UNIT, HEADLINE_SPACE, *key[:2])) for key in HEADLINE]
        count = next((row["document_count"] for row in cells if row), 0)
        notes = "{} of {} notes asked".format(*asked[system]) if system in asked else ""
        lines.append(TableRow(system, description, (Cell(str(count), notes), *map(_cell, cells))))
    return Grid(
        f"Unit {HEADLINE_UNIT}, label space {HEADLINE_SPACE}, percent; below each figure its 95 % interval.",
        ("Charts scored", *(label for _, _, label in HEADLINE)),
        tuple(lines),
    )


def figure_grids(rows: Sequence[Row], systems: Sequence[str]) -> tuple[Grid, ...]:
    """One table for each unit; the two label spaces stand beside each other in it, never one alone."""
    figures = _by_place(rows)
    grids = []
    for unit in UNIT_TEXTS:
        kinds = dict.fromkeys(
            (row["metric"], row["macro_convention"], row["label_space"]) for row in rows if row["unit"] == unit
        )
        order = list(dict.fromkeys((metric, macro) for metric, macro, _ in kinds))
        lines = [
            TableRow(
                _figure_name(metric, macro, space),
                _description(metric),
                tuple(_cell(figures.get((system, unit, space, metric, macro))) for system in systems),
            )
            for metric, macro, space in sorted(kinds, key=lambda kind: (order.index(kind[:2]), kind[2] != "release"))
        ]
        if lines:
            grids.append(Grid(UNIT_TEXTS[unit], tuple(systems), tuple(lines)))
    return tuple(grids)


def difference_grid(differences: Sequence[Row], benchmark: str) -> Grid | None:
    """Headline figures of pairs of systems; ``None`` where no pair was compared."""
    kept = [
        row
        for row in differences
        if (row["benchmark"], row["unit"], row["label_space"]) == (benchmark, HEADLINE_UNIT, HEADLINE_SPACE)
    ]
    columns = HEADLINE[:5]
    pairs = dict.fromkeys((row["first_system"], row["second_system"]) for row in kept)
    cells = {(row["first_system"], row["second_system"], row["metric"], row["macro_convention"]): row for row in kept}
    lines = [
        TableRow(f"{pair[0]} − {pair[1]}", "", tuple(_cell(cells.get((*pair, *key[:2])), sign="+") for key in columns))
        for pair in pairs
    ]
    caption = (
        f"First system less second, percentage points, on the charts both were asked about; unit {HEADLINE_UNIT}, "
        f"label space {HEADLINE_SPACE}. Each interval is for its own comparison: with many, some miss zero by chance."
    )
    return Grid(caption, tuple(label for _, _, label in columns), tuple(lines)) if lines else None


def chapter_grid(chapters: Sequence[Row], benchmark: str, systems: Sequence[str]) -> Grid | None:
    """Micro-F1 of each system within each chapter; ``None`` where chapters were not scored."""
    kept = [row for row in chapters if row["benchmark"] == benchmark]
    by_place = {(row["chapter"], row["system"]): row for row in kept}
    lines = []
    for chapter in sorted({row["chapter"] for row in kept}, key=lambda key: (key == "none", key)):
        cells = []
        for system in systems:
            row = by_place.get((chapter, system))
            counts = f"{row['correct_count']} of {row['gold_count']}, {row['predicted_count']} given" if row else ""
            cells.append(Cell(f"{100 * row['micro_f1']:.1f}" if row else "–", counts))
        lines.append(TableRow(chapter, "", tuple(cells)))
    caption = (
        "Micro-F1 within each chapter, percent; unit chart, label space release. Below: gold pairs found, gold pairs, "
        "pairs predicted. No intervals: the counts are small."
    )
    return Grid(caption, tuple(systems), tuple(lines)) if lines else None


def published_grids() -> tuple[Grid, ...]:
    """The published results by benchmark, then the ablation and the backbones."""

    def grid(caption: str, rows: Iterable[published.PublishedResult]) -> Grid:
        columns = ("Backbone", "Micro-F1", "Macro-F1", "Recall", "Precision")
        return Grid(
            caption,
            columns,
            tuple(
                TableRow(
                    row.system,
                    row.note,
                    (
                        Cell(row.backbone),
                        *(
                            Cell("–" if value is None else f"{value:.1f}")
                            for value in (row.micro_f1, row.macro_f1, row.recall, row.precision)
                        ),
                    ),
                )
                for row in rows
            ),
        )

    results = [
        grid(f"Published on {name}", (row for row in published.RESULTS if row.benchmark == name))
        for name in dict.fromkeys(row.benchmark for row in published.RESULTS)
    ]
    ablation = grid("Published ablation on MDACE", published.ABLATION)
    return (*results, ablation, grid("Published backbones on MDACE", published.BACKBONES))


def _by_place(rows: Sequence[Row]) -> dict[tuple[str, ...], Row]:
    names = ("system", "unit", "label_space", "metric", "macro_convention")
    return {tuple(row[name] for name in names): row for row in rows}


def _cell(row: Row | None, sign: str = "") -> Cell:
    """Percent with one decimal, except for figures that are no shares; a dash where there is no figure."""
    if row is None or row["value"] is None:
        return Cell("–")
    scale = 1 if row["metric"] in NOT_SHARES else 100
    value = f"{row['value'] * scale:{sign}.1f}"
    if row.get("lower") is None or row.get("upper") is None:
        return Cell(value)
    return Cell(value, f"{row['lower'] * scale:{sign}.1f} to {row['upper'] * scale:{sign}.1f}")


def _figure_name(metric: str, macro: str, label_space: str) -> str:
    words = metric.replace("_", " ").replace(" f1", "-F1")
    convention = f" ({macro})" if macro != "none" else ""
    return f"{words[0].upper()}{words[1:]}{convention}, {label_space}"


def _description(metric: str) -> str:
    stem = metric
    for reading in ("_f1", "_precision", "_recall"):
        stem = stem if metric in DESCRIPTIONS else stem.removesuffix(reading)
    return DESCRIPTIONS.get(stem, "")
