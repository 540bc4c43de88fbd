"""Silver evidence, stage two: a small set of usual wordings per code, each row marked by what it is grounded in."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from ccl_assets.evidence.silver.candidates import LONGEST_PHRASE
from ccl_assets.evidence.silver.rewording import Nearest
from ccl_assets.prompts import TEMPLATE_TOKENS, Prompt
from ccl_assets.resources.text_generation.requests import (
    Completion,
    GenerationParameters,
    GenerationRequest,
    Message,
)
from ccl_assets.text.folding import fold, pair_id
from ccl_assets.text.windows import approximate_token_count

_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+(.*\S)\s*$")
_MOST_PHRASES = 10  # more than the caps of a recipe keep, so that these decide
_PROMPT_CANDIDATES = 40
_PROMPT_TERMS = 15
_PROMPT_EVIDENCE = 15
_ANSWER_TOKENS = 160


@dataclass(frozen=True)
class CodeCandidates:
    """Evidence of a code before refinement: candidates by frequency, gold terms, and human evidence of training notes."""

    code: str
    title: str
    candidates: tuple[tuple[str, int], ...]
    gold_terms: tuple[str, ...]
    is_restricted: bool
    evidence: tuple[str, ...] = ()

    @property
    def known_phrases(self) -> list[str]:
        """Phrases that ground a new one: candidates, gold terms and human evidence."""
        return [*(text for text, _ in self.candidates), *self.gold_terms, *self.evidence]


class HumanSpans(NamedTuple):
    """Spans that annotators marked for a code in training notes: the distinct phrases, and whether a note of them is restricted."""

    phrases: tuple[str, ...]
    is_restricted: bool


def human_spans(evidence: Iterable[Mapping[str, Any]], documents: Iterable[Mapping[str, Any]]) -> dict[str, HumanSpans]:
    """The existing evidence set of each code, most frequent first.

    Args:
        evidence: Rows of ``corpus/evidence`` (corpus, document_id, code, evidence_text).
        documents: Rows of ``corpus/documents`` of the training split (corpus, document_id, is_restricted).
    """
    restricted = {(row["corpus"], row["document_id"]): row["is_restricted"] for row in documents}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    written: dict[str, str] = {}
    closed: set[str] = set()
    for row in evidence:
        note = row["corpus"], row["document_id"]
        text = " ".join(row["evidence_text"].split())
        if note in restricted and fold(text) and len(text) <= LONGEST_PHRASE:
            counts[row["code"]][fold(text)] += 1
            written.setdefault(fold(text), text)
            if restricted[note]:
                closed.add(row["code"])
    return {
        code: HumanSpans(
            tuple(written[folded] for folded, _ in sorted(found.items(), key=lambda one: (-one[1], one[0]))),
            code in closed,
        )
        for code, found in counts.items()
    }


def by_code(
    candidates: Iterable[Mapping[str, Any]],
    gold_terms: Mapping[str, Sequence[str]],
    titles: Mapping[str, str],
    evidence: Mapping[str, HumanSpans] = MappingProxyType({}),
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
            is_restricted or (code in evidence and evidence[code].is_restricted),
            evidence[code].phrases if code in evidence else (),
        )
        for code, phrases in grouped.items()
    ]
    return sorted(found, key=lambda item: (-sum(count for _, count in item.candidates), item.code))


def refinement_request(item: CodeCandidates, prompt: Prompt, context_tokens: int) -> GenerationRequest:
    """The request for one code: its gold terms and human evidence, and its candidates as far as they fit the model's window."""
    values = {"code": item.code, "title": item.title, "terms": list(item.gold_terms[:_PROMPT_TERMS])}
    values["evidence"] = list(item.evidence[:_PROMPT_EVIDENCE])
    fixed = sum(approximate_token_count(content) for _, content in prompt.turns(**values, candidates=[]))
    budget = context_tokens - _ANSWER_TOKENS - TEMPLATE_TOKENS - fixed
    shown: list[tuple[str, int]] = []
    for text, count in item.candidates[:_PROMPT_CANDIDATES]:
        budget -= approximate_token_count(f"{text} ({count}); ")
        if budget < 0:
            break
        shown.append((text, count))
    turns = prompt.turns(**values, candidates=shown)
    return GenerationRequest(
        request_id=item.code,
        messages=tuple(Message(role, content) for role, content in turns),
        parameters=GenerationParameters(max_tokens=_ANSWER_TOKENS),
        is_restricted=item.is_restricted,
    )


