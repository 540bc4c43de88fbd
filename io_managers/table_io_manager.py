"""Dagster's view of the lakehouse: outputs become partitions of Delta tables, inputs the partitions a run needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa

from ccl_assets.io_managers.delta_tables import DeltaTables, Where
from ccl_assets.io_managers.row_spool import RowSpool
from ccl_assets.table_contract import TableContract

PARTITION = "<partition>"  # in an input's row filter: the partition key of the run


class TableIOManager(dg.IOManager):
    """Stores Arrow tables under their contract.

    An input is an Arrow table of all partitions the run's partition maps to; partitions that were never materialized (a corpus
    whose path is not set) contribute no rows.
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
        contract = self._contract(context.asset_key)
        partitions = list(context.asset_partition_keys) if context.has_asset_partitions else None
        wanted = context.definition_metadata or {}
        if partitions == []:  # the partition reads nothing of this table, which may not even exist yet
            return contract.table([]).select(wanted.get("columns") or contract.schema.names)
        where = {
            name: [context.partition_key if value == PARTITION else value for value in values]
            for name, values in wanted.get("where", {}).items()
        }
        return self._tables.read(contract, partitions, wanted.get("columns") or None, where)

    def _contract(self, key: dg.AssetKey) -> TableContract:
        return self._contracts["/".join(key.path)]
