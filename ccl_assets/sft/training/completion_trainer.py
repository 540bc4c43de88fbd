"""TRL's trainer with planned steps of packed examples, and a guard against non-finite numbers.

Imports torch and TRL at once: only the training process imports this module.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset
from trl import SFTTrainer

from ccl_assets.sft.dataset.encoding import EncodedExample
from ccl_assets.sft.training.batches import BatchPlan
from ccl_assets.sft.training.packing import Row, packed_row, summed_loss


class NonFiniteLossError(RuntimeError):
    """Training diverged; no adapter is left behind."""


class CompletionTrainer(SFTTrainer):
    """Trains on encoded examples as planned: a batch is one process's share of an optimizer step.

    Gradients are those of the step's mean loss per completion token, whatever the rows and the processes it is spread over.
    """

    def __init__(
        self, plan: BatchPlan, training: Sequence[EncodedExample], evaluation_rows: list[Row], **arguments: Any
    ) -> None:
        self._plan = plan
        self._training = training
        self._evaluation_rows = evaluation_rows
        self._position_count = self._token_count = 0
        super().__init__(**arguments)

    @property
    def padding_share(self) -> float:
        """Share of the positions this process computed that held no token of an example."""
        return 1 - self._token_count / self._position_count if self._position_count else 0.0

    def get_train_dataloader(self) -> Any:
        """This process's share of every step."""
        shares = _StepShares(self._plan, self._training, self.args.process_index, self.args.world_size)
        return DataLoader(shares, batch_size=1, collate_fn=lambda shares: shares[0])

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        """Forward and backward of a share of a step; stops the run on a loss that is not finite.

        Returns:
            Mean loss per completion token of the whole step, the same in every process, so that all of them stop.
        """
        model.train()
        # gradients are averaged over processes, but the sum over them is wanted
        scale = self.args.world_size / inputs["step_completion_count"]
        rows = self._prepare_inputs(inputs["rows"])
        loss = torch.zeros((), device=self.args.device)
        for number, row in enumerate(rows, start=1):
            # processes exchange gradients once, with the last row
            with nullcontext() if number == len(rows) else self.accelerator.no_sync(model):
                with self.compute_loss_context_manager():
                    row_loss = summed_loss(model, row) * scale
                self.accelerator.backward(row_loss)
            loss += row_loss.detach()
            self._position_count += row["input_ids"].numel()
        self._token_count += inputs["token_count"]
        loss = self.accelerator.reduce(loss, "mean")
        _require_finite(loss.item(), "loss", self.state.global_step + 1, self.args.learning_rate)
        return loss

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Mean loss per completion token of the validation examples."""
        self.model.eval()
        sums = torch.zeros(2, dtype=torch.float64, device=self.args.device)
        with torch.no_grad(), self.compute_loss_context_manager():
            for row in self._evaluation_rows:
                row = self._prepare_inputs(row)
                sums += torch.stack([summed_loss(self.model, row).double(), (row["labels"] >= 0).sum().double()])
        total, count = self.accelerator.reduce(sums, "sum").tolist()
        metrics = {"eval_loss": total / count}
        _require_finite(metrics["eval_loss"], "validation loss", self.state.global_step, self.args.learning_rate)
        self.log(metrics)
        self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def floating_point_ops(self, inputs: Any) -> int:
        """Not counted."""
        return 0

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write no card into checkpoints; the adapter gets the project's own."""


class _StepShares(Dataset[dict[str, Any]]):
    """What one process puts through the model in each step."""

    def __init__(self, plan: BatchPlan, examples: Sequence[EncodedExample], process: int, process_count: int) -> None:
        self._plan, self._examples = plan, examples
        self._process, self._process_count = process, process_count

    def __len__(self) -> int:
        return len(self._plan.steps)

    def __getitem__(self, step: int) -> dict[str, Any]:
        rows = self._plan.rows(step, self._process, self._process_count)
        return {
            "rows": [packed_row([self._examples[number] for number in row]) for row in rows or [[]]],
            "step_completion_count": sum(self._examples[number].completion_length for number in self._plan.steps[step]),
            "token_count": sum(self._examples[number].length for row in rows for number in row),
        }


def require_finite_weights(model: Any) -> None:
    """Refuse an adapter with a weight that is not finite: the last step's update was not seen by any loss."""
    for name, weight in model.named_parameters():
        if weight.requires_grad and not torch.isfinite(weight).all():
            raise NonFiniteLossError(
                f"weight {name} is not finite after training: lower the learning rate; no adapter was written"
            )


def _require_finite(value: float, what: str, step: int, learning_rate: float) -> None:
    if not math.isfinite(value):
        raise NonFiniteLossError(
            f"the {what} is {value} at step {step}: lower the learning rate (now {learning_rate:g}) or check the base "
            "model's weights; no adapter was written"
        )
