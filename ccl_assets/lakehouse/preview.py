"""A table's first rows in Markdown, narrow enough for the UI, which cuts off what is wider than the page."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

_LONGEST = 60


def preview(table: pa.Table) -> str:
    """The rows as a table; columns that say the same in all of them go into a line below it."""
    rows = table.to_pylist()
    same = {
        name: rows[0][name]
        for name in table.column_names
        if len(rows) > 1 and all(r[name] == rows[0][name] for r in rows)
    }
    varying = [name for name in table.column_names if name not in same]
    lines = [
        _line(varying),
        "|" + "---|" * len(varying),
        *(_line([_cell(row[name]) for name in varying]) for row in rows),
    ]
    if same:
        said = "; ".join(f"{name} {_cell(value) or '(empty)'}" for name, value in same.items())
        lines += ["", f"In all of these rows: {said}"]
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = "; ".join(value)
    text = "" if value is None else " ".join(str(value).split())
    return (text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…").replace("|", "\\|").replace("<", "&lt;")
