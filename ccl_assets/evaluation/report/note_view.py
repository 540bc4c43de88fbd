"""Notes prepared for reading: the text once, marked by people and by systems, and each system's codes with what became of them.

Restricted notes are left out unless they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ccl_assets.evaluation.report.code_verdicts import VERDICTS, CodeLine, Verdict, code_lines
from ccl_assets.evaluation.report.note_marks import Segment, segments
from ccl_assets.evaluation.scoring.rule_violations import CodingRules, Violation
from ccl_assets.evaluation.scoring.spans import EvidenceSpan
from ccl_assets.evaluation.scoring.units import Answer, Benchmark, Document, benchmarks_of, read_answers

NOTE_LIMIT = 250


@dataclass(frozen=True)
class AnswerView:
    """One system's answer: codes, rules that they break within this note, and what the parser had to say."""

    system: str
    number: int
    lines: tuple[CodeLine, ...]
    violations: tuple[Violation, ...]
    problems: tuple[str, ...]

    @property
    def counts(self) -> dict[Verdict, int]:
        """Codes by verdict, in order, those that occur."""
        found = [line.verdict for line in self.lines]
        return {verdict: found.count(verdict) for verdict in VERDICTS if verdict in found}


@dataclass(frozen=True)
class NoteView:
    """One note and what every system made of it."""

    benchmark: str
    document_id: str
    category: str
    is_restricted: bool
    gold_count: int
    segments: tuple[Segment, ...]
    answers: tuple[AnswerView, ...]

    def marks(self, segment: Segment) -> str:
        """The marks of a segment in words."""
        names = {answer.number: answer.system for answer in self.answers}
        marks = [("people", segment.gold)] if segment.gold else []
        marks += [(names[number], codes) for number, codes in segment.predicted]
        return "; ".join(f"{name}: {', '.join(codes)}" for name, codes in marks)


def note_views(
    predictions: pa.Table,
    documents: pa.Table,
    labels: pa.Table,
    evidence: pa.Table,
    titles: Mapping[str, str],
    *,
    systems: Sequence[str] = (),
    coding_rules: CodingRules | None = None,
    shows_restricted: bool = False,
    limit: int = NOTE_LIMIT,
) -> list[NoteView]:
    """Views of the notes that were asked about; notes not in ``documents`` are left out.

    Args:
        predictions: ``eval/predictions`` of one or several systems.
        documents: ``corpus/documents``.
        labels: ``corpus/labels``.
        evidence: ``corpus/evidence``.
        titles: Long title by code, of all codes of the release.
        systems: Order of the systems; those of ``predictions`` as they come, if empty.
        coding_rules: Rules of the release, to name those that an answer breaks.
        shows_restricted: Show restricted notes too.
        limit: Notes in all, taken from the benchmarks in turn, the first by id.
    """
    if not shows_restricted:
        documents = documents.filter(~pc.field("is_restricted"))
    order = list(systems) or predictions["system"].unique().to_pylist()
    shown = _shown(predictions, documents, limit)
    views = []
    for benchmark in benchmarks_of(predictions, documents, labels, evidence):
        ids = shown.get((benchmark.corpus, benchmark.split), [])
        given = _of_benchmark(predictions, benchmark).filter(pc.field("document_id").isin(pa.array(ids, pa.string())))
        by_system = {system: given.filter(pc.field("system") == system) for system in order}
        answers = {system: read_answers(table, benchmark) for system, table in by_system.items()}
        rows = {(row["system"], row["document_id"]): row for row in given.drop_columns(["raw_output"]).to_pylist()}
        for document_id in ids:
            told = [
                (number, answers[system][document_id], rows[system, document_id])
                for number, system in enumerate(order)
                if document_id in answers[system]
            ]
            document = benchmark.documents[document_id]
            views.append(_view(benchmark, document, len(order), told, titles, coding_rules))
    return views


def _of_benchmark(predictions: pa.Table, benchmark: Benchmark) -> pa.Table:
    place = (pc.field("corpus") == benchmark.corpus) & (pc.field("split") == benchmark.split)
    return predictions.filter(place & pc.field("was_asked"))


def _shown(predictions: pa.Table, documents: pa.Table, limit: int) -> dict[tuple[str, str], list[str]]:
    """Ids of the notes to show by corpus and split: those asked about, from the benchmarks in turn, the first by id."""
    names = ("corpus", "split", "document_id")
    known, asked = (
        {tuple(row[name] for name in names) for row in table.select(names).to_pylist()}
        for table in (documents, predictions.filter(pc.field("was_asked")))
    )
    by_benchmark: dict[tuple[str, str], list[str]] = {}
    for corpus, split, document_id in sorted(known & asked):
        by_benchmark.setdefault((corpus, split), []).append(document_id)
    in_turn = zip_longest(*([(key, it) for it in ids] for key, ids in by_benchmark.items()))
    shown: dict[tuple[str, str], list[str]] = {}
    for key, document_id in [note for turn in in_turn for note in turn if note is not None][:limit]:
        shown.setdefault(key, []).append(document_id)
    return shown


def _view(
    benchmark: Benchmark,
    document: Document,
    system_count: int,
    told: Sequence[tuple[int, Answer, Mapping[str, Any]]],
    titles: Mapping[str, str],
    coding_rules: CodingRules | None,
) -> NoteView:
    # Codes the source gives to the chart stand for each of its notes: there is nothing finer to show.
    gold = document.codes if benchmark.has_note_labels else benchmark.chart_codes[document.chart_id]
    spans: list[Sequence[EvidenceSpan]] = [()] * system_count
    views = []
    for number, answer, row in told:
        spans[number] = answer.evidence
        given = [prediction["code"] for prediction in row["predictions"]]
        broken = (*coding_rules.violations(given), *coding_rules.out_of_order(given)) if coding_rules else ()
        lines = code_lines(document, gold, answer, row["predictions"], titles)
        views.append(AnswerView(row["system"], number, lines, broken, tuple(row["problems"])))
    return NoteView(
        benchmark.name,
        document.document_id,
        document.category,
        document.is_restricted,
        len(gold),
        segments(document.text, document.evidence, spans),
        tuple(views),
    )


def notes_by_benchmark(views: Iterable[NoteView]) -> dict[str, list[NoteView]]:
    """Views by benchmark, in the order given."""
    grouped: dict[str, list[NoteView]] = {}
    for view in views:
        grouped.setdefault(view.benchmark, []).append(view)
    return grouped
