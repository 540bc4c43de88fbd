"""Which examples go through the model together.

Every optimizer step takes the same number of examples at random, so that its gradient is an unbiased mix of notes and
spans; only within the step are they grouped by length, because padding a span to a note's length is pure loss. (Batches
drawn by length alone would make some steps all notes and others all spans.) The plan holds all epochs in one sequence:
a resumed run skips what it has done and goes on exactly where it was.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache


def plan_micro_batches(
    lengths: Sequence[int], effective_batch_size: int, micro_batches: int, epochs: int, seed: int
) -> list[list[int]]:
    """Plan the micro-batches of a whole training run.

    Args:
        lengths: Tokens of each example.
        effective_batch_size: Examples per step. An epoch's last step takes what is left; if that is fewer than
            ``micro_batches`` it is filled up from the epoch's beginning, since every micro-batch needs an example.
        micro_batches: Micro-batches per step.
        epochs: Passes over the examples, each in another order.
        seed: Fixes the orders.

    Returns:
        Example numbers of each micro-batch; every ``micro_batches`` of them are a step.
    """
    if not lengths:
        raise ValueError("there is no example to plan batches for")
    plan: list[list[int]] = []
    for epoch in range(epochs):
        order = list(range(len(lengths)))
        random.Random(f"{seed}/{epoch}").shuffle(order)  # noqa: S311 (a shuffle, no secret)
        for start in range(0, len(order), effective_batch_size):
            step = order[start : start + effective_batch_size]
            while len(step) < micro_batches:
                step += order[: micro_batches - len(step)]
            plan += _split_step(step, lengths, micro_batches)
    return plan


def _split_step(step: Sequence[int], lengths: Sequence[int], groups: int) -> list[list[int]]:
    """Cut a step, sorted by falling length, where the sum of squared padded sizes is least.

    The square keeps the largest micro-batch small, which bounds memory, at little cost in padding.
    """
    members = sorted(step, key=lambda index: -lengths[index])

    @cache
    def best(start: int, left: int) -> tuple[int, int]:
        """Least cost of cutting ``members[start:]`` into ``left`` groups, and the end of the first."""
        longest = lengths[members[start]]
        if left == 1:
            return (longest * (len(members) - start)) ** 2, len(members)
        return min(
            ((longest * (end - start)) ** 2 + best(end, left - 1)[0], end)
            for end in range(start + 1, len(members) - left + 2)
        )

    result, start = [], 0
    for left in range(groups, 0, -1):
        end = best(start, left)[1]
        result.append(members[start:end])
        start = end
    return result
