"""Title of a chapter that a phrase fits best, by the words of meaning they share, rare words counting more."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from ccl_assets.text.clinical_words import NEGATED, title_words

Words = frozenset[str]
_EQUAL = 1e-9
_MOST_EQUALS = 200


class TitleMatch:
    """Titles and inclusion terms of a chapter's families by their words; what a title states as absent does not count."""

    def __init__(self, texts: Mapping[str, Iterable[str]]) -> None:
        """Take the texts of each family, by family code."""
        self._texts: list[str] = []
        self._words: list[Words] = []
        self._own: dict[str, list[int]] = defaultdict(list)
        places: dict[str, list[int]] = defaultdict(list)
        for family, found in texts.items():
            for text in found:
                self._words.append(title_words(text))
                for word in stated(self._words[-1]):
                    places[word].append(len(self._texts))
                self._own[family].append(len(self._texts))
                self._texts.append(text)
        count = len(self._texts)
        self._places = {word: np.array(found, dtype=np.int32) for word, found in places.items()}
        self._weights = {word: 1 + math.log(count / len(found)) for word, found in places.items()}
        self._unknown = 1 + math.log(max(count, 1))
        self._sizes = np.zeros(count)
        for word, found in self._places.items():
            self._sizes[found] += self._weights[word]

    @property
    def words(self) -> Words:
        """Every word that a text states."""
        return frozenset(self._places)

    def better(self, said: Words, family: str) -> str | None:
        """A text of another family that fits ``said`` better than all of ``family``; ``None`` if there is none.

        One that fits as well counts if ``said`` has nothing of what tells the family from it.
        """
        scores = self._scores(stated(said))
        own = self._own.get(family, [])
        if not own or not len(scores):
            return None
        closest = max(own, key=lambda place: float(scores[place]))
        limit = scores[closest]
        scores[own] = 0.0
        best = int(scores.argmax())
        if scores[best] > limit + _EQUAL:
            return self._texts[best]
        for place in np.flatnonzero(scores > limit - _EQUAL)[:_MOST_EQUALS]:
            telling = self._words[closest] - self._words[place]
            if telling and not telling & said:
                return self._texts[int(place)]
        return None

    def _scores(self, said: Words) -> NDArray[np.float64]:
        """Weight of the shared words by weight of all words, for every text."""
        shared = np.zeros(len(self._texts))
        for word in said:
            if word in self._places:
                shared[self._places[word]] += self._weights[word]
        total = sum(self._weights.get(word, self._unknown) for word in said)
        return shared / np.maximum(self._sizes + total - shared, 1e-9)


def stated(words: Words) -> Words:
    """The words that are not negated."""
    return frozenset(word for word in words if not word.startswith(NEGATED))
