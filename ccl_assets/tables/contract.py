"""The contract of a stored table: its columns, their meaning, its key and its partition column.

One :class:`TableContract` per table drives the write (schema), the documentation (column metadata) and the
structural gate (violations). Nothing here knows of Dagster or of storage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ccl_assets.tables.collector import collector_paused

STRING, INTEGER, LONG, REAL, BOOLEAN = pa.string(), pa.int32(), pa.int64(), pa.float64(), pa.bool_()
STRINGS = pa.list_(pa.field("element", pa.string(), nullable=False))
_ROWS_AT_ONCE = 4096


class ContractViolationError(ValueError):
    """A table does not fit its contract; the message names columns and row numbers, never cell contents."""


@dataclass(frozen=True)
class Column:
    """One column: Arrow type, what it holds, whether it may be empty."""

    name: str
    type: pa.DataType
    description: str
    is_nullable: bool = False


@dataclass(frozen=True)
class TableContract:
    """Contract of a table.

    Attributes:
        name: ``group/table``; also the asset key.
        description: One sentence for people.
        columns: In storage order.
        key: Columns whose values together are unique and which fix the row order of the content hash.
        partition_column: Column that holds the Dagster partition key, if the asset is partitioned.
        has_note_text: Rows may quote patient notes: no previews and no cell contents in any message.
        unhashed: Columns left out of the data version: timings, or what another column stands for (a text beside its SHA-256).
        cluster_column: Column whose equal values are stored together, so that who wants few of them reads little.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition_column: str | None = None
    has_note_text: bool = False
    unhashed: tuple[str, ...] = ()
    cluster_column: str | None = None

    def __post_init__(self) -> None:
        """Check that key and partition column are columns."""
        needed = {*self.key, *self.unhashed} | {
            c for c in (self.partition_column, self.cluster_column) if c is not None
        }
        if missing := needed - {column.name for column in self.columns}:
            raise ValueError(f"{self.name}: key or partition column not among the columns: {sorted(missing)}")

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, nullability included."""
        return pa.schema([pa.field(c.name, c.type, nullable=c.is_nullable) for c in self.columns])

    def table(self, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
        """Build an Arrow table from rows (dictionaries with exactly the contract's columns).

        Raises:
            ContractViolationError: A row lacks or adds a column, or a value has another type.
        """
        with collector_paused():
            return self._table(rows)

    def _table(self, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
        names = [c.name for c in self.columns]
        expected = set(names)
        collected: list[list[Any]] = [[] for _ in names]
        remaining = enumerate(rows)
        while some := list(islice(remaining, _ROWS_AT_ONCE)):
            for number, row in some:
                if row.keys() != expected:
                    odd = sorted(expected.symmetric_difference(row.keys()))
                    raise ContractViolationError(f"{self.name}: row {number} lacks or adds columns {odd}")
            for values, name in zip(collected, names, strict=True):
                values += [row[name] for _, row in some]
        arrays = []
        for column, values in zip(self.columns, collected, strict=True):
            try:
                _refuse_lossy(values, column.type)
                arrays.append(pa.array(values, type=column.type))
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeError) as error:
                kind = type(error).__name__
                raise ContractViolationError(
                    f"{self.name}: column {column.name!r} holds values that are not {column.type} ({kind})"
                ) from None
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def violations(self, table: pa.Table) -> list[str]:
        """Say how ``table`` breaks the contract, with the first offending row numbers; empty if it fits."""
        expected, found = self.schema, table.schema
        problems = [f"column {name!r} is missing" for name in expected.names if name not in found.names]
        problems += [f"column {name!r} is not in the contract" for name in found.names if name not in expected.names]
        for field in expected:
            positions = found.get_all_field_indices(field.name)
            if len(positions) > 1:
                problems.append(f"column {field.name!r} stands there {len(positions)} times")
            elif positions and found.field(positions[0]).type != field.type:
                problems.append(f"column {field.name!r} is {found.field(positions[0]).type}, not {field.type}")
        return problems or self.content_violations(table)

    def content_violations(self, table: pa.Table) -> list[str]:
        """The part of :meth:`violations` that looks at values; ``table`` may lack columns that are known to hold no empty ones."""
        problems = []
        for column in self.columns:
            if column.name not in table.column_names:
                continue
            values = table[column.name]
            if not column.is_nullable and values.null_count:
                rows = pc.indices_nonzero(pc.is_null(values))[:5].to_pylist()
                problems.append(f"column {column.name!r} has {values.null_count} empty values, first rows {rows}")
            if pa.types.is_list(column.type) and not column.type.value_field.nullable:
                empty_elements = pc.list_flatten(values).null_count
                if empty_elements:
                    problems.append(f"column {column.name!r} has {empty_elements} empty elements")
        repeated = self._repeated_rows(table.select(list(self.key)))
        if len(repeated):
            first = repeated[:5].to_pylist()
            problems.append(f"{len(repeated)} rows repeat the key {list(self.key)}, first rows {first}")
        return problems

    def _repeated_rows(self, keys: pa.Table) -> pa.Array:
        """Numbers of the rows whose key stands in an earlier row; nothing but Arrow, since there may be millions."""
        if keys.group_by(list(self.key)).aggregate([]).num_rows == keys.num_rows:
            return pa.array([], pa.uint64())
        order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in self.key])  # stable: first rows first
        ordered = keys.take(order).combine_chunks()
        repeats = reduce(pc.and_, [_equal(column.chunk(0)[:-1], column.chunk(0)[1:]) for column in ordered.columns])
        found = order[1:].filter(repeats)
        return found.take(pc.sort_indices(found))

    def check(self, table: pa.Table) -> None:
        """Raise :class:`ContractViolationError` if ``table`` does not fit."""
        self.refuse(self.violations(table))

    def refuse(self, problems: list[str]) -> None:
        """Raise :class:`ContractViolationError` if there are problems."""
        if problems:
            raise ContractViolationError(f"{self.name} does not fit its contract: " + "; ".join(problems))


def _equal(one: pa.Array, other: pa.Array) -> pa.Array:
    """Where two arrays are equal; two empty values are."""
    return pc.or_(pc.fill_null(pc.equal(one, other), False), pc.and_(pc.is_null(one), pc.is_null(other)))


def _refuse_lossy(values: list[Any], wanted: pa.DataType) -> None:
    """Refuse what Arrow would convert in silence: 1.5 to the integer 1, a string to the list of its characters."""
    lossy = float if pa.types.is_integer(wanted) else str if pa.types.is_list(wanted) else None
    if lossy is not None and any(issubclass(kind, lossy) for kind in set(map(type, values))):
        raise pa.ArrowTypeError(f"{lossy.__name__} among the values")
