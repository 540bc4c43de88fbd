"""Silver evidence, stage two: a small set of usual wordings per code, each row marked by what it is grounded in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ccl_assets.evidence.folding import fold, pair_id
from ccl_assets.prompts import Prompt
from ccl_assets.resources.text_generation.requests import (
    Completion,
    GenerationParameters,
    GenerationRequest,
    Message,
)

_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+(.*\S)\s*$")
_MOST_PHRASES = 5
_PROMPT_CANDIDATES = 40
_PROMPT_TERMS = 15


@dataclass(frozen=True)
class CodeCandidates:
    """What is known of a code before refinement: candidates by frequency, and gold terms."""

    code: str
    title: str
    candidates: tuple[tuple[str, int], ...]
    gold_terms: tuple[str, ...]
    is_restricted: bool


def by_code(
    candidates: Iterable[Mapping[str, Any]],
    gold_terms: Mapping[str, Sequence[str]],
    titles: Mapping[str, str],
    *,
    is_restricted: bool,
) -> list[CodeCandidates]:
    """Group candidates by code, most frequent first; codes with most notes come first, so that a bound keeps them."""
    grouped: dict[str, list[tuple[str, int]]] = {}
    for row in candidates:
        grouped.setdefault(row["code"], []).append((row["evidence"], row["document_count"]))
    found = [
        CodeCandidates(
            code,
            titles.get(code, ""),
            tuple(sorted(phrases, key=lambda phrase: (-phrase[1], phrase[0]))),
            tuple(gold_terms.get(code, ())),
            is_restricted,
        )
        for code, phrases in grouped.items()
    ]
    return sorted(found, key=lambda item: (-sum(count for _, count in item.candidates), item.code))


def refinement_request(item: CodeCandidates, prompt: Prompt) -> GenerationRequest:
    """The request for one code: its gold terms and its candidates by frequency."""
    turns = prompt.turns(
        code=item.code,
        title=item.title,
        terms=list(item.gold_terms[:_PROMPT_TERMS]),
        candidates=list(item.candidates[:_PROMPT_CANDIDATES]),
    )
    return GenerationRequest(
        request_id=item.code,
        messages=tuple(Message(role, content) for role, content in turns),
        parameters=GenerationParameters(max_tokens=96),
        is_restricted=item.is_restricted,
    )


def read_bullets(text: str) -> list[str]:
    """Phrases of a bullet list, quotes stripped, repetitions dropped; any string in."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if match := _BULLET.match(line):
            phrase = re.sub(r"\s*\(\d+\)$", "", match[1]).strip("\"'“”`*").strip()
            if fold(phrase):
                found.setdefault(fold(phrase), phrase)
    return list(found.values())


def silver_rows(
    item: CodeCandidates, completion: Completion | None, *, release: str, chapter: str, prompt_sha256: str, model: str
) -> list[dict[str, Any]]:
    """Rows of ``silver/pairs`` for a code.

    Where no model was asked, or none of its phrases is grounded, the most frequent candidates stand for the code.
    """
    counts = {fold(text): (text, count) for text, count in item.candidates}
    gold = {fold(term) for term in item.gold_terms}
    phrases = read_bullets(completion.text)[:_MOST_PHRASES] if completion and completion.error is None else []
    refined_by = "model"
    if not any(fold(phrase) in counts or fold(phrase) in gold for phrase in phrases):
        phrases = [*phrases, *(text for text, _ in item.candidates[:_MOST_PHRASES])]
        refined_by = "frequency"
    rows: dict[str, dict[str, Any]] = {}
    for phrase in phrases:
        folded = fold(phrase)
        grounding = "candidate" if folded in counts else "gold_term" if folded in gold else "ungrounded"
        text, count = counts.get(folded, (phrase, 0))
        from_model = grounding == "ungrounded" or refined_by == "model"
        rows.setdefault(
            folded,
            {
                "release": release,
                "chapter": chapter,
                "pair_id": pair_id("silver", item.code, text),
                "code": item.code,
                "evidence": text,
                "grounding": grounding,
                "is_trainable": grounding != "ungrounded",
                "document_count": count,
                "refined_by": "model" if from_model else "frequency",
                "prompt_sha256": prompt_sha256 if from_model else None,
                "model": model if from_model else None,
            },
        )
    return list(rows.values())
