"""What a long loop says of itself: done, rate, time left."""

from __future__ import annotations

import time
from collections.abc import Callable

_SHORTEST_SILENCE_S, _LONGEST_SILENCE_S = 5.0, 60.0


class Pace:
    """Counts steps and says a line after five seconds, then ever more rarely, every minute at the latest, and at the end."""

    def __init__(
        self, what: str, total: int, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Count up to ``total`` of ``what`` ("notes coded")."""
        self._what, self._total, self._say, self._clock = what, total, say, clock
        self._done = 0
        self._began = self._said = clock()

    def step(self) -> None:
        """Count one."""
        self._done += 1
        now = self._clock()
        silence = min(max(_SHORTEST_SILENCE_S, (now - self._began) / 10), _LONGEST_SILENCE_S)
        if self._done == self._total or now - self._said >= silence:
            self._said = now
            self._say(self._line(now - self._began))

    def _line(self, took: float) -> str:
        said = f"{self._done:,}/{self._total:,} {self._what} in {took:,.0f} s"
        if not took or self._done == self._total:
            return said
        rate = self._done / took
        return f"{said}; {rate:.2f} a second, about {(self._total - self._done) / rate:,.0f} s left"
