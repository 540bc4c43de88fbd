"""Gates of training: no test text, nothing longer than the window, a loss that is finite and falls, an adapter that loads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ccl_assets.gate import Gate
from ccl_assets.sft.leakage import CONTAINMENT_THRESHOLD, SHINGLE_WORDS

if TYPE_CHECKING:
    from ccl_assets.sft.dataset import DatasetAccount
    from ccl_assets.sft.examples import LeftOut

_SHOWN = 5

DATASET_GATES = {
    "no_test_text": "No training note is of a test document's chart or shares "
    f"{CONTAINMENT_THRESHOLD:.0%} or more of its runs of {SHINGLE_WORDS} words with one.",
    "fits_window": "Nothing was left out because it is longer than the window (warns); what is in the dataset fits.",
    "is_not_empty": "There is something to train on.",
}
ADAPTER_CHECKS = {
    "loss_finite_and_falling": "Training loss is finite and ends below where it began.",
    "loads_on_base": "The adapter loads on its base model and changes what that says.",
}


def no_test_text(account: DatasetAccount, is_left_out: bool) -> Gate:
    """No chart of the test split and no near-duplicate of a test document among the training notes.

    Args:
        account: Of the dataset.
        is_left_out: What was found is not in the dataset (recipe key ``documents.near_test_notes``).
    """
    found = bool(account.near_test or account.test_charts)
    return Gate(
        "no_test_text",
        is_left_out or not found,
        'take these notes out of the training split, or set documents.near_test_notes = "leave_out" in recipes.toml',
        {
            "compared": account.compared_note_count,
            "threshold": CONTAINMENT_THRESHOLD,
            "near_duplicates": len(account.near_test),
            "test_charts": len(account.test_charts),
            "first": [
                *(f"{item.training_id} ~ {item.test_id} {item.containment:.2f}" for item in account.near_test[:_SHOWN]),
                *account.test_charts[:_SHOWN],
            ],
        },
    )


def fits_window(left_out: LeftOut, kept: int, window: int) -> Gate:
    """Whether notes or spans had to be left out because the window is too short."""
    too_long = left_out.counts.get("too_long", 0)
    return Gate(
        "fits_window",
        not too_long,
        'raise the recipe\'s max_length if the base model allows it; notes with evidence can be split (long_notes = "split")',
        {"window": window, "kept": kept, "left_out": too_long, "first": left_out.first("too_long")[:_SHOWN]},
        is_blocking=False,
    )


def is_not_empty(recipe_name: str, account: DatasetAccount) -> Gate:
    """There are training examples."""
    return Gate(
        "is_not_empty",
        account.train_count > 0,
        f"recipe {recipe_name!r} leaves nothing to train on: materialize the corpora and the knowledge base it draws on, or raise "
        "its limits in recipes.toml; `left_out` says what it did not use and why",
        {"training_examples": account.train_count, "left_out": account.left_out.counts},
    )


def loss_finite_and_falling(losses: Sequence[float], falling: bool) -> Gate:
    """The training loss is finite and falls."""
    finite = bool(losses) and all(math.isfinite(loss) for loss in losses)
    details: dict[str, Any] = {"steps_logged": len(losses)}
    if losses:
        details |= {"first_loss": losses[0], "last_loss": losses[-1]}
    return Gate("loss_finite_and_falling", finite and falling, "look at the learning rate and at the data", details)
