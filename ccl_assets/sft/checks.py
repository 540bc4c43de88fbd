"""Gates of training: no test text, nothing longer than the window, a loss that is finite and falls, an adapter that loads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ccl_assets.gate import Gate
from ccl_assets.sft.leakage import CONTAINMENT_THRESHOLD, LeakageReport

_SHOWN = 5

DATASET_GATES = {
    "no_test_text": f"No training text shares {CONTAINMENT_THRESHOLD:.0%} or more of its 8-word shingles with a test document.",
    "fits_window": "No example is longer than the recipe's window; longer ones were left out and are counted here (warns).",
    "is_not_empty": "There is something to train on.",
}
ADAPTER_CHECKS = {
    "loss_finite_and_falling": "Training loss is finite and ends below where it began.",
    "loads_on_base": "The adapter loads on its base model and changes what that says.",
}


def no_test_text(report: LeakageReport) -> Gate:
    """No near-duplicate of a test document among the training texts."""
    return Gate(
        "no_test_text",
        not report.overlaps,
        "remove these examples' notes from the training split",
        {
            "compared": report.examined_count,
            "near_duplicates": len(report.overlaps),
            "first": [f"{item.training_id} ~ {item.test_id}" for item in report.overlaps[:_SHOWN]],
        },
    )


def fits_window(too_long_ids: Sequence[str], kept: int, window: int) -> Gate:
    """Whether examples had to be left out because the window is too short."""
    return Gate(
        "fits_window",
        not too_long_ids,
        "raise the recipe's max_length if the base model allows it",
        {"window": window, "kept": kept, "left_out": len(too_long_ids), "first": list(too_long_ids[:_SHOWN])},
        is_blocking=False,
    )


def is_not_empty(train_count: int) -> Gate:
    """There are training examples."""
    return Gate(
        "is_not_empty",
        train_count > 0,
        "materialize the corpora and the knowledge base the recipe draws on",
        {"training_examples": train_count},
    )


def loss_finite_and_falling(losses: Sequence[float], falling: bool) -> Gate:
    """The training loss is finite and falls."""
    finite = bool(losses) and all(math.isfinite(loss) for loss in losses)
    details: dict[str, Any] = {"steps_logged": len(losses)}
    if losses:
        details |= {"first_loss": losses[0], "last_loss": losses[-1]}
    return Gate("loss_finite_and_falling", finite and falling, "look at the learning rate and at the data", details)
