"""Synthetic pairs: conservative evidence for uncovered codes, written from their nearest covered codes (paper section 3.3).

One request is made per family (``families``): the phrases are written for its representative and said of the other members by
rule, so nothing is invented about side or encounter. Phrases that break a rule (``rules``) are refused, and a family without a
phrase is asked again with the reasons; at last title and inclusion terms stand in, as they do for a member that has fewer than two
phrases.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ccl_assets.evidence.silver.refinement import read_bullets
from ccl_assets.evidence.synthetic.fallback import fallback_phrases
from ccl_assets.evidence.synthetic.families import Family, families, vary
from ccl_assets.evidence.synthetic.rules import Refusal, Subject, refusal
from ccl_assets.evidence.synthetic.title_match import TitleMatch
from ccl_assets.icd.ontology import Ontology
from ccl_assets.prompts import Prompt
from ccl_assets.resources.text_generation.requests import (
    Completion,
    GenerationParameters,
    GenerationRequest,
    Message,
)
from ccl_assets.text.clinical_words import clinical_words
from ccl_assets.text.folding import fold, pair_id
from ccl_assets.text.plain_titles import plain_title

LEAST_PHRASES, PHRASES_PER_FAMILY = 2, 4
ROUNDS = 3
_ANSWER_TOKENS = 96
_AGAIN_TEMPERATURE = 0.7  # greedy, a small model writes again what was refused
_SHOWN_SIBLINGS = 3
_SHOWN_TERMS = 2
_SHOWN_PHRASES = 3
_SHOWN_REFUSALS = 4
_UNRELATED = ("chapter", "none")
_EXTERNAL_CAUSES = "V00-Y99"
_STALE = "materialize synthetic/nearest_codes again"


_families = lru_cache(maxsize=1)(families)  # by identity: grouping and telling apart need the same ones


@dataclass
class UncoveredFamily:
    """A family with uncovered codes.

    Attributes:
        family: The family, covered members included.
        nearest: The nearest covered code of each uncovered member, in release order.
        neighbours: Of the nearest covered codes of its first uncovered member those at least of its block, best first: what is
            known of others shows nothing to imitate.
        phrases: Accepted so far.
        refused: Phrases refused so far, and what the model is told of them.
        request_count: Requests answered so far.
    """

    family: Family
    nearest: dict[str, str]
    neighbours: tuple[str, ...]
    phrases: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    request_count: int = 0


def uncovered_families(nearest: Iterable[Mapping[str, Any]], ontology: Ontology) -> list[UncoveredFamily]:
    """Group the uncovered codes of a chapter; order is by hash, so that a bound takes an even sample.

    Args:
        nearest: ``synthetic/nearest_codes`` rows of the chapter.
        ontology: The release's codes.

    Raises:
        ValueError: A row names a code that is not billable in the release.
    """
    family_of = {code: family for family in _families(ontology).values() for code in family.variations}
    ranked: dict[str, list[tuple[int, str, bool]]] = defaultdict(list)
    for row in nearest:
        if row["code"] not in family_of or row["neighbour_code"] not in ontology:
            raise ValueError(f"{row['code']} or its neighbour is no billable code of this release: {_STALE}")
        is_relative = row["relation"] not in _UNRELATED
        ranked[row["code"]].append((row["rank"], row["neighbour_code"], is_relative))
    found: dict[str, UncoveredFamily] = {}
    for code in sorted(ranked):
        neighbours = sorted(ranked[code])
        relatives = tuple(neighbour for _, neighbour, is_relative in neighbours if is_relative)
        family = family_of[code]
        item = found.setdefault(family.family_code, UncoveredFamily(family, {}, relatives))
        item.nearest[code] = neighbours[0][1]
    return sorted(found.values(), key=lambda item: hashlib.sha256(item.family.family_code.encode()).digest())


class Synthesis:
    """The families of a chapter that are asked, and what was accepted and refused for them.

    Ask until nothing is left::

        while requests := synthesis.requests():
            synthesis.take(answer(requests))
        rows = synthesis.rows(...)
    """

    def __init__(
        self,
        asked: Sequence[UncoveredFamily],
        ontology: Ontology,
        evidence: Mapping[str, Sequence[str]],
        prompt: Prompt,
        *,
        is_restricted: bool = False,
    ) -> None:
        """Prepare to ask.

        Args:
            asked: Families of one chapter, from :func:`uncovered_families`.
            ontology: The release's codes.
            evidence: Known evidence of covered codes, best first.
            prompt: ``evidence_synthesis``.
            is_restricted: The evidence may quote restricted notes.
        """
        self._asked = asked
        self._ontology = ontology
        self._evidence = evidence
        self._prompt = prompt
        self._is_restricted = is_restricted
        self._context = _Context(ontology, evidence, {item.family.family_code for item in asked})
        self._taken: dict[frozenset[str], str] = {}
        self._round = 0
        self.refused = Counter[str]()

    def requests(self) -> list[GenerationRequest]:
        """The next round: one request per family that has no phrase yet; none when nothing is left to ask."""
        if self._round == ROUNDS:
            return []
        return [self._request(item) for item in self._asked if not item.phrases]

    def take(self, completions: Mapping[str, Completion]) -> None:
        """Judge the answers of a round by request id; a missing one, or an error, counts as refused."""
        for item in self._asked:
            if not item.phrases:
                self._judge(item, completions.get(self._request_id(item)))
                item.request_count += 1
        self._round += 1

    def rows(self, *, release: str, chapter: str, model: str) -> list[dict[str, Any]]:
        """Rows of ``synthetic/pairs``: at least one for every uncovered code of the families."""
        written: dict[str, str] = {}
        rows = []
        for item in self._asked:
            subject = self._context.subject(item)
            for code in item.nearest:
                phrases = dict.fromkeys(self._said_of(item, code, item.phrases, written), False)
                if len(phrases) < LEAST_PHRASES:
                    known = {fold(phrase) for phrase in phrases}
                    for phrase in self._fallback(item, subject, code, written)[: LEAST_PHRASES - len(phrases)]:
                        if fold(phrase) not in known:
                            phrases[phrase] = True
                for evidence, is_fallback in phrases.items():
                    written[fold(evidence)] = code
                    rows.append(
                        {
                            "release": release,
                            "chapter": chapter,
                            "pair_id": pair_id("synthetic", code, evidence),
                            "code": code,
                            "evidence": evidence,
                            "family_code": item.family.family_code,
                            "neighbour_code": item.nearest[code],
                            "is_fallback": is_fallback,
                            "attempt_count": item.request_count,
                            "prompt_sha256": self._prompt.sha256,
                            "model": model,
                        }
                    )
        return rows

    @property
    def summary(self) -> dict[str, int]:
        """Counts for asset metadata: families by the round that gave a phrase, fallbacks, refusals by reason."""
        written = Counter(item.request_count for item in self._asked if item.phrases)
        return {
            "families_asked": len(self._asked),
            **{f"families_written_in_round_{number}": written[number] for number in range(1, ROUNDS + 1)},
            "families_with_fallback": sum(not item.phrases for item in self._asked),
            **{f"refused_{reason}": count for reason, count in sorted(self.refused.items())},
        }

    # -- asking --------------------------------------------------------------------------------------------------------

    def _request_id(self, item: UncoveredFamily) -> str:
        return f"{item.family.family_code}#{self._round + 1}"

    def _request(self, item: UncoveredFamily) -> GenerationRequest:
        entry = self._ontology[item.family.representative_code]
        turns = self._prompt.turns(
            title=entry.title,
            parent_title=self._ontology[entry.parent_code].title if entry.parent_code else entry.title,
            inclusion_terms=list(entry.inclusion_terms[:_SHOWN_TERMS]),
            sibling_titles=[plain_title(title) for title in self._context.siblings(item)[:_SHOWN_SIBLINGS]],
            neighbours=[self._neighbour(code) for code in item.neighbours],
            refused=list(item.refused.items())[-_SHOWN_REFUSALS:],
            count=PHRASES_PER_FAMILY,
        )
        return GenerationRequest(
            request_id=self._request_id(item),
            messages=tuple(Message(role, content) for role, content in turns),
            parameters=GenerationParameters(_ANSWER_TOKENS, _AGAIN_TEMPERATURE if self._round else 0.0),
            is_restricted=self._is_restricted,
            sample=self._round,
        )

    def _neighbour(self, code: str) -> tuple[str, list[str]]:
        title = self._ontology[code].long_title
        phrases = {fold(text): text for text in reversed(self._evidence.get(code, ())) if fold(text) != fold(title)}
        return plain_title(title), list(phrases.values())[::-1][:_SHOWN_PHRASES]

    # -- judging -------------------------------------------------------------------------------------------------------

    def _judge(self, item: UncoveredFamily, completion: Completion | None) -> None:
        phrases = _phrases(completion)
        if not phrases:
            self._refuse(item, "", Refusal("no_answer", "answer with a list"))
            return
        subject = self._context.subject(item)
        seen: set[frozenset[str]] = set()
        for phrase in phrases:
            words = frozenset(fold(phrase).split())
            found = refusal(phrase, subject, self._taken)
            if found is None and any(self._varied(item, phrase, code) is None for code in item.nearest):
                found = Refusal("not_variable", "it cannot be said of the other side")
            if found is None and words in seen:
                found = Refusal("repetition", "it was said already")
            if found is not None:
                self._refuse(item, phrase, found)
            elif len(item.phrases) < PHRASES_PER_FAMILY:
                item.phrases.append(phrase)
                seen.add(words)
        self._taken.update({subject.key(phrase): item.family.title for phrase in item.phrases})

    def _refuse(self, item: UncoveredFamily, phrase: str, found: Refusal) -> None:
        self.refused[found.reason] += 1
        item.refused[phrase[:80]] = found.sentence

    # -- writing -------------------------------------------------------------------------------------------------------

    def _varied(self, item: UncoveredFamily, phrase: str, code: str) -> str | None:
        return vary(phrase, item.family.shown, item.family.variations[code])

    def _said_of(
        self, item: UncoveredFamily, code: str, phrases: Iterable[str], written: Mapping[str, str]
    ) -> list[str]:
        """The phrases said of a member, without what was written for another code."""
        varied = (self._varied(item, phrase, code) for phrase in phrases)
        found = {fold(text): text for text in varied if text and fold(text)}
        return [text for folded, text in found.items() if written.get(folded, code) == code]

    def _fallback(self, item: UncoveredFamily, subject: Subject, code: str, written: Mapping[str, str]) -> list[str]:
        entry = self._ontology[item.family.representative_code]
        plain = [
            phrase
            for phrase in fallback_phrases(entry.title, entry.inclusion_terms)
            if subject.key(phrase) not in subject.keys_of_others
        ]
        found = self._said_of(item, code, plain, written)[:PHRASES_PER_FAMILY]
        found = found or self._said_of(item, code, [entry.title], written)
        return found or [self._ontology[code].long_title]


class _Context:
    """What families are told apart by: titles, terms and evidence of their categories."""

    def __init__(self, ontology: Ontology, evidence: Mapping[str, Sequence[str]], family_codes: set[str]) -> None:
        self._ontology = ontology
        self._evidence = evidence
        categories = {code[:3] for code in family_codes}
        chapters = {ontology[code].chapter for code in family_codes}
        self._category: dict[str, list[Family]] = defaultdict(list)
        texts: dict[str, list[str]] = {}
        for family in _families(ontology).values():
            if family.family_code[:3] in categories:
                self._category[family.family_code[:3]].append(family)
            if ontology[family.family_code].chapter in chapters:
                texts[family.family_code] = self._texts(family)
        self._chapter = TitleMatch(texts)

    def _texts(self, family: Family) -> list[str]:
        return [family.title, *self._ontology[family.representative_code].inclusion_terms]

    def subject(self, item: UncoveredFamily) -> Subject:
        """What the family's evidence must say; not kept, since it holds a set for every family of the category."""
        family, entry = item.family, self._ontology[item.family.representative_code]
        others = [other for other in self._category[entry.code[:3]] if other.family_code != family.family_code]
        near = dict.fromkeys([*item.neighbours, *(code for other in others for code in other.variations)])
        return Subject(
            family_code=family.family_code,
            title=entry.title,
            family_title=family.title,
            terms=entry.inclusion_terms,
            context=tuple(self._ontology[code].title for code in self._ontology.ancestors(entry.code)),
            others=tuple(text for other in others for text in self._texts(other)),
            evidence_of_others=tuple(
                text for code in near if code not in family.variations for text in self._evidence.get(code, ())
            ),
            chapter=self._chapter,
            is_external_cause=entry.chapter.endswith(_EXTERNAL_CAUSES),
        )

    def siblings(self, item: UncoveredFamily) -> list[str]:
        """Titles of the families that are nearest in the hierarchy, those that share most words first."""
        representative = item.family.representative_code
        words = clinical_words(item.family.title)
        others = [other for other in self._category[representative[:3]] if other.family_code != item.family.family_code]
        for above in self._ontology.ancestors(representative):
            below = [other for other in others if other.family_code.startswith(above)]
            if below:
                return [
                    other.title for other in sorted(below, key=lambda other: -len(words & clinical_words(other.title)))
                ]
        return []


def _phrases(completion: Completion | None) -> list[str]:
    """Phrases of an answer: its bullets or, if it has none, its lines; semicolons part phrases as well."""
    if completion is None or completion.error is not None:
        return []
    lines = completion.text.splitlines()
    if completion.finish_reason == "length":  # the last one may be half a phrase
        lines[-1:] = lines[-1].split(";")[:-1] if lines else []
    found = read_bullets("\n".join(lines)) or read_bullets("\n".join(f"- {line}" for line in lines))
    return [phrase.strip(" \"'“”") for line in found for phrase in line.split(";") if fold(phrase)]
