"""Object built last from a table, kept while the next partition asks for the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

_Built = TypeVar("_Built")


class LastBuilt(Generic[_Built]):
    """Keeps one object, and gives it again while its sources are the very same objects. The sources are kept alive with it."""

    def __init__(self) -> None:
        self._kept: tuple[tuple[object, ...], _Built] | None = None

    def get(self, sources: tuple[object, ...], build: Callable[[], _Built]) -> _Built:
        """Return what was built from these sources, or build it.

        Args:
            sources: Compared by identity.
            build: Called where the sources are others than last time.
        """
        kept = self._kept
        if kept is not None and len(kept[0]) == len(sources) and all(map(lambda a, b: a is b, kept[0], sources)):
            return kept[1]
        built = build()
        self._kept = (sources, built)
        return built
