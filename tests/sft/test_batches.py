from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccl_assets.sft.batches import plan_micro_batches


@settings(max_examples=50)
@given(
    st.lists(st.integers(1, 900), min_size=1, max_size=60),
    st.integers(1, 16).flatmap(lambda batch: st.tuples(st.just(batch), st.integers(1, batch))),
    st.integers(1, 3),
)
def test_every_epoch_sees_every_example_and_every_step_has_its_micro_batches(lengths, shape, epochs):
    batch, micro = shape
    plan = plan_micro_batches(lengths, batch, micro, epochs, seed=1)
    steps = -(-len(lengths) // batch)
    assert len(plan) == steps * micro * epochs and all(plan)
    seen = Counter(index for group in plan for index in group)
    assert set(seen) == set(range(len(lengths))) and min(seen.values()) >= epochs
    assert sum(seen.values()) <= epochs * (len(lengths) + micro - 1)


def test_notes_and_spans_of_a_step_are_kept_apart():
    lengths = [800, 60, 780, 70, 65, 62, 61, 64]
    plan = plan_micro_batches(lengths, effective_batch_size=8, micro_batches=3, epochs=1, seed=1)
    assert [sorted(lengths[i] for i in group) for group in plan] == [[800], [780], [60, 61, 62, 64, 65, 70]]


def test_grouping_wastes_little_on_padding_while_steps_stay_mixed():
    lengths = [800 + i for i in range(20)] + [60 + i % 20 for i in range(140)]
    plan = plan_micro_batches(lengths, effective_batch_size=16, micro_batches=8, epochs=1, seed=2)
    padded = sum(max(lengths[i] for i in group) * len(group) for group in plan)
    assert padded < 1.15 * sum(lengths)
    steps = [[i for group in plan[s : s + 8] for i in group] for s in range(0, len(plan), 8)]
    assert sum(any(i < 20 for i in step) and any(i >= 20 for i in step) for step in steps) >= len(steps) - 1


def test_plan_is_fixed_by_the_seed_and_orders_differ_between_epochs():
    lengths = list(range(1, 33))
    plan = plan_micro_batches(lengths, 4, 2, 2, seed=1)
    assert plan == plan_micro_batches(lengths, 4, 2, 2, seed=1) != plan_micro_batches(lengths, 4, 2, 2, seed=2)
    assert plan[:16] != plan[16:]


def test_nothing_to_plan_is_an_error():
    with pytest.raises(ValueError, match="no example"):
        plan_micro_batches([], 4, 2, 1, seed=1)
