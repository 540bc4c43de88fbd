"""What is asked of a language model and what comes back; shared by every backend."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


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
        json_schema: Ask the backend for JSON of this schema, where it can.
    """

    request_id: str
    messages: tuple[Message, ...]
    parameters: GenerationParameters = GenerationParameters()
    is_restricted: bool = False
    json_schema: Mapping[str, Any] | None = field(default=None, hash=False)

    def cache_key(self, model_name: str) -> str:
        """SHA-256 over model, messages, parameters and schema: equal requests are paid for once."""
        payload = {
            "model": model_name,
            "messages": [[m.role, m.content] for m in self.messages],
            "max_tokens": self.parameters.max_tokens,
            "temperature": self.parameters.temperature,
            "stop": list(self.parameters.stop),
            "json_schema": self.json_schema,
        }
        return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Completion:
    """One answer.

    ``finish_reason`` is ``stop``, ``length`` (cut at ``max_tokens``) or ``error``; ``error`` says what went wrong without
    quoting the prompt. ``is_cached`` marks an answer read from the completion store.
    """

    request_id: str
    text: str
    finish_reason: str
    prompt_token_count: int = 0
    completion_token_count: int = 0
    seconds: float = 0.0
    error: str | None = None
    is_cached: bool = False


@runtime_checkable
class TextGenerator(Protocol):
    """A language model: requests in, completions out as they finish (any order)."""

    @property
    def model_name(self) -> str:
        """Backend-independent model name, adapter included."""
        ...

    @property
    def keeps_text_on_host(self) -> bool:
        """Whether restricted text may be sent: the model runs on this host or on an address the user listed."""
        ...

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Completion]:
        """Answer every request exactly once; failures come back as completions with ``finish_reason='error'``."""
        ...
