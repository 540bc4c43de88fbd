"""Gates of the knowledge base: pairs are about billable codes, extraction is parsed and grounded, every code is covered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from ccl_assets.evidence.gold.expansions import STATED
from ccl_assets.tables.gate import Gate, gate
from ccl_assets.text.content_words import singular
from ccl_assets.text.folding import fold

_SHOWN = 5
_LONGEST_EVIDENCE = 400
_MOST_UNPARSED = 0.01
_LEAST_VERBATIM = 0.80
_SYNTHESIZE_MORE = "materialize synthetic/pairs with CCL_PROFILE=full"


@gate("codes_billable", "Every pair's code is billable in the release.")
def pairs_about_billable_codes(rows: Sequence[Mapping[str, Any]], billable: Collection[str]) -> Gate:
    """Every pair's code is billable."""
    odd = sorted({row["code"] for row in rows if row["code"] not in billable})
    return Gate(
        "codes_billable",
        not odd,
        "the pairs come from another release: materialize icd/codes and what is upstream of these pairs",
        {"codes": len({row["code"] for row in rows}), "not_billable": len(odd), "first": odd[:_SHOWN]},
    )


@gate("evidence_well_formed", f"Evidence has words and at most {_LONGEST_EVIDENCE} characters.")
def evidence_well_formed(rows: Sequence[Mapping[str, Any]]) -> Gate:
    """Evidence has words and is not a paragraph; offending pairs are named by id, never by text."""
    odd = [row["pair_id"] for row in rows if not fold(row["evidence"]) or len(row["evidence"]) > _LONGEST_EVIDENCE]
    return Gate(
        "evidence_well_formed",
        not odd,
        "correct the parser or the prompt that made these pairs",
        {"pairs": len(rows), "malformed": len(odd), "first": odd[:_SHOWN]},
    )


@gate(
    "answers_parsed",
    "At most 1 % of the codes asked for stay without a readable answer (warns with the packaged model).",
)
def answers_parsed(rows: Sequence[Mapping[str, Any]], *, is_packaged_model: bool) -> Gate:
    """Share of codes without a readable answer among those asked for."""
    asked = [row for row in rows if row["status"] != "not_asked"]
    unparsed = [row for row in asked if row["status"] == "unparsed"]
    share = len(unparsed) / len(asked) if asked else 0.0
    return Gate(
        "answers_parsed",
        share <= _MOST_UNPARSED,
        "use a stronger miner (CCL_MINER_MODEL), or look at its raw answers in the completion store",
        {"asked": len(asked), "unparsed": len(unparsed), "share": round(share, 4), "first": _places(unparsed)},
        is_blocking=not is_packaged_model,
    )


@gate("quotes_verbatim", "At least 80 % of the quotes are in the note as quoted (warns).")
def quotes_verbatim(rows: Iterable[Mapping[str, Any]]) -> Gate:
    """Share of verbatim quotes among all quotes."""
    quoted = [row for row in rows if row["status"] in ("verbatim", "repaired", "ungrounded")]
    odd = [row for row in quoted if row["status"] != "verbatim"]
    share = 1 - len(odd) / len(quoted) if quoted else 1.0
    return Gate(
        "quotes_verbatim",
        share >= _LEAST_VERBATIM,
        "a stronger miner quotes more faithfully; what is not in the note stays out of the candidates either way",
        {"quotes": len(quoted), "not_verbatim": len(odd), "verbatim_share": round(share, 4), "first": _places(odd)},
        is_blocking=False,
    )


def _places(extractions: Sequence[Mapping[str, Any]]) -> list[str]:
    """The first of these extractions by note and code."""
    return [f"{row['corpus']}/{row['document_id']} {row['code']}" for row in extractions[:_SHOWN]]


@gate("grounded", "Rows kept for training are candidates, gold terms or rewordings of one.")
def grounded(rows: Sequence[Mapping[str, Any]]) -> Gate:
    """No ungrounded row is kept for training."""
    odd = [row["pair_id"] for row in rows if row["is_trainable"] and row["grounding"] == "ungrounded"]
    return Gate(
        "grounded",
        not odd,
        "a defect of the refinement, which marks rows without grounding as not trainable: correct it and materialize again",
        {
            "pairs": len(rows),
            "ungrounded": sum(row["grounding"] == "ungrounded" for row in rows),
            "ungrounded_and_trained_on": len(odd),
            "first": odd[:_SHOWN],
        },
    )


