"""The knowledge base: all tiers of a chapter, duplicates removed, ambiguity settled, benchmark overlap marked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ccl_assets.evidence.gold.expansions import STATED
from ccl_assets.evidence.gold.pairs import EXPANSIONS
from ccl_assets.evidence.knowledge_base.ambiguity import firmness, resolve
from ccl_assets.evidence.knowledge_base.benchmark_overlap import BenchmarkSpans
from ccl_assets.evidence.knowledge_base.note_counts import NoteCounts
from ccl_assets.evidence.knowledge_base.shares import OBSERVED, Claim, shares
from ccl_assets.icd.ontology import Ontology
from ccl_assets.text.folding import fold

Row = dict[str, Any]
TIERS = ("gold", "silver", "synthetic")
_EXPANSION_ORDER = {expansion: rank for rank, expansion in enumerate(EXPANSIONS)}


class MixedReleasesError(ValueError):
    """The tiers were derived from different releases."""


def knowledge_base(
    ontology: Ontology,
    gold: Collection[Mapping[str, Any]],
    silver: Collection[Mapping[str, Any]],
    synthetic: Collection[Mapping[str, Any]],
    benchmark_spans: Collection[str],
    candidates: Iterable[Mapping[str, Any]] = (),
) -> list[Row]:
    """Unite the tiers of one chapter.

    A statement of the code itself comes before one that reaches it from above, whatever their tiers, so that no code loses its
    only direct evidence to its stem's title. Otherwise a pair that several tiers have belongs to the highest (gold before
    silver before synthetic). A text that supports several codes is given to one of them where it says which, or where notes
    say it of that one at least half of the time (``ambiguity``, ``shares``), else it is ambiguous and keeps its shares; only the
    code it was given to is trained on with it. Pairs that repeat a human span of a test document are marked; what is left out
    of training for it is for a recipe to say.

    Args:
        ontology: The release's codes.
        gold: ``gold/pairs`` rows; any tier may be empty.
        silver: ``silver/pairs`` rows; those not trainable stay out.
        synthetic: ``synthetic/pairs`` rows.
        benchmark_spans: Human evidence of test documents.
        candidates: ``silver/candidates`` rows: in how many notes a phrase supports a code, and how many were mined for it.

    Returns:
        Rows of ``knowledge_base/pairs``. 262,000 gold and 60,000 other pairs against 13,700 spans take about 9 s and 250 MB.

    Raises:
        MixedReleasesError: The pairs are of several releases.
    """
    _require_one_release(dict(zip(TIERS, (gold, silver, synthetic), strict=True)))
    given_rows = sorted(_candidates(ontology, gold, silver, synthetic), key=_precedence)
    folded = {text: fold(text) for text in {row["evidence"] for _, row in given_rows}}
    notes = NoteCounts(candidates)
    rows: dict[tuple[str, str], Row] = {}
    stated: dict[str, dict[str, Claim]] = defaultdict(dict)
    for firm, row in given_rows:
        code, text = row["code"], folded[row["evidence"]]
        known = rows.setdefault((code, text), row)
        known["firmness"] = min(firm, known["firmness"])
        if row["expansion"] in STATED:
            stated[text][code] = notes.claim(code, text, known["firmness"])
    for text, claims in stated.items():
        claims.update({code: notes.claim(code, text, OBSERVED) for code in notes.codes(text) if code not in claims})
    known_words = _words_of(ontology) if benchmark_spans else frozenset()
    overlaps = BenchmarkSpans(benchmark_spans, known_words).overlaps({text for _, text in rows})
    contested = {text for text, codes in stated.items() if len(codes) > 1}
    given: dict[str, str | None] = {}
    share_of = {text: shares(claims) for text, claims in stated.items()}
    for (code, text), row in rows.items():
        is_stated = row["expansion"] in STATED
        if is_stated and text in contested:
            if text not in given:
                given[text] = _given_to(row["evidence"], stated[text], ontology)
            row["resolved_code"] = given[text]
            row["is_ambiguous"] = given[text] is None
        row["document_count"] = notes.document_count(code, text)
        row["assigned_count"] = notes.assigned_count(code)
        share = share_of.get(text, {}).get(code)
        row["share"] = None if share is None else round(share, 4)
        row["benchmark_overlap"] = overlaps.get(text)
        row["is_trainable"] = is_stated and not row["is_ambiguous"] and row["resolved_code"] in (None, code)
    _set_ranks(rows.values())
    return list(rows.values())


def tier_counts(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Counts by tier, in the order of ``TIERS``.

    ``pairs``; ``trainable`` ones; ``codes`` with a direct pair of the tier; ``codes_alone`` that no other tier has one for.
    """
    counts = {tier: dict.fromkeys(("pairs", "trainable", "codes", "codes_alone"), 0) for tier in TIERS}
    tiers_of: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        counts[row["tier"]]["pairs"] += 1
        counts[row["tier"]]["trainable"] += row["is_trainable"]
        if row["expansion"] in STATED:
            tiers_of[row["code"]].add(row["tier"])
    for tiers in tiers_of.values():
        for tier in tiers:
            counts[tier]["codes"] += 1
            counts[tier]["codes_alone"] += len(tiers) == 1
    return counts


