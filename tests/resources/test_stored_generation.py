import math
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace

import pytest

from ccl_assets.resources.text_generation.answer_grammar import CodeListGrammar
from ccl_assets.resources.text_generation.endpoint.client import OpenAIEndpoint
from ccl_assets.resources.text_generation.endpoint.concurrent_answers import THREAD_NAME
from ccl_assets.resources.text_generation.requests import (
    Completion,
    GenerationRequest,
    LazyRequests,
    Message,
    TextGenerator,
)
from ccl_assets.resources.text_generation.scripted import ScriptedFailureError, ScriptedGenerator
from ccl_assets.resources.text_generation.store import CompletionStore, CompletionStoreError
from ccl_assets.resources.text_generation.stored import RestrictedTextError, StoredTextGenerator


@pytest.fixture
def store(tmp_path):
    return CompletionStore(tmp_path / "completions.sqlite")


def echo(request):
    return "answer to " + request.messages[-1].content


def by_id(completions):
    collected = list(completions)
    assert len({completion.request_id for completion in collected}) == len(collected)
    return {completion.request_id: completion for completion in collected}


def test_scripted_and_stored_are_text_generators(store):
    assert isinstance(ScriptedGenerator(echo), TextGenerator)
    assert isinstance(StoredTextGenerator(ScriptedGenerator(echo), store), TextGenerator)


def test_a_second_run_asks_nothing_and_says_so(store, ask):
    backend = ScriptedGenerator(echo)
    generator = StoredTextGenerator(backend, store)
    requests = [ask(f"r{number}") for number in range(20)]
    first = by_id(generator.generate(requests))
    assert not any(completion.is_cached for completion in first.values())
    second = by_id(StoredTextGenerator(backend, CompletionStore(store.path)).generate(requests))
    assert all(completion.is_cached for completion in second.values())
    assert {i: c.text for i, c in first.items()} == {i: c.text for i, c in second.items()}
    assert backend.call_count == 20


def test_stored_answers_come_first(store, ask):
    generator = StoredTextGenerator(ScriptedGenerator(echo), store)
    list(generator.generate([ask("old")]))
    assert [c.request_id for c in generator.generate([ask("new"), ask("old")])] == ["old", "new"]


def test_equal_requests_are_sent_once_and_all_answered(store, ask):
    backend = ScriptedGenerator(echo)
    requests = [ask(f"r{number}", content=f"same {number % 2}") for number in range(6)]
    answered = by_id(StoredTextGenerator(backend, store).generate(requests))
    assert backend.call_count == 2
    assert [answered[f"r{number}"].text for number in range(6)] == ["answer to same 0", "answer to same 1"] * 3
    assert Counter(completion.is_cached for completion in answered.values()) == {True: 4, False: 2}


def test_what_changes_the_answer_changes_the_key(store, ask):
    backend = ScriptedGenerator(echo)
    variants = [
        ask("a", content="x"),
        ask("b", content="x", max_tokens=7),
        ask("c", content="x", temperature=0.3),
        ask("d", content="x", stop=["\n"]),
        ask("e", content="x", schema={"type": "object"}),
        ask("f", content="y"),
        replace(ask("g", content="x"), wants_probabilities=True),
        replace(ask("h", content="x"), grammar=CodeListGrammar("Codes", ("I10",))),
        replace(ask("i", content="x"), grammar=CodeListGrammar("Codes", ("I10", "I11"))),
    ]
    list(StoredTextGenerator(backend, store).generate(variants))
    list(StoredTextGenerator(ScriptedGenerator(echo, model_name="other"), store).generate(variants[:1]))
    assert backend.call_count == 9


