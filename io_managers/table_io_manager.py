"""Dagster's view of the lakehouse: outputs become partitions of Delta tables, inputs the partitions a run needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa

from ccl_assets.io_managers.delta_tables import DeltaTables, TableMissingError, Where
from ccl_assets.io_managers.row_spool import RowSpool
from ccl_assets.tables.contract import TableContract

PARTITION = "<partition>"  # in an input's row filter: the partition key of the run
_ROW_COUNT = "dagster/partition_row_count"
_SHOWN = 5


class PartitionRangeError(RuntimeError):
    """A run covers several partitions."""


class StoredTable:
    """An input that the body reads itself, a part at a time, since the whole may not fit into memory."""

    def __init__(self, tables: DeltaTables, contract: TableContract, partitions: Sequence[str] | None) -> None:
        """Read ``partitions`` of a table, ``None`` for all."""
        self._tables, self._contract, self._partitions = tables, contract, partitions

    def read(self, columns: Sequence[str], where: Where | None = None) -> pa.Table:
        """Read columns of the rows that ``where`` wants into memory."""
        if self._partitions == []:
            return self._contract.table([]).select(list(columns))
        return self._tables.read(self._contract, self._partitions, columns, where)

    def batches(self, columns: Sequence[str], where: Where | None = None) -> Iterator[pa.RecordBatch]:
        """Stream the same."""
        if self._partitions == []:
            return iter(())
        return self._tables.batches(self._contract, self._partitions, columns, where)


class TableIOManager(dg.IOManager):
    """Stores Arrow tables under their contract.

    An input is an Arrow table of all partitions the run's partition maps to. Of several, those that were never materialized (a
    corpus whose path is not set) contribute no rows; if none was, or one is gone from storage, the input is refused.
    """

    def __init__(self, tables: DeltaTables, contracts: Mapping[str, TableContract]) -> None:
        """Use ``tables`` for storage and ``contracts`` to know each asset's columns."""
        self._tables = tables
        self._contracts = contracts

    def spool(self, contract: TableContract) -> RowSpool:
        """Begin a spool for rows of a table that may be larger than memory."""
        return self._tables.spool(contract)

    def batches(
        self,
        contract: TableContract,
        partitions: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Stream a table that may be larger than memory; arguments as for :meth:`DeltaTables.read`."""
        return self._tables.batches(contract, partitions, columns, where)

    def handle_output(self, context: dg.OutputContext, obj: pa.Table | RowSpool) -> None:
        """Replace the run's partitions by the rows given, in one commit."""
        contract = self._contract(context.asset_key)
        partitions = list(context.asset_partition_keys) if context.has_asset_partitions else None
        version = self._tables.write(contract, obj, partitions, {"run_id": context.run_id})
        context.add_output_metadata(
            {"dagster/uri": self._tables.uri(contract), "delta_version": version, "rows_written": obj.num_rows}
        )

    def load_input(self, context: dg.InputContext) -> Any:
        """Read the partitions that the input maps to, and of these the columns and rows that it names."""
        _refuse_range(context)
        contract = self._contract(context.asset_key)
        partitions = list(context.asset_partition_keys) if context.has_asset_partitions else None
        wanted = context.definition_metadata or {}
        if partitions:
            self._refuse_absent(context, contract, partitions)
        if wanted.get("is_streamed"):
            return StoredTable(self._tables, contract, partitions)
        if partitions == []:  # the partition reads nothing of this table, which may not even exist yet
            return contract.table([]).select(wanted.get("columns") or contract.schema.names)
        where = {
            name: [context.partition_key if value == PARTITION else value for value in values]
            for name, values in wanted.get("where", {}).items()
        }
        return self._tables.read(contract, partitions, wanted.get("columns") or None, where)

    def _refuse_absent(self, context: dg.InputContext, contract: TableContract, partitions: Sequence[str]) -> None:
        """Tell a partition that is not there from one that has no rows.

        Raises:
            TableMissingError: None of the partitions was ever materialized, or one was removed since.
        """
        stored = self._tables.partitions(contract) or ()
        instance = context.step_context.instance
        counts = {key: rows_counted(instance, context.asset_key, key) for key in partitions if key not in stored}
        gone = [key for key, count in counts.items() if count and count > 0]
        never = [key for key, count in counts.items() if count is None]
        if gone:
            raise TableMissingError(
                f"{contract.name} {_named(gone)} is gone from {self._tables.uri(contract)}, though Dagster has it as materialized: "
                "materialize it again (make refresh notices it too)"
            )
        if never and len(never) == len(partitions):
            raise TableMissingError(
                f"{contract.name} {_named(never)} was never materialized: materialize it first, or launch this asset together "
                "with all it is derived from (make refresh does)"
            )
        if never:
            context.log.info(
                f"{len(never)} of {len(partitions)} partitions of {contract.name} were never materialized and contribute nothing: "
                f"{_named(never)}"
            )

    def _contract(self, key: dg.AssetKey) -> TableContract:
        return self._contracts["/".join(key.path)]


def _refuse_range(context: dg.InputContext) -> None:
    """Refuse a run over a range: it has one data version for all its partitions, so all below would be stale ever after.

    Raises:
        PartitionRangeError: Says what to launch instead.
    """
    step = context.step_context
    if step.entity_partitions_def is None or not step.has_partitions:
        return
    asked = step.partition_key_range
    if asked.start != asked.end:
        raise PartitionRangeError(
            f"a run computes one partition, not {asked.start} to {asked.end}: launch them as a backfill with multiple runs, or "
            "with python -m ccl_assets.refresh --again --select ASSET --partitions KEY..."
        )


def rows_counted(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> int | None:
    """Rows that the last materialization of a partition reported; ``None`` if it was never materialized."""
    record: Any = instance.get_latest_data_version_record(key, False, partition)
    made = record.event_log_entry.asset_materialization if record is not None else None
    if made is None:
        return None
    count = made.metadata.get(_ROW_COUNT)
    return int(count.value) if count is not None else 0


def _named(partitions: Sequence[str]) -> str:
    more = f" and {len(partitions) - _SHOWN} more" if len(partitions) > _SHOWN else ""
    return ", ".join(partitions[:_SHOWN]) + more
