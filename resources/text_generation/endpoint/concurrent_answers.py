"""Asynchronous requests behind an ordinary iterator, a bounded number in flight."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

from ccl_assets.resources.text_generation.requests import Completion, GenerationRequest

Answer = Callable[[Any, GenerationRequest], Awaitable[Completion]]
OpenClient = Callable[[], AbstractAsyncContextManager[Any]]

THREAD_NAME = "concurrent-answers"


def answer_concurrently(
    open_client: OpenClient, answer: Answer, requests: Iterable[GenerationRequest], concurrency: int
) -> Iterator[Completion]:
    """Yield completions as they finish; closing the iterator early cancels what is in flight.

    Requests are taken in the caller's thread, never more than twice ``concurrency`` beyond the completions it has taken: as many
    wait as are in flight, so that none of them is missed while the caller stores an answer or makes the next request.

    Args:
        open_client: Makes the client that all requests share.
        answer: Answers one request with that client.
        requests: What to answer.
        concurrency: Requests in flight.

    Raises:
        Exception: The first that ``answer`` raised; requests in flight are cancelled, and what finished before was yielded.
    """
    source = iter(requests)
    request = next(source, None)
    if request is None:
        return
    sender = _Sender(open_client, answer, concurrency)
    sender.start()
    taken = 0
    try:
        while True:
            while request is not None and taken < 2 * concurrency:
                sender.send(request)
                taken += 1
                request = next(source, None)
            if taken == 0:
                return
            item = sender.arrived.get()
            if isinstance(item, BaseException):
                raise item
            taken -= 1
            yield item
    finally:
        sender.stop()


class _Sender:
    """Runs an event loop in a thread of its own; an exception arrives last."""

    def __init__(self, open_client: OpenClient, answer: Answer, concurrency: int) -> None:
        self.arrived: queue.SimpleQueue[Completion | BaseException] = queue.SimpleQueue()
        self._open_client = open_client
        self._answer = answer
        self._concurrency = concurrency
        self._loop = asyncio.new_event_loop()
        self._unsent: asyncio.Queue[GenerationRequest] = asyncio.Queue()
        self._task: asyncio.Task[Any] | None = None
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def send(self, request: GenerationRequest) -> None:
        """Send a request as soon as fewer than ``concurrency`` are in flight."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: its exception has arrived
            self._loop.call_soon_threadsafe(self._unsent.put_nowait, request)

    def stop(self) -> None:
        """Cancel what is in flight and wait for the thread."""
        self._is_stopped = True
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._work_together())
        except (Exception, asyncio.CancelledError) as error:
            self.arrived.put(error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error)

    async def _work_together(self) -> None:
        self._task = asyncio.current_task()
        if self._is_stopped:
            return
        async with self._open_client() as client, asyncio.TaskGroup() as workers:
            for _ in range(self._concurrency):
                workers.create_task(self._work(client))

    async def _work(self, client: Any) -> None:
        while True:
            self.arrived.put(await self._answer(client, await self._unsent.get()))
