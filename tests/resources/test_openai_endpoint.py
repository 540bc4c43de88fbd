import json
import logging
import threading
import time
from dataclasses import replace

import pytest

from ccl_assets.resources.text_generation.endpoint.client import EndpointError, OpenAIEndpoint
from ccl_assets.resources.text_generation.endpoint.concurrent_answers import THREAD_NAME
from ccl_assets.resources.text_generation.endpoint.policy import Backoff
from ccl_assets.resources.text_generation.requests import TextGenerator

QUICK = Backoff(first_s=0.01, longest_s=2.0)


@pytest.fixture
def endpoint(server):
    def make(**options):
        defaults = {"model": server.model, "api_key": "none", "timeout_s": 5.0, "max_retries": 2, "backoff": QUICK}
        return OpenAIEndpoint(server.url, **(defaults | options))

    return make


def only(completions):
    (completion,) = completions
    return completion


def test_it_is_a_text_generator(endpoint):
    assert isinstance(endpoint(), TextGenerator)
    assert endpoint().model_name == "served"


def test_an_answer_carries_text_reason_and_token_counts(endpoint, ask):
    completion = only(endpoint().generate([ask("ok")]))
    assert (completion.request_id, completion.text, completion.finish_reason) == ("ok", "fine", "stop")
    assert (completion.prompt_token_count, completion.completion_token_count) == (7, 3)
    assert completion.error is None
    assert not completion.is_cached
    assert completion.seconds > 0


def test_no_requests_reach_nobody(endpoint, server):
    assert list(endpoint().generate([])) == []
    assert server.bodies == []


def test_parameters_stop_strings_and_schema_are_sent(endpoint, server, ask):
    schema = {"type": "object", "properties": {"code": {"type": "string"}}}
    list(endpoint().generate([ask('with:{"x": 1}', max_tokens=9, temperature=0.5, stop=["\n"], schema=schema)]))
    body = server.bodies[0]
    assert (body["model"], body["max_tokens"], body["temperature"], body["stop"]) == ("served", 9, 0.5, ["\n"])
    assert body["response_format"]["json_schema"] == {"name": "answer", "strict": True, "schema": schema}
    list(endpoint().generate([ask("ok")]))
    assert not {"stop", "response_format", "seed"} & set(server.bodies[1])


@pytest.mark.parametrize("behaviours", ["429,ok", "500,ok", "503,502,ok", "drop,ok", "408,ok"])
def test_passing_failures_are_tried_again(endpoint, server, ask, behaviours):
    completion = only(endpoint().generate([ask(behaviours)]))
    assert completion.text == "fine"
    assert server.attempts[behaviours] == len(behaviours.split(","))


def test_a_hanging_attempt_is_given_up_and_tried_again(endpoint, server, ask):
    completion = only(endpoint(timeout_s=0.3).generate([ask("hang,ok")]))
    assert completion.text == "fine"


@pytest.mark.parametrize("behaviour", ["hang", "trickle"])
def test_an_endpoint_that_never_finishes_an_answer_is_an_error(endpoint, server, ask, behaviour):
    completion = only(endpoint(timeout_s=0.3, max_retries=1).generate([ask(behaviour)]))
    assert completion.finish_reason == "error"
    assert completion.error == "gave up after 2 attempts: no answer within 0.3 s"
    assert server.attempts[behaviour] == 2


def test_a_lasting_failure_becomes_an_error_after_all_attempts_and_others_are_answered(endpoint, server, ask):
    completions = {c.request_id: c for c in endpoint().generate([ask("500"), ask("ok"), ask("429:slow_down")])}
    assert completions["ok"].text == "fine"
    assert completions["500"].error == "gave up after 3 attempts: HTTP 500"
    assert completions["429:slow_down"].error == "gave up after 3 attempts: HTTP 429 (slow_down)"


def test_retry_after_is_honoured(endpoint, server, ask):
    server.retry_after = "1"
    list(endpoint().generate([ask("429,ok")]))
    first, second = server.times["429,ok"]
    assert 1.0 <= second - first < 1.9


def test_a_refused_request_is_an_error_at_once_and_quotes_nothing_of_the_server(endpoint, server, ask):
    completion = only(endpoint().generate([ask("400:context_length_exceeded")]))
    assert completion.error == "HTTP 400 (context_length_exceeded)"
    assert server.attempts["400:context_length_exceeded"] == 1
    assert only(endpoint().generate([ask("400:a note about Mr X")])).error == "HTTP 400"