def _candidates(
    ontology: Ontology,
    gold: Iterable[Mapping[str, Any]],
    silver: Iterable[Mapping[str, Any]],
    synthetic: Iterable[Mapping[str, Any]],
) -> Iterator[tuple[int, Row]]:
    for pair in gold:
        yield firmness(pair, ontology), _row(pair, "gold", pair["source"], pair["expansion"])
    for pair in silver:
        if pair["is_trainable"]:
            yield OBSERVED, _row(pair, "silver", pair["grounding"], "direct")
    for pair in synthetic:
        yield OBSERVED, _row(pair, "synthetic", "title" if pair["is_fallback"] else "model", "direct")


def _row(pair: Mapping[str, Any], tier: str, source: str, expansion: str) -> Row:
    return {
        "release": pair["release"],
        "chapter": pair["chapter"],
        "pair_id": pair["pair_id"],
        "code": pair["code"],
        "evidence": pair["evidence"],
        "tier": tier,
        "source": source,
        "expansion": expansion,
        "resolved_code": None,
        "is_ambiguous": False,
        "firmness": OBSERVED,
        "document_count": 0,
        "assigned_count": 0,
        "share": None,
        "rank": pair.get("rank", 1),
        "benchmark_overlap": None,
        "is_trainable": False,
    }


def _set_ranks(rows: Iterable[Row]) -> None:
    """Number a code's rows of each tier, the best first: the title, then what most notes say, then as the tier ranks them."""
    members: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        members[row["code"], row["tier"]].append(row)
    for found in members.values():
        found.sort(
            key=lambda row: (not row["is_trainable"], row["source"] != "title", -row["document_count"], row["rank"])
        )
        for rank, row in enumerate(found, start=1):
            row["rank"] = rank


def _precedence(candidate: tuple[int, Row]) -> tuple[bool, int, int, int]:
    firm, row = candidate
    expansion = row["expansion"]
    return expansion not in STATED, TIERS.index(row["tier"]), _EXPANSION_ORDER[expansion], firm


def _require_one_release(tiers: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    labels = {tier: sorted({pair["release"] for pair in pairs}) for tier, pairs in tiers.items()}
    if len({label for found in labels.values() for label in found}) > 1:
        found = "; ".join(f"{tier}/pairs {', '.join(found)}" for tier, found in labels.items() if found)
        raise MixedReleasesError(
            f"the pairs are of several releases: {found}. Materialize the tiers of this chapter again with the active release"
        )


def _given_to(text: str, stated: Mapping[str, Claim], ontology: Ontology) -> str | None:
    known = {code: claim for code, claim in stated.items() if code in ontology}  # a gate names the others
    if len(known) < 2:
        return next(iter(known), None)
    resolution = resolve(text, known, ontology)
    return resolution.code if resolution else None


def _words_of(ontology: Ontology) -> frozenset[str]:
    """Words of all titles, folded: what is no misspelling."""
    return frozenset(fold(" ".join(code.title for code in ontology)).split())