def test_each_sample_of_a_prompt_is_an_answer_of_its_own(store):
    backend = ScriptedGenerator(lambda request: f"sample {request.sample}")
    samples = [GenerationRequest(f"s{number}", (Message("user", "x"),), sample=number) for number in range(3)]
    answered = by_id(StoredTextGenerator(backend, store).generate(samples))
    assert [answered[f"s{number}"].text for number in range(3)] == ["sample 0", "sample 1", "sample 2"]
    by_id(StoredTextGenerator(backend, store).generate(samples))
    assert backend.call_count == 3


def test_keys_stay_as_they_are_or_everything_stored_is_paid_for_again():
    request = GenerationRequest("a", (Message("user", "x"),))
    assert request.cache_key("m") == "94278851754b5324a0adcc7f470ec7064c91fac58d33edd15564c44ac24c64b5"


def test_token_probabilities_are_served_from_the_store_and_to_equal_requests(store, ask):
    said = Completion("", "I10", "stop", token_ends=(1, 3), log_probabilities=(-0.25, -0.5))
    backend = ScriptedGenerator(lambda request: said)
    requests = [replace(ask(name, content="x"), wants_probabilities=True) for name in "ab"]
    for _ in range(2):
        answered = by_id(StoredTextGenerator(backend, store).generate(requests))
        assert {answered[name].probability(0, 3) for name in "ab"} == {math.exp(-0.75)}
    assert backend.call_count == 1


def test_whether_grammars_are_heeded_is_the_backends_word(store):
    for heeds in (True, False):
        generator = StoredTextGenerator(ScriptedGenerator(echo, supports_grammar=heeds), store)
        assert generator.supports_grammar is heeds


def test_whether_schemas_are_heeded_is_the_backends_word(store):
    for heeds in (True, False):
        assert (
            StoredTextGenerator(ScriptedGenerator(echo, supports_json_schema=heeds), store).supports_json_schema
            is heeds
        )


def test_requests_are_made_as_the_backend_takes_them_and_stored_ones_are_served_on_the_way(store, ask):
    backend = ScriptedGenerator(echo)
    by_id(StoredTextGenerator(backend, store).generate([ask(f"r{n}") for n in range(0, 500, 2)]))
    made = []

    def make(number):
        made.append(number)
        return ask(f"r{number}")

    generated = StoredTextGenerator(backend, store).generate(LazyRequests(range(500), make))
    made.clear()  # they were checked
    served = []
    for completion in generated:
        served.append(completion)
        assert len(made) <= len(served) + 64
    assert {c.request_id for c in served} == {f"r{n}" for n in range(500)}
    assert sum(c.is_cached for c in served) == 250
    assert backend.call_count == 500


def test_lazy_requests_are_like_a_list(ask):
    lazy = LazyRequests(["a", "b", "c"], ask)
    assert (len(lazy), lazy[1], lazy[-1], list(lazy[1:])) == (3, ask("b"), ask("c"), [ask("b"), ask("c")])
    assert list(lazy) == list(lazy) == [ask("a"), ask("b"), ask("c")]


def test_an_iterator_that_can_be_walked_once_is_checked_all_the_same(store, ask):
    backend = ScriptedGenerator(echo, keeps_text_on_host=False)
    with pytest.raises(RestrictedTextError, match="1 of 2"):
        StoredTextGenerator(backend, store).generate(iter([ask("a"), ask("b", is_restricted=True)]))
    assert len(by_id(StoredTextGenerator(backend, store).generate(iter([ask("a"), ask("b")])))) == 2


def test_equal_requests_far_apart_are_sent_once(store, ask):
    backend = ScriptedGenerator(echo)
    requests = [ask(f"r{number}", content=f"question {number % 100}") for number in range(300)]
    assert len(by_id(StoredTextGenerator(backend, store).generate(requests))) == 300
    assert backend.call_count == 100


