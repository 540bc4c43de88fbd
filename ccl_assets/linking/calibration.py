"""Calibration of probabilities: how often what is called likely is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bin:
    """Candidates of like probability.

    Attributes:
        stated: Mean probability.
        right: Share that is right.
        count: How many.
    """

    stated: float
    right: float
    count: int


def reliability_bins(probabilities: Sequence[float], is_given: Sequence[bool], number: int = 10) -> list[Bin]:
    """Candidates in bins of equal width; empty ones left out."""
    groups: list[list[tuple[float, bool]]] = [[] for _ in range(number)]
    for probability, given in zip(probabilities, is_given, strict=True):
        groups[min(int(probability * number), number - 1)].append((probability, given))
    return [
        Bin(sum(p for p, _ in group) / len(group), sum(given for _, given in group) / len(group), len(group))
        for group in groups
        if group
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: mean distance of stated and real shares, bins weighing as many as they hold."""
    total = sum(one.count for one in bins)
    return sum(one.count * abs(one.stated - one.right) for one in bins) / total if total else 0.0


def share_at_precision(probabilities: Sequence[float], is_given: Sequence[bool], precision: float = 0.95) -> float:
    """Share of codes that can be taken unread: the most, in order of probability, of which this share is right."""
    ordered = sorted(zip(probabilities, is_given, strict=True), reverse=True)
    right, most = 0, 0
    for number, (_, given) in enumerate(ordered, start=1):
        right += given
        if right >= precision * number:
            most = number
    return most / len(ordered) if ordered else 0.0
