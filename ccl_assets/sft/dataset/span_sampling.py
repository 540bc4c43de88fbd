"""Choosing knowledge-base pairs under limits per code, per tier and in all.

Stratified: every code is served once before any is served twice, so a tight limit thins codes' second and third phrases first
and covers as many codes as it can. Of a code the best phrases are taken (``rank``: title, what most notes say, lead terms); which
codes a limit over all of them leaves out is drawn by the seed. The choice does not depend on the order of rows.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from ccl_assets.sft.recipes import SpanMix


def sample_pairs(
    pairs: Iterable[Mapping[str, Any]], mix: SpanMix, seed: int, document_example_count: int | None = None
) -> list[Mapping[str, Any]]:
    """Choose pairs.

    Args:
        pairs: Candidates (``pair_id``, ``code``, ``tier``, ``rank``); other tiers than the mix's are ignored.
        mix: The limits. Under ``max_total`` each tier gives the same share of what it could give.
        seed: Another seed is another choice.
        document_example_count: What ``max_per_document_example`` is multiplied with.

    Raises:
        ValueError: The mix limits spans per document example and their count is not given.
    """
    by_tier_and_code: dict[str, dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for pair in pairs:
        by_tier_and_code[pair["tier"]][pair["code"]].append(pair)
    used_per_code: Counter[str] = Counter()
    chosen: dict[str, list[Mapping[str, Any]]] = {}
    for tier in mix.tiers:
        ranked: list[tuple[int, bytes, Mapping[str, Any]]] = []
        for code, members in by_tier_and_code[tier].items():
            members.sort(key=lambda pair: (pair["rank"], _draw(seed, pair["pair_id"])))
            limit = len(members)
            if (per_tier := mix.max_per_code_and_tier.get(tier)) is not None:
                limit = min(limit, per_tier)
            if mix.max_per_code is not None:
                limit = min(limit, mix.max_per_code - used_per_code[code])
            ranked += [(rank, _draw(seed, pair["pair_id"]), pair) for rank, pair in enumerate(members[: max(limit, 0)])]
        ranked.sort(key=lambda item: item[:2])
        chosen[tier] = [pair for _, _, pair in ranked[: mix.max_per_tier.get(tier)]]
        used_per_code.update(pair["code"] for pair in chosen[tier])
    quotas = _quotas([len(chosen[tier]) for tier in mix.tiers], _total(mix, document_example_count))
    return [pair for tier, quota in zip(mix.tiers, quotas, strict=True) for pair in chosen[tier][:quota]]


def _total(mix: SpanMix, document_example_count: int | None) -> int | None:
    if mix.max_per_document_example is None:
        return mix.max_total
    if document_example_count is None:
        raise ValueError("the recipe limits spans per document example: give the number of document examples")
    by_documents = int(mix.max_per_document_example * document_example_count)
    return by_documents if mix.max_total is None else min(mix.max_total, by_documents)


def _quotas(available: list[int], total: int | None) -> list[int]:
    everything = sum(available)
    if total is None or everything <= total:
        return available
    # largest remainder, so that the quotas add up to the total exactly
    quotas = [count * total // everything for count in available]
    remainders = [count * total % everything for count in available]
    for index in sorted(range(len(available)), key=lambda i: -remainders[i])[: total - sum(quotas)]:
        quotas[index] += 1
    return quotas


def _draw(seed: int, pair_id: str) -> bytes:
    return hashlib.sha256(f"{seed}/{pair_id}".encode()).digest()
