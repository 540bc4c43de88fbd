from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccl_assets.sft.training.batches import BatchPlan, deal, pack, plan_steps

LENGTHS = st.lists(st.integers(1, 900), min_size=1, max_size=60)


@settings(max_examples=50)
@given(st.integers(1, 90), st.integers(1, 16), st.integers(1, 3))
def test_every_epoch_sees_every_example_once_and_every_step_is_full_but_the_last(count, per_step, epochs):
    steps = plan_steps(count, per_step, epochs, seed=1)
    assert Counter(number for step in steps for number in step) == dict.fromkeys(range(count), epochs)
    per_epoch = -(-count // per_step)
    assert len(steps) == per_epoch * epochs
    assert all(len(step) == per_step for n, step in enumerate(steps, start=1) if n % per_epoch)


@settings(max_examples=100)
@given(LENGTHS, st.integers(1, 1000), st.integers(1, 5))
def test_however_a_step_is_dealt_and_packed_each_example_goes_through_once(lengths, row_tokens, processes):
    plan = BatchPlan((tuple(range(len(lengths))),), lengths, row_tokens)
    rows = [row for process in range(processes) for row in plan.rows(0, process, processes)]
    assert sorted(number for row in rows for number in row) == list(range(len(lengths)))
    for row in rows:
        assert row and (len(row) == 1 or sum(lengths[number] for number in row) <= row_tokens)


@settings(max_examples=100)
@given(LENGTHS, st.integers(1, 1000))
def test_rows_are_few(lengths, row_tokens):
    rows = pack(range(len(lengths)), lengths, row_tokens)
    assert len(rows) <= 2 * sum(lengths) / row_tokens + 1


def test_a_note_is_a_row_of_its_own_and_spans_share_one():
    lengths = [800, 60, 780, 70, 65, 62, 61, 64]
    assert sorted(map(sorted, pack(range(8), lengths, 512))) == [[0], [1, 3, 4, 5, 6, 7], [2]]


def test_processes_get_about_the_same_number_of_tokens():
    lengths = [60 + i % 60 for i in range(16)]
    loads = [sum(lengths[n] for n in hand) for hand in deal(range(16), lengths, 4)]
    assert max(loads) < 1.15 * min(loads)
    assert deal([3], lengths, 3) == [[3], [], []]


def test_steps_are_fixed_by_the_seed_and_orders_differ_between_epochs():
    steps = plan_steps(32, 4, 2, seed=1)
    assert steps == plan_steps(32, 4, 2, seed=1) != plan_steps(32, 4, 2, seed=2)
    assert steps[:8] != steps[8:]


def test_tokens_of_some_steps_are_those_of_their_examples():
    plan = BatchPlan(((0, 1), (2,), (1, 2)), [5, 7, 11], 512)
    assert plan.token_count(0, 3) == 41 and plan.token_count(1, 2) == 11 and plan.token_count(3, 3) == 0


def test_nothing_to_plan_is_an_error():
    with pytest.raises(ValueError, match="no example"):
        plan_steps(0, 4, 1, seed=1)
