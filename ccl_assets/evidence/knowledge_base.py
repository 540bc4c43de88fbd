"""The knowledge base: all tiers of a chapter, duplicates removed, ambiguity and benchmark overlap marked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from ccl_assets.evidence.folding import fold
from ccl_assets.evidence.gold import EXPANSIONS

TIERS = ("gold", "silver", "synthetic")
_EXPANSION_ORDER = {expansion: rank for rank, expansion in enumerate(EXPANSIONS)}


def knowledge_base(
    gold: Iterable[Mapping[str, Any]],
    silver: Iterable[Mapping[str, Any]],
    synthetic: Iterable[Mapping[str, Any]],
    benchmark_spans: Iterable[str],
) -> list[dict[str, Any]]:
    """Unite the tiers of one chapter.

    A direct statement comes before one that reaches the code from above, whatever their tiers, so that no code loses its
    only direct evidence to its stem's title. Otherwise a pair that several tiers have belongs to the highest (gold before
    silver before synthetic). A text that directly supports two codes is ambiguous and not trained on. Silver pairs equal to
    a human span of a test document are not trained on either; gold and synthetic ones come from the release and are only
    marked.

    Args:
        gold: ``gold/pairs`` rows.
        silver: ``silver/pairs`` rows; those not trainable stay out.
        synthetic: ``synthetic/pairs`` rows.
        benchmark_spans: Human evidence of test documents.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    candidates = [
        *(_row(pair, "gold", pair["source"], pair["expansion"]) for pair in gold),
        *(_row(pair, "silver", pair["grounding"], "direct") for pair in silver if pair["is_trainable"]),
        *(_row(pair, "synthetic", "title" if pair["is_fallback"] else "model", "direct") for pair in synthetic),
    ]
    candidates.sort(key=_precedence)
    for row in candidates:
        rows.setdefault((row["code"], fold(row["evidence"])), row)
    codes_of: dict[str, set[str]] = defaultdict(set)
    for (code, folded), row in rows.items():
        if row["expansion"] == "direct":
            codes_of[folded].add(code)
    spans = {fold(span) for span in benchmark_spans}
    for (_, folded), row in rows.items():
        is_direct = row["expansion"] == "direct"
        row["is_ambiguous"] = is_direct and len(codes_of[folded]) > 1
        row["is_benchmark_span"] = folded in spans
        leaks = row["is_benchmark_span"] and row["tier"] == "silver"
        row["is_trainable"] = is_direct and not row["is_ambiguous"] and not leaks
    return list(rows.values())


def _precedence(row: Mapping[str, Any]) -> tuple[bool, int, int]:
    expansion = row["expansion"]
    return expansion != "direct", TIERS.index(row["tier"]), _EXPANSION_ORDER[expansion]


def _row(pair: Mapping[str, Any], tier: str, source: str, expansion: str) -> dict[str, Any]:
    return {
        "release": pair["release"],
        "chapter": pair["chapter"],
        "pair_id": pair["pair_id"],
        "code": pair["code"],
        "evidence": pair["evidence"],
        "tier": tier,
        "source": source,
        "expansion": expansion,
        "is_ambiguous": False,
        "is_benchmark_span": False,
        "is_trainable": False,
    }
