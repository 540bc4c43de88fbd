"""Watches a training run: logs its progress, marks whole checkpoints, ends it when its time or its patience is up.

Imports transformers at once: only the training process imports this module.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import broadcast
from transformers import TrainerCallback

from ccl_assets.sft.recipes import TrainingSettings
from ccl_assets.sft.training.batches import BatchPlan
from ccl_assets.sft.training.log import TrainingLogEntry

COMPLETE_MARKER = "complete"


class TrainingWatch(TrainerCallback):
    """One run in one process.

    Attributes:
        stopped_by: ``last_step``, ``max_seconds`` or ``early_stopping``.
        training_seconds: Seconds of the training just done.
    """

    def __init__(
        self,
        log: Callable[[TrainingLogEntry], None],
        plan: BatchPlan,
        settings: TrainingSettings,
        logged: Sequence[TrainingLogEntry] = (),
    ) -> None:
        """Watch a run.

        Args:
            log: Takes new entries.
            plan: Steps of the run.
            settings: Limits of time and patience.
            logged: What an earlier launch of the run logged, up to where it is resumed.
        """
        self._log = log
        self._plan = plan
        self._settings = settings
        self._steps_per_epoch = -(-len(plan.lengths) // settings.effective_batch_size)
        self._evaluations = [entry.eval_loss for entry in logged if entry.eval_loss is not None and entry.step > 0]
        self._is_training = False
        self._began = self._last_time = time.monotonic()
        self._first_step = self._last_step = 0
        self.stopped_by = "last_step"
        self.training_seconds = 0.0

    @property
    def seconds(self) -> float:
        """Seconds since training began in this process."""
        return time.monotonic() - self._began

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the clock."""
        self._began = self._last_time = time.monotonic()
        self._first_step = self._last_step = state.global_step
        self._is_training = True

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Evaluate after the last step as well; stop if another one of average length would overrun the time."""
        if state.global_step >= state.max_steps:
            control.should_evaluate = self._settings.evaluate_every_steps is not None and args.eval_strategy != "no"
            return
        limit = self._settings.max_seconds
        if limit is None:
            return
        done = state.global_step - self._first_step
        is_up = torch.tensor(int(self.seconds * (done + 1) / done > limit), device=args.device)
        if args.world_size > 1:
            is_up = broadcast(is_up)  # clocks differ, and processes that disagree would wait for each other forever
        if is_up:
            self.stopped_by = "max_seconds"
            control.should_training_stop = True

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float], **kwargs: Any) -> None:
        """Stop if the validation loss has not been at its best for long enough."""
        if not self._is_training:
            return
        self._evaluations.append(metrics["eval_loss"])
        since_best = len(self._evaluations) - 1 - self._evaluations.index(min(self._evaluations))
        patience = self._settings.early_stopping_patience
        if patience is not None and since_best >= patience:
            self.stopped_by = "early_stopping"
            control.should_training_stop = True
            control.should_save = False  # a checkpoint behind the end would be resumed beyond it

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop the clock: the evaluation that follows is no training."""
        self.training_seconds = self.seconds
        self._is_training = False

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Mark the checkpoint as whole: one without the mark was cut short by a kill."""
        PartialState().wait_for_everyone()  # each process wrote its part
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE_MARKER).touch()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Turn the trainer's log into ours."""
        logs = logs or {}
        step = state.global_step
        position = {"step": step, "epoch": round(step / self._steps_per_epoch, 4), "seconds": round(self.seconds, 2)}
        if "eval_loss" in logs:
            self._log(TrainingLogEntry(**position, eval_loss=logs["eval_loss"]))
        elif "loss" in logs:
            now = time.monotonic()
            left = self.seconds / max(1, step - self._first_step) * (state.max_steps - step)
            if self._settings.max_seconds is not None:
                left = min(left, max(0.0, self._settings.max_seconds - self.seconds))
            tokens = self._plan.token_count(self._last_step, step)
            entry = TrainingLogEntry(
                **position,
                loss=logs["loss"],
                learning_rate=logs.get("learning_rate"),
                tokens_per_second=round(tokens / max(now - self._last_time, 1e-9), 1),
                seconds_left=round(left, 1),
            )
            self._last_time, self._last_step = now, step
            self._log(entry)
