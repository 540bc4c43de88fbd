"""Likeness of a note to training notes that have a code: kernel ridge regression on its words and word pairs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_NOTES = 3_000
_RIDGE = 1.0

Floats = NDArray[np.float32]


def words_of(stems: Sequence[str]) -> Counter[str]:
    """Stems of a note and pairs of neighbours, with how often."""
    kept = [stem for stem in stems if stem]
    return Counter([*kept, *(f"{one} {two}" for one, two in pairwise(kept))])


class Likeness:
    """Training notes by their words, and the codes their words speak for."""

    def __init__(
        self, words: Sequence[str], postings: Sequence[tuple[Any, Any]], rarity: Floats, codes: Sequence[str],
        dual: Floats, share: Floats,
    ) -> None:  # fmt: skip
        """Take what :meth:`fit` found.

        Args:
            words: The words.
            postings: For each word the training notes that hold it, and its weight in them.
            rarity: Weight of each word.
            codes: The codes.
            dual: For each training note and code a coefficient.
            share: Share of training notes with each code.
        """
        self.words, self.postings, self.rarity = list(words), list(postings), rarity
        self.codes, self.dual, self.share = list(codes), dual, share
        self._number = {word: number for number, word in enumerate(self.words)}
        self._scale = 1 / np.sqrt(share * (1 - share) + 1e-4)

    @classmethod
    def fit(cls, notes: Sequence[tuple[Counter[str], frozenset[str]]]) -> Likeness:
        """Learn from training notes: words of each, and its codes. Of very many the first are taken."""
        notes = notes[:_MOST_NOTES]
        holds = Counter(word for words, _ in notes for word in words)
        words = sorted(word for word, count in holds.items() if count > 1)
        number = {word: place for place, word in enumerate(words)}
        rarity = np.array([math.log((1 + len(notes)) / (1 + holds[word])) + 1 for word in words], np.float32)
        codes = sorted({code for _, of_note in notes for code in of_note})
        place = {code: column for column, code in enumerate(codes)}
        rows: list[list[int]] = [[] for _ in words]
        weights: list[list[float]] = [[] for _ in words]
        assigned = np.zeros((len(notes), len(codes)), np.float32)
        vectors = np.zeros((len(notes), len(words)), np.float32)
        for row, (found, of_note) in enumerate(notes):
            vectors[row] = _vector(found, number, rarity)
            assigned[row, [place[code] for code in of_note]] = 1
        for row, column in zip(*np.nonzero(vectors), strict=True):
            rows[column].append(int(row))
            weights[column].append(float(vectors[row, column]))
        kernel = vectors @ vectors.T
        share = assigned.mean(0) if len(notes) else np.zeros(len(codes), np.float32)
        dual = np.linalg.solve(kernel + _RIDGE * np.eye(len(notes), dtype=np.float32), assigned - share)
        postings = [
            (np.array(of_word, np.int32), np.array(weight, np.float32))
            for of_word, weight in zip(rows, weights, strict=True)
        ]
        return cls(words, postings, rarity, codes, dual.astype(np.float32), share.astype(np.float32))

    def of(self, stems: Sequence[str], wanted: Iterable[str]) -> dict[str, float]:
        """Likeness of a note to those with each code wanted, in standard deviations; unknown codes have none."""
        if not self.words or not self.codes:
            return {}
        found = words_of(stems)
        there = [(place, count) for word, count in found.items() if (place := self._number.get(word)) is not None]
        kernel = np.zeros(self.dual.shape[0], np.float32)
        norm = 0.0
        for place, count in there:
            weight = (1 + math.log(count)) * float(self.rarity[place])
            norm += weight * weight
            rows, weights = self.postings[place]
            kernel[rows] += weight * weights
        if not norm:
            return {}
        scores = (kernel / math.sqrt(norm)) @ self.dual * self._scale
        number = {code: column for column, code in enumerate(self.codes)}
        return {code: float(scores[column]) for code in wanted if (column := number.get(code)) is not None}

    def arrays(self) -> dict[str, Any]:
        """Everything as arrays, to store."""
        lengths = [len(rows) for rows, _ in self.postings]
        return {
            "words": np.array(self.words, dtype=np.str_) if self.words else np.zeros(0, "<U1"),
            "lengths": np.array(lengths, np.int32),
            "rows": np.concatenate([rows for rows, _ in self.postings]) if lengths else np.zeros(0, np.int32),
            "weights": np.concatenate([w for _, w in self.postings]) if lengths else np.zeros(0, np.float32),
            "rarity": self.rarity, "codes": np.array(self.codes, dtype=np.str_) if self.codes else np.zeros(0, "<U1"),
            "dual": self.dual, "share": self.share,
        }  # fmt: skip

    @classmethod
    def from_arrays(cls, stored: Mapping[str, Any]) -> Likeness:
        """Make it from :meth:`arrays`."""
        bounds = np.cumsum(stored["lengths"])[:-1]
        postings = (
            list(zip(np.split(stored["rows"], bounds), np.split(stored["weights"], bounds), strict=True))
            if len(stored["lengths"])
            else []
        )
        return cls(
            stored["words"].tolist(),
            postings,
            stored["rarity"],
            stored["codes"].tolist(),
            stored["dual"],
            stored["share"],
        )


def _vector(found: Mapping[str, int], number: Mapping[str, int], rarity: Floats) -> Floats:
    vector = np.zeros(len(rarity), np.float32)
    for word, count in found.items():
        if (place := number.get(word)) is not None:
            vector[place] = (1 + math.log(count)) * rarity[place]
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm else vector
