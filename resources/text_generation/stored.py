"""The completion store in front of a backend: nothing is paid for twice, and restricted text stays where it may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ccl_assets.resources.text_generation.requests import (
    Completion,
    GenerationRequest,
    TextGenerator,
    closing,
    in_groups,
)
from ccl_assets.resources.text_generation.store import CompletionStore

_LOOKED_UP_TOGETHER = 32  # what an endpoint keeps waiting must outlast the look-up


class RestrictedTextError(RuntimeError):
    """Restricted text was about to be sent to a host that may not see it."""


class StoredTextGenerator:
    """Serves stored completions, asks the backend for the rest, stores every answer as it arrives."""

    def __init__(self, backend: TextGenerator, store: CompletionStore) -> None:
        """Put ``store`` in front of ``backend``."""
        self._backend = backend
        self._store = store

    @property
    def model_name(self) -> str:
        """The backend's model name."""
        return self._backend.model_name

    @property
    def keeps_text_on_host(self) -> bool:
        """Tell whether the backend may see restricted text."""
        return self._backend.keeps_text_on_host

    @property
    def supports_json_schema(self) -> bool:
        """Tell whether the backend constrains answers to a schema."""
        return self._backend.supports_json_schema

    @property
    def supports_grammar(self) -> bool:
        """Tell whether the backend constrains answers to a grammar."""
        return self._backend.supports_grammar

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Completion]:
        """Answer every request exactly once, stored answers as they are found, the backend's as they finish.

        Requests with equal cache keys reach the backend once; the others get the same answer, marked as cached. Stored errors
        are not served: their requests are sent again.

        Args:
            requests: With distinct ids. They are walked twice: checked, all of them, before this returns and before anything is
                sent, and then taken as the backend has use for them. An iterator, which can be walked once, is made a list first.

        Raises:
            RestrictedTextError: A request is restricted and the backend may not see it.
            ValueError: Two requests share an id.
        """
        if isinstance(requests, Iterator):
            requests = list(requests)
        self._check(requests)
        return self._answer(requests)

    def _check(self, requests: Iterable[GenerationRequest]) -> None:
        ids: set[str] = set()
        count = restricted = 0
        for request in requests:
            count += 1
            ids.add(request.request_id)
            restricted += request.is_restricted
        if restricted and not self._backend.keeps_text_on_host:
            host = getattr(self._backend, "host", self._backend.model_name)
            raise RestrictedTextError(
                f"{restricted} of {count} requests quote restricted notes, which may not be sent to {host}; nothing was sent. "
                f"If your data use agreement allows that host, set CCL_TRUSTED_HOSTS={host}; otherwise use a model on this host"
            )
        if len(ids) != count:
            raise ValueError(
                "two requests share a request_id: completions could not be told apart; make the ids distinct"
            )

    def _answer(self, requests: Iterable[GenerationRequest]) -> Iterator[Completion]:
        asked = _Asked()
        found = self._look_up(requests, asked)
        for first in found:
            if isinstance(first, GenerationRequest):
                break
            yield first
        else:
            return
        served: list[Completion] = []

        def unanswered() -> Iterator[GenerationRequest]:
            yield first
            for item in found:
                if isinstance(item, GenerationRequest):
                    yield item
                else:
                    served.append(item)  # while the backend asks for its next request

        with closing(self._backend.generate(unanswered())) as completions:
            for completion in completions:
                key, requests_of_key = asked.take(completion.request_id)
                if requests_of_key:
                    self._store.put(key, completion, self.model_name)
                    yield completion
                for twin in requests_of_key[1:]:
                    yield replace(completion, request_id=twin.request_id, is_cached=completion.error is None)
                while served:
                    yield served.pop()
        yield from served
        for request in asked.rest():
            yield Completion(request.request_id, "", "error", error="the backend gave no answer")

    def _look_up(
        self, requests: Iterable[GenerationRequest], asked: _Asked
    ) -> Iterator[Completion | GenerationRequest]:
        """Stored completions, and the first request of each key that must be asked for."""
        for group in in_groups(requests, _LOOKED_UP_TOGETHER):
            keys = [request.cache_key(self.model_name) for request in group]
            stored = self._store.get_many(set(keys))
            missing = []
            for key, request in zip(keys, group, strict=True):
                if key in stored:
                    yield replace(stored[key], request_id=request.request_id, is_cached=True)
                elif asked.add(key, request):
                    missing.append(request)
            yield from missing


class _Asked:
    """Requests on their way, by cache key; the first of a key is sent, the others wait for its answer."""

    def __init__(self) -> None:
        self._by_key: dict[str, list[GenerationRequest]] = {}
        self._key_of: dict[str, str] = {}

    def add(self, key: str, request: GenerationRequest) -> bool:
        """Note a request; says whether it is to be sent."""
        self._by_key.setdefault(key, []).append(request)
        is_first = len(self._by_key[key]) == 1
        if is_first:
            self._key_of[request.request_id] = key
        return is_first

    def take(self, request_id: str) -> tuple[str, list[GenerationRequest]]:
        """Key and requests that an answer is for; none if it is a second answer, or one to a question nobody asked."""
        key = self._key_of.pop(request_id, "")
        return key, self._by_key.pop(key, [])

    def rest(self) -> list[GenerationRequest]:
        """Requests that got no answer."""
        return [request for waiting in self._by_key.values() for request in waiting]
