"""What every asset that asks a model does when the model does not answer."""

from types import SimpleNamespace

import dagster as dg
import pytest

from ccl_assets.lakehouse.llm_step import answer, answer_with
from ccl_assets.resources.text_generation.endpoint.client import EndpointError
from ccl_assets.resources.text_generation.requests import Completion, GenerationRequest, Message
from ccl_assets.resources.text_generation.scripted import ScriptedGenerator
from ccl_assets.resources.text_generation.store import CompletionStore
from ccl_assets.resources.text_generation.stored import StoredTextGenerator


@pytest.fixture
def context():
    lines = []
    return SimpleNamespace(log=SimpleNamespace(info=lines.append), lines=lines)


def requests(count, **options):
    return [GenerationRequest(f"n{number}", (Message("user", f"note {number}"),), **options) for number in range(count)]


def some_fail(request):
    failed = request.request_id in ("n3", "n7")
    return Completion("", "", "error", error="HTTP 400 (content_filter)") if failed else "fine"


def test_nothing_to_ask_loads_no_model(context):
    context.resources = SimpleNamespace(language_models=SimpleNamespace(model_name=lambda role: f"model of {role}"))
    model, collected = answer(context, "miner", [])
    assert (model, collected.completions) == ("model of miner", {})


def test_a_failed_request_fails_the_step_and_says_which_and_why(context):
    with pytest.raises(dg.Failure, match=r"2 of 10 requests to scripted failed.*'n3', 'n7'.*HTTP 400.*run again"):
        answer_with(context, ScriptedGenerator(some_fail), requests(10))


@pytest.mark.parametrize(("share", "is_tolerated"), [(0.0, False), (0.1, False), (0.2, True)])
def test_a_tolerated_share_of_errors_is_left_to_the_caller(context, share, is_tolerated):
    if not is_tolerated:
        with pytest.raises(dg.Failure):
            answer_with(context, ScriptedGenerator(some_fail), requests(10), tolerated_error_share=share)
        return
    collected = answer_with(context, ScriptedGenerator(some_fail), requests(10), tolerated_error_share=share)
    assert [name for name, completion in collected.completions.items() if completion.error] == ["n3", "n7"]
    assert collected.cost["request_errors"] == 2


def test_restricted_text_for_another_host_fails_without_a_retry_and_says_what_to_set(context, tmp_path):
    backend = ScriptedGenerator(lambda request: "fine", model_name="api.example.org", keeps_text_on_host=False)
    stored = StoredTextGenerator(backend, CompletionStore(tmp_path / "completions.sqlite"))
    with pytest.raises(dg.Failure, match=r"CCL_TRUSTED_HOSTS=api\.example\.org") as caught:
        answer_with(context, stored, requests(2, is_restricted=True))
    assert not caught.value.allow_retries
    assert backend.call_count == 0


def test_an_endpoint_that_can_answer_nothing_fails_without_a_retry(context):
    class Refusing(ScriptedGenerator):
        def generate(self, requests):
            raise EndpointError("refused the key (HTTP 401): set CCL_API_KEY")

    with pytest.raises(dg.Failure, match=r"set CCL_API_KEY\. Completed requests are stored") as caught:
        answer_with(context, Refusing(lambda request: ""), requests(2))
    assert not caught.value.allow_retries


def test_progress_reaches_the_log(context):
    answer_with(context, ScriptedGenerator(lambda request: "fine"), requests(3), is_readable=lambda answer: False)
    assert context.lines[-1].startswith("3/3 requests")
    assert context.lines[-1].endswith("3 unreadable answers")
