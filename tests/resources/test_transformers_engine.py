from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer

from ccl_assets.resources.text_generation.chat_template import encode_prompt
from ccl_assets.resources.text_generation.in_process import loaded_model
from ccl_assets.resources.text_generation.in_process.decoding import Row, decode_batch, shared_prefix_length
from ccl_assets.resources.text_generation.in_process.transformers_engine import TransformersEngine, plan_batches
from ccl_assets.resources.text_generation.requests import GenerationParameters, GenerationRequest, TextGenerator

PROMPTS = ["a", "patient with fever and chills", "no acute distress. " * 5, "x" * 40, "Hypertension, well controlled"]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads of a model this small only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def reference(random_llama):
    """Tokenizer and model as transformers loads and runs them by itself."""
    model = AutoModelForCausalLM.from_pretrained(random_llama, dtype=torch.float32).eval()
    return AutoTokenizer.from_pretrained(random_llama), model


@pytest.fixture
def engine(random_llama):
    yield TransformersEngine(random_llama)
    loaded_model.release_model()


def by_id(completions):
    return {completion.request_id: completion for completion in completions}


def greedy(reference, prompt, max_tokens):
    tokenizer, model = reference
    ids = torch.tensor([encode_prompt(tokenizer, [("user", prompt)])])
    with torch.inference_mode():
        output = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=max_tokens, do_sample=False, pad_token_id=0
        )
    answer = output[0, ids.shape[1] :].tolist()
    return answer[: answer.index(1)] if 1 in answer else answer


def test_it_is_a_text_generator_that_keeps_text_on_the_host(engine):
    assert isinstance(engine, TextGenerator)
    assert engine.keeps_text_on_host


def test_batched_greedy_answers_equal_transformers_own_one_by_one(engine, reference, ask):
    limits = [24, 3, 40, 11, 30]
    requests = [ask(p, max_tokens=n) for p, n in zip(PROMPTS, limits, strict=True)]
    answered = by_id(engine.generate(requests))
    for prompt, limit in zip(PROMPTS, limits, strict=True):
        tokens = greedy(reference, prompt, limit)
        completion = answered[prompt]
        assert completion.text == reference[0].decode(tokens, skip_special_tokens=True)
        assert completion.completion_token_count == len(tokens)
        assert completion.finish_reason == ("length" if len(tokens) == limit else "stop")
        assert completion.prompt_token_count == len(encode_prompt(reference[0], [("user", prompt)]))


@pytest.mark.parametrize("prefill_tokens", [1, 7, 64, 10_000])
@pytest.mark.parametrize("attention", ["sdpa", "eager", "ccl_grouped"])
def test_neither_prefill_size_nor_attention_change_an_answer(reference, prefill_tokens, attention):
    loaded_model.grouped_attention_name()
    tokenizer, model = reference
    model.set_attn_implementation(attention)
    try:
        rows = [Row(encode_prompt(tokenizer, [("user", prompt)]), 20) for prompt in PROMPTS]
        decode_batch(model, tokenizer, rows, prefill_tokens)
    finally:
        model.set_attn_implementation("sdpa")
    for prompt, row in zip(PROMPTS, rows, strict=True):
        assert row.tokens == greedy(reference, prompt, 20)


@pytest.mark.parametrize("prefill_tokens", [5, 64, 10_000])
def test_what_prompts_begin_with_alike_is_read_once_and_changes_no_answer(reference, prefill_tokens, monkeypatch):
    tokenizer, model = reference
    beginning = " ".join(["patient with fever and chills and cough"] * 6)
    prompts = [f"{beginning} {end}" for end in ("", "wheeze", "and fever with chills and wheeze", "wheeze")]
    encoded = [encode_prompt(tokenizer, [("user", prompt)]) for prompt in prompts]
    shared = shared_prefix_length(encoded)
    assert 32 <= shared < min(map(len, encoded))
    read = []
    forward = model.forward
    monkeypatch.setattr(model, "forward", lambda **given: (read.append(given["input_ids"].shape), forward(**given))[1])
    rows = [Row(prompt, limit) for prompt, limit in zip(encoded, (20, 3, 11, 7), strict=True)]
    decode_batch(model, tokenizer, rows, prefill_tokens)
    assert sum(columns for batch, columns in read if batch == 1) >= shared
    assert sum(columns for batch, columns in read if batch == len(rows)) <= max(map(len, encoded)) - shared + 20
    monkeypatch.undo()
    for prompt, row in zip(prompts, rows, strict=True):
        assert row.tokens == greedy(reference, prompt, row.max_tokens)


