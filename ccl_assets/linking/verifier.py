"""The verifier: the probability that an annotator would give a candidate, from features that a person can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ccl_assets.linking.features import FEATURES

STATED_THRESHOLD = 0.4
_STRENGTH = 0.3
_LEAST_KEPT = 20
_PLACE = {name: number for number, name in enumerate(FEATURES)}


class OtherFeaturesError(ValueError):
    """A stored verifier weighs other features than this version computes."""


@dataclass(frozen=True)
class Verifier:
    """A logistic regression on standardized features.

    Attributes:
        features: Their names.
        means: Mean of each in training.
        scales: Standard deviation of each.
        weights: Weight of each.
        intercept: Log odds of a candidate of mean features.
        threshold: Probability from which a candidate is kept.
        is_stated: No note was annotated: the probability is the reliability, as stated for the tier.
        candidate_count: Candidates it was trained on.
        kept_count: Of these those that annotators gave.
    """

    features: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    threshold: float = STATED_THRESHOLD
    is_stated: bool = False
    candidate_count: int = 0
    kept_count: int = 0

    @classmethod
    def stated(cls) -> Verifier:
        """A verifier for want of annotated notes: reliability of the term, and only what is asserted."""
        zeros = (0.0,) * len(FEATURES)
        return cls(FEATURES, zeros, (1.0,) * len(FEATURES), zeros, 0.0, is_stated=True)

    @classmethod
    def train(cls, rows: NDArray[Any], is_given: NDArray[Any]) -> Verifier:
        """Learn from candidates of training notes; from too few, :meth:`stated`.

        Args:
            rows: Features of each candidate.
            is_given: Whether its note has it.
        """
        if int(is_given.sum()) < _LEAST_KEPT or bool(is_given.all()):
            return cls.stated()
        from sklearn.linear_model import LogisticRegression

        means, scales = rows.mean(0), rows.std(0)
        scales[scales < 1e-9] = 1.0
        fitted = LogisticRegression(C=_STRENGTH, max_iter=3_000).fit((rows - means) / scales, is_given)
        return cls(
            FEATURES,
            tuple(map(float, means)),
            tuple(map(float, scales)),
            tuple(map(float, fitted.coef_[0])),
            float(fitted.intercept_[0]),
            candidate_count=len(rows),
            kept_count=int(is_given.sum()),
        )

    def probabilities(self, rows: Sequence[Sequence[float]]) -> NDArray[np.float64]:
        """Probability of each candidate."""
        if not len(rows):
            return np.zeros(0)
        values = np.asarray(rows, np.float64)
        if self.is_stated:
            worth = values[:, [_PLACE["reliability"]]].max(1)
            whole = values[:, _PLACE["found whole"]]
            asserted = values[:, _PLACE["places asserted"]] > 0
            return np.asarray(whole * asserted / (1 + np.exp(-worth)))
        odds = (values - np.array(self.means)) / np.array(self.scales) @ np.array(self.weights) + self.intercept
        return np.asarray(1 / (1 + np.exp(-odds)))

    def reasons(self, row: Sequence[float], most: int = 4) -> list[tuple[str, float]]:
        """Features that speak most for a candidate or against it, with what each adds to the log odds."""
        added = [
            (name, weight * (value - mean) / scale)
            for name, weight, value, mean, scale in zip(
                self.features, self.weights, row, self.means, self.scales, strict=True
            )
        ]
        return [(name, round(by, 3)) for name, by in sorted(added, key=lambda one: -abs(one[1]))[:most] if by]

    def as_json(self) -> dict[str, Any]:
        """Plain values, to store."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Verifier:
        """Make it from :meth:`as_json`.

        Raises:
            OtherFeaturesError: It was trained on other features.
        """
        if tuple(stored["features"]) != FEATURES:
            others = sorted(set(stored["features"]) ^ set(FEATURES))
            raise OtherFeaturesError(
                f"the verifier was trained on other features than this version computes "
                f"({', '.join(others[:3]) or 'in another order'}): materialize linking/coder again"
            )
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
        }
        return cls(**values)


def best_threshold(probabilities: Sequence[float], is_given: Sequence[bool], given_count: int) -> float:
    """Threshold of the best micro-F1, in the middle between two candidates; the stated one if nothing is right.

    Args:
        probabilities: Of all candidates of the validation notes.
        is_given: Whether the note has the code.
        given_count: Codes that the notes have, found or not.
    """
    ordered = sorted(zip(probabilities, is_given, strict=True), reverse=True)
    best, threshold, right = 0.0, STATED_THRESHOLD, 0
    for number, (probability, given) in enumerate(ordered, start=1):
        right += given
        f1 = 2 * right / (number + given_count)
        if f1 > best:
            following = ordered[number][0] if number < len(ordered) else 0.0
            best, threshold = f1, (probability + following) / 2
    return threshold