def read_bullets(text: str, *, is_cut: bool = False) -> list[str]:
    """Phrases of a bullet list, quotes stripped, repetitions and passages dropped; any string in.

    Args:
        text: The answer.
        is_cut: It ended at its token limit: an unfinished last line may be half a phrase and is left out.
    """
    found: dict[str, str] = {}
    for line in text.splitlines()[: -1 if is_cut else None]:
        if match := _BULLET.match(line):
            phrase = re.sub(r"\s*\(\d+\)$", "", match[1]).strip("\"'“”`*").strip()
            if fold(phrase) and len(phrase) <= LONGEST_PHRASE:
                found.setdefault(fold(phrase), phrase)
    return list(found.values())


def refined_phrases(completion: Completion | None) -> list[str]:
    """The phrases a model chose, none where it was not asked or failed."""
    if completion is None or completion.error is not None:
        return []
    return read_bullets(completion.text, is_cut=completion.finish_reason == "length")[:_MOST_PHRASES]


def unknown_phrases(item: CodeCandidates, completion: Completion | None) -> list[str]:
    """Those of the chosen phrases that are neither candidates nor gold terms."""
    known = {fold(text) for text in item.known_phrases}
    return [phrase for phrase in refined_phrases(completion) if fold(phrase) not in known]


def silver_rows(
    item: CodeCandidates,
    completion: Completion | None,
    nearest: Mapping[tuple[str, str], Nearest],
    *,
    release: str,
    chapter: str,
    prompt_sha256: str,
    model: str,
) -> list[dict[str, Any]]:
    """Rows of ``silver/pairs`` for a code.

    Where no model was asked, or none of its phrases is grounded, the most frequent candidates stand for the code.

    Args:
        item: The code.
        completion: Its refinement.
        nearest: What is known nearest to :func:`unknown_phrases`, from :func:`ccl_assets.evidence.silver.rewording.nearest_known`.
        release: Release label.
        chapter: Partition.
        prompt_sha256: Hash of the prompt.
        model: Model that was asked.
    """
    counts = {fold(text): (text, count) for text, count in item.candidates}
    gold = {fold(term) for term in item.gold_terms}
    marked = {fold(text) for text in item.evidence}
    rows: dict[str, dict[str, Any]] = {}

    def add(phrase: str, refined_by: str) -> None:
        folded = fold(phrase)
        text, count = counts.get(folded, (phrase, 0))
        known = None
        if folded in counts:
            grounding = "candidate"
        elif folded in gold:
            grounding = "gold_term"
        elif folded in marked:
            grounding = "human_evidence"
        else:
            known = nearest.get((item.code, phrase))
            grounding = "rewording" if known and known.is_reworded else "ungrounded"
        rows.setdefault(
            folded,
            {
                "release": release,
                "chapter": chapter,
                "pair_id": pair_id("silver", item.code, text),
                "code": item.code,
                "evidence": text,
                "grounding": grounding,
                "rewords": known.text if known and known.is_reworded else None,
                "similarity": round(known.similarity, 4) if known else None,
                "is_trainable": grounding != "ungrounded",
                "document_count": count,
                "refined_by": refined_by,
                "prompt_sha256": prompt_sha256 if refined_by == "model" else None,
                "model": model if refined_by == "model" else None,
            },
        )

    for phrase in refined_phrases(completion):
        add(phrase, "model")
    if not any(row["is_trainable"] for row in rows.values()):
        for text, _ in item.candidates[:_MOST_PHRASES]:
            add(text, "frequency")
    return list(rows.values())