def test_a_store_that_fails_stops_the_sending(store, ask, server):
    class FullStore(CompletionStore):
        def put(self, *args):
            raise CompletionStoreError("no space left")

    endpoint = OpenAIEndpoint(server.url, server.model, "none", max_concurrency=2)
    with pytest.raises(CompletionStoreError) as caught:
        by_id(StoredTextGenerator(endpoint, FullStore(store.path)).generate([ask(f"ok\n{n}") for n in range(100)]))
    assert caught.value.__traceback__ is not None  # it keeps the generator's frames alive
    assert not [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]
    assert len(server.bodies) <= 6


def test_errors_are_stored_and_asked_again(store, ask):
    failing = ScriptedGenerator(lambda request: Completion("", "", "error", error="HTTP 500"))
    answered = by_id(StoredTextGenerator(failing, store).generate([ask("a", content="x"), ask("b", content="x")]))
    assert {c.error for c in answered.values()} == {"HTTP 500"}
    assert not any(c.is_cached for c in answered.values())
    working = ScriptedGenerator(echo)
    assert by_id(StoredTextGenerator(working, store).generate([ask("a", content="x")]))["a"].text == "answer to x"
    assert working.call_count == 1


def test_what_arrived_before_a_failure_is_kept(store, ask):
    requests = [ask(f"r{number}") for number in range(10)]
    with pytest.raises(ScriptedFailureError):
        list(StoredTextGenerator(ScriptedGenerator(echo, raise_after=4), store).generate(requests))
    backend = ScriptedGenerator(echo)
    assert len(by_id(StoredTextGenerator(backend, store).generate(requests))) == 10
    assert backend.call_count == 6


def test_an_answer_is_stored_before_it_is_handed_on(store, ask):
    generated = StoredTextGenerator(ScriptedGenerator(echo), store).generate([ask("a"), ask("b")])
    next(generated)
    generated.close()
    backend = ScriptedGenerator(echo)
    list(StoredTextGenerator(backend, store).generate([ask("a")]))
    assert backend.call_count == 0


def test_restricted_text_is_refused_before_anything_is_sent_or_looked_up(store, ask):
    backend = ScriptedGenerator(echo, keeps_text_on_host=False)
    with pytest.raises(RestrictedTextError, match="1 of 3 requests"):
        StoredTextGenerator(backend, store).generate([ask("a"), ask("b", is_restricted=True), ask("c")])
    assert backend.call_count == 0
    assert not store.path.exists()


def test_the_refusal_names_the_host_and_the_remedy_but_no_text(store, ask):
    endpoint = OpenAIEndpoint("https://api.example.org/v1", "m", "k")
    with pytest.raises(RestrictedTextError) as caught:
        StoredTextGenerator(endpoint, store).generate([ask("a", content="SECRET", is_restricted=True)])
    assert "CCL_TRUSTED_HOSTS=api.example.org" in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_restricted_text_may_go_where_it_stays(store, ask, server):
    endpoint = OpenAIEndpoint(server.url, server.model, "none")
    answered = by_id(StoredTextGenerator(endpoint, store).generate([ask("ok", is_restricted=True)]))
    assert answered["ok"].text == "fine"


def test_open_text_may_go_anywhere(store, ask):
    backend = ScriptedGenerator(echo, keeps_text_on_host=False)
    assert by_id(StoredTextGenerator(backend, store).generate([ask("a")]))["a"].text == "answer to a"


def test_ids_that_repeat_are_refused(store, ask):
    with pytest.raises(ValueError, match="request_id"):
        StoredTextGenerator(ScriptedGenerator(echo), store).generate([ask("a"), ask("a", content="x")])


class Forgetful(ScriptedGenerator):
    """Answers one request twice, another not at all, and one nobody asked."""

    def generate(self, requests):
        first, _ = requests
        yield Completion(first.request_id, "first", "stop")
        yield Completion(first.request_id, "second", "stop")
        yield Completion("nobody", "what", "stop")


def test_a_backend_that_forgets_or_repeats_still_gives_each_request_one_completion(store, ask):
    answered = by_id(StoredTextGenerator(Forgetful(echo), store).generate([ask("a"), ask("b")]))
    assert answered["a"].text == "first"
    assert answered["b"].error == "the backend gave no answer"


