"""Terms of the linker: spans of the knowledge base and of training notes by their stems, with the codes they may mean."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ccl_assets.linking.stems import Stems

HUMAN = "human"
LEARNED = "learned"
TIERS = (
    HUMAN, "title", "short_form", "index", "default_form", "inclusion_term", "turned", "silver", "synthetic", LEARNED
)  # fmt: skip
_OF_SOURCE = {
    "title": "title",
    "inclusion_term": "inclusion_term",
    "includes": "inclusion_term",
    "short_form": "short_form",
}
_TURNED = {"title": "index", "index": "turned", "inclusion_term": "turned"}
_PARENTHESES = re.compile(r"\s*\([^()]*\)|\s*\[[^\[\]]*\]")
_TAIL = re.compile(r",?\s+(?:NOS|unspecified(?: \w+)?|\w+ not specified)$|^unspecified\s+", re.IGNORECASE)
MIN_LETTERS = 2
_MOST_STEMS = 8
_MOST_CODES = 12


class EmptyTierError(ValueError):
    """A tier that was asked for holds no term; the message names it."""


@dataclass
class Meaning:
    """A code that a term may mean.

    Attributes:
        tier: The best tier that states it, ``human`` aside; empty where only training notes do.
        notes: Training notes whose human spans state it, with how often.
        is_learned: Training notes without human spans go with it.
    """

    tier: str = ""
    notes: Counter[str] = field(default_factory=Counter)
    is_learned: bool = False

    @property
    def best_tier(self) -> str:
        """Tier that says most of it: the release's, else human, else learned."""
        return self.tier or (HUMAN if self.notes else LEARNED)


class Terms:
    """Stems of each term and what they may mean; ``keys`` and ``meanings`` are parallel."""

    def __init__(self, language: str) -> None:
        """Begin without a term.

        Args:
            language: ``en`` or ``es``.
        """
        self.language = language
        self.stems = Stems(language)
        self.keys: list[tuple[str, ...]] = []
        self.meanings: list[dict[str, Meaning]] = []
        self._numbers: dict[tuple[str, ...], int] = {}

    def __len__(self) -> int:
        return len(self.keys)

    def add_pairs(self, pairs: Iterable[Mapping[str, Any]]) -> None:
        """Take rows of ``knowledge_base/pairs``: those that may be trained on, by tier and source.

        Args:
            pairs: Rows with ``code``, ``evidence``, ``tier``, ``source``, ``is_trainable``.
        """
        for row in pairs:
            if row["is_trainable"]:
                for form, tier in forms(
                    row["evidence"], tier_of(row["tier"], row["source"], row.get("modifier"))
                ).items():
                    if key := self._key(form):
                        meaning = self._meaning(key, row["code"])
                        if not meaning.tier or TIERS.index(tier) < TIERS.index(meaning.tier):
                            meaning.tier = tier

    def add_spans(self, spans: Iterable[tuple[str, str, str]]) -> None:
        """Take human spans of training notes.

        Args:
            spans: Note, code, and the words marked.
        """
        for note, code, text in spans:
            if key := self._key(text):
                self._meaning(key, code).notes[note] += 1

    def put(self, key: tuple[str, ...], meanings: dict[str, Meaning]) -> None:
        """Take a term as it was stored."""
        self._numbers[key] = len(self.keys)
        self.keys.append(key)
        self.meanings.append(meanings)

    def add_learned(self, key: tuple[str, ...], code: str) -> None:
        """Take a term that goes with a code in notes where nobody marked spans."""
        self._meaning(key, code).is_learned = True

    def tiers(self) -> Counter[str]:
        """Meanings per tier; one that notes and the release state counts for both."""
        found: Counter[str] = Counter()
        for meanings in self.meanings:
            for meaning in meanings.values():
                said = (meaning.tier, HUMAN if meaning.notes else "", LEARNED if meaning.is_learned else "")
                found.update([tier for tier in said if tier])
        return found

    def drop_vague(self) -> int:
        """Take from the release's terms those that state more codes than anyone could choose from; says how many."""
        dropped = 0
        for meanings in self.meanings:
            if len(meanings) > _MOST_CODES:
                vague = [code for code, meaning in meanings.items() if not meaning.notes and not meaning.is_learned]
                for code in vague:
                    del meanings[code]
                dropped += bool(vague)
        return dropped

    def _key(self, text: str) -> tuple[str, ...]:
        key = self.stems.of_text(text)
        return key if len(key) <= _MOST_STEMS and sum(map(len, key)) >= MIN_LETTERS else ()

    def _meaning(self, key: tuple[str, ...], code: str) -> Meaning:
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.keys)
            self.keys.append(key)
            self.meanings.append({})
        return self.meanings[number].setdefault(code, Meaning())


def tier_of(tier: str, source: str, modifier: str | None = None) -> str:
    """Tier of a term: that of its pair, gold ones by what states them.

    Args:
        tier: ``gold``, ``silver`` or ``synthetic``.
        source: What states a gold pair.
        modifier: Modifier put into an Index term, if one was.
    """
    if tier != "gold":
        return tier
    return "turned" if modifier else "default_form" if source == "default_form" else _OF_SOURCE.get(source, "index")


def forms(evidence: str, tier: str) -> dict[str, str]:
    """Ways a note may write a term, with the tier of each.

    Words in parentheses may be missing, a tail that specifies nothing ("NOS") too, and of a term of two parts the second may stand
    first ("Obesity, class 1"). Order and inflection of other words are the matching's work.
    """
    found = {evidence: tier}
    bare = _PARENTHESES.sub("", evidence).strip()
    found.setdefault(bare, _TURNED.get(tier, tier))
    for form, of_form in list(found.items()):
        short = _TAIL.sub("", form).strip()
        if short != form:
            found.setdefault(short, "default_form" if tier in _TURNED else of_form)
    for form, of_form in list(found.items()):
        if form.count(", ") == 1:
            lead, _, modifier = form.partition(", ")
            found.setdefault(f"{modifier} {lead}", of_form)
    return {form: of_form for form, of_form in found.items() if form}


def require_tiers(terms: Terms, wanted: Iterable[str]) -> None:
    """Refuse a linker without the terms that it is said to have.

    Raises:
        EmptyTierError: A tier holds no term.
    """
    there = terms.tiers()
    if missing := [tier for tier in wanted if not there[tier]]:
        raise EmptyTierError(
            f"there are no {terms.language} terms of {', '.join(missing)}: materialize the tier's tables, or leave it out"
        )
