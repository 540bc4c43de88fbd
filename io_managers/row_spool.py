"""Rows on their way to a table: built batch by batch, kept out of memory and out of the table until the gates have passed.

They wait in a file without a name, which the system removes with the process that holds it, however that ends: notes leave nothing
behind on disk, and a killed run nothing half-written.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from ccl_assets.tables.contract import TableContract

# One batch per value of the cluster column is open at a time, so these bound what is held in memory.
_MOST_ROWS = 4096
_MOST_CHARACTERS = 2 * 2**20


class RowSpool:
    """An append-only table on disk: rows go in one by one, batches come out, clustered as the contract says.

    Close it, or use it as a context manager; the file goes with it.
    """

    def __init__(self, contract: TableContract, folder: Path | None = None) -> None:
        """Begin empty; the file lies in ``folder``, or in the system's temporary folder."""
        self.contract = contract
        self.num_rows = 0
        self.nbytes = 0
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by close()
        self._writer: Any = pa.ipc.new_file(
            pa.PythonFile(self._file, mode="w"), contract.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
        )
        self._open: dict[Any, list[Mapping[str, Any]]] = {}
        self._characters: dict[Any, int] = {}
        self._clusters: list[Any] = []  # of each batch in the file
        self._suspect: set[str] = set()  # columns that may hold what must not be empty

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a row.

        Raises:
            ContractViolationError: A row of this batch lacks or adds a column, or a value has another type.
        """
        cluster = row.get(self.contract.cluster_column) if self.contract.cluster_column else None
        rows = self._open.setdefault(cluster, [])
        rows.append(row)
        self.num_rows += 1
        characters = self._characters.get(cluster, 0) + sum(len(v) for v in row.values() if isinstance(v, str))
        self._characters[cluster] = characters
        if len(rows) == _MOST_ROWS or characters >= _MOST_CHARACTERS:
            self._write(cluster)

    def _write(self, cluster: Any) -> None:
        rows = self._open.pop(cluster)
        self._characters[cluster] = 0
        table = self.contract.table(rows)
        for column in self.contract.columns:
            if pa.types.is_list(column.type) or (table[column.name].null_count and not column.is_nullable):
                self._suspect.add(column.name)
        for batch in table.to_batches():
            self._writer.write_batch(batch)
            self._clusters.append(cluster)
        self.nbytes += table.nbytes

    def _finish(self) -> None:
        """Write what is open; nothing can be added from here on."""
        if self._writer is not None:
            for cluster in list(self._open):
                self._write(cluster)
            self._writer.close()
            self._writer = None

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Stream the rows, or some columns of them, cluster by cluster, each in order of arrival."""
        self._finish()
        schema = self.contract.schema
        wanted = None if columns is None else sorted(schema.get_field_index(name) for name in columns)
        options = pa.ipc.IpcReadOptions(included_fields=wanted)
        stored = pa.ipc.open_file(pa.PythonFile(self._file, mode="r"), options=options)
        for number in sorted(range(len(self._clusters)), key=lambda number: str(self._clusters[number])):
            yield stored.get_batch(number)

    def columns(self, names: Sequence[str]) -> pa.Table:
        """Some columns, in the contract's order, in memory."""
        schema = pa.schema([field for field in self.contract.schema if field.name in names])
        return pa.Table.from_batches(self.batches(names), schema)

    def head(self, count: int) -> pa.Table:
        """The first rows."""
        return pa.Table.from_batches(islice(self.batches(), 1), self.contract.schema).slice(0, count)

    def reader(self) -> pa.RecordBatchReader:
        """The rows as a stream for a writer; each call begins anew."""
        return pa.RecordBatchReader.from_batches(self.contract.schema, self.batches())

    @cached_property
    def violations(self) -> list[str]:
        """As :meth:`TableContract.violations`; rows are numbered as they are stored. Ends the appending."""
        self._finish()
        return self.contract.content_violations(self.columns([*self.contract.key, *self._suspect]))

    def close(self) -> None:
        """Drop rows and file."""
        self._writer = None
        self._open.clear()
        self._file.close()

    def __enter__(self) -> RowSpool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