RUN = """
import sys
from pathlib import Path
from ccl_assets.resources.text_generation.store import CompletionStore
from ccl_assets.resources.text_generation.requests import GenerationRequest, Message
from ccl_assets.resources.text_generation.scripted import ScriptedGenerator
from ccl_assets.resources.text_generation.stored import StoredTextGenerator

folder = Path(sys.argv[1])

def answer(request):
    with (folder / "paid").open("a") as file:
        file.write(request.request_id + "\\n")
    return "answer to " + request.request_id

requests = [GenerationRequest(f"r{n}", (Message("user", f"question {n}"),)) for n in range(60)]
backend = ScriptedGenerator(answer, seconds_per_call=0.005)
for completion in StoredTextGenerator(backend, CompletionStore(folder / "completions.sqlite")).generate(requests):
    print(completion.request_id, flush=True)
"""


def test_a_killed_run_repeats_no_finished_request(tmp_path):
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    killed = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    finished = [killed.stdout.readline().strip() for _ in range(20)]
    killed.kill()
    finished += killed.stdout.read().split()
    assert killed.wait() == -9
    paid_before = (tmp_path / "paid").read_text().split()
    assert 20 <= len(finished) < 60

    again = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    assert sorted(again.stdout.split()) == sorted(f"r{number}" for number in range(60))
    paid_after = (tmp_path / "paid").read_text().split()[len(paid_before) :]
    assert not set(paid_after) & set(finished)
    # at most the one in flight at the kill was paid for twice
    assert len(paid_before) + len(paid_after) <= 61


def test_a_scripted_kill_ends_the_process(tmp_path):
    run = RUN.replace("seconds_per_call=0.005", "kill_after=7")
    process = subprocess.run([sys.executable, "-c", run, str(tmp_path)], stdout=subprocess.PIPE, text=True, timeout=60)
    assert process.returncode == -9
    assert len(process.stdout.split()) == 7


MINE = """
import sys
from pathlib import Path
from ccl_assets.resources.text_generation.store import CompletionStore
from ccl_assets.resources.text_generation.endpoint.client import OpenAIEndpoint
from ccl_assets.resources.text_generation.requests import GenerationRequest, LazyRequests, Message
from ccl_assets.resources.text_generation.stored import StoredTextGenerator

def request(number):
    return GenerationRequest(str(number), (Message("user", f"slow:0.05\\n{number}"),))

generator = StoredTextGenerator(OpenAIEndpoint(sys.argv[1], "served", "none", 4), CompletionStore(Path(sys.argv[2])))
for completion in generator.generate(LazyRequests(range(int(sys.argv[3])), request)):
    print(completion.request_id, flush=True)
"""


def heed_signals():
    """As in a terminal, also where the tests run in a background that ignores both."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_mining_at_once_and_what_was_answered_is_asked_no_more(tmp_path, server, number):
    file = tmp_path / "completions.sqlite"
    command = [sys.executable, "-c", MINE, server.url, str(file)]
    mining = subprocess.Popen(
        [*command, "10000"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, restore_signals=True,
        preexec_fn=heed_signals,
    )  # fmt: skip
    finished = [mining.stdout.readline().strip() for _ in range(20)]
    mining.send_signal(number)
    finished += mining.stdout.read().split()
    assert mining.wait(timeout=20) != 0
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM completions WHERE error IS NOT NULL").fetchone() == (0,)
    sent_before = set(server.attempts)
    subprocess.run([*command, "40"], stdout=subprocess.DEVNULL, check=True, timeout=60)
    again = [prompt for prompt in sent_before if server.attempts[prompt] > 1]
    assert not {prompt.split("\n")[1] for prompt in again} & set(finished)
    assert len(again) <= 2 * 4  # in flight, or answered and not stored yet
    assert len(server.attempts) >= 40
