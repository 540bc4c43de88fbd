"""The small types every corpus is read into: documents, labels, evidence spans, and the counts of a load.

Loaders build these; nothing here knows a file layout. Note text never appears in a ``repr`` or in an error.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS
from ccl_assets.table_contract import TableContract

UNANNOTATED = "unannotated"
SPLITS = ("train", "val", "test", UNANNOTATED)
Fragment = tuple[int, int]
RowKind = Literal["documents", "labels", "evidence"]
ROW_KINDS: tuple[RowKind, ...] = ("documents", "labels", "evidence")

_CODE = re.compile(r"([A-Z][0-9A][0-9A-Z])(?:\.?([0-9A-Z]{1,4}))?")
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


@lru_cache(maxsize=2**17)  # millions of rows repeat some ten thousand codes; equal codes then share one string, too
def dot_code(code: str) -> str:
    """Write an ICD-10-CM code as the project does: upper case, a dot after the third character if more follow.

    Takes codes with or without their dot. Not for ICD-9 or PCS: PCS codes can look like ICD-10-CM ones, so tell
    them apart by their file or label, not by their shape.

    Raises:
        ValueError: Not the shape of an ICD-10-CM code.
    """
    match = _CODE.fullmatch(code.strip().upper())
    if match is None:
        raise ValueError("not the shape of an ICD-10-CM code")
    category, rest = match.groups()
    return f"{category}.{rest}" if rest else category


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
        }


@dataclass(frozen=True, slots=True)
class EvidenceSpan:
    """A span that supports a code; fragments are end-exclusive code points in reading order."""

    corpus: str
    chart_id: str
    document_id: str
    code: str
    fragments: tuple[Fragment, ...]
    evidence_text: str = field(repr=False)

    @classmethod
    def cut(cls, document: Document, code: str, fragments: Iterable[Fragment]) -> EvidenceSpan:
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
        return cls(document.corpus, document.chart_id, document.document_id, code, ordered, text)

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
            "begin": self.begin,
            "end": self.end,
            "fragments": [{"begin": begin, "end": end} for begin, end in self.fragments],
            "evidence_text": self.evidence_text,
        }


@dataclass
class LoadCounts:
    """What a load kept and dropped, and why, by kind of row; ``remarks`` count what was noticed but not dropped."""

    kept: Counter[RowKind] = field(default_factory=Counter)
    dropped: Counter[tuple[RowKind, str]] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)

    def seen(self, kind: RowKind) -> int:
        """Rows of a kind that were read: kept and dropped ones."""
        return self.kept[kind] + sum(number for (of, _), number in self.dropped.items() if of == kind)

    def keep(self, kind: RowKind, number: int = 1) -> None:
        """Count rows kept."""
        self.kept[kind] += number

    def drop(self, kind: RowKind, reason: str, number: int = 1) -> None:
        """Count rows dropped for a reason."""
        if number:
            self.dropped[kind, reason] += number

    def withdraw(self, kind: RowKind, reason: str, number: int) -> None:
        """Turn rows counted as kept into dropped ones, where a later file decides."""
        self.kept[kind] -= number
        self.drop(kind, reason, number)

    def remark(self, name: str, number: int = 1) -> None:
        """Count something worth knowing that drops nothing."""
        if number:
            self.remarks[name] += number

    def __add__(self, other: LoadCounts) -> LoadCounts:
        return LoadCounts(self.kept + other.kept, self.dropped + other.dropped, self.remarks + other.remarks)

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
    """A corpus in memory, in the order of its source."""

    documents: list[Document] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    evidence: list[EvidenceSpan] = field(default_factory=list)
    counts: LoadCounts = field(default_factory=LoadCounts)

    def rows(self, contract: TableContract) -> Iterator[dict[str, Any]]:
        """Rows for one of the three ``corpus`` tables, made one at a time.

        Raises:
            KeyError: The contract is not one of them.
        """
        items: dict[str, list[Document] | list[Label] | list[EvidenceSpan]] = {
            DOCUMENTS.name: self.documents,
            LABELS.name: self.labels,
            EVIDENCE.name: self.evidence,
        }
        return (item.row() for item in items[contract.name])

    def __add__(self, other: Corpus) -> Corpus:
        return Corpus(
            self.documents + other.documents,
            self.labels + other.labels,
            self.evidence + other.evidence,
            self.counts + other.counts,
        )
