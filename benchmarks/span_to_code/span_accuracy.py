"""How well phrases are coded one by one: levels of a written code, ranks of the right code among candidates, intervals.

The unit is the term. Notes with several codes are scored in ``ccl_assets/evaluation/scoring``.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from ccl_assets.answers.coding_format import parse_coding
from ccl_assets.evaluation.scoring.bootstrap import RESAMPLES, SEED, Estimate, estimate, estimate_differences
from ccl_assets.evaluation.scoring.metrics import Counts, Figure, rate, rate_counts
from ccl_assets.icd.chapters import chapter_of

LEVELS = ("exact", "category", "chapter", "valid")
_RATE = {"rate": Figure(rate)}


def written_code(answer: str) -> str | None:
    """The first code of a model's answer, whether it exists or not."""
    entries = parse_coding(answer).entries
    return entries[0].code if entries else None


def levels(gold: str, written: str | None, billable: Container[str]) -> dict[str, float]:
    """1 or 0 for every one of :data:`LEVELS`.

    Category and chapter look at the three characters alone, so that a right beginning counts even if what follows makes a
    code that does not exist; ``valid`` says whether it does.
    """
    if written is None:
        return dict.fromkeys(LEVELS, 0.0)
    return {
        "exact": float(written == gold),
        "category": float(written[:3] == gold[:3]),
        "chapter": float(_chapter(written) == _chapter(gold)),
        "valid": float(written in billable),
    }


def ranking(scores: Sequence[float], right: int) -> tuple[float, float]:
    """Accuracy at 1 and reciprocal rank of one choice; what equal scores leave open is averaged over their orders.

    Args:
        scores: One per candidate, larger is better.
        right: Position of the right candidate.
    """
    better = sum(score > scores[right] for score in scores)
    equal = sum(score == scores[right] for score in scores)
    places = range(better + 1, better + equal + 1)
    return (1 / equal if better == 0 else 0.0), sum(1 / place for place in places) / equal


def mean_with_interval(values: Sequence[float], resample_count: int = RESAMPLES, seed: int = SEED) -> Estimate:
    """Mean over terms with its bootstrap interval."""
    return estimate(_counts(values), len(values), _RATE, resample_count=resample_count, seed=seed)["rate"]


def mean_difference(
    first: Sequence[float], second: Sequence[float], resample_count: int = RESAMPLES, seed: int = SEED
) -> Estimate:
    """First less second over the same terms in the same order, resampled alike.

    Raises:
        ValueError: They are not as many.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} terms against {len(second)}: a paired difference needs the same terms")
    counts = _counts(first), _counts(second)
    return estimate_differences(*counts, len(first), _RATE, resample_count=resample_count, seed=seed)["rate"]


def _counts(values: Sequence[float]) -> Counts:
    return rate_counts(values, [1.0] * len(values))


def _chapter(code: str) -> int | None:
    try:
        return chapter_of(code).number
    except KeyError:
        return None
