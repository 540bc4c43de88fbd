"""Geometry of the forest plots: one row per system, a dot at the figure and a line over its interval.

Only numbers come from here; the report's template draws them as inline SVG.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ccl_assets.evaluation.report.grid import minus

WIDTH, ROW_HEIGHT, TOP, BOTTOM = 600.0, 28.0, 12.0, 40.0
LEFT, RIGHT = 150.0, 445.0
_STEPS = (1, 2, 5, 10, 20, 50)


@dataclass(frozen=True)
class ForestRow:
    """A system: name and values in percent or percentage points; ``None`` where undefined."""

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
    """A plot ready to be drawn. ``ticks`` are position and label; ``zero`` is where nothing differs, if differences are shown."""

    title: str
    axis: str
    height: float
    rows: tuple[DrawnRow, ...]
    ticks: tuple[tuple[float, str], ...]
    zero: float | None


def forest(title: str, axis: str, rows: Sequence[ForestRow], *, is_difference: bool = False) -> Forest:
    """Lay out rows on a common axis that holds zero and every end, in whole steps; figures end at 100.

    Args:
        title: What is shown.
        axis: What stands below the axis.
        rows: In the order to be drawn.
        is_difference: Values have signs and are to be read against zero.
    """
    ends = [end for row in rows for end in (row.value, row.lower, row.upper) if end is not None]
    low, high = min(0.0, *ends, 0.0), max(0.0, *ends, 0.0)
    step = next((step for step in _STEPS if (high - low) / step <= 6), _STEPS[-1])
    first, last = math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1)
    start, width = first * step, (last - first) * step
    sign = "+" if is_difference else ""

    def across(value: float | None) -> float | None:
        return None if value is None else round(LEFT + (RIGHT - LEFT) * (value - start) / width, 1)

    drawn = [
        DrawnRow(
            row.name,
            _text(row, sign),
            TOP + ROW_HEIGHT * (number + 0.5),
            across(row.value),
            across(row.lower),
            across(row.upper),
        )
        for number, row in enumerate(rows)
    ]
    ticks = [
        (across(tick * step) or 0.0, minus(f"{tick * step:{sign if tick else ''}d}")) for tick in range(first, last + 1)
    ]
    zero = across(0.0) if is_difference else None
    return Forest(title, axis, TOP + ROW_HEIGHT * len(rows) + BOTTOM, tuple(drawn), tuple(ticks), zero)


def _text(row: ForestRow, sign: str) -> str:
    if row.value is None:
        return "no figure"
    if row.lower is None or row.upper is None:
        return minus(f"{row.value:{sign}.1f}")
    return minus(f"{row.value:{sign}.1f} ({row.lower:{sign}.1f} to {row.upper:{sign}.1f})")
