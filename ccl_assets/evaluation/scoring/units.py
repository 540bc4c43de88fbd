"""Benchmarks read from the tables: their documents, gold codes and human evidence, grouped into units of scoring.

- ``chart``: all notes of an admission; gold codes are the union over its notes and of codes given to the chart itself.
- ``note``: every note by itself; only where each label of the benchmark names its note.
- ``discharge``: the same for discharge summaries alone.

A unit is scored only if the system was asked about every one of its documents; else recall would be held against notes
that nobody showed it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from ccl_assets.evaluation.scoring.spans import EvidenceSpan

UnitKind = Literal["chart", "note", "discharge"]
UNIT_KINDS: tuple[UnitKind, ...] = ("chart", "note", "discharge")
DISCHARGE = "discharge_summary"


class ScoringInputError(ValueError):
    """The tables do not belong together; the message names documents and the remedy, never note text."""


@dataclass(frozen=True)
class Document:
    """A benchmark note with the codes and human evidence its source gives it."""

    document_id: str
    chart_id: str
    category: str
    text: str
    codes: frozenset[str]
    evidence: tuple[EvidenceSpan, ...]
    is_restricted: bool


@dataclass(frozen=True)
class Answer:
    """Answer of a system for one document.

    Attributes:
        ranked: Distinct codes in the order given.
        valid_codes: Those billable in the release the system was run with.
        evidence: The spans quoted, those found nowhere in the note included.
        quote_count: Codes that came with a quote.
        verbatim_count: Quotes that stand in the note word for word, white space aside.
        confidences: By code, where the system says how sure it is.
        repaired_count: Codes that replaced an invalid one.
    """

    ranked: tuple[str, ...]
    valid_codes: frozenset[str]
    evidence: tuple[EvidenceSpan, ...]
    quote_count: int
    verbatim_count: int
    confidences: Mapping[str, float]
    repaired_count: int

    @cached_property
    def codes(self) -> frozenset[str]:
        """Distinct codes."""
        return frozenset(self.ranked)


@dataclass(frozen=True)
class Unit:
    """Documents scored together and their gold codes."""

    unit_id: str
    documents: tuple[Document, ...]
    gold: frozenset[str]


@dataclass(frozen=True)
class Benchmark:
    """One split of one corpus."""

    corpus: str
    split: str
    documents: Mapping[str, Document]
    chart_codes: Mapping[str, frozenset[str]]
    has_note_labels: bool

    @property
    def name(self) -> str:
        """``corpus/split``."""
        return f"{self.corpus}/{self.split}"

    @property
    def has_labels(self) -> bool:
        """Tell whether any chart of the benchmark is coded."""
        return any(self.chart_codes.values())

    @property
    def has_evidence(self) -> bool:
        """Tell whether people marked evidence in any of its notes."""
        return any(document.evidence for document in self.documents.values())

    @property
    def has_note_charts(self) -> bool:
        """Tell whether every chart is one note with codes of its own."""
        return self.has_note_labels and len(self.chart_codes) == len(self.documents)

    def unit_kinds(self) -> tuple[UnitKind, ...]:
        """The units the labels allow."""
        if not self.has_note_labels:
            return ("chart",)
        has_discharge = any(document.category == DISCHARGE for document in self.documents.values())
        return UNIT_KINDS if has_discharge else ("chart", "note")

    def units(self, kind: UnitKind) -> list[Unit]:
        """All units of a kind, sorted by id: the order every system's counts are in."""
        if kind == "chart":
            charts: dict[str, list[Document]] = defaultdict(list)
            for document in self.documents.values():
                charts[document.chart_id].append(document)
            units = [Unit(chart, tuple(members), self.chart_codes[chart]) for chart, members in charts.items()]
        else:
            units = [
                Unit(document.document_id, (document,), document.codes)
                for document in self.documents.values()
                if kind == "note" or document.category == DISCHARGE
            ]
        return sorted(units, key=lambda unit: unit.unit_id)


def answered(units: Iterable[Unit], asked: Container[str]) -> list[Unit]:
    """The units whose documents were all asked."""
    return [unit for unit in units if all(document.document_id in asked for document in unit.documents)]


