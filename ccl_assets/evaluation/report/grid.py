"""Parts of a table of the report: formatted cells in rows, and figures found by their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ccl_assets.evaluation.scoring.code_subsets import ALL_CODES
from ccl_assets.evaluation.scoring.figures import DESCRIPTIONS, NO_MACRO, NOT_SHARES

Row = Mapping[str, Any]

UNIT, SPACE = "chart", "release"
NO_FIGURE = "–"


@dataclass(frozen=True)
class Cell:
    """A figure as written: value, and interval or remark below it where there is one.

    Attributes:
        value: The figure.
        interval: What stands below it, smaller.
        shade: Step of the heat map's scale, ``None`` outside of one.
        span: Columns it takes.
    """

    value: str
    interval: str = ""
    shade: int | None = None
    span: int = 1


@dataclass(frozen=True)
class TableRow:
    """A row of a table: heading, explanation of the heading, cells."""

    name: str
    hint: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Grid:
    """A table with its caption and column headings.

    ``published`` rows stand below the others, set apart and marked as not comparable.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    published: tuple[TableRow, ...] = ()


class Figures:
    """Rows of ``eval/scores`` of one benchmark, found by name."""

    def __init__(self, rows: Iterable[Row]) -> None:
        """Index the rows."""
        self.rows = tuple(rows)
        names = ("system", "metric", "macro_convention", "unit", "label_space", "subset")
        self._by_name = {tuple(row[name] for name in names): row for row in self.rows}
        self.metrics = tuple(dict.fromkeys(row["metric"] for row in self.rows))

    def find(
        self,
        system: str,
        metric: str,
        macro: str = NO_MACRO,
        *,
        unit: str = UNIT,
        space: str = SPACE,
        subset: str = ALL_CODES,
    ) -> Row | None:
        """The row of a figure, ``None`` where there is none."""
        return self._by_name.get((system, metric, macro, unit, space, subset))


def cell(row: Row | None, sign: str = "") -> Cell:
    """Percent with one decimal, except for figures that are no shares; a dash where there is no figure."""
    if row is None or row["value"] is None:
        return Cell(NO_FIGURE)
    scale = 1 if row["metric"] in NOT_SHARES else 100
    if row["metric"].endswith("_pairs"):
        return Cell(f"{row['value']:{sign},.0f}")
    value = f"{row['value'] * scale:{sign}.1f}"
    interval = ""
    if row.get("lower") is not None and row.get("upper") is not None:
        interval = f"{row['lower'] * scale:{sign}.1f} to {row['upper'] * scale:{sign}.1f}"
    return Cell(minus(value), minus(interval))


def minus(text: str) -> str:
    """Numbers with a true minus sign, as wide as a plus."""
    return text.replace("-", "−")


def figure_name(metric: str, macro: str = NO_MACRO) -> str:
    """A metric in words, with its macro convention."""
    words = metric.replace("_", " ").replace(" f1", "-F1").replace("excludes1", "Excludes1")
    return words[0].upper() + words[1:] + (f" ({macro})" if macro != NO_MACRO else "")


def description(metric: str) -> str:
    """Explanation of a metric; empty where there is none."""
    stem = metric
    for reading in ("_f1", "_precision", "_recall"):
        stem = stem if metric in DESCRIPTIONS else stem.removesuffix(reading)
    return DESCRIPTIONS.get(stem, "")
