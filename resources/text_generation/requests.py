"""Requests to a language model and their completions; shared by every backend."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar, overload, runtime_checkable

from ccl_assets.resources.text_generation.answer_grammar import CodeListGrammar

T = TypeVar("T")


@dataclass(frozen=True)
class Message:
    """One chat turn; ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    content: str


@dataclass(frozen=True)
class GenerationParameters:
    """Sampling parameters. Temperature 0 is greedy; ``stop`` strings end the answer and are not part of it."""

    max_tokens: int = 256
    temperature: float = 0.0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class GenerationRequest:
    """One chat request.

    Attributes:
        request_id: The caller's name for it; not part of the cache key.
        messages: Chat turns.
        parameters: Sampling parameters.
        is_restricted: The messages quote notes that may not leave this host.
        json_schema: Ask the backend for JSON of this schema; only a backend that ``supports_json_schema`` heeds it.
        sample: Number of the answer wanted where one prompt is sampled several times; each has a cache key of its own.
        wants_probabilities: Ask for the probability of every token; a backend that cannot tell answers without.
        grammar: Hold the answer to a list of codes; only a backend that ``supports_grammar`` heeds it.
    """

    request_id: str
    messages: tuple[Message, ...]
    parameters: GenerationParameters = GenerationParameters()
    is_restricted: bool = False
    json_schema: Mapping[str, Any] | None = field(default=None, hash=False)
    sample: int = 0
    wants_probabilities: bool = False
    grammar: CodeListGrammar | None = None

    def cache_key(self, model_name: str) -> str:
        """SHA-256 over all that can change the answer: equal requests are paid for once."""
        payload: dict[str, Any] = {
            "model": model_name,
            "messages": [[m.role, m.content] for m in self.messages],
            "max_tokens": self.parameters.max_tokens,
            "temperature": self.parameters.temperature,
            "stop": list(self.parameters.stop),
            "json_schema": self.json_schema,
        }
        # absent where not asked for, so that keys of older stores stay as they were
        if self.sample:
            payload["sample"] = self.sample
        if self.wants_probabilities:
            payload["wants_probabilities"] = True
        if self.grammar is not None:
            payload["grammar"] = self.grammar.sha256
        return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Completion:
    """One answer.

    ``finish_reason`` is ``stop``, ``length`` (cut at ``max_tokens``) or ``error``; ``error`` says what went wrong without
    quoting the prompt. ``is_cached`` marks an answer read from the completion store.

    Attributes:
        token_ends: Where each token ends in ``text``, in code points; empty where probabilities were not asked for or not given.
            The last token ends with the text: tokens of what was cut off it are left out.
        log_probabilities: Natural logarithm of the probability that the model itself, at temperature 1 and held to no schema or
            grammar, gave each of these tokens.
    """

    request_id: str
    text: str
    finish_reason: str
    prompt_token_count: int = 0
    completion_token_count: int = 0
    seconds: float = 0.0
    error: str | None = None
    is_cached: bool = False
    token_ends: tuple[int, ...] = ()
    log_probabilities: tuple[float, ...] = ()

    def probability(self, begin: int, end: int) -> float | None:
        """Probability of ``text[begin:end]`` given all before it: the product over its tokens, also those it shares a part of.

        Returns:
            ``None`` where the tokens are not known, or the span is empty or not within the text.
        """
        if not 0 <= begin < end <= (self.token_ends[-1] if self.token_ends else 0):
            return None
        total, at = 0.0, 0
        for token_end, log_probability in zip(self.token_ends, self.log_probabilities, strict=True):
            # a token that moves nothing is the first part of the character that begins where it stands
            if at < end and (token_end > begin or token_end == at >= begin):
                total += log_probability
            at = token_end
        return math.exp(total)


class LazyRequests(Sequence[GenerationRequest], Generic[T]):
    """Requests that are made while they are sent, so that a hundred thousand prompts are not in memory at once.

    They can be walked again, as a list can: that is how restricted text is noticed before anything is sent.
    """

    def __init__(self, items: Sequence[T], make: Callable[[T], GenerationRequest]) -> None:
        """One request per item; ``make`` gives the same request for an item every time."""
        self._items = items
        self._make = make

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> GenerationRequest: ...
    @overload
    def __getitem__(self, index: slice) -> LazyRequests[T]: ...
    def __getitem__(self, index: int | slice) -> GenerationRequest | LazyRequests[T]:
        if isinstance(index, slice):
            return LazyRequests(self._items[index], self._make)
        return self._make(self._items[index])


def in_groups(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Consecutive groups of at most ``size`` items, taken from ``items`` one group at a time."""
    source = iter(items)
    while group := list(islice(source, size)):
        yield group


@contextmanager
def closing(completions: Iterator[Completion]) -> Iterator[Iterator[Completion]]:
    """Close the iterator at the end, also after an error whose traceback keeps it alive: nothing more is sent."""
    try:
        yield completions
    finally:
        getattr(completions, "close", lambda: None)()


@runtime_checkable
class TextGenerator(Protocol):
    """A language model: requests in, completions out as they finish (any order).

    Requests are taken in the order given, as many at a time as the backend has use for: those that share a prefix should stand
    together, since servers keep what they computed of a prefix for a while.
    """

    @property
    def model_name(self) -> str:
        """Backend-independent model name, adapter included."""
        ...

    @property
    def keeps_text_on_host(self) -> bool:
        """Tell whether restricted text may be sent: the model runs on this host or on an address the user listed."""
        ...

    @property
    def supports_json_schema(self) -> bool:
        """Tell whether answers are constrained to a request's ``json_schema``."""
        ...

    @property
    def supports_grammar(self) -> bool:
        """Tell whether answers are constrained to a request's ``grammar``, code by code."""
        ...

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Completion]:
        """Answer every request exactly once; failures come back as completions with ``finish_reason='error'``."""
        ...
