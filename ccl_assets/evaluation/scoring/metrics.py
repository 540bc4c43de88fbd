"""Counts per unit, and the figures made of them.

A figure is counts of each unit (chart or note) plus an aggregation over their weighted totals. The aggregations see
totals for many weightings at once, so one bootstrap serves every figure (``bootstrap.py``). Which notes make a unit
and which codes are billable is decided in ``units.py``; evidence spans are matched in ``spans.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.intp]

LabelSpace = Literal["release", "gold"]
LABEL_SPACES: tuple[LabelSpace, ...] = ("release", "gold")


@dataclass(frozen=True)
class Tally:
    """A sparse matrix of counts, units by groups (codes, or one group for everything).

    Attributes:
        unit: Row of each entry.
        group: Column of each entry, ascending.
        count: Value of each entry.
        group_count: Columns, those without entries included.
    """

    unit: Indices
    group: Indices
    count: Values
    group_count: int

    @classmethod
    def of(cls, cells: Iterable[tuple[int, int]], group_count: int) -> Tally:
        """Count one for each ``(unit, group)``."""
        array = np.array(sorted(cells, key=lambda cell: cell[1]), dtype=np.intp).reshape(-1, 2)
        return cls(array[:, 0], array[:, 1], np.ones(len(array)), group_count)

    @classmethod
    def per_unit(cls, counts: Sequence[float]) -> Tally:
        """One group, one count for each unit."""
        values = np.asarray(counts, dtype=np.float64)
        return cls(np.arange(len(values)), np.zeros(len(values), dtype=np.intp), values, 1)

    def of_groups(self, groups: Indices) -> Tally:
        """The same counts for some groups only, which are numbered from 0 in the order given."""
        place = np.full(self.group_count, -1, dtype=np.intp)
        place[groups] = np.arange(len(groups))
        kept = place[self.group] >= 0
        return Tally(self.unit[kept], place[self.group[kept]], self.count[kept], len(groups))

    def totals(self, weights: Values) -> Values:
        """Sum over units, each times its weight.

        Args:
            weights: Units by weightings.

        Returns:
            Groups by weightings, in the precision of ``weights``.
        """
        if self.group_count == 1:
            dense = np.bincount(self.unit, weights=self.count, minlength=len(weights)).astype(weights.dtype)
            return np.asarray((dense @ weights)[np.newaxis, :])
        result = np.zeros((self.group_count, weights.shape[1]), dtype=weights.dtype)
        if len(self.unit):
            weighted = weights[self.unit]
            if (self.count != 1).any():
                weighted = weighted * self.count[:, np.newaxis].astype(weights.dtype)
            starts = np.flatnonzero(np.diff(self.group, prepend=-1))
            result[self.group[starts]] = np.add.reduceat(weighted, starts, axis=0)
        return result


Counts = Mapping[str, Tally]
Totals = Mapping[str, Values]
Aggregation = Callable[[Totals], Values]


@dataclass(frozen=True)
class Figure:
    """Rule by which a figure is read off totals.

    Attributes:
        aggregate: Totals (groups by weightings) to one value per weighting, NaN where undefined.
        is_macro: A mean over codes. Which codes take part changes from resample to resample, which moves its mean.
        is_count: How much there is rather than how well it was done: has no interval and takes part in no difference.
    """

    aggregate: Aggregation
    is_macro: bool = False
    is_count: bool = False


@dataclass(frozen=True)
class UnitCodes:
    """Codes of one unit. ``invalid`` are the predicted codes that cannot be right in the label space at hand."""

    gold: Set[str]
    predicted: Set[str]
    invalid: Set[str] = frozenset()

    def in_gold_space(self, gold_codes: Set[str]) -> UnitCodes:
        """Drop predictions outside the split's gold codes: the convention that hides false positives."""
        return UnitCodes(self.gold, self.predicted & gold_codes)

    def categories(self) -> UnitCodes:
        """Cut codes to their three-character categories; an invalid code earns nothing for its category."""
        valid = {code[:3] for code in self.predicted - self.invalid}
        invalid = {code[:3] for code in self.invalid} - valid
        return UnitCodes({code[:3] for code in self.gold}, valid | invalid, invalid)

    def outcomes(self) -> tuple[Set[str], Set[str], Set[str]]:
        """True positives, false positives, false negatives. An invalid prediction is never a true positive."""
        hits = self.gold & (self.predicted - self.invalid)
        return hits, self.predicted - hits, self.gold - hits


