"""Geometry of the abstention curves: coverage along, precision up, one line per system.

A system that knows when it does not know gains precision as its least certain codes are dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ccl_assets.evaluation.report.grid import NO_FIGURE, Cell, Grid, Row, TableRow

WIDTH, HEIGHT = 600.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 48.0, 580.0, 12.0, 280.0
UNREAD_PRECISION = 0.95
_COVERAGES = (0.1, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Line:
    """A system's curve: ``points`` as SVG wants them, ``number`` chooses colour and dashes."""

    system: str
    number: int
    points: str


@dataclass(frozen=True)
class Curves:
    """Curves ready to be drawn. Ticks are position and label."""

    lines: tuple[Line, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]


def curves(rows: Sequence[Row]) -> Curves | None:
    """Lay out the curves of one benchmark; ``None`` where no system told how sure it was.

    Args:
        rows: Rows of ``abstention.abstention_curve`` (system, coverage, precision, …) of the benchmark.
    """
    lines = [
        Line(
            system,
            number,
            " ".join(f"{_x(share):.1f},{_y(precision):.1f}" for share, precision in _points(rows, system)),
        )
        for number, system in enumerate(dict.fromkeys(row["system"] for row in rows))
    ]
    ticks = [tick / 5 for tick in range(6)]
    return (
        Curves(
            tuple(lines),
            tuple((_x(tick), f"{100 * tick:.0f}") for tick in ticks),
            tuple((_y(tick), f"{100 * tick:.0f}") for tick in ticks),
        )
        if lines
        else None
    )


def coverage_grid(rows: Sequence[Row]) -> Grid | None:
    """The same in numbers: precision where at least a share of the predicted codes is kept."""
    lines = []
    for system in dict.fromkeys(row["system"] for row in rows):
        cells = []
        for wanted in _COVERAGES:
            kept = [row for row in rows if row["system"] == system and row["coverage"] >= wanted - 1e-9]
            row = min(kept, key=lambda row: row["coverage"], default=None)
            if row is None or row["precision"] is None:
                cells.append(Cell(NO_FIGURE))
            else:
                cells.append(
                    Cell(f"{100 * row['precision']:.1f}", f"{row['kept_count']} kept, from {row['threshold']:.2f}")
                )
        cells.append(_unread(rows, system))
        lines.append(TableRow(system, "", tuple(cells)))
    caption = (
        f"Precision in percent of the most certain codes, by the share of codes kept. Below: codes kept, and the confidence they "
        f"have at least. Last: the share of codes that can be taken unread, as {UNREAD_PRECISION:.0%} of them are right. "
        "No interval: thresholds are read off the benchmark itself."
    )
    columns = (*(f"{100 * share:.0f} % kept" for share in _COVERAGES), f"unread at {UNREAD_PRECISION:.0%}")
    return Grid(caption, columns, tuple(lines)) if lines else None


def _unread(rows: Sequence[Row], system: str) -> Cell:
    """The most codes kept of which the wanted share is right."""
    certain = [
        row
        for row in rows
        if row["system"] == system and row["precision"] is not None and row["precision"] >= UNREAD_PRECISION
    ]
    best = max(certain, key=lambda row: row["coverage"], default=None)
    if best is None:
        return Cell("0.0", "none")
    return Cell(f"{100 * best['coverage']:.1f}", f"{best['kept_count']} codes, from {best['threshold']:.2f}")


def _points(rows: Sequence[Row], system: str) -> list[tuple[float, float]]:
    return sorted(
        (row["coverage"], row["precision"]) for row in rows if row["system"] == system and row["precision"] is not None
    )


def _x(share: float) -> float:
    return round(LEFT + (RIGHT - LEFT) * share, 1)


def _y(share: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * share, 1)
