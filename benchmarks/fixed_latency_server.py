"""An OpenAI-compatible server that answers every request after the same time: what a client adds shows against it.

It answers with the SHA-256 of the body it was sent and keeps the order in which bodies came in. ``GET /v1/log`` returns the hashes
so far, ``GET /v1/load`` mean and most requests in flight, requests and seconds since the last look.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import sys
import time
from typing import Any


class FixedLatencyServer:
    """Counts what it is sent; all state lives in one event loop."""

    def __init__(self, latency_s: float, slots: int) -> None:
        """Answer after ``latency_s``, at most ``slots`` requests at a time; others wait."""
        self._latency_s = latency_s
        self._slots = asyncio.Semaphore(slots)
        self._log: list[str] = []
        self._in_flight = 0
        self._forget_load()

    def _forget_load(self) -> None:
        self._first = self._last = 0.0
        self._most = self._count = 0
        self._area = 0.0

    def _change_load(self, by: int) -> None:
        now = time.perf_counter()
        if not self._first:
            self._first = self._last = now
        self._area += self._in_flight * (now - self._last)
        self._last = now
        self._in_flight += by
        self._most = max(self._most, self._in_flight)
        self._count += by > 0

    def _load(self) -> dict[str, float]:
        seconds = self._last - self._first
        load = {
            "mean_in_flight": self._area / seconds if seconds else 0.0,
            "most_in_flight": self._most,
            "requests": self._count,
            "seconds": seconds,
        }
        self._forget_load()
        return load

    async def _chat(self, body: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(body).hexdigest()
        self._log.append(digest)
        self._change_load(+1)
        try:
            async with self._slots:
                await asyncio.sleep(self._latency_s)
        finally:
            self._change_load(-1)
        return {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "fixed",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": digest}}],
            "usage": {"prompt_tokens": len(body) // 4, "completion_tokens": 16, "total_tokens": len(body) // 4 + 16},
        }

    async def serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """HTTP/1.1 with keep-alive, as far as these clients use it."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = head.split("\r\n")
                length = next((int(x[15:]) for x in lines if x.lower().startswith("content-length:")), 0)
                body = await reader.readexactly(length)
                path = lines[0].split(" ")[1]
                answer = {"/v1/log": lambda: self._log, "/v1/load": self._load}.get(path)
                content = json.dumps(answer() if answer else await self._chat(body)).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(content)
                    + content
                )
                await writer.drain()
        writer.close()


async def serve(latency_s: float, slots: int) -> None:
    """Serve on a free port of loopback, printed first, until standard input ends."""
    server = FixedLatencyServer(latency_s, slots)
    listening = await asyncio.start_server(server.serve_connection, "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(float(sys.argv[1]), int(sys.argv[2])))
