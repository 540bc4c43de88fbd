"""Candidates: per code the distinct phrases that notes gave, with frequencies (the paper's E_c)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from ccl_assets.evidence.folding import fold
from ccl_assets.icd.chapters import chapter_of

GROUNDED = ("verbatim", "repaired")


def candidates(extractions: Iterable[Mapping[str, Any]], chapter: str) -> list[dict[str, Any]]:
    """Collect the candidates of a chapter's codes.

    Args:
        extractions: Rows of ``silver/extractions`` of all shards; those not asked or not parsed say nothing of a code.
        chapter: Chapter key.

    Returns:
        Rows of ``silver/candidates``; the most frequent surface form stands for the phrase.
    """
    mined: dict[str, set[tuple[str, str]]] = defaultdict(set)
    supported: dict[str, set[tuple[str, str]]] = defaultdict(set)
    surfaces: dict[tuple[str, str], dict[str, set[tuple[str, str]]]] = defaultdict(lambda: defaultdict(set))
    for row in extractions:
        code = row["code"]
        if row["status"] in ("not_asked", "unparsed") or not _is_in(chapter, code):
            continue
        note = (row["corpus"], row["document_id"])
        mined[code].add(note)
        folded = fold(row["evidence"] or "")
        if row["status"] in GROUNDED and folded:
            supported[code].add(note)
            surfaces[code, folded][" ".join(row["evidence"].split())].add(note)
    rows = []
    for (code, _), forms in sorted(surfaces.items()):
        by_frequency = sorted(forms, key=lambda form: (-len(forms[form]), form))
        rows.append(
            {
                "chapter": chapter,
                "code": code,
                "evidence": by_frequency[0],
                "surface_forms": sorted(forms),
                "document_count": len(set.union(*forms.values())),
                "labelled_document_count": len(mined[code]),
                "no_evidence_count": len(mined[code] - supported[code]),
            }
        )
    return rows


def _is_in(chapter: str, code: str) -> bool:
    """Whether a chapter holds a code; labels may have codes of other editions, which none does."""
    try:
        return chapter_of(code).key == chapter
    except KeyError:
        return False