def read_benchmark(corpus: str, split: str, documents: pa.Table, labels: pa.Table, evidence: pa.Table) -> Benchmark:
    """Collect one split of a corpus from the ``corpus`` tables (which may hold other splits and corpora).

    Raises:
        ScoringInputError: Human evidence lies outside its note.
    """
    notes = documents.filter((pc.field("corpus") == corpus) & (pc.field("split") == split))
    in_corpus = pc.field("corpus") == corpus
    charts, ids = notes["chart_id"].unique(), notes["document_id"].unique()
    label_rows = labels.filter(in_corpus & pc.field("chart_id").isin(charts))
    label_rows = label_rows.select(["chart_id", "document_id", "code"]).to_pylist()
    evidence_rows = evidence.filter(in_corpus & pc.field("document_id").isin(ids))

    known = set(ids.to_pylist())
    note_codes: dict[str, set[str]] = defaultdict(set)
    chart_codes: dict[str, set[str]] = {chart: set() for chart in charts.to_pylist()}
    for row in label_rows:
        # A label on a note outside the split (another split of the chart) is not this benchmark's.
        if row["document_id"] is None or row["document_id"] in known:
            chart_codes[row["chart_id"]].add(row["code"])
            note_codes[row["document_id"]].add(row["code"])
    spans: dict[str, list[EvidenceSpan]] = defaultdict(list)
    for row in evidence_rows.select(["document_id", "code", "fragments"]).to_pylist():
        fragments = [(fragment["begin"], fragment["end"]) for fragment in row["fragments"]]
        spans[row["document_id"]].append(EvidenceSpan.at(row["document_id"], row["code"], fragments))

    rows = notes.select(["document_id", "chart_id", "category", "text", "is_restricted"]).to_pylist()
    for row in rows:
        _check_offsets(spans[row["document_id"]], row["text"], f"human evidence of {corpus}/{split}")
    return Benchmark(
        corpus,
        split,
        {
            row["document_id"]: Document(
                codes=frozenset(note_codes[row["document_id"]]), evidence=tuple(spans[row["document_id"]]), **row
            )
            for row in rows
        },
        {chart: frozenset(codes) for chart, codes in chart_codes.items()},
        has_note_labels=bool(label_rows) and all(row["document_id"] is not None for row in label_rows),
    )


def read_answers(predictions: pa.Table, benchmark: Benchmark) -> dict[str, Answer]:
    """Answers to the benchmark's documents by id; documents that were not asked are left out.

    Raises:
        ScoringInputError: A predicted document is unknown, or a quote's offsets lie outside its note.
    """
    asked = predictions.filter(
        (pc.field("corpus") == benchmark.corpus) & (pc.field("split") == benchmark.split) & pc.field("was_asked")
    )
    answers = {}
    rows = asked.select(["document_id", "predictions"]).to_pylist()
    unknown = [row["document_id"] for row in rows if row["document_id"] not in benchmark.documents]
    if unknown:
        raise ScoringInputError(
            f"{benchmark.name}: {len(unknown)} predicted documents are not in corpus/documents, first {unknown[:5]}; "
            "materialize eval/predictions again"
        )
    for row in rows:
        answer = _answer(row["document_id"], row["predictions"])
        _check_offsets(answer.evidence, benchmark.documents[row["document_id"]].text, "quotes in eval/predictions")
        answers[row["document_id"]] = answer
    return answers


def benchmarks_of(
    predictions: pa.Table, documents: pa.Table, labels: pa.Table, evidence: pa.Table
) -> Iterator[Benchmark]:
    """The benchmarks a predictions table holds rows of, sorted by name."""
    for corpus, split in splits_of(predictions):
        yield read_benchmark(corpus, split, documents, labels, evidence)


def only_system(predictions: pa.Table) -> str:
    """The system whose predictions these are.

    Raises:
        ScoringInputError: There are several.
    """
    systems = predictions["system"].unique().to_pylist()
    if len(systems) != 1:
        raise ScoringInputError(f"expected predictions of one system, found {sorted(systems)}; filter by `system`")
    return str(systems[0])


def splits_of(predictions: pa.Table) -> list[tuple[str, str]]:
    """Corpus and split of the benchmarks a predictions table holds rows of, sorted."""
    names = predictions.select(["corpus", "split"]).group_by(["corpus", "split"]).aggregate([]).to_pylist()
    return sorted((row["corpus"], row["split"]) for row in names)


def _answer(document_id: str, predictions: Sequence[Mapping[str, Any]]) -> Answer:
    quoted = [row for row in predictions if row["evidence_status"] != "none"]
    spans = []
    for row in quoted:
        has_place = row["begin"] is not None and row["end"] is not None
        fragments = ((row["begin"], row["end"]),) if has_place else ()
        spans.append(EvidenceSpan(document_id, row["code"], fragments, row["evidence"] or ""))
    return Answer(
        ranked=tuple(dict.fromkeys(row["code"] for row in predictions)),
        valid_codes=frozenset(row["code"] for row in predictions if row["is_valid"]),
        evidence=tuple(spans),
        quote_count=len(quoted),
        verbatim_count=sum(row["evidence_status"] == "verbatim" for row in quoted),
        confidences={row["code"]: row["confidence"] for row in predictions if row["confidence"] is not None},
        repaired_count=sum(row["repaired_from"] is not None for row in predictions),
    )


def _check_offsets(spans: Sequence[EvidenceSpan], text: str, what: str) -> None:
    outside = [span for span in spans if not all(0 <= begin < end <= len(text) for begin, end in span.fragments)]
    if outside:
        raise ScoringInputError(
            f"{what}: {len(outside)} spans of document {outside[0].document_id!r} lie outside its {len(text)} "
            "characters; the table and corpus/documents are from different loads, materialize both again"
        )
