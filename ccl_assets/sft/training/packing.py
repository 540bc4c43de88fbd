"""Several examples in one row, none of which sees another, and the loss of such a row.

Positions begin again at 0 with each example; from that transformers derives an attention mask in blocks. Imports torch at
once: only the training process imports this module.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch

from ccl_assets.sft.dataset.encoding import IGNORED_LABEL, EncodedExample

Row = dict[str, torch.Tensor]


def packed_row(examples: Sequence[EncodedExample]) -> Row:
    """Put examples end to end: ``input_ids``, ``labels`` and, for more than one, ``position_ids``; batch first, one row.

    No example at all gives a row without anything to learn, for a process that has to keep step with others.
    """
    if not examples:
        examples = [EncodedExample([0], 1)]
    # what an example begins with follows from nothing, and least of all from the example before
    labels = [label for example in examples for label in (IGNORED_LABEL, *example.labels[1:])]
    row = {
        "input_ids": torch.tensor([[token for example in examples for token in example.input_ids]]),
        "labels": torch.tensor([labels]),
    }
    if len(examples) > 1:
        row["position_ids"] = torch.tensor([[place for example in examples for place in range(example.length)]])
    return row


def summed_loss(model: Any, row: Row) -> torch.Tensor:
    """Negative log-likelihood of a row's labelled tokens, summed, in nats; logits are computed for these alone."""
    targets = row["labels"][0, 1:]
    places = (targets != IGNORED_LABEL).nonzero().squeeze(1)
    inputs = {key: value for key, value in row.items() if key != "labels"}
    if _can_choose_logits(model):
        logits = model(**inputs, use_cache=False, logits_to_keep=places).logits[0]
    else:
        logits = model(**inputs, use_cache=False).logits[0, places]
    return torch.nn.functional.cross_entropy(logits.float(), targets[places], reduction="sum")


def keeps_examples_apart(model: Any) -> bool:
    """Tell whether packed examples cannot see each other in this model: what one says must not change with its neighbour.

    Attention over a row's whole length, a state that runs along it, or a model without positions would fail here.
    """
    neighbours = [EncodedExample(list(range(start, start + 8)), 8) for start in (3, 13)]
    probe = EncodedExample(list(range(5, 13)), 8)
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            one, other = (_logits_behind(neighbour, probe, model) for neighbour in neighbours)
    except TypeError:  # it takes no positions
        return False
    finally:
        model.train(was_training)
    return bool((one - other).abs().max() <= 1e-4 * one.abs().max())


def _logits_behind(neighbour: EncodedExample, probe: EncodedExample, model: Any) -> torch.Tensor:
    row = {key: value.to(model.device) for key, value in packed_row([neighbour, probe]).items() if key != "labels"}
    logits: torch.Tensor = model(**row, use_cache=False).logits
    return logits[0, neighbour.length :].float()


def _can_choose_logits(model: Any) -> bool:
    model = getattr(model, "module", model)  # as wrapped for several processes
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return "logits_to_keep" in inspect.signature(type(base).forward).parameters
