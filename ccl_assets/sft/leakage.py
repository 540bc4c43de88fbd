"""Near-duplicates of test notes among the training texts.

Ids cannot tell (MIMIC-III and MIMIC-IV notes of one stay have different ones), so the words do: a text is compared by
its runs of eight consecutive words (shingles). Containment is the share of the shorter text's shingles that the other
has too, which finds a copied note inside a longer one and an excerpt alike.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHINGLE_WORDS = 8
# Notes share headings and stock phrases, a few percent of their shingles; copies with edits keep well over half.
CONTAINMENT_THRESHOLD = 0.5
# Below this, one shared stock sentence decides. Short phrases are compared with the test spans as a whole elsewhere.
MIN_WORDS = 24

_MASK = re.compile(r"\[\*\*.*?\*\*\]", re.DOTALL)  # MIMIC-III writes [**Name**] where MIMIC-IV writes ___
_WORD = re.compile(r"[^\W_]+")
# Odd 64-bit constants; a shingle's hash is the dot product of its word hashes with them, modulo 2**64.
_WEIGHTS = np.random.default_rng(20260101).integers(1, 2**63, SHINGLE_WORDS, dtype=np.uint64) | np.uint64(1)


@dataclass(frozen=True)
class Overlap:
    """A training text and the test document it repeats."""

    training_id: str
    test_id: str
    containment: float


@dataclass(frozen=True)
class LeakageReport:
    """Result of the search.

    Attributes:
        overlaps: Offenders with the test document they share most with, in order of the training texts.
        examined_count: Training texts compared.
        too_short_ids: Training texts too short to compare.
    """

    overlaps: tuple[Overlap, ...]
    examined_count: int
    too_short_ids: tuple[str, ...]

    @property
    def offending_ids(self) -> list[str]:
        """Training texts that must not be trained on."""
        return [overlap.training_id for overlap in self.overlaps]


def shingles(text: str) -> NDArray[np.uint64]:
    """Sorted distinct hashes of a text's shingles; case, punctuation and de-identification masks do not count."""
    words = _WORD.findall(_MASK.sub(" ", text).lower())
    if len(words) < SHINGLE_WORDS:
        return np.empty(0, np.uint64)
    # spread the 32-bit checksum over 64 bits before it is weighted
    hashes = np.array([zlib.crc32(word.encode()) for word in words], np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    windows = np.lib.stride_tricks.sliding_window_view(hashes, SHINGLE_WORDS)
    return np.unique((windows * _WEIGHTS).sum(axis=1, dtype=np.uint64))


def find_near_duplicates(
    training: Iterable[tuple[str, str]],
    test: Iterable[tuple[str, str]],
    threshold: float = CONTAINMENT_THRESHOLD,
) -> LeakageReport:
    """Find training texts that repeat a test document.

    Args:
        training: ``(id, text)``; streamed.
        test: ``(id, text)``; their shingles are held in memory.
        threshold: Containment from which a text offends, above 0 and at most 1.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be above 0 and at most 1, found {threshold}")
    test_ids: list[str] = []
    sizes: list[int] = []
    collected: list[NDArray[np.uint64]] = []
    for test_id, text in test:
        found = shingles(text)
        test_ids.append(test_id)
        sizes.append(len(found))
        collected.append(found)
    hashes = np.concatenate(collected) if collected else np.empty(0, np.uint64)
    owners = np.repeat(np.arange(len(test_ids)), sizes)
    order = np.argsort(hashes, kind="stable")
    hashes, owners = hashes[order], owners[order]

    overlaps: list[Overlap] = []
    too_short: list[str] = []
    examined = 0
    least = MIN_WORDS - SHINGLE_WORDS + 1
    for training_id, text in training:
        own = shingles(text)
        if len(own) < least:
            too_short.append(training_id)
            continue
        examined += 1
        begins, ends = np.searchsorted(hashes, own, "left"), np.searchsorted(hashes, own, "right")
        hits = Counter(
            int(owner) for b, e in zip(begins[ends > begins], ends[ends > begins], strict=True) for owner in owners[b:e]
        )
        scored = [
            (count / min(len(own), sizes[owner]), -owner) for owner, count in hits.items() if sizes[owner] >= least
        ]
        if scored and (best := max(scored))[0] >= threshold:
            overlaps.append(Overlap(training_id, test_ids[-best[1]], best[0]))
    return LeakageReport(tuple(overlaps), examined, tuple(too_short))
