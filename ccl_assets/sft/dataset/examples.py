"""One training example, and the account of what did not become one."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import pyarrow as pa

from ccl_assets.prompts import load_prompt

Rows: TypeAlias = pa.Table | Iterable[pa.RecordBatch] | Iterable[Mapping[str, Any]]
_MOST_NAMED = 100


@dataclass(frozen=True, slots=True)
class Example:
    """One row of the ``sft/dataset`` table, the recipe column aside; token counts are 0 until counted."""

    example_id: str
    split: str
    kind: str
    tier: str
    prompt: str
    completion: str
    codes: tuple[str, ...]
    document_id: str | None = None
    part_begin: int | None = None
    part_end: int | None = None
    pair_id: str | None = None
    prompt_token_count: int = 0
    completion_token_count: int = 0
    is_restricted: bool = False

    def row(self, recipe_name: str) -> dict[str, Any]:
        """The row of the ``sft/dataset`` contract."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"recipe": recipe_name, **values, "codes": list(self.codes)}


class LeftOut:
    """Things that became no (part of an) example: counts by reason, and the first ids."""

    def __init__(self) -> None:
        """Begin with nothing left out."""
        self._counts: Counter[str] = Counter()
        self._first: dict[str, list[str]] = defaultdict(list)

    def add(self, reason: str, subject_id: str, count: int = 1) -> None:
        """Leave something out."""
        self._counts[reason] += count
        if len(self._first[reason]) < _MOST_NAMED:
            self._first[reason].append(subject_id)

    @property
    def counts(self) -> dict[str, int]:
        """Number of things left out, by reason."""
        return dict(sorted(self._counts.items()))

    def first(self, reason: str) -> list[str]:
        """The first hundred ids left out for ``reason``."""
        return list(self._first.get(reason, ()))


def rows_of(rows: Rows) -> Iterator[Mapping[str, Any]]:
    """Rows of a table, of record batches, or as they come."""
    batches = rows.to_batches() if isinstance(rows, pa.Table) else rows
    for item in batches:
        if isinstance(item, pa.RecordBatch):
            yield from item.to_pylist()
        else:
            yield item


def user_turn(prompt_name: str, **values: str) -> str:
    """The one user turn of a prompt.

    Raises:
        ValueError: The prompt has other turns. The dataset stores one user turn; another would be lost between training and
            inference.
    """
    turns = load_prompt(prompt_name).turns(**values)
    if [role for role, _ in turns] != ["user"]:
        raise ValueError(f"prompt {prompt_name!r} must have exactly one user turn and no other")
    return turns[0][1]


def hashed(*parts: object) -> str:
    """A stable id of 128 bits made of parts."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:32]
