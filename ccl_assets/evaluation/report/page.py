"""The report: one HTML file that needs neither network nor script.

What to show is decided here, how it looks in ``report.html.jinja``. Everything is escaped by the template engine. The
caller hands over finished rows; nothing is scored here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from ccl_assets.evaluation.report import curve, published
from ccl_assets.evaluation.report import figure_tables as tables
from ccl_assets.evaluation.report.ablation import ladder_grid
from ccl_assets.evaluation.report.forest import Forest, ForestRow, forest
from ccl_assets.evaluation.report.grid import SPACE, UNIT, Figures, Grid, Row
from ccl_assets.evaluation.report.note_view import NoteView, notes_by_benchmark
from ccl_assets.evaluation.report.reproduction import flat
from ccl_assets.evaluation.report.subset_tables import SHADES, heat_map, subset_grids
from ccl_assets.evaluation.scoring.figures import DESCRIPTIONS


@dataclass(frozen=True)
class ReportInputs:
    """Everything the report shows.

    Attributes:
        title: Heading.
        generated: When and by what, one line.
        systems: Description of each system by key, in the order to be shown.
        scores: Rows of ``eval/scores``.
        reference: The system that the others are compared with.
        differences: Rows of ``scoring.paired_differences``: each system less the reference, each step of the ladder.
        abstention: Rows of ``abstention.abstention_curve``.
        chapter_titles: Title of each chapter by key.
        left_out: What this profile left out, one sentence each.
        reproduction: The reproduction card; mappings nest.
        note_views: Notes and the answers to them (``note_view.note_views``).
        restricted_benchmarks: Benchmarks whose notes are restricted.
        shows_restricted: Their notes were asked for and are among ``note_views``.
        asked_counts: Documents asked and documents of the benchmark, by system and benchmark.
    """

    title: str
    generated: str
    systems: Mapping[str, str]
    scores: Sequence[Row]
    reference: str | None = None
    differences: Sequence[Row] = ()
    abstention: Sequence[Row] = ()
    chapter_titles: Mapping[str, str] = field(default_factory=dict)
    left_out: Sequence[str] = ()
    reproduction: Mapping[str, Any] = field(default_factory=dict)
    note_views: Sequence[NoteView] = ()
    restricted_benchmarks: Sequence[str] = ()
    shows_restricted: bool = False
    asked_counts: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    @property
    def benchmarks(self) -> list[str]:
        """Names of the benchmarks that were scored."""
        return sorted({row["benchmark"] for row in self.scores})

    def asked_of(self, benchmark: str) -> int:
        """Notes of a benchmark that any system was asked about, at least."""
        return max((asked for (_, name), (asked, _) in self.asked_counts.items() if name == benchmark), default=0)


@dataclass(frozen=True)
class BenchmarkSection:
    """Section of the report on one benchmark; ``None`` and empty parts are left out."""

    name: str
    warning: str
    headline: Grid
    plots: tuple[Forest, ...]
    differences: Grid | None
    ladder: Grid | None
    chapters: Grid | None
    subsets: tuple[Grid, ...]
    evidence: Grid | None
    violations: Grid | None
    curves: curve.Curves | None
    coverage: Grid | None
    figures: tuple[Grid, ...]


def render_report(inputs: ReportInputs) -> str:
    """Render the report as one self-contained HTML document.

    Raises:
        ValueError: A note view is of a restricted note that was not asked for, or a row of a system that is not described.
    """
    refuse_restricted(inputs)
    if unknown := sorted({row["system"] for row in inputs.scores} - inputs.systems.keys()):
        raise ValueError(f"scores of systems without a description: {unknown}; add them to `systems`")
    by_benchmark = {name: Figures(r for r in inputs.scores if r["benchmark"] == name) for name in inputs.benchmarks}
    return _template().render(
        inputs=inputs,
        summary=tables.summary_grid(by_benchmark, tuple(inputs.systems)),
        sections=[_section(inputs, name, figures) for name, figures in by_benchmark.items()],
        notes=notes_by_benchmark(inputs.note_views),
        numbers=sorted({answer.number for view in inputs.note_views for answer in view.answers}),
        shades=SHADES,
        descriptions=DESCRIPTIONS,
        card=list(flat(inputs.reproduction)),
        published=tables.published_grids(),
        published_source=published.SOURCE,
        published_caveat=published.CAVEAT,
    )


def refuse_restricted(inputs: ReportInputs) -> None:
    """Refuse views of restricted notes that nobody asked for.

    Raises:
        ValueError: There is one; the message names benchmarks, nothing of the notes.
    """
    if inputs.shows_restricted:
        return
    leaked = {view.benchmark for view in inputs.note_views if view.is_restricted}
    leaked |= {view.benchmark for view in inputs.note_views}.intersection(inputs.restricted_benchmarks)
    if leaked:
        raise ValueError(f"note views of restricted benchmarks must not be shown: {sorted(leaked)}; leave them out")


def _section(inputs: ReportInputs, benchmark: str, figures: Figures) -> BenchmarkSection:
    scored = {row["system"] for row in figures.rows}
    systems = {system: text for system, text in inputs.systems.items() if system in scored}
    asked = {system: counts for (system, name), counts in inputs.asked_counts.items() if name == benchmark}
    differences = [row for row in inputs.differences if row["benchmark"] == benchmark]
    certain = [row for row in inputs.abstention if row["benchmark"] == benchmark]
    compared = None
    if inputs.reference:
        compared = tables.difference_grid(differences, benchmark, inputs.reference)
    return BenchmarkSection(
        name=benchmark,
        warning=_warning(figures),
        headline=tables.headline_grid(benchmark, figures, systems, asked),
        plots=_plots(figures, systems, differences, inputs.reference if compared else None),
        differences=compared,
        ladder=ladder_grid(figures, differences, benchmark, systems),
        chapters=heat_map(figures, tuple(systems), inputs.chapter_titles),
        subsets=subset_grids(figures, tuple(systems)),
        evidence=tables.evidence_grid(figures, tuple(systems)),
        violations=tables.violation_grid(figures, tuple(systems)),
        curves=curve.curves(certain),
        coverage=curve.coverage_grid(certain),
        figures=tables.figure_grids(figures, tuple(systems)),
    )


def _warning(figures: Figures) -> str:
    """What a reader must know before looking for figures that are not there."""
    if not any(row["document_count"] for row in figures.rows):
        return "No chart of this benchmark was answered in full: there is nothing to score."
    if "micro_f1" not in figures.metrics:
        return "This benchmark has no labels: there is nothing to compare codes with, and only rates that need none are given."
    return ""


def _plots(
    figures: Figures, systems: Mapping[str, str], differences: Sequence[Row], reference: str | None
) -> tuple[Forest, ...]:
    if "micro_f1" not in figures.metrics:
        return ()
    named = f"unit {UNIT}, label space {SPACE}"
    rows = [_forest_row(system, figures.find(system, "micro_f1")) for system in systems]
    plots = [forest(f"Micro-F1, {named}", "micro-F1, percent", rows)]
    if reference:
        of_system = {
            row["first_system"]: row
            for row in differences
            if (row["second_system"], row["metric"], row["unit"], row["label_space"])
            == (reference, "micro_f1", UNIT, SPACE)
        }
        others = [_forest_row(system, of_system.get(system)) for system in systems if system != reference]
        title, axis = f"Difference from {reference}, {named}", f"micro-F1 less that of {reference}, percentage points"
        plots.append(forest(title, axis, others, is_difference=True))
    return tuple(plots)


def _forest_row(system: str, row: Row | None) -> ForestRow:
    ends = ((row or {}).get(name) for name in ("value", "lower", "upper"))
    return ForestRow(system, *(None if end is None else 100 * end for end in ends))


@lru_cache(maxsize=1)
def _template() -> Template:
    source = files(__package__).joinpath("report.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source)