GARBAGE = {
    "prose": "not a chat completion",
    "half": "not JSON",
    "raw:": "not JSON",
    "raw:[]": "not a chat completion",
    "raw:null": "not a chat completion",
    'raw:"text"': "not a chat completion",
    "raw:{}": "not a chat completion",
    'raw:{"choices":{}}': "not a chat completion",
    'with:{"choices": []}': "not a chat completion",
    'with:{"choices": [1]}': "is empty",
    'with:{"choices": null}': "not a chat completion",
    'with:{"choices": [{"message": {"content": ""}}]}': "is empty",
    'with:{"choices": [{"message": {"content": " "}}]}': "is empty",
    'with:{"choices": [{"message": {"content": null}}]}': "is empty",
    'with:{"choices": [{"message": {"content": [1]}}]}': "is empty",
    'with:{"choices": [{"message": null}]}': "is empty",
    'with:{"choices": [{"finish_reason": "content_filter"}]}': "content filter",
}


@pytest.mark.parametrize("behaviour", GARBAGE)
def test_garbage_becomes_an_error_completion(endpoint, ask, behaviour):
    # commas separate attempts in the test server's script
    completion = only(endpoint().generate([ask(behaviour.replace(",", ";"))]))
    assert completion.finish_reason == "error"
    assert GARBAGE[behaviour] in completion.error
    assert completion.text == ""


@pytest.mark.parametrize("behaviours", ["prose,ok", "half,ok", "raw:{},ok"])
def test_a_body_that_is_no_chat_completion_is_asked_for_again(endpoint, server, ask, behaviours):
    assert only(endpoint().generate([ask(behaviours)])).text == "fine"
    assert server.attempts[behaviours] == 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ('"another"', "but another answered"),
        ('"a note about Mr X"', "one without a readable name"),
        ("3", "one without"),
    ],
)
def test_another_model_stops_the_run_since_its_answers_would_bear_the_wrong_name(endpoint, ask, name, said):
    with pytest.raises(EndpointError, match=f"asked for model served.*{said}.*set CCL_MODEL") as caught:
        list(endpoint().generate([ask(f'with:{{"model": {name}}}')]))
    assert "Mr X" not in str(caught.value)


@pytest.mark.parametrize(
    "entries",
    [
        [{"id": "org/model", "root": "/weights"}, {"id": "served", "root": "/weights"}],
        [{"id": "org/model", "aliases": ["served", "x"]}],
        [{"id": "served", "root": "org/model"}],
    ],
    ids=["two served names", "alias", "root"],
)
def test_another_name_of_the_same_model_is_the_model(endpoint, server, ask, entries):
    server.models = [{"id": "unrelated"}, 3, *entries]
    completions = endpoint().generate([ask(f'with:{{"model": "org/model"}}\n{number}') for number in range(5)])
    assert {completion.text for completion in completions} == {"fine"}


def test_names_of_two_listed_models_are_two_models(endpoint, server, ask):
    server.models = [{"id": "served"}, {"id": "org/model"}]
    with pytest.raises(EndpointError, match="org/model answered"):
        list(endpoint().generate([ask('with:{"model": "org/model"}')]))


def test_failures_in_a_row_stop_the_run_before_every_request_is_paid_for(endpoint, server, ask):
    requests = [ask(f"400:no_schemas\n{number}") for number in range(200)]
    with pytest.raises(EndpointError, match=r"20 requests in a row failed.*HTTP 400 \(no_schemas\)"):
        list(endpoint(max_concurrency=4).generate(requests))
    assert len(server.bodies) < 40


def test_failures_between_answers_do_not_stop_the_run(endpoint, ask):
    requests = [ask(f"{'ok' if number % 10 == 0 else '400'}\n{number}") for number in range(100)]
    completions = list(endpoint(max_concurrency=4).generate(requests))
    assert sum(completion.error is None for completion in completions) == 10


def test_a_dated_snapshot_of_the_model_is_the_model(endpoint, ask):
    assert only(endpoint().generate([ask('with:{"model": "served-2026-08-06"}')])).text == "fine"


def test_prose_where_a_schema_was_asked_for_is_left_to_the_parser(endpoint, ask):
    assert endpoint().supports_json_schema
    completion = only(endpoint().generate([ask("ok", schema={"type": "object"})]))
    assert (completion.text, completion.error) == ("fine", None)
    cut = 'with:{"choices": [{"finish_reason": "length"; "message": {"content": "{\\"a"}}]}'
    completion = only(endpoint().generate([ask(cut, schema={"type": "object"})]))
    assert (completion.text, completion.finish_reason) == ('{"a', "length")


