"""Progress of a long loop: done, rate, time left."""

from __future__ import annotations

import time
from collections.abc import Callable

from ccl_assets.resources.progress import Rhythm, duration


class Pace:
    """Counts steps and says a line after five seconds, then ever more rarely, every minute at the latest, and at the end."""

    def __init__(
        self, what: str, total: int, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Count up to ``total`` of ``what`` ("notes coded")."""
        self._what, self._total, self._say = what, total, say
        self._done = 0
        self._rhythm = Rhythm(clock)

    def step(self) -> None:
        """Count one."""
        self._done += 1
        if self._rhythm.is_due() or self._done == self._total:
            self._say(self._line(self._rhythm.seconds))

    def _line(self, took: float) -> str:
        said = f"{self._done:,}/{self._total:,} {self._what} in {took:,.0f} s"
        if not took or self._done == self._total:
            return said
        rate = self._done / took
        return f"{said}; {rate:.2f} a second, about {duration((self._total - self._done) / rate)} left"
