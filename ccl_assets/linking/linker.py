"""The linker: stretches of a note that no term says, and the terms that are nearest to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ccl_assets.linking.read_note import ReadNote
from ccl_assets.linking.static_encoder import Floats, StaticEncoder, unit
from ccl_assets.linking.term_book import Match
from ccl_assets.linking.term_index import TermIndex
from ccl_assets.linking.terms import Terms
from ccl_assets.text.note_tokens import Break

LEAST_SIMILARITY = 0.6
_MOST_WORDS = 5
_NEIGHBOURS = 8
_LEAST_LETTERS = 3


@dataclass(frozen=True, slots=True)
class Neighbours:
    """A stretch of a note and the terms near it, nearest first.

    Attributes:
        first: Its first word.
        last: Its last word.
        terms: Numbers of the terms.
        similarities: Cosine of each.
    """

    first: int
    last: int
    terms: tuple[int, ...]
    similarities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A code that a stretch of a note may mean.

    Attributes:
        term: Number of the nearest term of the code.
        code: The code.
        similarity: Cosine of the two.
        margin: How much nearer it is than the nearest term without this code.
        first: First word of the stretch.
        last: Last word.
    """

    term: int
    code: str
    similarity: float
    margin: float
    first: int
    last: int


class Linker:
    """An encoder and the terms of a coder by their vectors."""

    def __init__(self, encoder: StaticEncoder, terms: Terms) -> None:
        """Take the encoder and the terms to link to: those that state a code, by their stems."""
        self.encoder, self._terms = encoder, terms

    @cached_property
    def _index(self) -> TermIndex:
        numbers = [number for number, meanings in enumerate(self._terms.meanings) if meanings]
        vectors = unit(self.encoder.sums(self._terms.keys[number] for number in numbers))
        return TermIndex(vectors, [[str(number)] for number in numbers], is_exact=False)

    def near(self, note: ReadNote, matches: Iterable[Match]) -> list[Neighbours]:
        """Stretches of a note with terms near them.

        Args:
            note: The note.
            matches: Terms found whole; stretches within one are left out.
        """
        windows, vectors = self._windows(note, matches)
        found = []
        similarities, places = self._index.search(vectors, _NEIGHBOURS)
        for (first, last), near, rows in zip(windows, similarities, places, strict=True):
            if len(near) and near[0] >= LEAST_SIMILARITY:
                terms = tuple(int(self._index.codes[row][0]) for row in rows if row >= 0)
                found.append(Neighbours(first, last, terms, tuple(map(float, near[: len(terms)]))))
        return found

    def _windows(self, note: ReadNote, matches: Iterable[Match]) -> tuple[list[tuple[int, int]], Floats]:
        reach: dict[int, int] = {}
        for match in matches:
            reach[match.first] = max(reach.get(match.first, -1), match.last)
        furthest = np.maximum.accumulate([reach.get(place, -1) for place in range(len(note.stems))] or [-1])
        windows: list[tuple[int, int]] = []
        sums: list[Floats] = []
        for places in phrases(note):
            vectors = np.stack([self.encoder.of_word(note.stems[place]) for place in places])
            total = np.concatenate((np.zeros((1, self.encoder.width), np.float32), np.cumsum(vectors, 0)))
            for begin, first in enumerate(places):
                for end in range(begin, min(begin + _MOST_WORDS, len(places))):
                    last = places[end]
                    stems = [note.stems[place] for place in places[begin : end + 1]]
                    if furthest[first] < last and any(len(stem) > _LEAST_LETTERS for stem in stems):
                        windows.append((first, last))
                        sums.append(total[end + 1] - total[begin])
        if not windows:
            return [], np.zeros((0, self.encoder.width), np.float32)
        return windows, unit(np.stack(sums))


def phrases(note: ReadNote) -> Iterator[list[int]]:
    """Places of the words of each phrase that are no stop words."""
    places: list[int] = []
    for place, (stem, kind) in enumerate(zip(note.stems, note.said.tokens.breaks, strict=True)):
        if kind is not Break.NONE and places:
            yield places
            places = []
        if stem:
            places.append(place)
    if places:
        yield places


def links(near: Sequence[Neighbours], terms: Terms, is_stated: Callable[[int, str], bool]) -> Iterator[Link]:
    """Codes of the nearest term of each stretch that states one.

    Args:
        near: Stretches with terms near them.
        terms: The terms.
        is_stated: Whether a term states a code, of what the linker may know.
    """
    for stretch in near:
        best: set[str] = set()
        similarity = other = 0.0
        nearest = -1
        for term, cosine in zip(stretch.terms, stretch.similarities, strict=True):
            codes = {code for code in terms.meanings[term] if is_stated(term, code)}
            if not codes:
                continue
            if nearest < 0:
                best, similarity, nearest = codes, cosine, term
                if similarity < LEAST_SIMILARITY:
                    break
            elif not codes & best:
                other = cosine
                break
        else:
            other = stretch.similarities[-1]
        if nearest >= 0 and similarity >= LEAST_SIMILARITY:
            for code in sorted(best):
                yield Link(nearest, code, similarity, max(0.0, similarity - other), stretch.first, stretch.last)
