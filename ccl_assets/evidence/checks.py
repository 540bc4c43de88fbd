"""Gates of the knowledge base: pairs are about billable codes, extraction is parsed and grounded, every code is covered."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ccl_assets.evidence.folding import fold
from ccl_assets.gate import Gate

_SHOWN = 5
_LONGEST_EVIDENCE = 400
_MOST_UNPARSED = 0.01
_LEAST_VERBATIM = 0.80

PAIR_GATES = {
    "codes_billable": "Every pair's code is billable in the release.",
    "evidence_well_formed": f"Evidence has words and at most {_LONGEST_EVIDENCE} characters.",
}
EXTRACTION_GATES = {
    "answers_parsed": "At most 1 % of the codes asked for stay without a readable answer (warns with the packaged model).",
    "quotes_verbatim": "At least 80 % of the quotes are in the note as quoted (warns).",
}
SILVER_GATES = {**PAIR_GATES, "grounded": "Rows kept for training are candidates, gold terms or rewordings of one."}
KNOWLEDGE_BASE_GATES = {
    **PAIR_GATES,
    "every_code_covered": "Every billable code of the chapter has a direct pair (warns where the profile bounds synthesis).",
    "ambiguity_resolved": "No trainable evidence points to two codes.",
}


def pairs_about_billable_codes(rows: Sequence[Mapping[str, Any]], billable: Collection[str]) -> Gate:
    """Every pair's code is billable."""
    odd = sorted({row["code"] for row in rows if row["code"] not in billable})
    return Gate(
        "codes_billable",
        not odd,
        "the pairs come from another release: materialize icd/codes and what is upstream of these pairs",
        {"codes": len({row["code"] for row in rows}), "not_billable": len(odd), "first": odd[:_SHOWN]},
    )


def evidence_well_formed(rows: Sequence[Mapping[str, Any]]) -> Gate:
    """Evidence has words and is not a paragraph; offending pairs are named by id, never by text."""
    odd = [row["pair_id"] for row in rows if not fold(row["evidence"]) or len(row["evidence"]) > _LONGEST_EVIDENCE]
    return Gate(
        "evidence_well_formed",
        not odd,
        "correct the parser or the prompt that made these pairs",
        {"pairs": len(rows), "malformed": len(odd), "first": odd[:_SHOWN]},
    )


def answers_parsed(rows: Sequence[Mapping[str, Any]], *, is_packaged_model: bool) -> Gate:
    """Share of codes without a readable answer among those asked for."""
    asked = [row for row in rows if row["status"] != "not_asked"]
    unparsed = sum(row["status"] == "unparsed" for row in asked)
    share = unparsed / len(asked) if asked else 0.0
    return Gate(
        "answers_parsed",
        share <= _MOST_UNPARSED,
        "use a stronger miner (CCL_MINER_MODEL), or look at its raw answers in the completion store",
        {"asked": len(asked), "unparsed": unparsed, "share": round(share, 4)},
        is_blocking=not is_packaged_model,
    )


def quotes_verbatim(rows: Iterable[Mapping[str, Any]]) -> Gate:
    """Share of verbatim quotes among all quotes."""
    quoted = [row["status"] for row in rows if row["status"] in ("verbatim", "repaired", "ungrounded")]
    share = quoted.count("verbatim") / len(quoted) if quoted else 1.0
    return Gate(
        "quotes_verbatim",
        share >= _LEAST_VERBATIM,
        "a stronger miner quotes more faithfully; what is not in the note stays out of the candidates either way",
        {"quotes": len(quoted), "verbatim_share": round(share, 4)},
        is_blocking=False,
    )


def grounded(rows: Sequence[Mapping[str, Any]]) -> Gate:
    """No ungrounded row is kept for training."""
    odd = [row["pair_id"] for row in rows if row["is_trainable"] and row["grounding"] == "ungrounded"]
    return Gate(
        "grounded",
        not odd,
        "mark rows without grounding as not trainable",
        {
            "pairs": len(rows),
            "ungrounded": sum(row["grounding"] == "ungrounded" for row in rows),
            "first": odd[:_SHOWN],
        },
    )


def every_code_covered(rows: Sequence[Mapping[str, Any]], expected: Collection[str], *, is_bounded: bool) -> Gate:
    """Every billable code of the chapter has a direct pair; ambiguous ones count, since the code is known."""
    covered = {row["code"] for row in rows if row["expansion"] == "direct"}
    missing = sorted(set(expected) - covered)
    return Gate(
        "every_code_covered",
        not missing,
        "materialize synthetic/pairs with CCL_PROFILE=full",
        {
            "codes": len(expected),
            "covered": len(expected) - len(missing),
            "uncovered": len(missing),
            "first": missing[:_SHOWN],
        },
        is_blocking=not is_bounded,
    )


def ambiguity_resolved(rows: Sequence[Mapping[str, Any]]) -> Gate:
    """No trainable evidence text points to two codes."""
    codes_of: dict[str, set[str]] = {}
    for row in rows:
        if row["is_trainable"]:
            codes_of.setdefault(fold(row["evidence"]), set()).add(row["code"])
    odd = sorted(code for codes in codes_of.values() if len(codes) > 1 for code in codes)
    return Gate(
        "ambiguity_resolved",
        not odd,
        "mark these pairs ambiguous",
        {"ambiguous_marked": sum(row["is_ambiguous"] for row in rows), "first": odd[:_SHOWN]},
    )