def test_an_unpaired_surrogate_is_replaced(endpoint, ask):
    completion = only(endpoint().generate([ask('with:{"choices": [{"message": {"content": "a\\ud83d"}}]}')]))
    assert completion.text == "a?"


@pytest.mark.parametrize(
    ("behaviour", "remedy"),
    [
        ("401", "CCL_API_KEY"),
        ("403", "CCL_API_KEY"),
        ("404", "CCL_MODEL"),
        ("429:insufficient_quota", "no quota"),
        ("307", "redirects"),
    ],
)
def test_what_would_fail_for_every_request_stops_the_run_with_its_remedy(endpoint, server, ask, behaviour, remedy):
    with pytest.raises(EndpointError, match=remedy) as caught:
        list(endpoint().generate([ask(behaviour)]))
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert server.attempts[behaviour] == 1


def test_completions_before_the_stop_are_delivered(endpoint, ask):
    generated = endpoint(max_concurrency=1).generate([ask("ok"), ask("401"), ask("slow:0.1")])
    assert next(generated).text == "fine"
    with pytest.raises(EndpointError):
        next(generated)


def test_a_server_that_is_not_there_stops_the_run(endpoint, server, ask):
    unreachable = endpoint()
    server.close()
    with pytest.raises(EndpointError, match=r"cannot connect to 127\.0\.0\.1: start the server"):
        list(unreachable.generate([ask("ok")]))


def test_concurrency_is_bounded_and_used(endpoint, server, ask):
    requests = [ask(f"slow:0.05\n{number}") for number in range(12)]
    assert len(list(endpoint(max_concurrency=3).generate(requests))) == 12
    assert server.most_in_flight == 3


def test_answers_come_as_they_finish(endpoint, ask):
    assert [c.request_id for c in endpoint().generate([ask("slow:0.5"), ask("ok")])] == ["ok", "slow:0.5"]


def test_requests_are_taken_as_they_are_sent_and_in_order(endpoint, server, ask):
    made = []

    def requests():
        for number in range(100):
            made.append(number)
            yield ask(f"ok\n{number}")

    for done, _ in enumerate(endpoint(max_concurrency=4).generate(requests())):
        assert len(made) <= done + 2 * 4 + 1
    assert len(made) == 100
    arrived = [int(body["messages"][-1]["content"].split("\n")[1]) for body in server.bodies]
    assert max(abs(place - number) for place, number in enumerate(arrived)) <= 4


def test_an_error_of_the_one_who_makes_requests_ends_the_thread(endpoint, ask):
    def requests():
        yield ask("ok")
        raise LookupError("no such note")

    with pytest.raises(LookupError, match="no such note"):
        list(endpoint().generate(requests()))
    assert not [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]


def test_an_abandoned_iterator_cancels_what_is_in_flight(endpoint, server, ask):
    generated = endpoint(max_concurrency=1).generate([ask("ok"), ask("hang"), ask("ok\nnever sent")])
    next(generated)
    started = time.monotonic()
    generated.close()
    assert time.monotonic() - started < 2
    assert "ok\nnever sent" not in server.attempts
    assert not [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]


def test_note_text_is_never_logged_even_at_debug_level(endpoint, ask, caplog):
    with caplog.at_level(logging.DEBUG):
        list(endpoint().generate([ask("ok\nSECRET NOTE"), ask("500\nSECRET NOTE")]))
    assert "SECRET" not in caplog.text


@pytest.mark.parametrize(
    ("url", "trusted", "keeps"),
    [
        ("http://127.0.0.1:8000/v1", (), True),
        ("http://127.8.9.1/v1", (), True),
        ("http://localhost:8000/v1", (), True),
        ("http://[::1]:8000/v1", (), True),
        ("https://api.example.org/v1", (), False),
        ("https://localhost.example.org/v1", (), False),
        ("http://127.0.0.1.example.org/v1", (), False),
        ("http://127.0.0.1@example.org/v1", (), False),
        ("http://10.0.0.5/v1", (), False),
        ("http://0.0.0.0/v1", (), False),
        ("http://localhost.evil.example/v1", (), False),
        ("http://localhost.localdomain/v1", (), False),  # resolves to loopback here, perhaps not when it is sent
        ("http://127.0.0.1\\@evil.example/v1", (), False),
        ("http://evil.example#@127.0.0.1/v1", (), False),
        ("http://127.0.0.1%2eevil.example/v1", (), False),
        ("http://127。0。0。1/v1", (), False),
        ("http://[::ffff:10.0.0.5]/v1", (), False),
        ("http://[fd00::5]/v1", (), False),
        ("http://[fd00::5]/v1", ("fd00::5",), True),
        ("http://10.0.0.5/v1", ("10.0.0.5",), True),
        ("https://GPU.example.org/v1", ("gpu.example.ORG",), True),
        ("https://evil-gpu.example.org/v1", ("gpu.example.org",), False),
    ],
)
def test_restricted_text_may_go_to_loopback_and_listed_hosts_only(url, trusted, keeps):
    endpoint = OpenAIEndpoint(url, "m", "k", trusted_hosts=trusted)
    assert endpoint.keeps_text_on_host is keeps


