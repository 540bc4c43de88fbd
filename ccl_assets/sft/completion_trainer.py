"""TRL's trainer with planned batches, a loss that skips the prompt's logits, and a guard against non-finite numbers.

Imports torch and TRL at once: only the training process imports this module.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers import TrainerCallback
from trl import SFTTrainer

from ccl_assets.sft.training_log import TrainingLogEntry

# Models whose logits are the output layer's alone; others scale or cap them, and take TRL's own path.
PLAIN_HEAD_MODEL_TYPES = frozenset({"llama", "mistral", "qwen2", "qwen3", "smollm3"})
COMPLETE_MARKER = "complete"


class NonFiniteLossError(RuntimeError):
    """Training diverged; no adapter is left behind."""


class CompletionTrainer(SFTTrainer):
    """Trains on tokenized rows (``input_ids``, ``labels``) in the order of a plan of micro-batches."""

    def __init__(self, plan: list[list[int]], **arguments: Any) -> None:
        self._plan = plan
        self.trained_token_count = 0
        super().__init__(**arguments)

    def get_train_dataloader(self) -> Any:
        """Batches as planned."""
        loader = DataLoader(self.train_dataset, batch_sampler=self._plan, collate_fn=self.data_collator)  # type: ignore[arg-type]
        return self.accelerator.prepare(loader)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean negative log-likelihood of the completion tokens.

        On a CPU TRL's fused head computes logits for every position and throws the prompt's away, a fifth of the
        forward pass of a small model with a large vocabulary; on CUDA it already skips them.
        """
        head_model = self.accelerator.unwrap_model(model).get_base_model()
        is_plain = head_model.config.model_type in PLAIN_HEAD_MODEL_TYPES
        if return_outputs or not is_plain or inputs["input_ids"].device.type != "cpu":
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        return completion_loss(head_model, inputs, num_items_in_batch)

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """One micro-batch; stops the run on a loss that is not finite."""
        self.trained_token_count += int(args[1]["attention_mask"].sum())
        loss: torch.Tensor = super().training_step(*args, **kwargs)
        if not torch.isfinite(loss):
            raise NonFiniteLossError(
                f"the loss is {loss.item()} at step {self.state.global_step + 1}: lower the learning rate "
                f"(now {self.args.learning_rate:g}) or check the base model's weights; no adapter was written"
            )
        return loss

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write no card into checkpoints; the adapter gets the project's own."""


def completion_loss(model: Any, inputs: dict[str, Any], token_count: Any = None) -> torch.Tensor:
    """Loss over labelled positions, logits computed for these alone.

    Args:
        model: Causal language model with a plain output layer.
        inputs: ``input_ids``, ``attention_mask`` and ``labels`` (-100 where nothing is learned), batch first.
        token_count: What the summed loss is divided by: labelled tokens of the whole step. Default: of this batch.
    """
    backbone = model.base_model
    hidden = backbone(
        input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
    ).last_hidden_state[:, :-1]
    targets = inputs["labels"][:, 1:]
    is_learned = targets != -100
    logits = model.get_output_embeddings()(hidden[is_learned]).float()
    total = torch.nn.functional.cross_entropy(logits, targets[is_learned], reduction="sum")
    return total / (is_learned.sum() if token_count is None else token_count)


class TrainingWatch(TrainerCallback):
    """Logs progress, marks whole checkpoints, and ends the run when its time is up."""

    def __init__(self, log: Callable[[TrainingLogEntry], None], max_seconds: float | None) -> None:
        self._log = log
        self._max_seconds = max_seconds
        self._tokens: Callable[[], int] = lambda: 0
        self._began = self._last_time = time.monotonic()
        self._first_step = 0
        self._last_tokens = 0
        self.is_out_of_time = False
        self.training_seconds = 0.0

    def count_tokens_with(self, tokens: Callable[[], int]) -> None:
        """Say where the number of trained tokens can be read."""
        self._tokens = tokens

    @property
    def seconds(self) -> float:
        """Seconds since training began in this process."""
        return time.monotonic() - self._began

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the clock."""
        self._began = self._last_time = time.monotonic()
        self._first_step = state.global_step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop if another step of average length would overrun."""
        done = state.global_step - self._first_step
        if self._max_seconds is not None and self.seconds * (done + 1) / done > self._max_seconds:
            self.is_out_of_time = state.global_step < state.max_steps
            control.should_training_stop = True

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop the clock: the evaluation that follows is no training."""
        self.training_seconds = self.seconds

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Mark the checkpoint as whole: one without the mark was cut short by a kill."""
        (Path(args.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE_MARKER).touch()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Turn the trainer's log into ours."""
        logs = logs or {}
        position = {
            "step": state.global_step,
            "epoch": round(float(state.epoch or 0), 4),
            "seconds": round(self.seconds, 2),
        }
        if "eval_loss" in logs:
            _refuse_non_finite(logs["eval_loss"], "validation loss", state.global_step)
            self._log(TrainingLogEntry(**position, eval_loss=logs["eval_loss"]))
        elif "loss" in logs:
            now, tokens = time.monotonic(), self._tokens()
            done = max(1, state.global_step - self._first_step)
            left = self.seconds / done * (state.max_steps - state.global_step)
            if self._max_seconds is not None:
                left = min(left, max(0.0, self._max_seconds - self.seconds))
            entry = TrainingLogEntry(
                **position,
                loss=logs["loss"],
                learning_rate=logs.get("learning_rate"),
                tokens_per_second=round((tokens - self._last_tokens) / max(now - self._last_time, 1e-9), 1),
                seconds_left=round(left, 1),
            )
            self._last_time, self._last_tokens = now, tokens
            self._log(entry)


def require_finite_weights(model: Any) -> None:
    """Refuse an adapter with a weight that is not finite: the last step's update was not seen by any loss."""
    for name, weight in model.named_parameters():
        if weight.requires_grad and not torch.isfinite(weight).all():
            raise NonFiniteLossError(
                f"weight {name} is not finite after training: lower the learning rate; no adapter was written"
            )


def _refuse_non_finite(value: float, what: str, step: int) -> None:
    if not math.isfinite(value):
        raise NonFiniteLossError(f"the {what} is {value} after step {step}: check the base model and the learning rate")