@gate("no_sibling_duplicates", "No two codes have the same evidence, plural endings aside.")
def no_sibling_duplicates(rows: Iterable[Mapping[str, Any]]) -> Gate:
    """No two codes of a chapter's synthetic tier have the same words in the same order; codes are named, never texts."""
    codes_of: dict[tuple[str, ...], set[str]] = {}
    for row in rows:
        words = tuple(singular(word) for word in fold(row["evidence"]).split())
        codes_of.setdefault(words, set()).add(row["code"])
    shared = sorted(sorted(codes) for codes in codes_of.values() if len(codes) > 1)
    return Gate(
        "no_sibling_duplicates",
        not shared,
        "correct how the members of a family are told apart, or the rule that refuses a sibling's evidence",
        {"phrases": len(codes_of), "shared": len(shared), "first": [" ".join(codes) for codes in shared[:_SHOWN]]},
    )


@gate(
    "every_uncovered_code_written",
    "Every uncovered code of the chapter has evidence (warns where the profile bounds synthesis).",
)
def every_uncovered_code_written(
    rows: Iterable[Mapping[str, Any]], uncovered: Collection[str], *, is_bounded: bool
) -> Gate:
    """Every code that gold and silver leave uncovered has synthetic evidence."""
    missing = sorted(set(uncovered) - {row["code"] for row in rows})
    return Gate(
        "every_uncovered_code_written",
        not missing,
        _SYNTHESIZE_MORE
        if is_bounded
        else "materialize synthetic/nearest_codes of this chapter again, then this table",
        {"uncovered_before": len(uncovered), "not_written": len(missing), "first": missing[:_SHOWN]},
        is_blocking=not is_bounded,
    )


@gate(
    "every_code_covered",
    "Every billable code of the chapter has a direct pair (warns where the profile bounds synthesis).",
)
def every_code_covered(rows: Sequence[Mapping[str, Any]], expected: Collection[str], *, is_bounded: bool) -> Gate:
    """Every billable code of the chapter has a direct pair; one not trained on counts, since the code is known.

    The details also count codes that have a direct pair but none to train on, and the codes that each tier covers.
    """
    tiers_of: dict[str, set[str]] = {}
    for row in rows:
        if row["expansion"] in STATED:
            tiers_of.setdefault(row["code"], set()).add(row["tier"])
    covered = tiers_of.keys()
    untrained = sorted(covered - {row["code"] for row in rows if row["is_trainable"]})
    missing = sorted(set(expected) - covered)
    return Gate(
        "every_code_covered",
        not missing,
        _SYNTHESIZE_MORE
        if is_bounded
        else "synthesis saw other gold or silver pairs than these: materialize synthetic/coverage and, of this chapter, "
        "nearest_codes and pairs again",
        {
            "codes": len(expected),
            "covered": len(expected) - len(missing),
            "uncovered": len(missing),
            "first": missing[:_SHOWN],
            "without_trainable_pair": len(untrained),
            "first_without_trainable_pair": untrained[:_SHOWN],
            **{f"codes_{tier}": count for tier, count in sorted(Counter(chain(*tiers_of.values())).items())},
        },
        is_blocking=not is_bounded,
    )


@gate("ambiguity_resolved", "No trainable evidence points to two codes, or to another than the one it was given to.")
def ambiguity_resolved(rows: Sequence[Mapping[str, Any]]) -> Gate:
    """No trainable evidence text points to two codes, and what was given to one code is trained on for no other."""
    codes_of: dict[str, set[str]] = {}
    for row in rows:
        if row["is_trainable"]:
            codes = codes_of.setdefault(fold(row["evidence"]), set())
            codes |= {row["code"], row["resolved_code"] or row["code"]}
    odd = sorted(" ".join(sorted(codes)) for codes in codes_of.values() if len(codes) > 1)
    marked = Counter(row["tier"] for row in rows if row["is_ambiguous"])
    given_away = Counter(row["tier"] for row in rows if row["resolved_code"] not in (None, row["code"]))
    return Gate(
        "ambiguity_resolved",
        not odd,
        "a defect of the knowledge base, which marks such pairs ambiguous or gives their text to one code: correct it and "
        "materialize again",
        {
            "unresolved": len(odd),
            "ambiguous_marked": marked.total(),
            **{f"ambiguous_{tier}": count for tier, count in sorted(marked.items())},
            "resolved": sum(row["resolved_code"] == row["code"] for row in rows),
            **{f"given_to_another_code_{tier}": count for tier, count in sorted(given_away.items())},
            "first": odd[:_SHOWN],
        },
    )
