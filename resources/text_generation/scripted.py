"""A language model for tests: a function answers. Never configured in production."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from ccl_assets.resources.text_generation.requests import Completion, GenerationRequest


class ScriptedFailureError(RuntimeError):
    """The failure a test asked for."""


class ScriptedGenerator:
    """Answers each request by a function, in order.

    Attributes:
        calls: Every request that was answered, in order.
    """

    def __init__(
        self,
        answer: Callable[[GenerationRequest], str | Completion],
        model_name: str = "scripted",
        keeps_text_on_host: bool = True,
        raise_after: int | None = None,
        kill_after: int | None = None,
        seconds_per_call: float = 0.0,
        supports_json_schema: bool = False,
        supports_grammar: bool = False,
    ) -> None:
        """Script a model.

        Args:
            answer: The text of an answer, or a whole completion (its request id is set here).
            model_name: Name completions are stored under.
            keeps_text_on_host: Whether restricted requests are allowed.
            raise_after: Raise ``ScriptedFailureError`` once this many requests are answered.
            kill_after: Kill this process, uncatchably, once this many requests are answered.
            seconds_per_call: Time each answer takes.
            supports_json_schema: What the property of that name says.
            supports_grammar: What the property of that name says.
        """
        self.calls: list[GenerationRequest] = []
        self._answer = answer
        self._model_name = model_name
        self._keeps_text_on_host = keeps_text_on_host
        self._raise_after = raise_after
        self._kill_after = kill_after
        self._seconds_per_call = seconds_per_call
        self._supports_json_schema = supports_json_schema
        self._supports_grammar = supports_grammar
        self._lock = threading.Lock()

    @property
    def model_name(self) -> str:
        """Name given by the test."""
        return self._model_name

    @property
    def keeps_text_on_host(self) -> bool:
        """As given by the test."""
        return self._keeps_text_on_host

    @property
    def supports_json_schema(self) -> bool:
        """As given by the test."""
        return self._supports_json_schema

    @property
    def supports_grammar(self) -> bool:
        """As given by the test."""
        return self._supports_grammar

    @property
    def call_count(self) -> int:
        """Requests answered so far."""
        return len(self.calls)

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Completion]:
        """Answer in order.

        Raises:
            ScriptedFailureError: ``raise_after`` requests were answered.
        """
        for request in requests:
            if self._raise_after is not None and self.call_count >= self._raise_after:
                raise ScriptedFailureError(f"scripted failure after {self._raise_after} requests")
            if self._kill_after is not None and self.call_count >= self._kill_after:
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(self._seconds_per_call)
            with self._lock:
                self.calls.append(request)
            yield self._complete(request)

    def _complete(self, request: GenerationRequest) -> Completion:
        answer = self._answer(request)
        if isinstance(answer, Completion):
            return replace(answer, request_id=request.request_id)
        return Completion(
            request.request_id,
            answer,
            finish_reason="stop",
            prompt_token_count=sum(len(message.content.split()) for message in request.messages),
            completion_token_count=len(answer.split()),
            seconds=self._seconds_per_call,
        )
