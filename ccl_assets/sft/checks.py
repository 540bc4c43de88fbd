"""Gates of training: no test text, nothing longer than the window, a loss that is finite and falls, an adapter that loads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccl_assets.sft.dataset.leakage import CONTAINMENT_THRESHOLD, SHINGLE_WORDS
from ccl_assets.tables.gate import Gate, gate

if TYPE_CHECKING:
    from ccl_assets.sft.dataset.building import DatasetAccount
    from ccl_assets.sft.dataset.examples import LeftOut

_SHOWN = 5


@gate(
    "no_test_text",
    "No training note is of a test document's chart or shares "
    f"{CONTAINMENT_THRESHOLD:.0%} or more of its runs of {SHINGLE_WORDS} words with one.",
)
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


@gate("fits_window", "What is in the dataset fits the window; nothing had to be left out for its length (warns).")
def fits_window(left_out: LeftOut, kept: int, window: int, over_window: Sequence[str] = ()) -> Gate:
    """Tell whether every example fits, and whether notes or spans had to be left out because the window is too short.

    Args:
        left_out: Of the dataset.
        kept: Examples in the dataset.
        window: Tokens.
        over_window: Ids of examples in the dataset that are longer; these block, since training would stop at them.
    """
    too_long = left_out.counts.get("too_long", 0)
    return Gate(
        "fits_window",
        not (too_long or over_window),
        "a defect of the dataset, which is to leave out what is longer: correct it and materialize again"
        if over_window
        else 'raise the recipe\'s max_length if the base model allows it; notes with evidence can be split (long_notes = "split")',
        {
            "window": window,
            "kept": kept,
            "left_out": too_long,
            "kept_and_too_long": len(over_window),
            "first": [*over_window[:_SHOWN], *left_out.first("too_long")[:_SHOWN]],
        },
        is_blocking=bool(over_window),
    )


@gate("is_not_empty", "There is something to train on.")
def is_not_empty(recipe_name: str, account: DatasetAccount) -> Gate:
    """There are training examples."""
    return Gate(
        "is_not_empty",
        account.train_count > 0,
        f"recipe {recipe_name!r} leaves nothing to train on: materialize the corpora and the knowledge base it draws on, or raise "
        "its limits in recipes.toml; `left_out` says what it did not use and why",
        {"training_examples": account.train_count, "left_out": account.left_out.counts},
    )


@gate("loss_finite_and_falling", "Training loss is finite and ends below where it began.")
def loss_finite_and_falling(losses: Sequence[float], falling: bool) -> Gate:
    """The training loss is finite and falls."""
    odd = [step for step, loss in enumerate(losses, start=1) if not math.isfinite(loss)]
    details: dict[str, Any] = {"steps_logged": len(losses), "steps_not_finite": len(odd), "first": odd[:_SHOWN]}
    if losses:
        details |= {"first_loss": _shown(losses[0]), "last_loss": _shown(losses[-1])}
    return Gate(
        "loss_finite_and_falling",
        bool(losses) and not odd and falling,
        "lower the recipe's training.learning_rate in recipes.toml, or let it train longer where few steps were logged; "
        "training_log.jsonl has every step",
        details,
    )


def _shown(loss: float) -> float | str:
    """As it is, or in words where it is no number: GraphQL has none for it, and the UI would show an error instead of the gate."""
    return loss if math.isfinite(loss) else str(loss)


@gate("loads_on_base", "The adapter loads on its base model and changes what that says.")
def loads_on_base(directory: Path, base: Path) -> Gate:
    """The adapter loads on its base model; reading both takes seconds for a small model, minutes for one of 8B."""
    from ccl_assets.sft.adapter.directory import AdapterError, check_adapter_loads

    try:
        return Gate("loads_on_base", True, details=asdict(check_adapter_loads(directory, base)))
    except AdapterError as error:
        return Gate("loads_on_base", False, "train it again: materialize sft/adapter", {"problem": str(error)})
