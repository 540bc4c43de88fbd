"""Assets as Delta tables: one table per contract, one Delta partition per Dagster partition.

The published Dagster integrations lose partitions under single-run backfills or concurrent first writes, hence this one: every
write replaces exactly the run's own partitions in one atomic commit, so a killed run leaves the table as it was.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from ccl_assets.io_managers.row_spool import RowSpool
from ccl_assets.io_managers.spooled_file import SpooledFile
from ccl_assets.tables.contract import ContractViolationError, TableContract

Where: TypeAlias = Mapping[str, Sequence[str | int | bool]]

_ATTEMPTS = 12
_MOST_KEPT = 8  # results of reads kept in memory, each at most
_LARGEST_KEPT = 128 * 2**20  # bytes
_SMALL_READAHEAD = {"batch_readahead": 2, "fragment_readahead": 1}  # the defaults hold gigabytes of notes


class TableMissingError(RuntimeError):
    """A table that should be read was never written."""


def content_hash(contract: TableContract, rows: pa.Table | RowSpool) -> str:
    """SHA-256 of the rows in key order; equal content gives an equal hash whatever order the rows came in.

    Columns named in ``contract.unhashed`` are left out.
    """
    names = [name for name in contract.schema.names if name not in contract.unhashed]
    table = rows.columns(names) if isinstance(rows, RowSpool) else rows.select(names)
    hashed = table.sort_by([(name, "ascending") for name in contract.key]).combine_chunks()
    digest = hashlib.sha256()
    sink = _HashSink(digest)
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), hashed.schema.remove_metadata()) as writer:
        writer.write_table(hashed.replace_schema_metadata(None))
    return digest.hexdigest()


class _HashSink:
    """A write-only file that only feeds a hash."""

    closed = False

    def __init__(self, digest: hashlib._Hash) -> None:
        self._digest = digest

    def write(self, data: Any) -> int:
        """Feed the hash."""
        self._digest.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is buffered."""


class OtherContractError(RuntimeError):
    """A stored table has other columns than its contract now says."""


