"""The completion store in front of a backend: nothing is paid for twice, and restricted text stays where it may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ccl_assets.resources.completion_store import CompletionStore
from ccl_assets.resources.text_generation.requests import Completion, GenerationRequest, TextGenerator


class RestrictedTextError(RuntimeError):
    """Restricted text was about to be sent to a host that may not see it."""


class StoredTextGenerator:
    """Serves stored completions first, asks the backend for the rest, stores every answer as it arrives."""

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
        """Whether the backend may see restricted text."""
        return self._backend.keeps_text_on_host

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Completion]:
        """Answer every request exactly once: stored answers first, then the backend's as they finish.

        Requests with equal cache keys reach the backend once; the others get the same answer, marked as cached. Stored errors
        are not served: their requests are sent again.

        Args:
            requests: With distinct ids. They are checked before this returns and before anything is sent.

        Raises:
            RestrictedTextError: A request is restricted and the backend may not see it.
            ValueError: Two requests share an id.
        """
        asked = list(requests)
        self._refuse_restricted(asked)
        if len({request.request_id for request in asked}) != len(asked):
            raise ValueError(
                "two requests share a request_id: completions could not be told apart; make the ids distinct"
            )
        return self._answer(asked)

    def _refuse_restricted(self, requests: Sequence[GenerationRequest]) -> None:
        count = sum(request.is_restricted for request in requests)
        if count and not self._backend.keeps_text_on_host:
            host = getattr(self._backend, "host", self._backend.model_name)
            raise RestrictedTextError(
                f"{count} of {len(requests)} requests quote restricted notes, which may not be sent to {host}; nothing was sent. "
                f"If your data use agreement allows that host, set CCL_TRUSTED_HOSTS={host}; otherwise use a model on this host"
            )

    def _answer(self, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        by_key: dict[str, list[GenerationRequest]] = {}
        for request in requests:
            by_key.setdefault(request.cache_key(self.model_name), []).append(request)
        stored = self._store.get_many(by_key)
        for key, completion in stored.items():
            for request in by_key.pop(key):
                yield replace(completion, request_id=request.request_id, is_cached=True)
        # one request stands for all of its key; what is left in `pending` was not answered
        pending = {waiting[0].request_id: key for key, waiting in by_key.items()}
        for completion in self._backend.generate([waiting[0] for waiting in by_key.values()]) if by_key else ():
            answered = pending.pop(completion.request_id, None)
            if answered is None:
                continue  # a second answer, or one to a question nobody asked
            self._store.put(answered, completion, self.model_name)
            yield completion
            for twin in by_key[answered][1:]:
                yield replace(completion, request_id=twin.request_id, is_cached=completion.error is None)
        for key in pending.values():
            for request in by_key[key]:
                yield Completion(request.request_id, "", "error", error="the backend gave no answer")
