"""Any OpenAI-compatible endpoint: a vLLM server (the production one), llama.cpp, a hosted service."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from ccl_assets.resources.text_generation.endpoint.answer import (
    GarbledAnswerError,
    failure,
    harmless,
    is_same_model,
    model_of,
    names_one_model,
    read_answer,
)
from ccl_assets.resources.text_generation.endpoint.concurrent_answers import answer_concurrently
from ccl_assets.resources.text_generation.endpoint.policy import Backoff, host_of, is_retried, keeps_text
from ccl_assets.resources.text_generation.requests import Completion, GenerationRequest

_LEAST_FAILURES_IN_A_ROW = 20
# Patient data: below these levels the client logs request bodies, the transport status lines and headers, where a server may repeat
# what it was sent.
_LEAST_LEVELS = {"openai": logging.INFO, "httpx2": logging.WARNING, "httpcore2": logging.WARNING}


class EndpointError(RuntimeError):
    """The endpoint cannot answer any request: wrong key, unknown model, or nobody there."""


class OpenAIEndpoint:
    """Sends chat requests, a bounded number at a time, and yields answers as they come.

    Passing failures (429, 5xx, timeouts, broken connections, garbled bodies) are tried again; a request that still fails becomes an
    error completion. What would fail for every request raises ``EndpointError`` instead: a refused key, another model that answers,
    or a row of failures without one answer between them.

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
        self._other_names: set[str] = set()
        self._failures_in_a_row = 0
        self._sends_probabilities = True

    @property
    def model_name(self) -> str:
        """The served model's name."""
        return self._model

    @property
    def keeps_text_on_host(self) -> bool:
        """Tell whether the endpoint is on loopback or on a host the user listed."""
        return self._keeps_text_on_host

    @property
    def supports_json_schema(self) -> bool:
        """True: sent as ``response_format``; a server that ignores it answers what it likes."""
        return True

    @property
    def supports_grammar(self) -> bool:
        """False: no request field carries 75,000 lines, and a grammar of the codes' mere shape lets invented ones through."""
        return False

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Completion]:
        """Answer every request; closing the iterator early cancels what is in flight.

        Raises:
            EndpointError: No request can be answered; those answered before were yielded.
        """
        yield from answer_concurrently(self._client, self._answer, requests, self._max_concurrency)

    async def _answer(self, client: Any, request: GenerationRequest) -> Completion:
        completion = await self._ask(client, request)
        self._failures_in_a_row = self._failures_in_a_row + 1 if completion.error else 0
        if self._failures_in_a_row >= max(_LEAST_FAILURES_IN_A_ROW, 2 * self._max_concurrency):
            raise EndpointError(
                f"{self._failures_in_a_row} requests in a row failed at {self.host}, the last with: {completion.error}"
            )
        return completion

    async def _ask(self, client: Any, request: GenerationRequest) -> Completion:
        """Send one request, again if need be.

        Args:
            client: An ``AsyncOpenAI``.
            request: What to ask.

        Raises:
            EndpointError: No request can be answered.
        """
        import openai

        started = time.monotonic()
        payload = self._payload(request)
        for attempt in range(self._max_retries + 1):
            headers = None
            try:
                async with asyncio.timeout(self._timeout_s):
                    # typed bodies cost the client twice the time
                    body = await client.post("/chat/completions", cast_to=object, body=payload)
                completion = read_answer(request, body, time.monotonic() - started)
                await self._check_model(client, model_of(body))
                self._sends_probabilities &= "logprobs" in payload or not request.wants_probabilities
                return completion
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
                if error.status_code in (400, 422) and payload.pop("logprobs", False):
                    continue  # there are models that refuse to be asked for them
                if not is_retried(error.status_code):
                    return failure(request, reason, time.monotonic() - started)
                headers = error.response.headers
            except GarbledAnswerError as error:
                reason = str(error)
            except (openai.OpenAIError, ValueError):  # a body the client cannot decode
                reason = "the endpoint's answer is not JSON"
            if attempt < self._max_retries:
                await asyncio.sleep(self._backoff.wait_s(attempt, headers))
        return failure(request, f"gave up after {self._max_retries + 1} attempts: {reason}", time.monotonic() - started)

    async def _check_model(self, client: Any, answered_by: str) -> None:
        """Refuse another model's answers: they would be stored, and traced, under the name that was asked for.

        Raises:
            EndpointError: Another model answered, and the endpoint's list does not say that both names are one model's.
        """
        import openai

        if answered_by in self._other_names or is_same_model(answered_by, self._model):
            return
        try:
            listing = await client.get("/models", cast_to=object)
        except (openai.OpenAIError, ValueError):
            listing = None
        if not names_one_model(listing, answered_by, self._model):
            raise EndpointError(
                f"{self.host} was asked for model {self._model}, but {answered_by or 'one without a readable name'} answered: set "
                "CCL_MODEL (or CCL_MINER_MODEL, CCL_SYNTHESIZER_MODEL) to the served name"
            )
        self._other_names.add(answered_by)

    def _client(self) -> Any:
        """A client that retries nothing by itself.

        Raises:
            EndpointError: The address can be read in two ways.
        """
        import httpx2
        import openai

        for name, level in _LEAST_LEVELS.items():
            log = logging.getLogger(name)
            log.setLevel(max(level, log.getEffectiveLevel()))
        transport = openai.DefaultAsyncHttpxClient(
            timeout=self._timeout_s,
            follow_redirects=False,
            trust_env=not self._keeps_text_on_host,
            verify=httpx2.create_ssl_context(),  # heeds SSL_CERT_FILE, which a client past the environment does not
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=self._max_concurrency),
        )
        client = openai.AsyncOpenAI(
            base_url=self._base_url,
            api_key=self._api_key,
            max_retries=0,
            timeout=self._timeout_s,
            http_client=transport,
        )
        if client.base_url.host.lower() != self.host:  # two readings of one address: which host is meant is not certain
            raise EndpointError("CCL_ENDPOINT can be read in two ways: write it as http://127.0.0.1:8000/v1")
        return client

    def _payload(self, request: GenerationRequest) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "max_tokens": request.parameters.max_tokens,
            "temperature": request.parameters.temperature,
        }
        if request.parameters.stop:
            payload["stop"] = list(request.parameters.stop)
        if request.wants_probabilities and self._sends_probabilities:
            payload["logprobs"] = True
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