def test_a_beginning_is_shared_if_it_is_long_and_leaves_every_prompt_a_token():
    long = list(range(40))
    assert shared_prefix_length([[*long, 1], [*long, 2, 3]]) == 40
    assert shared_prefix_length([long, [*long, 1]]) == shared_prefix_length([long, long]) == 39
    assert shared_prefix_length([long]) == shared_prefix_length([[1, 2, 3], [1, 2, 4]]) == 0


def test_a_sliding_window_model_is_decoded_as_by_transformers(reference):
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(1)
    config = MistralConfig(
        vocab_size=len(reference[0]),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=16,
        initializer_range=0.5,
        eos_token_id=1,
        pad_token_id=0,
    )
    model = MistralForCausalLM(config).eval()
    # equal lengths: transformers itself masks a window across padding
    same = "patient with fever and chills and cough " * 6
    prompts = [f"{same} fever and chills", f"{same} cough and wheeze"]
    rows = [Row(encode_prompt(reference[0], [("user", prompt)]), 12) for prompt in prompts]
    decode_batch(model, reference[0], rows, 10_000)
    for prompt, row in zip(prompts, rows, strict=True):
        assert row.tokens == greedy((reference[0], model), prompt, 12)


def test_the_adapted_model_answers_as_peft_does_and_the_base_stays_untouched(random_llama, reference, tmp_path, ask):
    from peft import LoraConfig, PeftModel, get_peft_model

    adapted = get_peft_model(
        AutoModelForCausalLM.from_pretrained(random_llama, dtype=torch.float32),
        LoraConfig(r=4, target_modules=["q_proj", "up_proj"], init_lora_weights=False, task_type="CAUSAL_LM"),
    )
    adapted.save_pretrained(tmp_path / "adapter")
    unmerged = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(random_llama, dtype=torch.float32), str(tmp_path / "adapter")
    ).eval()
    requests = [ask(prompt, max_tokens=12) for prompt in PROMPTS]
    base = by_id(TransformersEngine(random_llama).generate(requests))
    engine = TransformersEngine(random_llama, tmp_path / "adapter")
    assert engine.model_name == f"{random_llama.name}+adapter"
    with_adapter = by_id(engine.generate(requests))
    base_again = by_id(TransformersEngine(random_llama).generate(requests))
    for prompt in PROMPTS:
        tokens = greedy((reference[0], unmerged), prompt, 12)
        assert with_adapter[prompt].text == reference[0].decode(tokens, skip_special_tokens=True)
        assert base_again[prompt].text == base[prompt].text
    assert any(base[prompt].text != with_adapter[prompt].text for prompt in PROMPTS)


def test_a_folder_without_adapter_is_named(random_llama, tmp_path, ask):
    with pytest.raises(FileNotFoundError, match=r"adapter_model\.safetensors is missing"):
        list(TransformersEngine(random_llama, tmp_path).generate([ask("a")]))


def test_engines_of_one_model_share_it_and_another_takes_its_place(random_llama, tmp_path, ask):
    import shutil

    list(TransformersEngine(random_llama).generate([ask("a", max_tokens=1)]))
    (first,) = loaded_model._held.values()
    list(TransformersEngine(random_llama, model_name="other name").generate([ask("b", max_tokens=1)]))
    assert list(loaded_model._held.values()) == [first]
    shutil.copytree(random_llama, tmp_path / "copy")
    list(TransformersEngine(tmp_path / "copy").generate([ask("a", max_tokens=1)]))
    assert [key[0] for key in loaded_model._held] == [tmp_path / "copy"]


def test_nothing_is_loaded_before_it_is_needed(tmp_path):
    engine = TransformersEngine(tmp_path / "no such model")
    assert list(engine.generate([])) == []


def test_a_prompt_beyond_the_window_is_an_error_and_the_others_are_answered(engine, ask):
    long = ask("long", content="x" * 300, max_tokens=10)
    answered = by_id(engine.generate([long, ask("short", max_tokens=4)]))
    assert answered["short"].error is None
    assert answered["long"].finish_reason == "error"
    assert answered["long"].error == "prompt of 303 tokens exceeds window: 256 tokens less 10 for the answer"
    assert answered["long"].text == ""


