"""Geometry of the forest plot: one row per system, a dot at the figure and a line over its interval.

Only numbers come from here; the report's template draws them as inline SVG.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, ROW_HEIGHT, TOP, BOTTOM = 760.0, 30.0, 12.0, 40.0
LEFT, RIGHT = 190.0, 610.0


@dataclass(frozen=True)
class ForestRow:
    """A system: name and values in percent; ``None`` where undefined."""

    name: str
    value: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class DrawnRow:
    """A row in drawing units; ``text`` is what stands at its right."""

    name: str
    text: str
    y: float
    x: float | None
    x_lower: float | None
    x_upper: float | None


@dataclass(frozen=True)
class Forest:
    """A plot ready to be drawn. ``ticks`` are position and label."""

    title: str
    height: float
    rows: tuple[DrawnRow, ...]
    ticks: tuple[tuple[float, str], ...]


def forest(title: str, rows: Sequence[ForestRow]) -> Forest:
    """Lay out rows on a common axis from 0 to the next ten above the largest upper end, 100 at most."""
    ends = [end for row in rows for end in (row.value, row.upper) if end is not None]
    limit = min(100.0, 10.0 * max(1, math.ceil(max(ends, default=0.0) / 10)))
    step = 20 if limit > 60 else 10 if limit > 20 else 5

    def across(value: float | None) -> float | None:
        return None if value is None else round(LEFT + (RIGHT - LEFT) * value / limit, 1)

    drawn = [
        DrawnRow(
            row.name,
            _text(row),
            TOP + ROW_HEIGHT * (number + 0.5),
            across(row.value),
            across(row.lower),
            across(row.upper),
        )
        for number, row in enumerate(rows)
    ]
    ticks = [(round(LEFT + (RIGHT - LEFT) * tick / limit, 1), str(tick)) for tick in range(0, int(limit) + 1, step)]
    return Forest(title, TOP + ROW_HEIGHT * len(rows) + BOTTOM, tuple(drawn), tuple(ticks))


def _text(row: ForestRow) -> str:
    if row.value is None:
        return "no figure"
    if row.lower is None or row.upper is None:
        return f"{row.value:.1f}"
    return f"{row.value:.1f} ({row.lower:.1f} to {row.upper:.1f})"
