"""The small types every corpus is read into: notes with their labels and evidence spans, and the counts of a load.

Readers yield these; nothing here knows a file layout. Note text never appears in a ``repr`` or in an error.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ccl_assets.corpora.note_shards import note_shard
from ccl_assets.icd.code import dot_code

__all__ = [
    "ROW_KINDS",
    "SPLITS",
    "UNANNOTATED",
    "AnnotatedNote",
    "Corpus",
    "CorpusFormatError",
    "Document",
    "EvidenceSpan",
    "Fragment",
    "Label",
    "LoadCounts",
    "RowKind",
    "category_key",
    "dot_code",
]

UNANNOTATED = "unannotated"
SPLITS = ("train", "val", "test", UNANNOTATED)
Fragment = tuple[int, int]
RowKind = Literal["documents", "labels", "evidence"]
_MOST_PLACES = 10
ROW_KINDS: tuple[RowKind, ...] = ("documents", "labels", "evidence")

_NOT_WORD = re.compile(r"[^a-z0-9]+")


class CorpusFormatError(ValueError):
    """A corpus file is not what its layout promises; names file, line and column and what to do, never note text."""

    def __init__(
        self, path: Path, problem: str, remedy: str, *, line: int | None = None, column: int | str | None = None
    ) -> None:
        place = f"{path}"
        if line is not None:
            place += f", line {line}"
        if column is not None:
            place += f", column {column}"
        super().__init__(f"{place}: {problem}; {remedy}")
        self.path, self.line, self.column = path, line, column


def category_key(name: str) -> str:
    """Lower snake case of a note category, e.g. ``Discharge summary`` -> ``discharge_summary``; ``other`` if empty."""
    return _NOT_WORD.sub("_", name.lower()).strip("_") or "other"


@dataclass(frozen=True, slots=True)
class Document:
    """One note; ``text`` holds the code points of the source file, untouched."""

    corpus: str
    document_id: str
    chart_id: str
    source: str
    split: str
    category: str
    text: str = field(repr=False)
    is_restricted: bool

    def row(self) -> dict[str, Any]:
        """The row of ``corpus/documents``."""
        return {
            "corpus": self.corpus,
            "document_id": self.document_id,
            "chart_id": self.chart_id,
            "source": self.source,
            "split": self.split,
            "category": self.category,
            "text": self.text,
            "character_count": len(self.text),
            "text_sha256": hashlib.sha256(self.text.encode()).hexdigest(),
            "is_restricted": self.is_restricted,
            "note_shard": note_shard(self.corpus, self.chart_id),
        }


@dataclass(frozen=True, slots=True)
class Label:
    """A code of a chart; ``document_id`` is set where the source codes single notes."""

    corpus: str
    chart_id: str
    document_id: str | None
    position: int
    code: str
    source_code: str

    def row(self) -> dict[str, Any]:
        """The row of ``corpus/labels``."""
        return {
            "corpus": self.corpus,
            "chart_id": self.chart_id,
            "document_id": self.document_id,
            "position": self.position,
            "code": self.code,
            "source_code": self.source_code,
            "note_shard": note_shard(self.corpus, self.chart_id),
        }


@dataclass(frozen=True, slots=True)
class EvidenceSpan:
    """A span that supports a code; fragments are end-exclusive code points in reading order."""

    corpus: str
    chart_id: str
    document_id: str
    code: str
    source_code: str
    fragments: tuple[Fragment, ...]
    evidence_text: str = field(repr=False)

    @classmethod
    def cut(cls, document: Document, code: str, source_code: str, fragments: Iterable[Fragment]) -> EvidenceSpan:
        """Cut the fragments out of the document's text, in whatever order they come.

        Raises:
            ValueError: No fragment, an empty or overlapping one, or one that reaches outside the text.
        """
        ordered = tuple(sorted(fragments))
        if not ordered:
            raise ValueError("the span has no fragment")
        previous_end = 0
        for begin, end in ordered:
            if begin >= end:
                raise ValueError(f"fragment {begin}-{end} is empty")
            if begin < previous_end:
                raise ValueError(
                    f"fragment {begin}-{end} starts before {previous_end}, where it may start at the earliest"
                )
            previous_end = end
        if previous_end > len(document.text):
            raise ValueError(f"fragment ends at {previous_end}, the note has {len(document.text)} characters")
        text = " ".join(document.text[begin:end] for begin, end in ordered)
        return cls(document.corpus, document.chart_id, document.document_id, code, source_code, ordered, text)

    @property
    def begin(self) -> int:
        """First code point of the first fragment."""
        return self.fragments[0][0]

    @property
    def end(self) -> int:
        """One past the last code point of the last fragment."""
        return self.fragments[-1][1]

    def row(self) -> dict[str, Any]:
        """The row of ``corpus/evidence``."""
        return {
            "corpus": self.corpus,
            "chart_id": self.chart_id,
            "document_id": self.document_id,
            "code": self.code,
            "source_code": self.source_code,
            "begin": self.begin,
            "end": self.end,
            "fragments": [{"begin": begin, "end": end} for begin, end in self.fragments],
            "evidence_text": self.evidence_text,
        }


@dataclass(frozen=True, slots=True)
class AnnotatedNote:
    """A note with what its source says of it.

    Codes of a chart come with one of its notes, so that whoever takes in a stream of these has all of a corpus.
    """

    document: Document
    labels: tuple[Label, ...] = ()
    evidence: tuple[EvidenceSpan, ...] = ()


@dataclass
class LoadCounts:
    """Counts of rows kept and left out by a load, with reasons, by kind of row; complete once the corpus is read to its end.

    Attributes:
        kept: Rows kept.
        dropped: Rows left out, by reason; unreadable ones among them.
        unreadable: Rows that are not what the layout promises, by reason.
        places: The first of these, as ``file, line: reason``.
        remarks: What was noticed and drops nothing.
    """

    kept: Counter[RowKind] = field(default_factory=Counter)
    dropped: Counter[tuple[RowKind, str]] = field(default_factory=Counter)
    unreadable: Counter[tuple[RowKind, str]] = field(default_factory=Counter)
    places: list[str] = field(default_factory=list)
    remarks: Counter[str] = field(default_factory=Counter)

    def seen(self, kind: RowKind) -> int:
        """Rows of a kind that were read: kept and dropped ones."""
        return self.kept[kind] + sum(number for (of, _), number in self.dropped.items() if of == kind)

    def keep(self, kind: RowKind, number: int = 1) -> None:
        """Count rows kept."""
        self.kept[kind] += number

    def drop(self, kind: RowKind, reason: str, number: int = 1) -> None:
        """Count rows that are well-formed and not wanted (another code system, another split)."""
        if number:
            self.dropped[kind, reason] += number

    def refuse(self, kind: RowKind, reason: str, path: Path, line: int | None = None) -> None:
        """Count a row that cannot be read; too many of them fail the gate ``rows_readable``."""
        self.drop(kind, reason)
        self.unreadable[kind, reason] += 1
        if len(self.places) < _MOST_PLACES:
            self.places.append(f"{path}{'' if line is None else f', line {line}'}: {reason}")

    def withdraw(self, kind: RowKind, reason: str, number: int) -> None:
        """Turn rows counted as kept into dropped ones, where a later file decides."""
        self.kept[kind] -= number
        self.drop(kind, reason, number)

    def remark(self, name: str, number: int = 1) -> None:
        """Count something worth knowing that drops nothing."""
        if number:
            self.remarks[name] += number

    def metadata(self) -> dict[str, int]:
        """Flat figures for people, e.g. ``documents_kept`` and ``documents_dropped_no_icd10_code``."""
        figures: dict[str, int] = {}
        for kind in ROW_KINDS:
            reasons = {reason: number for (of, reason), number in sorted(self.dropped.items()) if of == kind}
            figures[f"{kind}_seen"] = self.seen(kind)
            figures[f"{kind}_kept"] = self.kept[kind]
            figures |= {f"{kind}_dropped_{reason}": number for reason, number in reasons.items()}
        return figures | dict(sorted(self.remarks.items()))


@dataclass
class Corpus:
    """A corpus in memory, in the order of its source; for small ones and for tests."""

    documents: list[Document] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    evidence: list[EvidenceSpan] = field(default_factory=list)
    counts: LoadCounts = field(default_factory=LoadCounts)

    @classmethod
    def collect(cls, read: Callable[[LoadCounts], Iterable[AnnotatedNote]]) -> Corpus:
        """Read a corpus to its end."""
        corpus = cls()
        for note in read(corpus.counts):
            corpus.documents.append(note.document)
            corpus.labels += note.labels
            corpus.evidence += note.evidence
        return corpus
