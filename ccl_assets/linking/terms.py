"""Terms of the linker: spans of the knowledge base and of training notes by their stems, with the codes they may mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ccl_assets.linking.stems import Stems

HUMAN = "human"
TIERS = (HUMAN, "title", "index", "inclusion_term", "short_form", "silver", "synthetic")
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
    """

    tier: str = ""
    notes: Counter[str] = field(default_factory=Counter)


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
            if row["is_trainable"] and (key := self._key(row["evidence"])):
                tier = tier_of(row["tier"], row["source"])
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

    def tiers(self) -> Counter[str]:
        """Meanings per tier; one that notes and the release state counts for both."""
        found: Counter[str] = Counter()
        for meanings in self.meanings:
            for meaning in meanings.values():
                found.update([tier for tier in (meaning.tier, HUMAN if meaning.notes else "") if tier])
        return found

    def drop_vague(self) -> int:
        """Take from the release's terms those that state more codes than anyone could choose from; says how many."""
        dropped = 0
        for meanings in self.meanings:
            if len(meanings) > _MOST_CODES:
                vague = [code for code, meaning in meanings.items() if not meaning.notes]
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


def tier_of(tier: str, source: str) -> str:
    """Tier of a term: that of its pair, gold ones by what states them."""
    if tier != "gold":
        return tier
    return source if source in {"title", "inclusion_term", "short_form"} else "index"


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
