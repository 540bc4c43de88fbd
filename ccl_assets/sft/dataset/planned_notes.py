"""Notes that a recipe trains on, with the codes each has to teach, decided before any text is read.

A corpus may hold gigabytes of notes, so the choice rests on what is small: ids, splits, hashes of texts, codes and spans.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ccl_assets.sft.dataset.examples import LeftOut, Rows, rows_of
from ccl_assets.sft.recipes import Recipe

TRAINING_SPLITS = ("train", "val")
NOTE_COLUMNS = ("corpus", "document_id", "chart_id", "split", "category", "text_sha256", "is_restricted")
LABEL_COLUMNS = ("corpus", "chart_id", "document_id", "position", "code")
EVIDENCE_COLUMNS = ("corpus", "document_id", "code", "begin", "end", "fragments", "evidence_text")

NoteKey: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class CodedSpan:
    """Words of a note that support a code; begin and end enclose all of their fragments."""

    code: str
    text: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class PlannedNote:
    """A note to train on.

    Attributes:
        document_id: ``corpus/document``.
        split: ``train`` or ``val``.
        is_restricted: May not leave this host.
        codes: Codes in the order of the answer.
        spans: Evidence in note order; empty where nobody marked any.
        shows_evidence: The answer quotes the evidence.
    """

    document_id: str
    split: str
    is_restricted: bool
    codes: tuple[str, ...]
    spans: tuple[CodedSpan, ...]
    shows_evidence: bool

    @property
    def can_be_split(self) -> bool:
        """Tell whether the evidence tells of every code which part of the note it belongs to."""
        return set(self.codes) <= {span.code for span in self.spans}

    def answer(self, begin: int = 0, end: int | None = None) -> list[tuple[str | None, str]]:
        """Evidence (if shown) and code, each code once with its first span, of the whole note or of a part."""
        if not self.shows_evidence and begin == 0 and end is None:
            return [(None, code) for code in self.codes]
        first: dict[str, str | None] = {}
        for span in self.spans:
            if begin <= span.begin and (end is None or span.end <= end):
                first.setdefault(span.code, span.text)
        if self.shows_evidence:
            return [(text, code) for code, text in first.items()]
        return [(None, code) for code in self.codes if code in first]


def plan_notes(
    notes: Rows, labels: Rows, evidence: Rows, known_codes: Collection[str], recipe: Recipe, left_out: LeftOut
) -> dict[NoteKey, PlannedNote]:
    """Choose the notes of the training and validation splits that can become examples.

    With the ``evidence`` format a code appears once, with its first span; lines follow the note. With ``code_only`` the
    order is that of the labels. Chart-level labels count for the chart's only note, or for its only discharge summary.

    Args:
        notes: Rows of ``corpus/documents``, :data:`NOTE_COLUMNS` suffice; test and unannotated notes are skipped.
        labels: Rows of ``corpus/labels``.
        evidence: Rows of ``corpus/evidence``.
        known_codes: Codes of the release.
        recipe: Format, limits and seed.
        left_out: Takes ``no_evidence`` / ``no_labels`` (nothing to learn), ``repeated`` (the same note again),
            ``document_limit``, ``code_not_in_release`` (subject ``document code``; the note stays).

    Returns:
        The notes by corpus and document, in that order.
    """
    candidates = sorted((row for row in rows_of(notes) if row["split"] in TRAINING_SPLITS), key=_key)
    wanted = {_key(row) for row in candidates}
    spans = _spans(evidence, wanted)
    shows_evidence = recipe.document_format == "evidence"
    codes = _codes_by_span(spans) if shows_evidence else _codes_by_label(candidates, labels)
    seen: set[tuple[Any, ...]] = set()
    planned: dict[NoteKey, PlannedNote] = {}
    for row in candidates:
        key, document_id = _key(row), "/".join(_key(row))
        found = codes.get(key, [])
        for code in found:
            if code not in known_codes:
                left_out.add("code_not_in_release", f"{document_id} {code}")
        note = PlannedNote(
            document_id=document_id,
            split=row["split"],
            is_restricted=bool(row["is_restricted"]),
            codes=tuple(code for code in found if code in known_codes),
            spans=tuple(span for span in spans.get(key, ()) if span.code in known_codes),
            shows_evidence=shows_evidence,
        )
        identity = (row["text_sha256"], *note.answer())
        if not note.codes:
            left_out.add("no_evidence" if shows_evidence else "no_labels", document_id)
        elif identity in seen:
            left_out.add("repeated", document_id)
        else:
            seen.add(identity)
            planned[key] = note
    return _limited(planned, recipe, left_out)


def _key(row: Mapping[str, Any]) -> NoteKey:
    return row["corpus"], row["document_id"]


def _spans(evidence: Rows, wanted: Collection[NoteKey]) -> dict[NoteKey, list[CodedSpan]]:
    spans: dict[NoteKey, list[CodedSpan]] = defaultdict(list)
    for row in rows_of(evidence):
        if _key(row) in wanted and row["evidence_text"].strip():
            pieces = row["fragments"]  # in reading order, which need not be that of the note
            begin, end = min(piece["begin"] for piece in pieces), max(piece["end"] for piece in pieces)
            spans[_key(row)].append(CodedSpan(row["code"], row["evidence_text"], begin, end))
    for found in spans.values():
        found.sort(key=lambda span: (span.begin, span.end, span.code))
    return spans


def _codes_by_span(spans: Mapping[NoteKey, list[CodedSpan]]) -> dict[NoteKey, list[str]]:
    return {key: list(dict.fromkeys(span.code for span in found)) for key, found in spans.items()}


@dataclass
class _Chart:
    """Where a chart's own labels go."""

    notes: list[NoteKey] = field(default_factory=list)
    summaries: list[NoteKey] = field(default_factory=list)

    @property
    def note(self) -> NoteKey | None:
        """Its only note, or its only discharge summary."""
        return next((choice[0] for choice in (self.notes, self.summaries) if len(choice) == 1), None)


