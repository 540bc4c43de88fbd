"""Gates of the corpora: rows are readable, offsets lie inside their notes and quote them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ccl_assets.corpora.documents import LoadCounts
from ccl_assets.gate import Gate

_MOST_UNREADABLE = 0.001
_SHOWN = 5

# Reasons that say a row could not be read; the others say that it is not wanted (another code system, another split).
_UNREADABLE = ("malformed_code", "empty_text", "no_admission")

DOCUMENT_GATES = {"rows_readable": "At most 0.1 % of the source rows are unreadable."}
EVIDENCE_GATES = {"offsets_inside_notes": "Every evidence span quotes its note at its offsets."}


def rows_readable(counts: LoadCounts) -> Gate:
    """Share of unreadable rows."""
    seen = sum(counts.seen(kind) for kind in ("documents", "labels", "evidence"))
    reasons = {f"{kind}/{reason}": n for (kind, reason), n in counts.dropped.items() if reason in _UNREADABLE}
    unreadable = sum(reasons.values())
    return Gate(
        "rows_readable",
        unreadable <= _MOST_UNREADABLE * seen,
        "the source files are damaged or of another version: get them again",
        {"seen": seen, "unreadable": unreadable, "reasons": reasons},
    )


def offsets_inside_notes(documents: Sequence[dict[str, Any]], evidence: Sequence[dict[str, Any]]) -> Gate:
    """Evidence equals the note's text at its fragments; offenders are named by id and offset, never by text."""
    texts = {(row["corpus"], row["document_id"]): row["text"] for row in documents}
    odd = []
    for row in evidence:
        note = texts.get((row["corpus"], row["document_id"]), "")
        quoted = " ".join(note[part["begin"] : part["end"]] for part in row["fragments"])
        if quoted != row["evidence_text"] or not quoted:
            odd.append(f"{row['document_id']}:{row['begin']}-{row['end']}")
    return Gate(
        "offsets_inside_notes",
        not odd,
        "annotations and notes are of different versions of the corpus",
        {"spans": len(evidence), "outside": len(odd), "first": odd[:_SHOWN]},
    )
