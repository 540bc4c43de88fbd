"""Grouping of the examples that go through the model together.

Every optimizer step takes the same number of examples at random, so that its gradient is an unbiased mix of notes and
spans. (Batches drawn by length alone would make some steps all notes and others all spans.) Only within the step are they
grouped: dealt to the processes that train together, and packed end to end into rows of about as many tokens as the hardware
likes. Packing wastes nothing on padding, and the sum over a step is the same however it is dealt.

All steps of a run are one sequence: a resumed run skips what it has done and goes on exactly where it was.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class BatchPlan:
    """The steps of a run: example numbers, and how they are grouped.

    Attributes:
        steps: Example numbers of each optimizer step, over all epochs.
        lengths: Tokens of each example.
        row_tokens: Tokens of a packed row at most; an example longer than that is a row of its own.
    """

    steps: tuple[tuple[int, ...], ...]
    lengths: Sequence[int]
    row_tokens: int

    def rows(self, step: int, process: int = 0, process_count: int = 1) -> list[list[int]]:
        """Examples of the rows that a process puts through the model in a step; no row where there are too few examples."""
        dealt = deal(self.steps[step], self.lengths, process_count)[process]
        return pack(dealt, self.lengths, self.row_tokens)

    def token_count(self, first_step: int, end_step: int) -> int:
        """Tokens of the examples of some steps."""
        return sum(self.lengths[number] for step in self.steps[first_step:end_step] for number in step)


def plan_steps(example_count: int, examples_per_step: int, epochs: int, seed: int) -> tuple[tuple[int, ...], ...]:
    """Draw the examples of every optimizer step.

    Args:
        example_count: Examples there are.
        examples_per_step: Examples a step takes; an epoch's last step takes what is left.
        epochs: Passes over the examples, each in another order.
        seed: Fixes the orders.
    """
    if not example_count:
        raise ValueError("there is no example to plan steps for")
    steps = []
    for epoch in range(epochs):
        order = list(range(example_count))
        random.Random(f"{seed}/{epoch}").shuffle(order)  # noqa: S311 (a shuffle, no secret)
        steps += [tuple(order[i : i + examples_per_step]) for i in range(0, example_count, examples_per_step)]
    return tuple(steps)


def deal(numbers: Sequence[int], lengths: Sequence[int], hands: int) -> list[list[int]]:
    """Deal examples, the longest first, each to the hand with fewest tokens; a hand stays empty if there are too few."""
    dealt: list[list[int]] = [[] for _ in range(hands)]
    loads = [0] * hands
    for number in sorted(numbers, key=lambda number: -lengths[number]):
        lightest = loads.index(min(loads))
        dealt[lightest].append(number)
        loads[lightest] += lengths[number]
    return dealt


def pack(numbers: Sequence[int], lengths: Sequence[int], row_tokens: int) -> list[list[int]]:
    """Pack examples into few rows of at most ``row_tokens``, about equally long; a longer example has its own row."""
    rows = [[number] for number in numbers if lengths[number] >= row_tokens]
    rest = [number for number in numbers if lengths[number] < row_tokens]
    count = -(-sum(lengths[number] for number in rest) // row_tokens)
    while True:
        packed = deal(rest, lengths, count)
        if all(sum(lengths[number] for number in row) <= row_tokens for row in packed):
            return rows + packed
        count += 1
