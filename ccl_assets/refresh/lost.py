"""Partitions that Dagster has as materialized and storage no longer holds: a table or artifact that somebody removed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import dagster as dg

from ccl_assets.io_managers.delta_tables import DeltaTables
from ccl_assets.io_managers.table_io_manager import rows_counted
from ccl_assets.refresh.frontier import IsLost
from ccl_assets.refresh.selection import Target
from ccl_assets.tables.contract import TableContract


class StoredPartitions:
    """Looks whether tables and artifacts are where they were written.

    A partition without rows leaves nothing in a Delta table, so one that is not there is lost only if its last materialization
    counted rows.
    """

    def __init__(self, tables: DeltaTables, contracts: Mapping[str, TableContract], artifacts: Path) -> None:
        """Tables by contract; everything else lies below ``artifacts``, named by key and partition."""
        self._tables = tables
        self._contracts = contracts
        self._artifacts = artifacts

    def look(self, instance: dg.DagsterInstance) -> IsLost:
        """A function for one look: each table is opened once."""
        stored = cache(self._stored)

        def is_lost(target: Target) -> bool:
            if target.asset not in self._contracts:
                return not self._artifacts.joinpath(*target.key.path, target.partition or "").exists()
            there = stored(target.asset)
            if there is None or target.partition is None or target.partition in there:
                return there is None
            return bool(rows_counted(instance, target.key, target.partition))

        return is_lost

    def _stored(self, name: str) -> frozenset[str] | None:
        return self._tables.partitions(self._contracts[name])
