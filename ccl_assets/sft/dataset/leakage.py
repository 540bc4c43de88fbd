"""Near-duplicates of test notes among the training notes.

Ids cannot tell (MIMIC-III and MIMIC-IV notes of one stay have different ones), so the words do: a text is compared by
its runs of five consecutive words (shingles). Containment is the share of the shorter text's shingles that the other
has too, which finds a copied note inside a longer one and an excerpt alike.

Over 1,021 notes of the sample corpus, ACI-Bench and CodiEsp (``tests/sft/test_leakage.py`` does it again): unrelated notes of
one corpus share 0.32 at most, two visits by one physician's template in ACI-Bench. All planted copies were found: whole, a fifth
of the note, paragraphs shuffled (0.72 or more), every tenth word changed (0.47 or more), one word in ten changed, dropped or put
in at random (0.43 or more).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHINGLE_WORDS = 5
CONTAINMENT_THRESHOLD = 0.4
# A shorter text could be one stock sentence; it offends only if it is a test note word for word.
MIN_WORDS = 40
# What more test notes than this have in common is a form's wording and says nothing of a copy.
_STOCK_NOTES, _STOCK_SHARE = 10, 0.01

_MASK = re.compile(r"\[\*\*.*?\*\*\]", re.DOTALL)  # MIMIC-III writes [**Name**] where MIMIC-IV writes ___
_WORD = re.compile(r"[^\W_]+")
# Odd 64-bit constants; a shingle's hash is the dot product of its word hashes with them, modulo 2**64.
_WEIGHTS = np.random.default_rng(20260101).integers(1, 2**63, SHINGLE_WORDS, dtype=np.uint64) | np.uint64(1)
_LARGEST_FILTER = 27  # bits of a hash that are looked up before any search: 128 MB


@dataclass(frozen=True)
class Overlap:
    """A training text and the test document it repeats."""

    training_id: str
    test_id: str
    containment: float


def words_of(text: str) -> list[str]:
    """Words as they are compared: case, punctuation, line breaks and de-identification masks do not count."""
    return _WORD.findall(_MASK.sub(" ", text).lower())


def shingles(text: str) -> NDArray[np.uint64]:
    """Sorted distinct hashes of a text's shingles."""
    return _shingles(words_of(text))


def _shingles(words: list[str]) -> NDArray[np.uint64]:
    if len(words) < SHINGLE_WORDS:
        return np.empty(0, np.uint64)
    # spread the 32-bit checksum over 64 bits before it is weighted
    hashes = np.fromiter(map(zlib.crc32, map(str.encode, words)), np.uint64, len(words)) * np.uint64(0x9E3779B97F4A7C15)
    sums = np.zeros(len(words) - SHINGLE_WORDS + 1, np.uint64)
    for position, weight in enumerate(_WEIGHTS):
        sums += hashes[position : position + len(sums)] * weight
    return np.unique(sums)


class TestNotes:
    """The test documents, ready to be compared with.

    Takes twelve bytes of memory per shingle, three times that while it is built, and up to 128 MB for the lookup that spares
    most searches.
    """

    __test__ = False  # no test class, whatever its name begins with

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        """Take in ``(id, text)``."""
        self._ids: list[str] = []
        self._whole: dict[tuple[str, ...], str] = {}
        sizes: list[int] = []
        collected: list[NDArray[np.uint64]] = []
        for test_id, text in texts:
            words = words_of(text)
            if len(words) < MIN_WORDS:
                if words:
                    self._whole.setdefault(tuple(words), test_id)
                continue
            found = _shingles(words)
            self._ids.append(test_id)
            sizes.append(len(found))
            collected.append(found)
        hashes = np.concatenate(collected) if collected else np.empty(0, np.uint64)
        collected.clear()
        owners = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
        order = np.argsort(hashes)
        hashes, owners = hashes[order], owners[order]
        del order
        begins = (
            np.flatnonzero(np.concatenate(([True], hashes[1:] != hashes[:-1]))) if len(hashes) else np.empty(0, int)
        )
        counts = np.diff(np.append(begins, len(hashes)))
        is_stock = np.repeat(counts > max(_STOCK_NOTES, _STOCK_SHARE * len(sizes)), counts)
        self._stock = np.unique(hashes[is_stock])
        self._hashes, self._owners = hashes[~is_stock], owners[~is_stock]
        self._sizes = np.bincount(self._owners, minlength=len(sizes))
        bits = min(_LARGEST_FILTER, max(10, len(self._hashes).bit_length() + 3))
        self._shift = np.uint64(64 - bits)
        self._may_hold = np.zeros(2**bits, np.bool_)
        self._may_hold[self._hashes >> self._shift] = True

    def __len__(self) -> int:
        """Documents that can be compared with."""
        return len(self._ids) + len(self._whole)

    def nearest(self, text: str) -> tuple[str, float] | None:
        """The test document that a text shares most with and their containment; ``None`` where they share nothing."""
        words = words_of(text)
        if len(words) < MIN_WORDS:
            same = self._whole.get(tuple(words))
            return None if same is None else (same, 1.0)
        own = _shingles(words)
        likely = own[self._may_hold[own >> self._shift]]
        begins, ends = np.searchsorted(self._hashes, likely, "left"), np.searchsorted(self._hashes, likely, "right")
        counts = ends - begins
        if not counts.any():
            return None
        places = np.repeat(begins - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        shared = np.bincount(self._owners[places], minlength=len(self._ids))
        size = len(own) - self._stock_count(own)
        containment = shared / np.maximum(np.minimum(size, self._sizes), MIN_WORDS - SHINGLE_WORDS + 1)
        best = int(np.argmax(containment))
        return self._ids[best], float(containment[best])

    def _stock_count(self, own: NDArray[np.uint64]) -> int:
        if not len(self._stock):
            return 0
        places = np.minimum(np.searchsorted(self._stock, own), len(self._stock) - 1)
        return int((self._stock[places] == own).sum())
