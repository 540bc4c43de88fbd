"""Coverage: which billable codes have evidence before synthesis, and which have none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ccl_assets.evidence.synthetic.families import family_codes
from ccl_assets.icd.ontology import Ontology


def coverage(
    ontology: Ontology,
    gold: Iterable[Mapping[str, Any]],
    silver: Iterable[Mapping[str, Any]],
    release: str,
    *,
    titles_cover: bool = True,
) -> list[dict[str, Any]]:
    """Rows of ``synthetic/coverage``, one per billable code.

    Only a *direct* gold pair covers a code: a term printed at a stem does not tell the stem's codes apart.

    Args:
        ontology: The release's codes.
        gold: ``gold/pairs`` rows (code, expansion, source, term_id).
        silver: ``silver/pairs`` rows (code, is_trainable).
        release: Release label.
        titles_cover: Whether a code's title, or what follows from it, counts; the paper asks for evidence beside the title.
    """
    gold_counts = Counter(
        row["code"] for row in gold if row["expansion"] == "direct" and (titles_cover or not _is_of_title(row))
    )
    silver_counts = Counter(row["code"] for row in silver if row["is_trainable"])
    family_code = family_codes(ontology)
    return [
        {
            "release": release,
            "chapter": code.chapter,
            "code": code.code,
            "family_code": family_code[code.code],
            "gold_count": gold_counts[code.code],
            "silver_count": silver_counts[code.code],
            "is_covered": bool(gold_counts[code.code] or silver_counts[code.code]),
        }
        for code in ontology
        if code.is_billable
    ]


def _is_of_title(row: Mapping[str, Any]) -> bool:
    return row["source"] == "title" or (row["source"] == "default_form" and str(row["term_id"]).endswith("/title"))
