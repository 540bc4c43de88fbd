"""Gates of linking: every tier gives terms, probabilities mean what they say, what was learned is finite."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ccl_assets.linking.coder import SpanCoder
from ccl_assets.linking.encoder_languages import TrainedEncoder
from ccl_assets.tables.gate import Gate, gate

MOST_CALIBRATION_ERROR = 0.05
_ENOUGH_HELD_OUT = 100  # of fewer terms chance decides


@gate("has_terms", "Every tier of the rung gives terms (an empty tier warns; no term at all stops).")
def has_terms(counts: Mapping[str, int], tiers: Sequence[str]) -> Gate:
    """Tell whether each tier that the rung names gives terms.

    Args:
        counts: Terms by tier, all languages together.
        tiers: Tiers of the rung.
    """
    empty = [tier for tier in tiers if not counts.get(tier)]
    return Gate(
        "has_terms",
        not empty,
        "materialize the tables of these tiers, or use a rung without them",
        {"terms": sum(counts.values()), "empty_tiers": empty},
        is_blocking=not any(counts.values()),
    )


@gate("weights_finite", "All weights of the verifiers are finite numbers.")
def weights_finite(coders: Mapping[str, SpanCoder]) -> Gate:
    """Tell whether what was learned can be computed with.

    Args:
        coders: By language.
    """
    wrong = [
        f"{language}: {name}"
        for language, coder in coders.items()
        for name, weight in zip(coder.verifier.features, coder.verifier.weights, strict=True)
        if not math.isfinite(weight)
    ]
    return Gate("weights_finite", not wrong, "look for training notes without words", {"not_finite": wrong[:5]})


@gate("calibrated", f"Stated probabilities are {MOST_CALIBRATION_ERROR:.0%} from the real shares at most (warns).")
def calibrated(errors: Mapping[str, float]) -> Gate:
    """Tell whether probabilities hold on candidates that the coder had not seen.

    Args:
        errors: Expected calibration error by language.
    """
    wrong = {language: round(error, 4) for language, error in errors.items() if error > MOST_CALIBRATION_ERROR}
    return Gate(
        "calibrated",
        not wrong,
        "annotate more notes like those that are coded, or read probabilities as an order only",
        {"calibration_error": max(errors.values(), default=0.0), "over": [f"{k} {v}" for k, v in wrong.items()]},
        is_blocking=False,
    )


@gate("vectors_finite", "All vectors of the encoders are finite numbers.")
def vectors_finite(trained: Mapping[str, TrainedEncoder]) -> Gate:
    """Tell whether what was learned can be computed with.

    Args:
        trained: By language.
    """
    import numpy as np

    wrong = {
        language: int((~np.isfinite(one.encoder.table)).any(axis=1).sum())
        for language, one in trained.items()
        if not np.isfinite(one.encoder.table).all()
    }
    return Gate(
        "vectors_finite",
        not wrong,
        "lower the learning rate in ccl_assets/linking/encoder_languages.py",
        {"vectors": sum(wrong.values()), "languages": sorted(wrong)},
    )


@gate(
    "recall_above_words",
    f"Of terms held out whole, more are found by the trained encoder than by its start (of under {_ENOUGH_HELD_OUT} terms: warns).",
)
def recall_above_words(trained: Mapping[str, TrainedEncoder]) -> Gate:
    """Compare recall after training with the start: recall among the first ten and at the first place, held-out terms.

    Args:
        trained: By language.
    """
    judged = {language: one for language, one in trained.items() if "all" in one.after}
    wrong = {
        language: f"{one.before['all'].first:.3f} to {one.after['all'].first:.3f}"
        for language, one in judged.items()
        if one.after["all"].first <= one.before["all"].first or one.after["all"].ten < one.before["all"].ten
    }
    return Gate(
        "recall_above_words",
        not wrong,
        "look at the curve; train longer, or on more terms",
        {
            "held_out": sum(one.after["all"].terms for one in judged.values()),
            "not_above": [f"{k} {v}" for k, v in wrong.items()],
        },
        is_blocking=any(judged[language].after["all"].terms >= _ENOUGH_HELD_OUT for language in wrong),
    )
