"""Terms that a statement says in part or in other order: by the rare words they share."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ccl_assets.linking.read_note import ReadNote

_LEAST_SHARE = 0.5
_LOOSENESS = 0.15


@dataclass(frozen=True, slots=True)
class NearMatch:
    """A term that a statement says in part.

    Attributes:
        term: Number of the term.
        share: Weight of its words that are there, rare ones weighing more, less what stands between them.
        word_count: Its words that are there.
        first: First of them.
        last: Last of them.
    """

    term: int
    share: float
    word_count: int
    first: int
    last: int


class NearTerms:
    """Terms of two words or more, by each of their words."""

    def __init__(self, keys: Mapping[int, Sequence[str]], notes: Iterable[Sequence[str]]) -> None:
        """Take the terms by number, and the stems of training notes, which say how rare a word is."""
        found: Counter[str] = Counter()
        count = 0
        for stems in notes:
            found.update({stem for stem in stems if stem})
            count += 1
        self.rarity = {stem: math.log((count + 1) / (number + 0.5)) for stem, number in found.items()}
        self.unknown = math.log((count + 1) / 0.5)
        self._index(keys)

    @classmethod
    def stored(cls, keys: Mapping[int, Sequence[str]], rarity: Mapping[str, float], unknown: float) -> NearTerms:
        """Make it from what was stored."""
        made = cls.__new__(cls)
        made.rarity, made.unknown = dict(rarity), unknown
        made._index(keys)
        return made

    def _index(self, keys: Mapping[int, Sequence[str]]) -> None:
        self._terms: dict[str, list[int]] = defaultdict(list)
        self._words: dict[int, frozenset[str]] = {}
        self._weight: dict[int, float] = {}
        for number, stems in keys.items():
            words = frozenset(stems)
            if len(words) < 2:
                continue
            self._words[number] = words
            self._weight[number] = sum(self._rare(stem) for stem in words)
            for stem in words:
                self._terms[stem].append(number)

    @property
    def numbers(self) -> frozenset[int]:
        """Numbers of the terms."""
        return frozenset(self._words)

    def _rare(self, stem: str) -> float:
        return self.rarity.get(stem, self.unknown)

    def find(self, note: ReadNote) -> Iterator[NearMatch]:
        """Find in each statement the terms that it says at least half of."""
        for begin, end in note.statements:
            places: dict[str, list[int]] = {}
            for position in range(begin, end):
                stem = note.stems[position]
                if stem and stem in self._terms:
                    places.setdefault(stem, []).append(position)
            shared: dict[int, float] = defaultdict(float)
            for stem in places:
                weight = self._rare(stem)
                for number in self._terms[stem]:
                    shared[number] += weight
            for number, weight in shared.items():
                share = weight / self._weight[number]
                if share >= _LEAST_SHARE:
                    yield self._match(number, share, places)

    def _match(self, number: int, share: float, places: Mapping[str, list[int]]) -> NearMatch:
        words = self._words[number]
        there = [places[stem] for stem in words if stem in places]
        anchor = min(there, key=len)[0]
        nearest = [min(positions, key=lambda position: abs(position - anchor)) for positions in there]
        first, last = min(nearest), max(nearest)
        looseness = max(0, last - first + 1 - len(words) - 2)
        return NearMatch(number, share / (1 + _LOOSENESS * looseness), len(there), first, last)
