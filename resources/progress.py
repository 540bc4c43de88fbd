"""Rhythm and wording that every line of progress shares: when one is due, and how a duration is written."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]
_SHORTEST_SILENCE_S, _LONGEST_SILENCE_S = 5.0, 60.0  # lines of a run of days must not fill the event log


class Rhythm:
    """Says when a line is due: after the shortest silence, then ever more rarely, every minute at the latest."""

    def __init__(self, clock: Clock = time.monotonic, shortest_silence_s: float = _SHORTEST_SILENCE_S) -> None:
        """Begin now."""
        self._clock = clock
        self._shortest_s = shortest_silence_s
        self._began = self._said = clock()

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began

    def is_due(self) -> bool:
        """Tell whether a line is due; if so, it counts as said."""
        now = self._clock()
        silence = min(max(self._shortest_s, (now - self._began) / 10), _LONGEST_SILENCE_S)
        if now - self._said < silence:
            return False
        self._said = now
        return True


def duration(seconds: float) -> str:
    """Write a duration for people: ``90 s``, ``14 min``, ``3.5 h``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
