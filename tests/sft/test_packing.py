"""Examples packed into one row: the same loss and gradients as one by one, and nothing seen across their borders."""

import pytest

from ccl_assets.sft.dataset.encoding import EncodedExample
from ccl_assets.sft.training.batches import BatchPlan, plan_steps

LENGTHS = ((23, 5), (9, 2), (40, 31), (12, 11))


@pytest.fixture(scope="module")
def adapted_model(tiny_model):
    """The tiny model with an adapter that is not zero."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    model = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    for weight in model.parameters():
        if weight.requires_grad:
            torch.nn.init.normal_(weight, std=0.1)
    return model


@pytest.fixture
def examples():
    import random

    draw = random.Random(3)
    return [EncodedExample([draw.randrange(4, 300) for _ in range(length)], prompt) for length, prompt in LENGTHS]


def gradients(model, loss):
    import torch

    return torch.autograd.grad(loss, [weight for weight in model.parameters() if weight.requires_grad])


def test_a_packed_row_has_the_loss_and_gradients_of_its_examples(adapted_model, examples):
    import torch

    from ccl_assets.sft.training.packing import packed_row, summed_loss

    packed = summed_loss(adapted_model, packed_row(examples))
    apart = sum(summed_loss(adapted_model, packed_row([example])) for example in examples)
    own = 0.0
    for example in examples:
        ids, labels = torch.tensor([example.input_ids]), torch.tensor([example.labels])
        own += adapted_model(input_ids=ids, labels=labels).loss * example.completion_length
    torch.testing.assert_close(packed, apart)
    torch.testing.assert_close(packed, own)
    for one, other, third in zip(*(gradients(adapted_model, loss) for loss in (packed, apart, own)), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(one, third, atol=1e-4, rtol=1e-3)


def test_labels_of_a_row_are_the_completions_and_end_tokens(examples):
    from ccl_assets.sft.training.packing import packed_row

    row = packed_row(examples)
    learned = [token for token in row["labels"][0].tolist() if token != -100]
    assert learned == [token for example in examples for token in example.input_ids[example.prompt_length :]]
    assert row["position_ids"][0].tolist() == [place for length, _ in LENGTHS for place in range(length)]
    bare = EncodedExample([7, 8, 9], 0)  # a prompt of nothing: its first token follows from nothing
    assert packed_row([examples[0], bare])["labels"][0].tolist()[-3:] == [-100, 8, 9]


def test_a_row_without_examples_teaches_nothing_but_reaches_every_weight(adapted_model):
    from ccl_assets.sft.training.packing import packed_row, summed_loss

    loss = summed_loss(adapted_model, packed_row([]))
    assert loss == 0 and all((gradient == 0).all() for gradient in gradients(adapted_model, loss))


def test_a_model_that_sees_across_the_border_of_examples_is_found_out(adapted_model, monkeypatch):
    from ccl_assets.sft.training.packing import keeps_examples_apart

    assert keeps_examples_apart(adapted_model)
    forward = type(adapted_model).forward
    monkeypatch.setattr(
        type(adapted_model), "forward", lambda self, position_ids=None, **inputs: forward(self, **inputs)
    )
    assert not keeps_examples_apart(adapted_model)

    def without_positions(self, input_ids):
        raise AssertionError

    monkeypatch.setattr(type(adapted_model), "forward", without_positions)
    assert not keeps_examples_apart(adapted_model)


def test_a_model_that_cannot_choose_its_logits_has_the_same_loss(adapted_model, examples, monkeypatch):
    import torch

    from ccl_assets.sft.training import packing

    expected = packing.summed_loss(adapted_model, packing.packed_row(examples))
    monkeypatch.setattr(packing, "_can_choose_logits", lambda model: False)
    torch.testing.assert_close(packing.summed_loss(adapted_model, packing.packed_row(examples)), expected)


@pytest.mark.parametrize("row_tokens", [2048, 512])
def test_the_published_mix_is_packed_without_padding_and_in_few_rows(row_tokens):
    """150,000 spans and some hundred notes, scaled down by ten."""
    import random

    draw = random.Random(5)
    lengths = [draw.randint(60, 120) for _ in range(15_000)] + [draw.randint(300, 6000) for _ in range(35)]
    plan = BatchPlan(plan_steps(len(lengths), 16, 1, seed=2), lengths, row_tokens)
    rows = [plan.rows(step) for step in range(len(plan.steps))]
    assert sum(lengths[n] for step in rows for row in step for n in row) == sum(lengths)
    assert sum(map(len, rows)) <= (1.1 if row_tokens == 2048 else 4) * len(plan.steps)
    with_notes = [step for step in plan.steps if any(number >= 15_000 for number in step)]
    assert len(with_notes) > 30  # notes and spans stay mixed