def distinct_codes(units: Sequence[UnitCodes]) -> list[str]:
    """Gold and predicted codes of all units, sorted: the groups of :func:`outcome_counts`."""
    return sorted(set[str]().union(*(codes for unit in units for codes in (unit.gold, unit.predicted))))


def outcome_counts(units: Sequence[UnitCodes]) -> Counts:
    """True positives, false positives and false negatives of each unit and code."""
    outcomes = [unit.outcomes() for unit in units]
    codes = distinct_codes(units)
    column = {code: position for position, code in enumerate(codes)}
    return {
        name: Tally.of(((row, column[code]) for row, unit in enumerate(outcomes) for code in unit[kind]), len(codes))
        for kind, name in enumerate(("true_positive", "false_positive", "false_negative"))
    }


def exact_match_counts(units: Sequence[UnitCodes]) -> Counts:
    """Tell whether each unit has all its codes and no other."""
    outcomes = [unit.outcomes() for unit in units]
    return rate_counts([float(not false and not missed) for _, false, missed in outcomes], [1.0] * len(units))


def rate_counts(hits: Sequence[float], cases: Sequence[float]) -> Counts:
    """Hits among cases, per unit."""
    return {"hit": Tally.per_unit(hits), "case": Tally.per_unit(cases)}


def micro_counts(units: Sequence[UnitCodes]) -> Counts:
    """Numbers of true positives, false positives and false negatives of each unit: enough for micro figures."""
    matches = [unit.outcomes() for unit in units]
    return match_counts([(len(hits), len(false), len(missed)) for hits, false, missed in matches])


def match_counts(matches: Sequence[tuple[int, int, int]]) -> Counts:
    """Per-unit numbers of true positives, false positives and false negatives, not told apart by code."""
    names = ("true_positive", "false_positive", "false_negative")
    return {name: Tally.per_unit([unit[kind] for unit in matches]) for kind, name in enumerate(names)}


def micro_f1(totals: Totals) -> Values:
    """2TP / (2TP + FP + FN); undefined (NaN) where there is nothing to find and nothing was predicted."""
    hits, false, missed = _summed(totals)
    return _ratio(2 * hits, 2 * hits + false + missed)


def micro_precision(totals: Totals) -> Values:
    """TP / (TP + FP); undefined (NaN) where nothing was predicted."""
    hits, false, _ = _summed(totals)
    return _ratio(hits, hits + false)


def micro_recall(totals: Totals) -> Values:
    """TP / (TP + FN); undefined (NaN) where there is nothing to find."""
    hits, _, missed = _summed(totals)
    return _ratio(hits, hits + missed)


def macro_f1_gold(totals: Totals) -> Values:
    """Mean F1 over the codes with gold support."""
    return _macro_f1(totals, totals["true_positive"] + totals["false_negative"])


def macro_f1_any(totals: Totals) -> Values:
    """Mean F1 over the codes with TP + FP + FN > 0."""
    return _macro_f1(totals, totals["true_positive"] + totals["false_positive"] + totals["false_negative"])


def gold_pairs(totals: Totals) -> Values:
    """Pairs of unit and code to be found."""
    hits, _, missed = _summed(totals)
    return hits + missed


def predicted_pairs(totals: Totals) -> Values:
    """Pairs of unit and code that were predicted."""
    hits, false, _ = _summed(totals)
    return hits + false


def rate(totals: Totals) -> Values:
    """Hits / cases; undefined (NaN) without a case."""
    return _ratio(totals["hit"].sum(axis=0), totals["case"].sum(axis=0))


def per_hundred(totals: Totals) -> Values:
    """Hits per hundred cases; undefined (NaN) without a case."""
    return 100 * rate(totals)


def _macro_f1(totals: Totals, support: Values) -> Values:
    doubled = 2 * totals["true_positive"]
    scale = doubled + totals["false_positive"] + totals["false_negative"]
    counted = support > 0
    scores = np.divide(doubled, scale, out=np.zeros_like(scale), where=counted)
    return _ratio(scores.sum(axis=0), counted.sum(axis=0))


def _summed(totals: Totals) -> tuple[Values, Values, Values]:
    names = ("true_positive", "false_positive", "false_negative")
    hits, false, missed = (totals[name].sum(axis=0) for name in names)
    return hits, false, missed


def _ratio(numerator: Values, denominator: Values) -> Values:
    result: Values = np.full(np.shape(denominator), np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result
