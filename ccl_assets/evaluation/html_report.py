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
from ccl_assets.evaluation.figures import DESCRIPTIONS
from ccl_assets.evaluation.forest import Forest, ForestRow, forest
from ccl_assets.evaluation.note_view import NoteView, documents_of
from ccl_assets.evaluation.report_tables import (
    HEADLINE_SPACE,
    HEADLINE_UNIT,
    UNIT_TEXTS,
    Grid,
    Row,
    chapter_grid,
    difference_grid,
    figure_grids,
    headline_grid,
    published_grids,
)


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
        published=published_grids(),
        published_source=published.SOURCE,
        published_caveat=published.CAVEAT,
    )


def _section(inputs: ReportInputs, benchmark: str) -> BenchmarkSection:
    rows = [row for row in inputs.scores if row["benchmark"] == benchmark]
    scored = {row["system"] for row in rows}
    systems = {system: text for system, text in inputs.systems.items() if system in scored}
    asked = {system: counts for (system, name), counts in inputs.asked_counts.items() if name == benchmark}
    return BenchmarkSection(
        benchmark,
        headline_grid(rows, systems, asked),
        forest(
            f"Micro-F1 on {benchmark}, unit {HEADLINE_UNIT}, label space {HEADLINE_SPACE}",
            [_forest_row(system, rows) for system in systems],
        ),
        figure_grids(rows, tuple(systems)),
        difference_grid(inputs.differences, benchmark),
        chapter_grid(inputs.chapters, benchmark, tuple(systems)),
    )


def _forest_row(system: str, rows: Sequence[Row]) -> ForestRow:
    place = (system, HEADLINE_UNIT, HEADLINE_SPACE, "micro_f1")
    for row in rows:
        if (row["system"], row["unit"], row["label_space"], row["metric"]) == place:
            ends = (row[name] for name in ("value", "lower", "upper"))
            return ForestRow(system, *(None if end is None else 100 * end for end in ends))
    return ForestRow(system, None, None, None)


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
