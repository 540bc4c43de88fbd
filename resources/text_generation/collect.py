"""Collecting completions with progress for people."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ccl_assets.resources.progress import Rhythm, duration
from ccl_assets.resources.text_generation.requests import Completion, GenerationRequest, TextGenerator, closing


@dataclass
class Collected:
    """Completions by request id, and what they cost."""

    completions: dict[str, Completion] = field(default_factory=dict)
    seconds: float = 0.0
    unreadable_count: int | None = None

    @property
    def cost(self) -> dict[str, int | float]:
        """Counts for asset metadata: requests, those served from the store, errors, unreadable answers, tokens, seconds."""
        answered = self.completions.values()
        asked = [completion for completion in answered if not completion.is_cached]
        unreadable = {} if self.unreadable_count is None else {"unreadable_answers": self.unreadable_count}
        return {
            "requests": len(self.completions),
            "requests_from_store": len(self.completions) - len(asked),
            "request_errors": sum(completion.error is not None for completion in answered),
            **unreadable,
            "prompt_tokens": sum(completion.prompt_token_count for completion in asked),
            "completion_tokens": sum(completion.completion_token_count for completion in asked),
            "generation_seconds": round(self.seconds, 1),
        }

    @property
    def errors(self) -> list[str]:
        """Distinct error messages (they quote no prompt), the most frequent first."""
        counted = Counter(completion.error for completion in self.completions.values() if completion.error)
        return [error for error, _ in counted.most_common()]


class Progress:
    """Progress of requests: done, rate, time left, tokens, failures. It counts; it sees no text.

    Rate and time left are those of requests that were really asked: answers from the store come at once, and a run that goes on
    after a kill would promise to be done in no time.
    """

    def __init__(
        self,
        request_count: int,
        note_of: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Count up to ``request_count``; see :func:`collect` for ``note_of``."""
        self._clock = clock
        self._rhythm = Rhythm(clock)
        self._asking_since = clock()
        self._count = request_count
        self._note_of = note_of or {}
        self._open = Counter(self._note_of.values())
        self._note_count = len(self._open)
        self._done = self._asked = self._errors = self._unreadable = self._tokens = 0

    def add(self, completion: Completion, *, is_readable: bool = True) -> None:
        """Count a completion."""
        self._done += 1
        self._errors += completion.error is not None
        self._unreadable += completion.error is None and not is_readable
        if completion.is_cached:
            if not self._asked:
                self._asking_since = self._clock()
        else:
            self._asked += 1
            self._tokens += completion.prompt_token_count + completion.completion_token_count
        note = self._note_of.get(completion.request_id)
        if note is not None:
            self._open[note] -= 1
            if not self._open[note]:
                del self._open[note]

    def is_due(self) -> bool:
        """Tell whether to say a line; see :class:`~ccl_assets.resources.progress.Rhythm`."""
        return self._rhythm.is_due()

    def line(self) -> str:
        """Progress in one line."""
        said = [f"{self._done:,}/{self._count:,} requests"]
        if self._note_of:
            said.insert(0, f"{self._note_count - len(self._open):,}/{self._note_count:,} notes")
        took = self._clock() - self._asking_since
        if self._asked and took > 0:
            rate = self._asked / took
            said.append(f"{rate:.2f} requests/s, {self._tokens / took:,.0f} tokens/s")
            said.append(f"about {duration((self._count - self._done) / rate)} left")
        said.append(f"{self._done - self._asked:,} from the store")
        said.append(f"{self._tokens:,} tokens, {self._errors:,} errors, {self._unreadable:,} unreadable answers")
        return "; ".join(said)

    @property
    def unreadable_count(self) -> int:
        """Answers that arrived and could not be read."""
        return self._unreadable


def collect(
    generator: TextGenerator,
    requests: Sequence[GenerationRequest],
    report: Callable[[str], None] | None = None,
    is_readable: Callable[[Completion], bool] | None = None,
    note_of: Mapping[str, str] | None = None,
) -> Collected:
    """Answer all requests.

    Args:
        generator: Who answers.
        requests: With distinct ids.
        report: Receives a line of progress every few seconds, later every minute.
        is_readable: Says whether an answer can be parsed, for the count of parse failures.
        note_of: Note of each request id, where a note takes several requests; progress then counts notes too.
    """
    started = time.monotonic()
    collected = Collected()
    progress = Progress(len(requests), note_of)
    with closing(generator.generate(requests)) as completions:
        for completion in completions:
            collected.completions[completion.request_id] = completion
            readable = is_readable is None or completion.error is not None or is_readable(completion)
            progress.add(completion, is_readable=readable)
            if report is not None and progress.is_due():
                report(progress.line())
    collected.seconds = time.monotonic() - started
    if is_readable is not None:
        collected.unreadable_count = progress.unreadable_count
    if report is not None and requests:
        report(progress.line())
    return collected
