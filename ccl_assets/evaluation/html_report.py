"""The report: one HTML file that needs neither network nor script.

What to show is decided here, how it looks in ``report.html.jinja``. Everything is escaped by the template engine. The
caller hands over finished rows; nothing is scored here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from ccl_assets.evaluation import published
from ccl_assets.evaluation.figures import DESCRIPTIONS, NOT_SHARES
from ccl_assets.evaluation.forest import Forest, ForestRow, forest
from ccl_assets.evaluation.note_view import NoteView, documents_of

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
class ReportInputs:
    """Everything the report shows.

    Attributes:
        title: Heading.
        generated: When and by what, one line.
        systems: Description of each system by key, in the order to be shown.
        scores: Rows of ``eval/scores``.
        differences: Rows of ``scoring.paired_differences``.
        chapters: Rows of ``scoring.score_chapters``.
        left_out: What this profile left out, one sentence each.
        reproduction: The reproduction card; mappings nest.
        note_views: Answers to open notes (``note_view.note_views``).
        restricted_benchmarks: Benchmarks whose notes may not be shown.
        asked_counts: Documents asked and documents of the benchmark, by system and benchmark.
    """

    title: str
    generated: str
    systems: Mapping[str, str]
    scores: Sequence[Row]
    differences: Sequence[Row] = ()
    chapters: Sequence[Row] = ()
    left_out: Sequence[str] = ()
    reproduction: Mapping[str, Any] = field(default_factory=dict)
    note_views: Sequence[NoteView] = ()
    restricted_benchmarks: Sequence[str] = ()
    asked_counts: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)


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


@dataclass(frozen=True)
class BenchmarkSection:
    """What the report says about one benchmark."""

    name: str
    headline: Grid
    plot: Forest
    figures: tuple[Grid, ...]
    differences: Grid | None
    chapters: Grid | None


def render_report(inputs: ReportInputs) -> str:
    """Render the report as one self-contained HTML document.

    Raises:
        ValueError: A note view belongs to a restricted benchmark, or a row to a system that is not described.
    """
    shown = {view.benchmark for view in inputs.note_views}
    if leaked := sorted(shown.intersection(inputs.restricted_benchmarks)):
        raise ValueError(f"note views of restricted benchmarks must not be shown: {leaked}; leave them out")
    if unknown := sorted({row["system"] for row in inputs.scores} - inputs.systems.keys()):
        raise ValueError(f"scores of systems without a description: {unknown}; add them to `systems`")
    names = sorted({row["benchmark"] for row in inputs.scores})
    return _template().render(
        inputs=inputs,
        sections=[_section(inputs, name) for name in names],
        documents=documents_of(inputs.note_views),
        descriptions=DESCRIPTIONS,
        unit_texts=UNIT_TEXTS,
        card=list(_flatten(inputs.reproduction)),
        published=_published_grids(),
        published_source=published.SOURCE,
        published_caveat=published.CAVEAT,
    )


def _section(inputs: ReportInputs, benchmark: str) -> BenchmarkSection:
    rows = [row for row in inputs.scores if row["benchmark"] == benchmark]
    figures = {
        (row["system"], row["unit"], row["label_space"], row["metric"], row["macro_convention"]): row for row in rows
    }
    systems = [system for system in inputs.systems if any(row["system"] == system for row in rows)]
    headline, dots = [], []
    for system in systems:
        picked = [figures.get((system, HEADLINE_UNIT, HEADLINE_SPACE, *key[:2])) for key in HEADLINE]
        count = next((row["document_count"] for row in picked if row), 0)
        asked = inputs.asked_counts.get((system, benchmark))
        scored = Cell(f"{count}", f"{asked[0]} of {asked[1]} notes asked" if asked else "")
        headline.append(TableRow(system, inputs.systems[system], (scored, *map(_cell, picked))))
        first = picked[0] or {"value": None, "lower": None, "upper": None}
        dots.append(ForestRow(system, *(_percent(first[name]) for name in ("value", "lower", "upper"))))
    return BenchmarkSection(
        benchmark,
        Grid(
            f"Unit {HEADLINE_UNIT}, label space {HEADLINE_SPACE}, percent; below each figure its 95 % interval.",
            ("Charts scored", *(label for _, _, label in HEADLINE)),
            tuple(headline),
        ),
        forest(f"Micro-F1 on {benchmark}, unit {HEADLINE_UNIT}, label space {HEADLINE_SPACE}", dots),
        _figure_grids(rows, systems, figures),
        _difference_grid(inputs.differences, benchmark),
        _chapter_grid(inputs.chapters, benchmark, systems),
    )


def _figure_grids(
    rows: Sequence[Row], systems: Sequence[str], figures: Mapping[tuple[str, ...], Row]
) -> tuple[Grid, ...]:
    """One table for each unit; the two label spaces stand beside each other in it, never one alone."""
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


def _difference_grid(differences: Sequence[Row], benchmark: str) -> Grid | None:
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
        f"label space {HEADLINE_SPACE}. An interval without zero is a difference at the 95 % level."
    )
    return Grid(caption, tuple(label for _, _, label in columns), tuple(lines)) if lines else None


def _chapter_grid(chapters: Sequence[Row], benchmark: str, systems: Sequence[str]) -> Grid | None:
    kept = [row for row in chapters if row["benchmark"] == benchmark]
    by_place = {(row["chapter"], row["system"]): row for row in kept}
    lines = []
    for chapter in sorted({row["chapter"] for row in kept}, key=lambda key: (key == "none", key)):
        cells = []
        for system in systems:
            row = by_place.get((chapter, system))
            counts = f"{row['correct_count']} of {row['gold_count']}, {row['predicted_count']} given" if row else ""
            cells.append(Cell(_cell({**row, "metric": "micro_f1"}).value if row else "–", counts))
        lines.append(TableRow(chapter, "", tuple(cells)))
    caption = (
        "Micro-F1 within each chapter, percent; unit chart, label space release. Below: gold pairs found, gold pairs, "
        "pairs predicted. No intervals: the counts are small."
    )
    return Grid(caption, tuple(systems), tuple(lines)) if lines else None


def _published_grids() -> tuple[Grid, ...]:
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


def _cell(row: Row | None, sign: str = "") -> Cell:
    """Percent with one decimal, except for figures that are no shares; a dash where there is no figure."""
    if row is None or row["value"] is None:
        return Cell("–")
    scale = 1 if row["metric"] in NOT_SHARES else 100
    value = f"{row['value'] * scale:{sign}.1f}"
    if row.get("lower") is None or row.get("upper") is None:
        return Cell(value)
    return Cell(value, f"{row['lower'] * scale:{sign}.1f} to {row['upper'] * scale:{sign}.1f}")


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _figure_name(metric: str, macro: str, label_space: str) -> str:
    words = metric.replace("_", " ").replace(" f1", "-F1")
    convention = f" ({macro})" if macro != "none" else ""
    return f"{words[0].upper()}{words[1:]}{convention}, {label_space}"


def _description(metric: str) -> str:
    stem = metric
    for reading in ("_f1", "_precision", "_recall"):
        stem = stem if metric in DESCRIPTIONS else stem.removesuffix(reading)
    return DESCRIPTIONS.get(stem, "")


def _flatten(card: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Leaves of a nested card as dotted name and text; lists become one line each."""
    for name, value in card.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{path}.")
        elif isinstance(value, list | tuple | set | frozenset):
            yield (
                path,
                ", ".join(str(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)),
            )
        else:
            yield path, "–" if value is None else str(value)


@lru_cache(maxsize=1)
def _template() -> Template:
    source = files(__package__).joinpath("report.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source)
