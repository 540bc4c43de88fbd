"""Gates of the corpora: rows are readable, offsets lie inside their notes and quote them."""

from __future__ import annotations

from collections.abc import Sequence

from ccl_assets.corpora.documents import ROW_KINDS, AnnotatedNote, LoadCounts
from ccl_assets.tables.gate import Gate, gate

_MOST_UNREADABLE = 0.001
_SHOWN = 5


@gate("rows_readable", "Of each kind of source row at most 0.1 % are unreadable.")
def rows_readable(counts: LoadCounts) -> Gate:
    """Share of unreadable rows, of each kind for itself: many codes do not make up for lost notes."""
    seen = {kind: counts.seen(kind) for kind in ROW_KINDS}
    unreadable = {kind: sum(n for (of, _), n in counts.unreadable.items() if of == kind) for kind in ROW_KINDS}
    return Gate(
        "rows_readable",
        all(unreadable[kind] <= _MOST_UNREADABLE * seen[kind] for kind in ROW_KINDS),
        "the source files are damaged or of another version: get them again",
        {
            "seen": sum(seen.values()),
            "unreadable": sum(unreadable.values()),
            "reasons": {f"{kind}/{reason}": n for (kind, reason), n in sorted(counts.unreadable.items())},
            "first": counts.places,
        },
    )


def strays(note: AnnotatedNote) -> list[str]:
    """Labels of another note or chart than the one they come with."""
    document = note.document
    return [
        f"{label.document_id or label.chart_id} {label.code}"
        for label in note.labels
        if label.corpus != document.corpus
        or label.chart_id != document.chart_id
        or label.document_id not in (None, document.document_id)
    ]


@gate("labels_of_known_notes", "Every code belongs to a note that is there, or to its chart.")
def labels_of_known_notes(label_count: int, stray: Sequence[str]) -> Gate:
    """Every label has its note; ``stray`` as :func:`strays` names them."""
    return Gate(
        "labels_of_known_notes",
        not stray,
        "labels and notes are of different versions of the corpus: get both from the same one",
        {"labels": label_count, "stray": len(stray), "first": list(stray[:_SHOWN])},
    )


def misquotes(note: AnnotatedNote) -> list[str]:
    """Spans that do not quote their note at their offsets; named by id and offset, never by text."""
    text = note.document.text
    return [
        f"{span.document_id}:{span.begin}-{span.end}"
        for span in note.evidence
        if span.document_id != note.document.document_id
        or not span.evidence_text
        or " ".join(text[begin:end] for begin, end in span.fragments) != span.evidence_text
    ]


@gate("offsets_inside_notes", "Every evidence span quotes its note at its offsets.")
def offsets_inside_notes(span_count: int, misquoted: Sequence[str]) -> Gate:
    """Every span quotes its note; ``misquoted`` as :func:`misquotes` names them."""
    return Gate(
        "offsets_inside_notes",
        not misquoted,
        "annotations and notes are of different versions of the corpus: get both from the same one",
        {"spans": span_count, "outside": len(misquoted), "first": list(misquoted[:_SHOWN])},
    )