class DeltaTables:
    """The lakehouse: writes whole partitions, reads all or some of them."""

    def __init__(self, root: str) -> None:
        """Open the lakehouse at ``root``, a folder or an object-store URI that Delta can write."""
        self.root = root.rstrip("/")
        self._recent: OrderedDict[tuple[Any, ...], pa.Table] = OrderedDict()

    def uri(self, contract: TableContract) -> str:
        """Address of the table."""
        return f"{self.root}/{contract.name}"

    def spool(self, contract: TableContract) -> RowSpool:
        """Begin a spool for rows of the table; on the lakehouse's disk, where there is one, since it may grow as large."""
        return RowSpool(contract, None if "://" in self.root else Path(self.root))

    def write(
        self,
        contract: TableContract,
        rows: pa.Table | RowSpool,
        partitions: Sequence[str] | None,
        commit: Mapping[str, str],
    ) -> int:
        """Replace the given partitions (or the whole table) by ``rows``.

        Args:
            contract: The table's contract; the rows must fit it.
            rows: Rows of these partitions only; a spool is streamed.
            partitions: Partition keys; ``None`` for an unpartitioned table.
            commit: Provenance stored in the Delta commit, e.g. the run id.

        Returns:
            The table's new version.

        Raises:
            ContractViolationError: The rows do not fit, or belong to other partitions.
            OtherContractError: The other partitions were written with other columns.
        """
        from deltalake import DeltaTable
        from deltalake.exceptions import CommitFailedError, DeltaError

        contract.refuse(rows.violations if isinstance(rows, RowSpool) else contract.violations(rows))
        column = contract.partition_column
        if column is not None:
            if partitions is None:
                raise ValueError(f"{contract.name} is partitioned by {column}; name the partitions to write")
            _refuse_other_partitions(contract, rows, partitions)
        uri = self.uri(contract)
        spooled: SpooledFile | None = None
        for attempt in range(_ATTEMPTS):
            try:
                DeltaTable.create(uri, contract.schema, mode="ignore", partition_by=[column] if column else None)
                if column is not None:  # without partitions the table is overwritten whole, schema and all
                    self._refuse_other_schema(contract, DeltaTable(uri))
                if isinstance(rows, pa.Table):
                    return self._overwrite(contract, rows, partitions, commit)
                if partitions is None or len(partitions) != 1:
                    raise ValueError(f"{contract.name}: a spool holds one partition, not {partitions}")
                if not rows.num_rows:
                    return self._overwrite(contract, contract.table([]), partitions, commit)
                spooled = spooled or SpooledFile(uri, rows, partitions[0])
                return spooled.commit(commit)
            except (CommitFailedError, DeltaError) as error:
                conflict = isinstance(error, CommitFailedError) or "conflict" in str(error).lower()
                if not conflict or attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(random.uniform(0.02, 0.1) * 2 ** min(attempt, 5))  # noqa: S311
        raise AssertionError("unreachable")

    def _overwrite(
        self, contract: TableContract, table: pa.Table, partitions: Sequence[str] | None, commit: Mapping[str, str]
    ) -> int:
        from deltalake import CommitProperties, DeltaTable, write_deltalake

        predicate = None
        if contract.partition_column is not None:
            quoted = ", ".join("'" + key.replace("'", "''") + "'" for key in partitions or ())
            predicate = f"{contract.partition_column} IN ({quoted})"
        uri = self.uri(contract)
        properties = CommitProperties(custom_metadata=dict(commit))
        write_deltalake(
            uri, table, mode="overwrite", predicate=predicate, commit_properties=properties,
            schema_mode=None if contract.partition_column else "overwrite",
        )  # fmt: skip
        return int(DeltaTable(uri).version())

    def read(
        self,
        contract: TableContract,
        partitions: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
    ) -> pa.Table:
        """Read the table, or the given partitions, columns or rows, into memory, rows in key order.

        The last few results are kept for as long as the table does not change, since successive partitions of a backfill read
        the same inputs.

        Args:
            contract: The table's contract.
            partitions: Partition keys; ``None`` for all.
            columns: Names; ``None`` for all.
            where: Values by column; a row is read if each of these columns holds one of its values.

        Raises:
            TableMissingError: The table was never written.
            OtherContractError: It was written with other columns.
        """
        wanted = _wanted(contract, partitions, where)
        snapshot, dataset, condition = self._dataset(contract, wanted)
        names = list(columns) if columns else contract.schema.names
        request = (contract.name, snapshot, tuple(sorted(wanted.items())), tuple(names))
        if request in self._recent:
            self._recent.move_to_end(request)
            return self._recent[request]
        table = dataset.to_table(
            columns=list(dict.fromkeys([*names, *contract.key])), filter=condition, **_SMALL_READAHEAD
        )
        ordered = table.sort_by([(name, "ascending") for name in contract.key]).select(names)
        result = ordered.cast(pa.schema([contract.schema.field(name) for name in names]))
        if result.nbytes <= _LARGEST_KEPT:
            self._recent[request] = result
            while len(self._recent) > _MOST_KEPT:
                self._recent.popitem(last=False)
        return result

    def batches(
        self,
        contract: TableContract,
        partitions: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Stream the table in record batches, for tables that may be larger than memory; arguments as for :meth:`read`."""
        _, dataset, condition = self._dataset(contract, _wanted(contract, partitions, where))
        names = list(columns) if columns else contract.schema.names
        yield from dataset.to_batches(columns=names, filter=condition, batch_size=4096, **_SMALL_READAHEAD)

    def exists(self, contract: TableContract) -> bool:
        """Tell whether the table was ever written."""
        from deltalake import DeltaTable

        return bool(DeltaTable.is_deltatable(self.uri(contract)))

    def partitions(self, contract: TableContract) -> frozenset[str] | None:
        """Partitions that have rows, none for an unpartitioned table; ``None`` if the table does not exist."""
        from deltalake import DeltaTable

        if not self.exists(contract):
            return None
        column = contract.partition_column
        stored = DeltaTable(self.uri(contract)).partitions() if column else []
        return frozenset(str(partition[column]) for partition in stored)

    def _dataset(self, contract: TableContract, wanted: Where) -> tuple[str, Any, Any]:
        import pyarrow.dataset as ds
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        try:
            stored = DeltaTable(self.uri(contract))
        except TableNotFoundError:
            raise TableMissingError(
                f"table {contract.name} does not exist under {self.root}: materialize that asset first"
            ) from None
        self._refuse_other_schema(contract, stored)
        dataset = stored.to_pyarrow_dataset()
        # the id too, since a table may be moved away and begun anew
        snapshot = f"{stored.metadata().id} {stored.version()}"
        condition = None
        for name, values in wanted.items():
            typed = pa.array(values, contract.schema.field(name).type)  # typed, since there may be none
            holds = ds.field(name).isin(typed)
            condition = holds if condition is None else condition & holds
        return snapshot, dataset, condition

    def _refuse_other_schema(self, contract: TableContract, stored: Any) -> None:
        from deltalake import Schema

        found = [(column.name, column.type) for column in stored.schema().fields]
        if found == [(column.name, column.type) for column in Schema.from_arrow(contract.schema).fields]:
            return
        written = ", ".join(f"{name} {getattr(kind, 'type', kind)}" for name, kind in found)
        remedy = (
            f"move {self.uri(contract)} away and materialize all partitions again"
            if contract.partition_column
            else "materialize that asset again"
        )
        raise OtherContractError(
            f"table {contract.name} was written by another version of its contract (columns {written}): {remedy}"
        )


def _wanted(
    contract: TableContract, partitions: Sequence[str] | None, where: Where | None
) -> dict[str, tuple[str | int | bool, ...]]:
    wanted = {name: tuple(values) for name, values in (where or {}).items()}
    if partitions is not None and contract.partition_column is not None:
        wanted[contract.partition_column] = tuple(partitions)
    return wanted


def _refuse_other_partitions(contract: TableContract, rows: pa.Table | RowSpool, partitions: Sequence[str]) -> None:
    column = str(contract.partition_column)
    table = rows.columns([column]) if isinstance(rows, RowSpool) else rows
    if odd := sorted(set(table[column].unique().to_pylist()) - set(partitions)):
        raise ContractViolationError(
            f"{contract.name}: rows of partitions {odd[:5]} in a write of {list(partitions)[:5]}"
        )
