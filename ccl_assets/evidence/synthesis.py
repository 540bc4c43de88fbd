"""Synthetic pairs: conservative evidence for uncovered codes, written from their nearest covered code (paper section 3.3).

Codes that differ in the 7th character only form a family and share one request; the release's own words for the 7th character
tell the members apart, so nothing is invented about the encounter.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ccl_assets.evidence.folding import fold, pair_id
from ccl_assets.evidence.refinement import read_bullets
from ccl_assets.icd.ontology import Ontology
from ccl_assets.prompts import Prompt
from ccl_assets.resources.text_generation.requests import (
    Completion,
    GenerationParameters,
    GenerationRequest,
    Message,
)

PHRASES_PER_FAMILY = 2
_SHORTEST, _LONGEST = 4, 160
_CODE = re.compile(r"\b[A-Z](?:\d[0-9A-Z]|A\d)(?:\.[0-9A-Z]{1,4})?\b")  # "CAD" and "PAD" are words
_UNWANTED = re.compile(
    r"\b(treat\w*|surg\w*|therap\w*|admitted|admission|hospital\w*|emergency|clinic|encounter|prescri\w*|denies|without|"
    r"no (?:evidence|sign)|not)\b",
    re.IGNORECASE,
)
_FUNCTION_WORDS = frozenset(
    {
        "a",
        "an",
        "and",
        "at",
        "by",
        "due",
        "for",
        "from",
        "in",
        "of",
        "on",
        "or",
        "other",
        "the",
        "to",
        "unspecified",
        "with",
    }
)


@dataclass(frozen=True)
class Family:
    """Uncovered codes that share a stem, and the covered code their evidence is derived from."""

    family_code: str
    member_codes: tuple[str, ...]
    neighbour_code: str
    neighbour_evidence: tuple[str, ...]


def families(
    nearest: Sequence[Mapping[str, Any]], ontology: Ontology, evidence: Mapping[str, Sequence[str]]
) -> list[Family]:
    """Group the uncovered codes of a chapter; order is by hash, so that a bound takes an even sample.

    Args:
        nearest: ``synthetic/nearest_codes`` rows; rank 1 is used.
        ontology: The release's codes.
        evidence: Known evidence of covered codes.
    """
    members: dict[str, list[str]] = {}
    neighbours: dict[str, str] = {}
    for row in nearest:
        if row["rank"] == 1:
            family = ontology[row["code"]].family_code
            members.setdefault(family, []).append(row["code"])
            neighbours[family] = row["neighbour_code"]
    found = [
        Family(family, tuple(codes), neighbours[family], tuple(evidence.get(neighbours[family], ()))[:4])
        for family, codes in members.items()
    ]
    return sorted(found, key=lambda item: hashlib.sha256(item.family_code.encode()).digest())


def synthesis_request(
    family: Family, ontology: Ontology, prompt: Prompt, *, is_restricted: bool = False
) -> GenerationRequest:
    """The request for one family; restricted if the neighbour's evidence may quote restricted notes."""
    entry = ontology[family.family_code]
    turns = prompt.turns(
        title=entry.title,
        parent_title=ontology[entry.parent_code].title if entry.parent_code else ontology[entry.code].title,
        neighbour_title=ontology[family.neighbour_code].long_title,
        neighbour_evidence=list(family.neighbour_evidence) or [ontology[family.neighbour_code].title],
        count=PHRASES_PER_FAMILY,
    )
    return GenerationRequest(
        request_id=family.family_code,
        messages=tuple(Message(role, content) for role, content in turns),
        parameters=GenerationParameters(max_tokens=64),
        is_restricted=is_restricted,
    )


def rejection(phrase: str, title: str) -> str | None:
    """Why a phrase may not stand as evidence of a title, or ``None`` if it may.

    Refused: too short or long, a code instead of words, talk of treatment, place or absence that the title does not have,
    no content word of the title, a side the title does not state.
    """
    words, title_words = set(fold(phrase).split()), set(fold(title).split())
    if not _SHORTEST <= len(phrase) <= _LONGEST:
        return "length"
    if any(found not in title for found in _CODE.findall(phrase)):  # titles name vitamin B12 and vertebra T12
        return "code"
    unwanted = {match.lower() for match in _UNWANTED.findall(phrase)}
    if any(word not in title.lower() for word in unwanted):
        return "unwanted_content"
    if not (words - _FUNCTION_WORDS) & (title_words - _FUNCTION_WORDS):
        return "off_topic"
    for side in ("left", "right", "bilateral"):
        if (side in words) != (side in title_words):
            return "laterality"
    return None


def synthetic_rows(
    family: Family,
    completion: Completion,
    ontology: Ontology,
    *,
    release: str,
    chapter: str,
    prompt_sha256: str,
    model: str,
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Rows of ``synthetic/pairs`` for a family, and how many phrases were refused by reason.

    If no phrase passes, the title itself is used and marked ``is_fallback``.
    """
    title = ontology[family.family_code].title
    refused: dict[str, int] = {}
    phrases = []
    for phrase in read_bullets(completion.text) if completion.error is None else ():
        reason = rejection(phrase, title)
        if reason is None:
            phrases.append(phrase)
        else:
            refused[reason] = refused.get(reason, 0) + 1
    is_fallback = not phrases
    rows: dict[str, dict[str, Any]] = {}
    for code in family.member_codes:
        entry = ontology[code]
        meaning = entry.long_title[len(entry.title) :].lstrip(", ")
        for phrase in phrases[:PHRASES_PER_FAMILY] or [title]:
            evidence = f"{phrase}, {meaning}" if meaning else phrase
            row = {
                "release": release,
                "chapter": chapter,
                "pair_id": pair_id("synthetic", code, evidence),
                "code": code,
                "evidence": evidence,
                "neighbour_code": family.neighbour_code,
                "is_fallback": is_fallback,
                "attempt_count": 1,
                "prompt_sha256": prompt_sha256,
                "model": model,
            }
            rows.setdefault(str(row["pair_id"]), row)
    return list(rows.values()), refused