def _codes_by_label(candidates: list[Mapping[str, Any]], labels: Rows) -> dict[NoteKey, list[str]]:
    charts: dict[tuple[str, str], _Chart] = defaultdict(_Chart)
    for row in candidates:
        chart = charts[row["corpus"], row["chart_id"]]
        chart.notes.append(_key(row))
        if row["category"] == "discharge_summary":
            chart.summaries.append(_key(row))
    note_of_chart = {key: note for key, chart in charts.items() if (note := chart.note) is not None}
    ranked: dict[NoteKey, list[tuple[int, str]]] = defaultdict(list)
    for row in rows_of(labels):
        if (row["corpus"], row["chart_id"]) not in charts:
            continue
        note = _key(row) if row["document_id"] is not None else note_of_chart.get((row["corpus"], row["chart_id"]))
        if note is not None:
            ranked[note].append((row["position"], row["code"]))
    return {note: list(dict.fromkeys(code for _, code in sorted(found))) for note, found in ranked.items()}


def _limited(planned: dict[NoteKey, PlannedNote], recipe: Recipe, left_out: LeftOut) -> dict[NoteKey, PlannedNote]:
    """Apply the limits per split; which notes stay depends on ids and seed alone."""
    limits = {"train": recipe.documents.max_train, "val": recipe.documents.max_validation}
    kept: set[NoteKey] = set()
    for split, limit in limits.items():
        keys = [key for key, note in planned.items() if note.split == split]
        keys.sort(key=lambda key: hashlib.sha256(f"{recipe.seed}/{planned[key].document_id}".encode()).digest())
        kept.update(keys if limit is None else keys[:limit])
    for key, note in planned.items():
        if key not in kept:
            left_out.add("document_limit", note.document_id)
    return {key: note for key, note in planned.items() if key in kept}
