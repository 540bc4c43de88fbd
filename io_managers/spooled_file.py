"""A spool as one data file of a Delta partition.

Delta's own writer deals a stream out to its workers and holds what these have not taken yet (0.9 GB for 0.6 GB of notes, more with
more cores); so the file is written here, one row group at a time, and only the commit is Delta's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from ccl_assets.io_managers.row_spool import RowSpool

_ROW_GROUP = 16 * 2**20  # bytes in memory: what the writer holds, and the least that a filtered read costs


class SpooledFile:
    """A Parquet file in a table's folder that no version of the table names until it is committed."""

    def __init__(self, uri: str, rows: RowSpool, partition: str) -> None:
        """Write the file.

        Args:
            uri: An existing Delta table.
            rows: At least one row, all of one partition.
            partition: The partition's key.
        """
        import pyarrow.fs
        from deltalake.fs import DeltaStorageHandler

        self._uri, self._contract, self._partition, self._row_count = uri, rows.contract, partition, rows.num_rows
        self._name = f"part-{uuid4()}.zstd.parquet"
        self._files = pyarrow.fs.PyFileSystem(DeltaStorageHandler(uri))
        try:
            self._write(rows)
        except BaseException:  # from here on only; whether a commit that failed was made is for the table to say
            if self._files.get_file_info(self._name).size:
                self._files.delete_file(self._name)
            raise

    def _write(self, rows: RowSpool) -> None:
        column = self._contract.partition_column
        names = [name for name in self._contract.schema.names if name != column]
        schema = pa.schema([self._contract.schema.field(name) for name in names])
        # statistics would repeat the beginning of notes; a dictionary of them would only be built to be thrown away
        plain = [name for name in names if name in self._contract.unhashed]
        with (
            self._files.open_output_stream(self._name) as sink,
            pq.ParquetWriter(
                sink, schema, compression="zstd", use_dictionary=[name for name in names if name not in plain],
                write_statistics=[name for name in names if name not in plain],
            ) as writer,
        ):  # fmt: skip
            for group in _row_groups(rows, names):
                writer.write_table(group, row_group_size=group.num_rows)

    def commit(self, provenance: Mapping[str, str]) -> int:
        """Replace the partition by the file, in one commit; returns the table's new version.

        Raises:
            deltalake.exceptions.CommitFailedError: Another commit to the partition came first; try again.
        """
        from deltalake import CommitProperties, DeltaTable, Transaction
        from deltalake.transaction import AddAction

        column = str(self._contract.partition_column)
        size = self._files.get_file_info(self._name).size
        statistics = json.dumps({"numRecords": self._row_count})
        now = time.time_ns() // 1_000_000
        DeltaTable(self._uri).create_write_transaction(
            [AddAction(self._name, size, {column: self._partition}, now, True, statistics)],
            "overwrite",
            self._contract.schema,
            [column],
            [(column, "=", self._partition)],
            commit_properties=CommitProperties(
                custom_metadata=dict(provenance),
                # of two first writes of a partition neither removes a file, so that only this makes them conflict
                app_transactions=[Transaction(f"partition {self._partition}", now)],
            ),
        )
        return int(DeltaTable(self._uri).version())


def _row_groups(rows: RowSpool, names: list[str]) -> Iterator[pa.Table]:
    """Tables of about the size of a row group, each with one value of the cluster column."""
    cluster = rows.contract.cluster_column
    held: list[pa.RecordBatch] = []
    for batch in rows.batches():
        is_full = sum(one.nbytes for one in held) >= _ROW_GROUP
        is_next = held and cluster and held[-1][cluster][0] != batch[cluster][0]
        if held and (is_full or is_next):
            yield pa.Table.from_batches(held).select(names)
            held = []
        held.append(batch)
    if held:
        yield pa.Table.from_batches(held).select(names)