def test_the_window_is_used_to_the_last_token(engine, random_llama, ask):
    fits, fits_not = ask("fits", content="x" * 200, max_tokens=53), ask("too long", content="x" * 201, max_tokens=53)
    answered = by_id(engine.generate([fits, fits_not]))
    assert (answered["fits"].error, answered["too long"].finish_reason) == (None, "error")
    tighter = TransformersEngine(random_llama, context_tokens=255)
    assert by_id(tighter.generate([fits]))["fits"].finish_reason == "error"


def test_a_stop_text_ends_the_answer_and_is_not_part_of_it(engine, ask):
    whole = by_id(engine.generate([ask("a", max_tokens=40)]))["a"]
    assert len(whole.text) >= 20
    for width in (1, 3):
        stop = whole.text[10 : 10 + width]
        stopped = by_id(engine.generate([ask("a", max_tokens=40, stop=["never", stop])]))["a"]
        assert stopped.text == whole.text[: whole.text.index(stop)]
        assert stopped.finish_reason == "stop"
        assert stopped.completion_token_count < whole.completion_token_count


def test_an_end_token_ends_the_answer(random_llama, reference, engine, ask):
    loaded = loaded_model.load_model(random_llama)
    tokens = greedy(reference, "a", 20)
    end = tokens[7]
    loaded.model.generation_config.eos_token_id = [1, end]
    completion = by_id(engine.generate([ask("a", max_tokens=20)]))["a"]
    assert completion.finish_reason == "stop"
    assert completion.completion_token_count == tokens.index(end)


def test_sampling_differs_from_greedy_and_repeats_whatever_the_batch(engine, ask):
    sampled = ask("s", content="a", max_tokens=30, temperature=1.5)
    alone = by_id(engine.generate([sampled]))["s"]
    assert by_id(engine.generate([sampled]))["s"].text == alone.text
    in_company = by_id(engine.generate([sampled, *(ask(prompt, max_tokens=9) for prompt in PROMPTS[1:])]))["s"]
    assert in_company.text == alone.text
    assert by_id(engine.generate([ask("g", content="a", max_tokens=30)]))["g"].text != alone.text


def test_samples_of_a_prompt_differ_and_each_repeats(engine, ask):
    samples = [replace(ask(f"s{n}", content="a", max_tokens=30, temperature=1.5), sample=n) for n in range(4)]
    first = {c.request_id: c.text for c in engine.generate(samples)}
    assert len(set(first.values())) == 4
    assert {c.request_id: c.text for c in engine.generate(samples[::-1])} == first


def test_requests_are_taken_some_hundred_at_a_time(engine, ask, monkeypatch):
    monkeypatch.setattr("ccl_assets.resources.text_generation.in_process.transformers_engine._SORTED_TOGETHER", 3)
    made = []
    generated = engine.generate(made.append(n) or ask(f"r{n}", max_tokens=2) for n in range(7))
    next(generated)
    assert len(made) == 3
    assert len(list(generated)) == 6


def test_answers_come_batch_by_batch_longest_first(random_llama, ask):
    engine = TransformersEngine(random_llama, batch_token_budget=100)
    order = [c.request_id for c in engine.generate([ask(p, max_tokens=5) for p in PROMPTS])]
    assert order == sorted(PROMPTS, key=len, reverse=True)


LENGTHS = st.lists(st.tuples(st.integers(1, 900), st.integers(1, 300)), max_size=40)


@given(LENGTHS, st.integers(1, 5000))
def test_batches_hold_every_prompt_once_within_the_budget(lengths, budget):
    prompts = [
        (GenerationRequest(str(number), (), GenerationParameters(max_tokens=answer)), [0] * length)
        for number, (length, answer) in enumerate(lengths)
    ]
    batches = list(plan_batches(prompts, budget))
    assert sorted(request.request_id for batch in batches for request, _ in batch) == sorted(
        map(str, range(len(lengths)))
    )
    for batch in batches:
        width = max(len(tokens) for _, tokens in batch) + max(request.parameters.max_tokens for request, _ in batch)
        assert len(batch) == 1 or len(batch) * width <= budget


def test_loading_writes_no_progress_bar(random_llama, capfd, ask):
    list(TransformersEngine(random_llama).generate([ask("a", max_tokens=1)]))
    assert capfd.readouterr() == ("", "")
