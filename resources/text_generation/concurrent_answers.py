"""Asynchronous requests behind an ordinary iterator, a bounded number in flight."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from ccl_assets.resources.text_generation.requests import Completion, GenerationRequest

Answer = Callable[[Any, GenerationRequest], Awaitable[Completion]]
OpenClient = Callable[[], AbstractAsyncContextManager[Any]]

THREAD_NAME = "concurrent-answers"


def answer_concurrently(
    open_client: OpenClient, answer: Answer, requests: Sequence[GenerationRequest], concurrency: int
) -> Iterator[Completion]:
    """Yield completions as they finish; closing the iterator early cancels what is in flight.

    Args:
        open_client: Makes the client that all requests share.
        answer: Answers one request with that client.
        requests: What to answer.
        concurrency: Requests in flight.

    Raises:
        Exception: The first that ``answer`` raised; requests in flight are cancelled, and what finished before was yielded.
    """
    if not requests:
        return
    sender = _Sender(open_client, answer, requests, concurrency)
    sender.start()
    try:
        while (item := sender.arrived.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        sender.stop()


class _Sender:
    """Runs an event loop in a thread of its own; ``None`` or an exception arrives last."""

    def __init__(
        self, open_client: OpenClient, answer: Answer, requests: Sequence[GenerationRequest], concurrency: int
    ) -> None:
        self.arrived: queue.SimpleQueue[Completion | BaseException | None] = queue.SimpleQueue()
        self._open_client = open_client
        self._answer = answer
        self._unsent = iter(requests)
        self._worker_count = min(concurrency, len(requests))
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[Any] | None = None
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Cancel what is in flight and wait for the thread."""
        self._is_stopped = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: everything was answered
            self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _run(self) -> None:
        last: BaseException | None = None
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._send_all())
        except (Exception, asyncio.CancelledError) as error:
            last = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error
        self.arrived.put(last)

    async def _send_all(self) -> None:
        self._task = asyncio.current_task()
        if self._is_stopped:
            return
        async with self._open_client() as client, asyncio.TaskGroup() as workers:
            for _ in range(self._worker_count):
                workers.create_task(self._work(client))

    async def _work(self, client: Any) -> None:
        for request in self._unsent:  # shared by all workers: each takes the next one
            self.arrived.put(await self._answer(client, request))
