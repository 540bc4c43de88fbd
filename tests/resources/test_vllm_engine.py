"""vLLM needs a GPU: these tests hold the engine against a stand-in of the API it is written for."""

import importlib.util
import json
import sys
import types
from dataclasses import replace
from types import SimpleNamespace

import pytest

from ccl_assets.resources.text_generation.requests import TextGenerator
from ccl_assets.resources.text_generation.vllm import VLLMEngine


class FakeLLM:
    made = None
    said = None

    def __init__(self, **options):
        FakeLLM.made = self
        self.options = options
        self.calls = []

    def generate(self, prompts, sampling_params, *, use_tqdm, lora_request):
        self.calls.append((prompts, sampling_params, use_tqdm, lora_request))
        for prompt in prompts:
            number = len(prompt["prompt_token_ids"])
            reason = "abort" if number > 50 else "stop"
            answer = SimpleNamespace(text=f"{number} tokens", token_ids=[1, 2], finish_reason=reason, logprobs=None)
            if FakeLLM.said is not None:
                answer.text, answer.token_ids, answer.logprobs = FakeLLM.said
            yield SimpleNamespace(outputs=[answer])


@pytest.fixture
def vllm(monkeypatch):
    class Recorded(SimpleNamespace):
        pass

    modules = {
        "vllm": {"LLM": FakeLLM, "SamplingParams": Recorded},
        "vllm.sampling_params": {"StructuredOutputsParams": Recorded},
        "vllm.lora": {},
        "vllm.lora.request": {"LoRARequest": Recorded},
    }
    for name, content in modules.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_without_vllm_the_remedy_is_named(random_llama, ask):
    with pytest.raises(ImportError, match=r"pip install 'ccl-assets\[gpu\]'"):
        list(VLLMEngine(random_llama).generate([ask("a")]))


def test_requests_reach_the_engine_as_tokens_with_their_own_parameters(vllm, random_llama, ask):
    engine = VLLMEngine(random_llama, context_tokens=200)
    assert isinstance(engine, TextGenerator)
    requests = [ask("abc", max_tokens=5, stop=["\n"]), ask("de", temperature=0.5, schema={"type": "object"})]
    answered = {c.request_id: c for c in engine.generate(requests)}
    assert (answered["abc"].text, answered["abc"].finish_reason) == ("6 tokens", "stop")
    assert (answered["abc"].prompt_token_count, answered["abc"].completion_token_count) == (6, 2)
    assert FakeLLM.made.options == {
        "model": str(random_llama),
        "dtype": "bfloat16",
        "max_model_len": 200,
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
    }
    ((_, sampling, use_tqdm, lora),) = FakeLLM.made.calls
    assert (sampling[0].max_tokens, sampling[0].stop, sampling[0].structured_outputs) == (5, ["\n"], None)
    assert (sampling[1].temperature, sampling[1].structured_outputs.json) == (0.5, {"type": "object"})
    assert (use_tqdm, lora) == (False, None)


def test_token_probabilities_are_those_of_the_tokens_chosen(vllm, random_llama, ask, monkeypatch):
    from transformers import AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(random_llama).encode("a–bSTOP", add_special_tokens=False)
    # beside the chosen token stands the likeliest one; the stop text and the end token belong to no text
    logprobs = [
        {0: SimpleNamespace(logprob=-0.1), token: SimpleNamespace(logprob=-n / 8)} for n, token in enumerate(tokens)
    ]
    monkeypatch.setattr(FakeLLM, "said", ("a–b", [*tokens, 1], [*logprobs, {1: SimpleNamespace(logprob=0.0)}]))
    engine = VLLMEngine(random_llama)
    wanting = replace(ask("a"), wants_probabilities=True)
    completions = {c.request_id: c for c in engine.generate([wanting, ask("b")])}
    assert completions["a"].token_ends == (1, 1, 1, 2, 3)
    assert completions["a"].log_probabilities == (0.0, -0.125, -0.25, -0.375, -0.5)
    assert completions["b"].token_ends == ()
    ((_, sampling, *_),) = FakeLLM.made.calls
    assert [given.logprobs for given in sampling] == [0, None]
    assert not engine.supports_grammar


def test_requests_are_taken_call_by_call(vllm, random_llama, ask, monkeypatch):
    monkeypatch.setattr("ccl_assets.resources.text_generation.vllm._REQUESTS_PER_CALL", 4)
    made = []
    generated = VLLMEngine(random_llama).generate(made.append(n) or ask(f"r{n}") for n in range(10))
    next(generated)
    assert len(made) == 4
    assert len(list(generated)) == 9
    assert [len(prompts) for prompts, *_ in FakeLLM.made.calls] == [4, 4, 2]


def test_what_does_not_fit_or_is_aborted_is_an_error(vllm, random_llama, ask):
    answered = {c.request_id: c for c in VLLMEngine(random_llama).generate([ask("x" * 300), ask("y" * 60)])}
    assert "exceeds window" in answered["x" * 300].error
    assert answered["y" * 60].finish_reason == "error"
    assert answered["y" * 60].text == ""


def test_an_adapter_is_served_with_room_for_its_rank(vllm, random_llama, tmp_path, ask):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 12}))
    engine = VLLMEngine(random_llama, adapter_directory=tmp_path, model_name="base+adapter")
    list(engine.generate([ask("a")]))
    assert engine.model_name == "base+adapter"
    assert FakeLLM.made.options["enable_lora"]
    assert FakeLLM.made.options["max_lora_rank"] == 16
    assert FakeLLM.made.calls[0][3].lora_path == str(tmp_path)


def test_an_adapter_beyond_every_served_rank_is_refused(vllm, random_llama, tmp_path, ask):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 4096}))
    with pytest.raises(ValueError, match="rank 4096"):
        list(VLLMEngine(random_llama, adapter_directory=tmp_path).generate([ask("a")]))
