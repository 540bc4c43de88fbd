"""A spool is a table on disk that nobody sees: same rows, same violations, same hash, and no trace."""

import os
import stat
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.io_managers import row_spool
from ccl_assets.io_managers.delta_tables import DeltaTables, content_hash
from ccl_assets.io_managers.row_spool import RowSpool
from ccl_assets.tables.contract import INTEGER, STRING, STRINGS, Column, ContractViolationError, TableContract

NOTES = TableContract(
    "test/notes",
    "Notes.",
    (
        Column("corpus", STRING, "Partition."),
        Column("note", STRING, "Id."),
        Column("text", STRING, "Text."),
        Column("length", INTEGER, "Length.", True),
        Column("words", STRINGS, "Words."),
        Column("shard", STRING, "Cluster."),
    ),
    key=("corpus", "note"),
    partition_column="corpus",
    has_note_text=True,
    unhashed=("text",),
    cluster_column="shard",
)
COMMIT = {"run_id": "test"}


def row(number, shard="a", text="text", **changes):
    made = {"corpus": "c", "note": f"n{number:05}", "text": text, "length": number, "words": ["w"], "shard": shard}
    return {**made, **changes}


def fill(spool, rows):
    for item in rows:
        spool.append(item)
    return spool


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(row_spool, "_MOST_ROWS", 3)


@pytest.fixture
def spool(tmp_path):
    with RowSpool(NOTES, tmp_path) as spool:
        yield spool


def test_rows_come_back_cluster_by_cluster_in_order_of_arrival(spool, small_batches):
    rows = [row(number, "cab"[number % 3]) for number in range(20)]
    fill(spool, rows)
    found = pa.Table.from_batches(spool.batches())
    assert found.schema == NOTES.schema
    assert found.to_pylist() == sorted(rows, key=lambda item: item["shard"])
    assert (spool.num_rows, spool.head(2).to_pylist()) == (20, found.slice(0, 2).to_pylist())
    assert spool.reader().read_all() == found == spool.reader().read_all()


def test_columns_are_read_alone_and_in_the_contract_s_order(spool, small_batches):
    fill(spool, [row(number) for number in range(7)])
    found = spool.columns(["length", "note"])
    assert found.column_names == ["note", "length"]
    assert found["length"].to_pylist() == list(range(7))


def test_an_empty_spool_is_an_empty_table(spool):
    assert spool.violations == []
    assert spool.head(5) == NOTES.table([]) == spool.columns(NOTES.schema.names)


def test_long_texts_are_not_collected_to_a_full_batch(spool, monkeypatch):
    monkeypatch.setattr(row_spool, "_MOST_CHARACTERS", 1000)
    fill(spool, [row(number, text="x" * 400) for number in range(9)])
    assert [batch.num_rows for batch in spool.batches(["note"])] == [3, 3, 3]


ROWS = st.lists(
    st.builds(
        row,
        st.integers(0, 9),
        st.sampled_from("ab"),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
        length=st.none() | st.integers(0, 3),
        words=st.lists(st.none() | st.text("ab", max_size=2), max_size=2),
        note=st.none() | st.sampled_from(["n1", "n2", "n3"]),
    ),
    max_size=9,
)


@given(ROWS)
def test_violations_and_hash_are_those_of_the_same_rows_in_memory(rows):
    with RowSpool(NOTES) as spool:
        fill(spool, rows)
        table = NOTES.table(sorted(rows, key=lambda item: item["shard"]))
        assert spool.violations == NOTES.violations(table)
        assert content_hash(NOTES, spool) == content_hash(NOTES, table)


def test_a_value_of_another_type_names_the_column_and_not_the_value(spool):
    with pytest.raises(ContractViolationError, match="column 'length' holds values that are not int32") as caught:
        fill(spool, [row(1, length="Mrs Doe")]).violations  # noqa: B018
    assert "Doe" not in str(caught.value)


def test_the_file_has_no_name_and_nobody_else_may_read_it(spool, tmp_path):
    fill(spool, [row(number) for number in range(5000)])
    assert list(tmp_path.iterdir()) == []
    assert stat.S_IMODE(os.fstat(spool._file.fileno()).st_mode) & 0o077 == 0


class TestInTheLakehouse:
    @pytest.fixture
    def tables(self, tmp_path):
        return DeltaTables(str(tmp_path / "lakehouse"))

    def test_a_spool_is_stored_in_one_commit_and_hashes_like_what_is_stored(self, tables, small_batches):
        rows = [row(number, "cab"[number % 3], length=None if number % 2 else 1) for number in range(50)]
        with tables.spool(NOTES) as spool:
            version = tables.write(NOTES, fill(spool, rows), ["c"], COMMIT)
            assert version == 1  # 0 created the table
            stored = tables.read(NOTES)
            assert stored.to_pylist() == rows
            assert content_hash(NOTES, spool) == content_hash(NOTES, stored)

    def test_a_spool_replaces_its_partition_only(self, tables):
        tables.write(NOTES, NOTES.table([row(1), row(2)]), ["c"], COMMIT)
        tables.write(NOTES, NOTES.table([row(1, corpus="d")]), ["d"], COMMIT)
        with tables.spool(NOTES) as spool:
            tables.write(NOTES, fill(spool, [row(3)]), ["c"], COMMIT)
        assert [(r["corpus"], r["note"]) for r in tables.read(NOTES).to_pylist()] == [("c", "n00003"), ("d", "n00001")]

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            ([row(1), row(1)], "1 rows repeat the key"),
            ([row(1, text=None)], "column 'text' has 1 empty values"),
            ([row(1, corpus="other")], r"rows of partitions \['other'\] in a write of \['c'\]"),
        ],
    )
    def test_a_spool_that_breaks_the_contract_is_not_written(self, tables, rows, message):
        with tables.spool(NOTES) as spool, pytest.raises(ContractViolationError, match=message):
            tables.write(NOTES, fill(spool, rows), ["c"], COMMIT)
        assert not tables.exists(NOTES)

    def test_a_filtered_read_looks_only_at_the_row_groups_of_its_cluster(self, tables):
        rows = [row(number, f"shard_{number % 8}") for number in range(800)]
        with tables.spool(NOTES) as spool:
            tables.write(NOTES, fill(spool, rows), ["c"], COMMIT)
        found = tables.read(NOTES, ["c"], ["note"], {"shard": ["shard_3"]})
        assert found["note"].to_pylist() == [r["note"] for r in rows if r["shard"] == "shard_3"]
        (path,) = Path(tables.uri(NOTES)).rglob("*.parquet")
        groups = pq.ParquetFile(path).metadata
        shard = pq.ParquetFile(path).schema_arrow.get_field_index("shard")
        touched = [
            number
            for number in range(groups.num_row_groups)
            if (s := groups.row_group(number).column(shard).statistics).min <= "shard_3" <= s.max
        ]
        assert (groups.num_row_groups, touched) == (8, [3])
