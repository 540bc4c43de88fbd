"""Notes of open corpora prepared for reading: marked text beside gold and predicted codes.

Restricted corpora never get here: :func:`note_views` leaves their documents out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from ccl_assets.evaluation.spans import EvidenceSpan
from ccl_assets.evaluation.units import Answer, Benchmark, Document, benchmarks_of, read_answers

Verdict = Literal["correct", "wrong", "not billable", "missed"]
VERDICTS: tuple[Verdict, ...] = ("correct", "wrong", "not billable", "missed")


@dataclass(frozen=True)
class Segment:
    """A stretch of the note under the same marks throughout."""

    text: str
    gold: tuple[str, ...]
    predicted: tuple[str, ...]

    @property
    def classes(self) -> str:
        """CSS classes; empty where nothing is marked."""
        return " ".join(name for name, codes in (("gold", self.gold), ("predicted", self.predicted)) if codes)

    @property
    def label(self) -> str:
        """The marks in words."""
        marks = (("human evidence", self.gold), ("quoted by the system", self.predicted))
        return "; ".join(f"{name}: {', '.join(codes)}" for name, codes in marks if codes)


@dataclass(frozen=True)
class CodeLine:
    """A gold or predicted code with its title and what became of it.

    ``quote`` is what the system quoted, or else what people marked.
    """

    code: str
    title: str
    verdict: Verdict
    quote: str
    is_grounded: bool


@dataclass(frozen=True)
class NoteView:
    """One system's answer to one open note."""

    benchmark: str
    document_id: str
    system: str
    segments: tuple[Segment, ...]
    lines: tuple[CodeLine, ...]

    def count(self, verdict: Verdict) -> int:
        """Codes with a verdict."""
        return sum(line.verdict == verdict for line in self.lines)


def segments(text: str, gold: Iterable[EvidenceSpan], predicted: Iterable[EvidenceSpan]) -> tuple[Segment, ...]:
    """Cut a note wherever a mark begins or ends, so that overlapping marks never nest; joined it is the note again."""
    places = [(begin, end, span.code, "gold") for span in gold for begin, end in span.fragments]
    places += [(begin, end, span.code, "predicted") for span in predicted for begin, end in span.fragments]
    cuts = sorted({0, len(text), *(cut for begin, end, *_ in places for cut in (begin, end))})
    pieces = []
    for begin, end in pairwise(cuts):
        covering = [(kind, code) for first, last, code, kind in places if first <= begin and end <= last]
        codes = {
            kind: tuple(sorted({code for its_kind, code in covering if its_kind == kind}))
            for kind in ("gold", "predicted")
        }
        pieces.append(Segment(text[begin:end], codes["gold"], codes["predicted"]))
    return tuple(pieces)


def note_views(
    predictions: pa.Table,
    documents: pa.Table,
    labels: pa.Table,
    evidence: pa.Table,
    titles: Mapping[str, str],
    *,
    limit: int = 12,
) -> list[NoteView]:
    """Views of the answers to open notes; restricted notes and notes not in ``documents`` are left out.

    Args:
        predictions: ``eval/predictions`` of one or several systems.
        documents: ``corpus/documents``.
        labels: ``corpus/labels``.
        evidence: ``corpus/evidence``.
        titles: Long title by code.
        limit: Notes of each system and benchmark, the first by id, so that all systems show the same ones.
    """
    views = []
    open_notes = documents.filter(~pc.field("is_restricted"))
    for system in predictions["system"].unique().to_pylist():
        given = predictions.filter(pc.field("system") == system)
        for benchmark in benchmarks_of(given, open_notes, labels, evidence):
            known = pa.array(benchmark.documents, pa.string())
            answers = read_answers(given.filter(pc.field("document_id").isin(known)), benchmark)
            views += [
                _view(benchmark, benchmark.documents[document_id], system, answers[document_id], titles)
                for document_id in sorted(answers)[:limit]
            ]
    return views


def _view(benchmark: Benchmark, document: Document, system: str, answer: Answer, titles: Mapping[str, str]) -> NoteView:
    # Codes the source gives to the chart stand for each of its notes: there is nothing finer to show.
    gold = document.codes if benchmark.has_note_labels else benchmark.chart_codes[document.chart_id]
    quotes = {span.code: span for span in (*document.evidence[::-1], *answer.evidence[::-1])}
    lines = []
    for code in gold | answer.codes:
        quote = quotes.get(code)
        lines.append(
            CodeLine(
                code,
                titles.get(code, ""),
                _verdict(code, gold, answer),
                " ".join(quote.text(document.text).split()) if quote else "",
                is_grounded=quote is None or bool(quote.fragments),
            )
        )
    lines.sort(key=lambda line: (VERDICTS.index(line.verdict), line.code))
    marked = segments(document.text, document.evidence, answer.evidence)
    return NoteView(benchmark.name, document.document_id, system, marked, tuple(lines))


def _verdict(code: str, gold: Set[str], answer: Answer) -> Verdict:
    if code not in answer.codes:
        return "missed"
    if code not in answer.valid_codes:
        return "not billable"
    return "correct" if code in gold else "wrong"


def documents_of(views: Sequence[NoteView]) -> dict[tuple[str, str], list[NoteView]]:
    """Views by benchmark and document, in the order given."""
    grouped: dict[tuple[str, str], list[NoteView]] = {}
    for view in views:
        grouped.setdefault((view.benchmark, view.document_id), []).append(view)
    return grouped