def test_a_trusted_host_is_spoken_to_past_any_proxy(endpoint, ask, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.2:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert only(endpoint().generate([ask("ok")])).text == "fine"


def test_restricted_hosts_redirects_are_not_followed(endpoint, server, ask):
    with pytest.raises(EndpointError, match="redirects"):
        list(endpoint().generate([ask("308\nSECRET", is_restricted=True)]))
    assert len(server.bodies) == 1


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000/v1", "ftp://host/v1", "http:///v1", "file:///etc/passwd"])
def test_an_address_that_is_none_is_refused_with_an_example(url):
    with pytest.raises(ValueError, match="http://127"):
        OpenAIEndpoint(url, "m", "k")


def test_a_thousand_requests_are_each_answered_once(endpoint, ask):
    requests = [ask(f"ok\n{number}") for number in range(1000)]
    answered = [completion.request_id for completion in endpoint(max_concurrency=32).generate(requests)]
    assert sorted(answered) == sorted(request.request_id for request in requests)


def spoken(content, tokens):
    """Behaviour of a server that answers with these tokens; the server reads ; as a comma."""
    choice = {"message": {"content": content}, "logprobs": {"content": tokens}}
    return "with:" + json.dumps({"choices": [choice]}).replace(",", ";")


def token(text, logprob=-0.5, **more):
    return {"token": text, "logprob": logprob, **more}


def wanting(request):
    return replace(request, wants_probabilities=True)


def test_token_probabilities_are_asked_for_where_wanted_and_read(endpoint, server, ask):
    dash = list("–".encode())
    tokens = [
        token("I10"),
        token(" \ufffd", -1, bytes=[32, *dash[:2]]),
        token("\ufffd", -2, bytes=dash[2:]),
        token("STOP", 2e-7),
    ]
    prompt = spoken("I10 –S", tokens)
    completion = only(endpoint().generate([wanting(ask(prompt))]))
    assert completion.token_ends == (3, 4, 5, 6)
    assert completion.log_probabilities == (-0.5, -1.0, -2.0, 0.0)
    assert server.bodies[0]["logprobs"] is True
    completion = only(endpoint().generate([ask(prompt)]))
    assert completion.token_ends == completion.log_probabilities == ()
    assert "logprobs" not in server.bodies[1]


@pytest.mark.parametrize(
    "tokens",
    [
        None,
        {},
        [],
        [None],
        [{"logprob": -1}],
        [token("I1")],
        [token("I11")],
        [token(7)],
        [token("I10", None)],
        [token("I10", "x")],
        [token("I10", 0.7)],
        [token("I10", float("nan"))],
        [token("I10", float("-inf"))],
        [token("I10", -9999.0)],
        [token("I10", bytes=[73])],
    ],
)
def test_probabilities_that_make_no_sense_are_none_and_no_error(endpoint, ask, tokens):
    completion = only(endpoint().generate([wanting(ask(spoken("I10", tokens)))]))
    assert (completion.text, completion.error) == ("I10", None)
    assert completion.token_ends == completion.log_probabilities == ()


def test_a_server_that_refuses_to_tell_probabilities_is_asked_without(endpoint, server, ask):
    asked = endpoint()
    assert only(asked.generate([wanting(ask("400,ok"))])).text == "fine"
    assert ["logprobs" in body for body in server.bodies] == [True, False]
    assert only(asked.generate([wanting(ask("ok\nagain"))])).text == "fine"
    assert "logprobs" not in server.bodies[-1]


def test_a_request_that_is_refused_with_and_without_probabilities_is_an_error(endpoint, server, ask):
    assert only(endpoint().generate([wanting(ask("400:too_long"))])).error == "HTTP 400 (too_long)"
    assert len(server.bodies) == 2
