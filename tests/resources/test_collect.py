import pytest

from ccl_assets.resources.progress import Rhythm
from ccl_assets.resources.text_generation.collect import Progress, collect
from ccl_assets.resources.text_generation.requests import Completion
from ccl_assets.resources.text_generation.scripted import ScriptedFailureError, ScriptedGenerator


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def completion(name, *, is_cached=False, error=None):
    return Completion(name, "SECRET", "error" if error else "stop", 30, 10, error=error, is_cached=is_cached)


def test_cost_counts_what_was_paid_for(ask):
    answers = {"a": "fine", "b": Completion("", "", "error", error="HTTP 500"), "c": "prose"}
    generator = ScriptedGenerator(lambda request: answers[request.request_id])
    collected = collect(generator, [ask(name) for name in answers], is_readable=lambda answer: answer.text == "fine")
    assert collected.cost == {
        "requests": 3,
        "requests_from_store": 0,
        "request_errors": 1,
        "unreadable_answers": 1,
        "prompt_tokens": 2,
        "completion_tokens": 2,
        "generation_seconds": round(collected.seconds, 1),
    }


def test_unreadable_answers_are_not_counted_where_nobody_reads(ask):
    assert "unreadable_answers" not in collect(ScriptedGenerator(lambda request: "x"), [ask("a")]).cost


def test_the_most_frequent_error_stands_first(ask):
    errors = {"a": "HTTP 400", "b": "HTTP 500", "c": "HTTP 500"}
    generator = ScriptedGenerator(lambda request: completion("", error=errors[request.request_id]))
    assert collect(generator, [ask(name) for name in errors]).errors == ["HTTP 500", "HTTP 400"]


def test_the_last_line_says_all_was_done_and_quotes_nothing(ask):
    lines = []
    collect(ScriptedGenerator(lambda request: "SECRET"), [ask("SECRET a"), ask("SECRET b")], lines.append)
    assert lines[-1].startswith("2/2 requests")
    assert "SECRET" not in "".join(lines)


def test_nothing_to_ask_says_nothing():
    lines = []
    collect(ScriptedGenerator(lambda request: ""), [], lines.append)
    assert lines == []


def test_rate_and_time_left_are_those_of_requests_that_were_asked(clock):
    progress = Progress(1000, clock=clock)
    for number in range(500):
        progress.add(completion(str(number), is_cached=True))
    clock.now += 1  # the look-up took a second
    progress.add(completion("500", is_cached=True))
    for number in range(501, 601):
        clock.now += 0.1
        progress.add(completion(str(number)))
    assert progress.line() == (
        "601/1,000 requests; 10.00 requests/s, 400 tokens/s; about 40 s left; 501 from the store; "
        "4,000 tokens, 0 errors, 0 unreadable answers"
    )


def test_notes_are_done_when_all_their_requests_are(clock):
    progress = Progress(3, {"n1#w1": "n1", "n1#w2": "n1", "n2": "n2"}, clock)
    progress.add(completion("n1#w2"))
    assert progress.line().startswith("0/2 notes; 1/3 requests")
    progress.add(completion("n2"), is_readable=False)
    progress.add(completion("n1#w1", error="HTTP 500"))
    assert progress.line().startswith("2/2 notes; 3/3 requests")
    assert progress.line().endswith("1 errors, 1 unreadable answers")


def test_lines_come_after_five_seconds_and_then_every_minute_at_the_latest(clock):
    progress = Progress(10**9, clock=clock)
    said = []
    for second in range(3600):
        clock.now += 1
        if progress.is_due():
            said.append(second + 1)
    assert said[:3] == [5, 10, 15]
    assert said[-1] - said[-2] == 60
    assert len(said) < 100


def test_a_failing_report_closes_the_generator(ask, monkeypatch):
    closed = []

    class Watched(ScriptedGenerator):
        def generate(self, requests):
            try:
                yield from super().generate(requests)
            finally:
                closed.append(True)

    def report(line):
        raise OSError("event log is gone")

    monkeypatch.setattr(Rhythm, "is_due", lambda _: True)
    with pytest.raises(OSError, match="gone") as caught:
        collect(Watched(lambda request: "x"), [ask("a"), ask("b")], report)
    assert caught.value.__traceback__ is not None
    assert closed


def test_a_failure_of_the_generator_is_passed_on(ask):
    with pytest.raises(ScriptedFailureError):
        collect(ScriptedGenerator(lambda request: "x", raise_after=1), [ask("a"), ask("b")])
