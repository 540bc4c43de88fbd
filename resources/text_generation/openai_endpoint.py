"""Any OpenAI-compatible endpoint: a vLLM server (the production one), llama.cpp, a hosted service."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from ccl_assets.resources.text_generation.concurrent_answers import answer_concurrently
from ccl_assets.resources.text_generation.endpoint_answer import failure, harmless, read_answer
from ccl_assets.resources.text_generation.endpoint_policy import Backoff, host_of, is_retried, keeps_text
from ccl_assets.resources.text_generation.requests import Completion, GenerationRequest


class EndpointError(RuntimeError):
    """The endpoint cannot answer any request: wrong key, unknown model, or nobody there."""


class OpenAIEndpoint:
    """Sends chat requests, a bounded number at a time, and yields answers as they come.

    Passing failures (429, 5xx, timeouts, broken connections) are tried again; a request that still fails, and every answer that is
    none, becomes an error completion. What would fail for every request raises ``EndpointError`` instead.

    Redirects are not followed, and a host that may see restricted text is spoken to directly, past any proxy of the environment:
    either would hand the text to a third party.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str,
        max_concurrency: int = 16,
        timeout_s: float = 300.0,
        max_retries: int = 5,
        trusted_hosts: Collection[str] = (),
        backoff: Backoff | None = None,
    ) -> None:
        """Describe an endpoint; nothing is sent yet.

        Args:
            base_url: Up to and including ``/v1``.
            model: Served model name; completions are stored under it.
            api_key: Any text for servers without keys.
            max_concurrency: Requests in flight.
            timeout_s: Longest time for one attempt, from sending to the last byte.
            max_retries: Attempts after the first.
            trusted_hosts: Hosts besides loopback that may see restricted text.
            backoff: Waiting times between attempts.

        Raises:
            ValueError: ``base_url`` is no HTTP address, or a bound is not positive.
        """
        if max_concurrency < 1 or timeout_s <= 0 or max_retries < 0:
            raise ValueError("max_concurrency and timeout_s must be positive, max_retries must not be negative")
        self.host = host_of(base_url)
        self._base_url = base_url
        self._model = model
        self._api_key = api_key
        self._max_concurrency = max_concurrency
        self._timeout_s = timeout_s
        self._max_retries = max_retries
        self._backoff = backoff or Backoff()
        self._keeps_text_on_host = keeps_text(self.host, trusted_hosts)

    @property
    def model_name(self) -> str:
        """The served model's name."""
        return self._model

    @property
    def keeps_text_on_host(self) -> bool:
        """Whether the endpoint is on loopback or on a host the user listed."""
        return self._keeps_text_on_host

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Completion]:
        """Answer every request; closing the iterator early cancels what is in flight.

        Raises:
            EndpointError: No request can be answered; those answered before were yielded.
        """
        yield from answer_concurrently(self._client, self._answer, list(requests), self._max_concurrency)

    async def _answer(self, client: Any, request: GenerationRequest) -> Completion:
        """Send one request, again if need be.

        Args:
            client: An ``AsyncOpenAI``.
            request: What to ask.

        Raises:
            EndpointError: No request can be answered.
        """
        import openai

        started = time.monotonic()
        for attempt in range(self._max_retries + 1):
            headers = None
            try:
                async with asyncio.timeout(self._timeout_s):
                    response = await client.chat.completions.create(**self._payload(request))
                return read_answer(request, self._model, response, time.monotonic() - started)
            except (TimeoutError, openai.APITimeoutError):
                reason = f"no answer within {self._timeout_s:g} s"
            except openai.APIConnectionError as error:
                reason = "the connection broke"
                if type(error.__cause__).__name__ == "ConnectError" and attempt == self._max_retries:
                    raise EndpointError(
                        f"cannot connect to {self.host}: start the server or correct CCL_ENDPOINT"
                    ) from None
            except openai.APIStatusError as error:
                reason = self._status_reason(error)
                if not is_retried(error.status_code):
                    return failure(request, reason, time.monotonic() - started)
                headers = error.response.headers
            except (openai.OpenAIError, ValueError):  # a body the client cannot decode
                return failure(request, "the endpoint's answer is not JSON", time.monotonic() - started)
            if attempt < self._max_retries:
                await asyncio.sleep(self._backoff.wait_s(attempt, headers))
        return failure(request, f"gave up after {self._max_retries + 1} attempts: {reason}", time.monotonic() - started)

    def _client(self) -> Any:
        """A client that retries nothing by itself."""
        import openai

        # at debug level the client logs whole request bodies: patient data
        log = logging.getLogger("openai")
        log.setLevel(max(logging.INFO, log.getEffectiveLevel()))
        transport = openai.DefaultAsyncHttpxClient(
            timeout=self._timeout_s, follow_redirects=False, trust_env=not self._keeps_text_on_host
        )
        return openai.AsyncOpenAI(
            base_url=self._base_url,
            api_key=self._api_key,
            max_retries=0,
            timeout=self._timeout_s,
            http_client=transport,
        )

    def _payload(self, request: GenerationRequest) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "max_tokens": request.parameters.max_tokens,
            "temperature": request.parameters.temperature,
        }
        if request.parameters.stop:
            payload["stop"] = list(request.parameters.stop)
        if request.json_schema is not None:
            payload["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": dict(request.json_schema)},
            }
        return payload

    def _status_reason(self, error: Any) -> str:
        """The status and the server's error code; its message may quote the prompt.

        Raises:
            EndpointError: The status would be the same for every request.
        """
        status, code = error.status_code, harmless(error.code)
        if status in (401, 403):
            raise EndpointError(f"{self.host} refused the key (HTTP {status}): set CCL_API_KEY") from None
        if status == 404:
            raise EndpointError(
                f"{self.host} knows no model {self._model} or no such path (HTTP 404): set CCL_MODEL to a served name, and let "
                "CCL_ENDPOINT end in /v1"
            ) from None
        if code == "insufficient_quota":
            raise EndpointError(f"{self.host} has no quota left for this key (HTTP {status})") from None
        if 300 <= status < 400:
            raise EndpointError(
                f"{self.host} redirects (HTTP {status}): set CCL_ENDPOINT to the final address"
            ) from None
        return f"HTTP {status}" + (f" ({code})" if code else "")
