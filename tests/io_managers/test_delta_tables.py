"""The lakehouse's promises, on real Delta tables: whole partitions or nothing, whoever else writes and whoever dies."""

import random
import shutil
import subprocess
import sys
import time

import dagster as dg
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.io_managers.delta_tables import DeltaTables, TableMissingError, content_hash
from ccl_assets.io_managers.table_io_manager import PARTITION, StoredTable, TableIOManager
from ccl_assets.lakehouse.table_asset import Input, inputs
from ccl_assets.tables.contract import (
    INTEGER,
    LONG,
    REAL,
    STRING,
    STRINGS,
    Column,
    ContractViolationError,
    TableContract,
)

COUNTS = TableContract(
    "test/counts",
    "Counts by chapter.",
    (
        Column("chapter", STRING, "Partition."),
        Column("code", STRING, "Code."),
        Column("count", INTEGER, "Count.", True),
        Column("terms", STRINGS, "Terms."),
        Column("seconds", REAL, "Timing."),
    ),
    key=("code",),
    partition_column="chapter",
    unhashed=("seconds",),
)
CODES = TableContract(
    "test/codes",
    "All codes.",
    (Column("code", STRING, "Code."), Column("title", STRING, "Title.", True)),
    key=("code",),
)
COMMIT = {"run_id": "test"}


def row(chapter, code, count=1, terms=("a",), seconds=0.5):
    return {"chapter": chapter, "code": code, "count": count, "terms": list(terms), "seconds": seconds}


def rows_of(tables, contract=COUNTS, partitions=None):
    return tables.read(contract, partitions).to_pylist()


@pytest.fixture
def tables(tmp_path):
    return DeltaTables(str(tmp_path / "lakehouse"))


@pytest.fixture
def two_chapters(tables):
    for chapter, codes in {"I": ("I10", "I11.0"), "E": ("E11.9",)}.items():
        tables.write(COUNTS, COUNTS.table(row(chapter, code) for code in codes), [chapter], COMMIT)
    return tables


class TestRoundTrip:
    def test_what_is_written_is_read_back_with_the_contracts_schema_in_key_order(self, tables):
        written = [row("I", "I11.0", None, ()), row("I", "I10", 3, ("high blood pressure", "Äußeres – ‘quoted’"))]
        tables.write(COUNTS, COUNTS.table(written), ["I"], COMMIT)
        found = tables.read(COUNTS)
        assert found.schema == COUNTS.schema
        assert found.to_pylist() == sorted(written, key=lambda r: r["code"])

    def test_a_partition_key_may_hold_quotes_dashes_and_spaces(self, tables):
        for chapter in ("09_I00-I99", "it's", 'a "b" c'):
            tables.write(COUNTS, COUNTS.table([row(chapter, f"code of {chapter}")]), [chapter], COMMIT)
        assert [r["code"] for r in rows_of(tables, partitions=["it's"])] == ["code of it's"]
        assert len(rows_of(tables)) == 3

    def test_an_unpartitioned_table_is_replaced_whole(self, tables):
        tables.write(CODES, CODES.table([{"code": "A", "title": None}, {"code": "B", "title": "b"}]), None, COMMIT)
        tables.write(CODES, CODES.table([{"code": "C", "title": "c"}]), None, COMMIT)
        assert rows_of(tables, CODES) == [{"code": "C", "title": "c"}]

    def test_a_write_says_its_version_and_keeps_its_provenance(self, tables):
        from deltalake import DeltaTable

        version = tables.write(CODES, CODES.table([{"code": "A", "title": None}]), None, {"run_id": "run-17"})
        stored = DeltaTable(tables.uri(CODES))
        assert stored.version() == version
        assert stored.history(1)[0]["run_id"] == "run-17"

    def test_some_partitions_and_some_columns_can_be_read(self, two_chapters):
        found = two_chapters.read(COUNTS, ["I"], ["code"])
        assert found.to_pylist() == [{"code": "I10"}, {"code": "I11.0"}]

    def test_rows_are_in_key_order_even_if_the_key_is_not_read(self, tables):
        rows = [row("I", "b", 1), row("I", "c", 0), row("I", "a", 2)]
        tables.write(COUNTS, COUNTS.table(rows), ["I"], COMMIT)
        assert tables.read(COUNTS, ["I"], ["count"]).to_pylist() == [{"count": 2}, {"count": 1}, {"count": 0}]

    def test_only_rows_with_the_wanted_values_are_read_whatever_was_read_before(self, two_chapters):
        assert len(rows_of(two_chapters)) == 3
        found = two_chapters.read(COUNTS, None, ["code"], {"code": ["I10", "E11.9"]})
        assert found["code"].to_pylist() == ["E11.9", "I10"]
        assert two_chapters.read(COUNTS, ["I"], ["code"], {"code": ["I10", "E11.9"]})["code"].to_pylist() == ["I10"]
        assert two_chapters.read(COUNTS, None, None, {"code": [], "count": [1]}).num_rows == 0
        batches = list(two_chapters.batches(COUNTS, None, ["code"], {"count": [1], "code": ["I10"]}))
        assert [code for batch in batches for code in batch["code"].to_pylist()] == ["I10"]

    def test_no_partitions_are_no_rows_and_all_partitions_are_all_rows_in_either_order(self, two_chapters):
        assert two_chapters.read(COUNTS, []).num_rows == 0
        assert two_chapters.read(COUNTS).num_rows == 3
        assert two_chapters.read(COUNTS, []).num_rows == 0

    def test_batches_stream_the_same_rows_in_pieces(self, tables):
        table = COUNTS.table(row("I", f"{number:05}") for number in range(10_000))
        tables.write(COUNTS, table, ["I"], COMMIT)
        tables.write(COUNTS, COUNTS.table([row("E", "E")]), ["E"], COMMIT)
        batches = list(tables.batches(COUNTS, ["I"], ["code"]))
        assert len(batches) > 1
        assert all(batch.schema.names == ["code"] and batch.num_rows <= 4096 for batch in batches)
        assert sorted(code for batch in batches for code in batch["code"].to_pylist()) == table["code"].to_pylist()

    def test_a_table_that_was_never_written_is_named_with_the_remedy(self, tables):
        assert not tables.exists(COUNTS)
        for read in (lambda: tables.read(COUNTS), lambda: list(tables.batches(COUNTS))):
            with pytest.raises(TableMissingError, match=r"test/counts does not exist.*materialize that asset first"):
                read()


class TestPartitions:
    def test_overwriting_a_partition_leaves_the_others(self, two_chapters):
        two_chapters.write(COUNTS, COUNTS.table([row("I", "I12.9", 7)]), ["I"], COMMIT)
        assert [r["code"] for r in rows_of(two_chapters)] == ["E11.9", "I12.9"]

    def test_several_partitions_are_replaced_in_one_commit(self, two_chapters):
        before = two_chapters.write(COUNTS, COUNTS.table([row("J", "J45")]), ["J"], COMMIT)
        after = two_chapters.write(COUNTS, COUNTS.table([row("I", "I1"), row("E", "E1")]), ["I", "E"], COMMIT)
        assert after == before + 1
        assert [r["code"] for r in rows_of(two_chapters)] == ["E1", "I1", "J45"]

    def test_an_empty_partition_removes_its_old_rows_only(self, two_chapters):
        two_chapters.write(COUNTS, COUNTS.table([]), ["I"], COMMIT)
        assert [r["code"] for r in rows_of(two_chapters)] == ["E11.9"]
        assert two_chapters.read(COUNTS, ["I"]).schema == COUNTS.schema

    def test_an_empty_first_partition_makes_a_readable_table(self, tables):
        tables.write(COUNTS, COUNTS.table([]), ["I"], COMMIT)
        assert rows_of(tables) == []

    def test_rows_of_another_partition_are_refused_and_nothing_is_written(self, two_chapters):
        before = rows_of(two_chapters)
        with pytest.raises(
            ContractViolationError, match=r"test/counts: rows of partitions \['E'\] in a write of \['I'\]"
        ):
            two_chapters.write(COUNTS, COUNTS.table([row("I", "I10"), row("E", "E11.9")]), ["I"], COMMIT)
        assert rows_of(two_chapters) == before

    def test_a_partitioned_table_is_not_written_without_saying_which_partitions(self, tables):
        with pytest.raises(ValueError, match="partitioned by chapter; name the partitions"):
            tables.write(COUNTS, COUNTS.table([row("I", "I10")]), None, COMMIT)
        assert not tables.exists(COUNTS)


class TestContract:
    @pytest.mark.parametrize(
        ("damage", "message"),
        [
            (lambda t: t.drop_columns(["count"]), "'count' is missing"),
            (lambda t: t.append_column("extra", pa.array([1])), "'extra' is not in the contract"),
            (lambda t: t.set_column(2, "count", pa.array([1], LONG)), "is int64, not int32"),
            (lambda t: pa.concat_tables([t, t]), "repeat the key"),
            (lambda t: t.set_column(1, "code", pa.array([None], STRING)), "empty values"),
        ],
    )
    def test_a_violation_is_refused_before_any_write(self, tables, damage, message):
        with pytest.raises(ContractViolationError, match=message):
            tables.write(COUNTS, damage(COUNTS.table([row("I", "I10")])), ["I"], COMMIT)
        assert not tables.exists(COUNTS)

    @pytest.mark.parametrize(
        "columns",
        [
            pytest.param((*COUNTS.columns, Column("note", STRING, "New.", True)), id="column added"),
            pytest.param(COUNTS.columns[:-1], id="column removed"),
            pytest.param(
                (*COUNTS.columns[:2], Column("count", LONG, "Wider.", True), *COUNTS.columns[3:]), id="retyped"
            ),
        ],
    )
    def test_a_partitioned_table_of_another_contract_is_refused_with_the_remedy(self, two_chapters, columns):
        changed = TableContract(COUNTS.name, "Changed.", columns, COUNTS.key, COUNTS.partition_column)
        given = {"note": None, **row("I", "I10")}
        table = changed.table([{column.name: given[column.name] for column in columns}])
        before = rows_of(two_chapters)
        message = "test/counts was written by another version of its contract.*move .*counts away and materialize all"
        with pytest.raises(RuntimeError, match=message):
            two_chapters.write(changed, table, ["I"], COMMIT)
        assert rows_of(two_chapters) == before

    def test_reading_with_a_contract_of_more_columns_names_the_table_and_the_remedy(self, two_chapters):
        wider = (*COUNTS.columns, Column("note", STRING, "New.", True))
        changed = TableContract(COUNTS.name, "Changed.", wider, COUNTS.key, COUNTS.partition_column)
        with pytest.raises(RuntimeError, match="test/counts was written by another version of its contract"):
            two_chapters.read(changed)

    def test_an_unpartitioned_table_takes_its_new_contract(self, tables):
        tables.write(CODES, CODES.table([{"code": "A", "title": None}]), None, COMMIT)
        changed = TableContract(
            CODES.name, "Changed.", (Column("code", STRING, "Code."), Column("n", LONG, "New.")), CODES.key
        )
        tables.write(changed, changed.table([{"code": "A", "n": 2**40}]), None, COMMIT)
        assert rows_of(tables, changed) == [{"code": "A", "n": 2**40}]


class TestContentHash:
    ROWS = st.lists(
        st.fixed_dictionaries(
            {
                "chapter": st.sampled_from(["I", "E"]),
                "code": st.text(max_size=4),
                "count": st.none() | st.integers(0, 3),
                "terms": st.lists(st.text(max_size=3), max_size=3),
                "seconds": st.floats(0, 1),
            }
        ),
        unique_by=lambda r: r["code"],
        max_size=8,
    )

    @given(ROWS, st.randoms(), st.integers(0, 8))
    def test_order_chunks_and_timings_do_not_count(self, rows, shuffle, cut):
        reordered = [{**r, "seconds": shuffle.random()} for r in rows]
        shuffle.shuffle(reordered)
        chunked = pa.concat_tables([COUNTS.table(reordered[:cut]), COUNTS.table(reordered[cut:])])
        assert content_hash(COUNTS, chunked) == content_hash(COUNTS, COUNTS.table(rows))

    @given(ROWS.filter(bool), st.data())
    def test_a_slice_of_a_larger_table_hashes_like_its_rows(self, rows, data):
        begin = data.draw(st.integers(0, len(rows)))
        length = data.draw(st.integers(0, len(rows) - begin))
        sliced = COUNTS.table(rows).slice(begin, length)
        assert content_hash(COUNTS, sliced) == content_hash(COUNTS, COUNTS.table(rows[begin : begin + length]))

    @pytest.mark.parametrize(
        "changed",
        [
            row("I", "I10", 2),
            row("I", "I10", None),
            row("I", "I10", 1, ("a", "b")),
            row("I", "I10", 1, ()),
            row("I", "I1"),
        ],
    )
    def test_content_counts(self, changed):
        assert content_hash(COUNTS, COUNTS.table([row("I", "I10"), changed])) != content_hash(
            COUNTS, COUNTS.table([row("I", "I10"), row("I", "I10")])
        )

    def test_what_is_stored_hashes_like_what_was_given(self, two_chapters):
        given_rows = [row("I", "I11.0"), row("I", "I10")]
        assert content_hash(COUNTS, two_chapters.read(COUNTS, ["I"])) == content_hash(COUNTS, COUNTS.table(given_rows))

    def test_empty_tables_hash_alike_however_they_came_to_be_empty(self):
        full = COUNTS.table([row("I", "I10")])
        empty = [COUNTS.table([]), full.slice(0, 0), full.filter(pa.array([False])), COUNTS.schema.empty_table()]
        assert len({content_hash(COUNTS, table) for table in empty}) == 1


class TestKeptReads:
    def test_a_second_read_gives_the_same_object(self, two_chapters):
        assert two_chapters.read(COUNTS, ["I"]) is two_chapters.read(COUNTS, ["I"])

    def test_a_write_refreshes_what_was_kept_even_if_another_process_made_it(self, two_chapters):
        assert two_chapters.read(COUNTS, ["E"]).num_rows == 1
        two_chapters.write(COUNTS, COUNTS.table([row("E", "E10"), row("E", "E11")]), ["E"], COMMIT)
        assert two_chapters.read(COUNTS, ["E"]).num_rows == 2
        DeltaTables(two_chapters.root).write(COUNTS, COUNTS.table([]), ["E"], COMMIT)
        assert two_chapters.read(COUNTS, ["E"]).num_rows == 0

    def test_a_table_moved_away_and_written_again_is_read_anew(self, tables):
        for title in ("old", "new"):
            shutil.rmtree(tables.root, ignore_errors=True)
            tables.write(CODES, CODES.table([{"code": "A", "title": title}]), None, COMMIT)
            assert rows_of(tables, CODES) == [{"code": "A", "title": title}]


WRITER = """
import sys
from ccl_assets.io_managers.delta_tables import DeltaTables
from ccl_assets.tables.contract import INTEGER, STRING, Column, TableContract

contract = TableContract(
    "test/generations", "Rows of one generation per partition.",
    (Column("shard", STRING, "P."), Column("number", INTEGER, "N."), Column("generation", INTEGER, "G.")),
    key=("shard", "number"), partition_column="shard",
)
root, kind, generations, *shards = sys.argv[1:]
tables = DeltaTables(root)
import deltalake
print("ready", flush=True)
sys.stdin.readline()
for generation in range(int(generations)):
    for shard in shards:
        rows = [{"shard": shard, "number": n, "generation": generation} for n in range(200)]
        given = contract.table(rows)
        if kind == "spool":
            given = tables.spool(contract)
            for row in rows:
                given.append(row)
        tables.write(contract, given, [shard], {"run_id": str(generation)})
"""
GENERATIONS = TableContract(
    "test/generations",
    "As in the writer.",
    (Column("shard", STRING, "P."), Column("number", INTEGER, "N."), Column("generation", INTEGER, "G.")),
    key=("shard", "number"),
    partition_column="shard",
)


def start_writer(root, kind, generations, shards):
    """A process that has imported everything and waits for a line on its standard input."""
    command = [sys.executable, "-c", WRITER, str(root), kind, str(generations), *shards]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def release(writers):
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["table", "spool"])
class TestOtherProcesses:
    def test_first_writes_of_four_processes_lose_no_partition(self, tmp_path, kind):
        shares = [[f"{writer}-{number}" for number in range(4)] for writer in range(4)]
        writers = [start_writer(tmp_path, kind, 1, share) for share in shares]
        release(writers)
        for writer in writers:
            writer.communicate(timeout=60)
        assert [writer.returncode for writer in writers] == [0] * 4
        found = DeltaTables(str(tmp_path)).read(GENERATIONS)
        assert sorted(found["shard"].unique().to_pylist()) == sorted(shard for share in shares for shard in share)
        assert found.num_rows == 16 * 200

    def test_writers_of_one_partition_do_not_add_up(self, tmp_path, kind):
        writers = [start_writer(tmp_path, kind, 5, ["a"]) for _ in range(2)]
        release(writers)
        for writer in writers:
            writer.communicate(timeout=60)
        assert [writer.returncode for writer in writers] == [0, 0]
        assert DeltaTables(str(tmp_path)).read(GENERATIONS)["number"].to_pylist() == list(range(200))

    def test_a_killed_writer_leaves_whole_partitions_and_a_rerun_continues(self, tmp_path, kind):
        moments = random.Random(7)
        shards = ["a", "b", "c"]
        tables = DeltaTables(str(tmp_path))
        for _ in range(5):
            writer = start_writer(tmp_path, kind, 1000, shards)
            release([writer])
            time.sleep(moments.uniform(0, 0.6))
            writer.kill()
            writer.communicate()
            if tables.exists(GENERATIONS):  # the first kill may come before the first commit
                for shard in tables.read(GENERATIONS)["shard"].unique().to_pylist():
                    found = tables.read(GENERATIONS, [shard])
                    assert found["number"].to_pylist() == list(range(200))
                    assert len(found["generation"].unique()) == 1
        again = start_writer(tmp_path, kind, 1, shards)
        release([again])
        again.communicate(timeout=60)
        assert again.returncode == 0
        found = tables.read(GENERATIONS)
        assert found.num_rows == 600
        assert found["generation"].unique().to_pylist() == [0]


class TestInDagster:
    """The IO manager over the same tables."""

    @pytest.fixture
    def resources(self, tables):
        return {"tables": TableIOManager(tables, {COUNTS.name: COUNTS, CODES.name: CODES})}

    def test_a_single_run_over_a_range_of_partitions_keeps_them_all(self, resources, tables):
        chapters = dg.StaticPartitionsDefinition(["E", "I", "J"])

        @dg.asset(key=["test", "counts"], partitions_def=chapters, io_manager_key="tables")
        def counts(context):
            return COUNTS.table(row(chapter, f"{chapter}00") for chapter in context.partition_keys)

        tags = {"dagster/asset_partition_range_start": "E", "dagster/asset_partition_range_end": "J"}
        with dg.DagsterInstance.ephemeral() as instance:
            result = dg.materialize([counts], resources=resources, instance=instance, tags=tags)
        assert result.success
        assert [r["code"] for r in rows_of(tables)] == ["E00", "I00", "J00"]

    def test_an_input_gets_the_mapped_partitions_and_only_the_columns_it_names(self, resources, two_chapters):
        chapters = dg.StaticPartitionsDefinition(["E", "I", "never materialized"])
        seen = {}
        counts = dg.AssetSpec(["test", "counts"], partitions_def=chapters)
        source = dg.SourceAsset(counts.key, partitions_def=chapters, io_manager_key="tables")
        given = {"counts": dg.AssetIn(counts.key)}

        @dg.asset(ins=given, partitions_def=chapters)
        def one(context, counts):
            seen["one"] = counts

        @dg.asset(
            ins={
                "counts": dg.AssetIn(
                    counts.key, partition_mapping=dg.AllPartitionMapping(), metadata={"columns": ["code"]}
                )
            }
        )
        def fan_in(context, counts):
            seen["all"] = counts

        with dg.DagsterInstance.ephemeral() as instance:
            dg.materialize([one, source], resources=resources, instance=instance, partition_key="I")
            dg.materialize([fan_in, source], resources=resources, instance=instance)
        assert seen["one"]["code"].to_pylist() == ["I10", "I11.0"]
        assert seen["all"].to_pylist() == [{"code": "E11.9"}, {"code": "I10"}, {"code": "I11.0"}]

    def test_an_input_gets_the_rows_it_names_those_of_the_run_s_partition_among_them(self, resources, two_chapters):
        codes = dg.StaticPartitionsDefinition(["I10", "E11.9"])
        chapters = dg.StaticPartitionsDefinition(["E", "I"])
        seen = {}
        source = dg.SourceAsset(["test", "counts"], partitions_def=chapters, io_manager_key="tables")
        wanted = Input(COUNTS, dg.AllPartitionMapping(), ("code",), {"code": (PARTITION,), "count": (1, 2)})

        @dg.asset(ins=inputs(counts=wanted), partitions_def=codes)
        def one(context, counts):
            seen[context.partition_key] = counts["code"].to_pylist()

        with dg.DagsterInstance.ephemeral() as instance:
            for code in ("I10", "E11.9"):
                dg.materialize([one, source], resources=resources, instance=instance, partition_key=code)
        assert seen == {"I10": ["I10"], "E11.9": ["E11.9"]}

    def test_a_partition_that_reads_nothing_of_a_table_does_not_need_it_to_exist(self, resources):
        chapters = dg.StaticPartitionsDefinition(["E", "I"])
        recipes = dg.StaticPartitionsDefinition(["documents", "spans"])
        seen = {}
        source = dg.SourceAsset(["test", "counts"], partitions_def=chapters, io_manager_key="tables")
        mapping = dg.StaticPartitionMapping({"E": ["spans"], "I": ["spans"]})

        @dg.asset(ins=inputs(counts=Input(COUNTS, mapping, ("code",))), partitions_def=recipes)
        def one(context, counts):
            seen[context.partition_key] = counts

        with dg.DagsterInstance.ephemeral() as instance:
            dg.materialize([one, source], resources=resources, instance=instance, partition_key="documents")
            with pytest.raises(TableMissingError):
                dg.materialize([one, source], resources=resources, instance=instance, partition_key="spans")
        assert (seen["documents"].num_rows, seen["documents"].column_names) == (0, ["code"])

    def test_a_streamed_input_is_read_by_the_body_and_only_in_the_partitions_of_the_run(self, resources, tables):
        tables.write(COUNTS, COUNTS.table([row("I", "I10"), row("I", "I11", 2)]), ["I"], COMMIT)
        tables.write(COUNTS, COUNTS.table([row("E", "E11.9")]), ["E"], COMMIT)
        chapters = dg.StaticPartitionsDefinition(["E", "I"])
        source = dg.SourceAsset(["test", "counts"], partitions_def=chapters, io_manager_key="tables")
        seen = {}

        @dg.asset(ins=inputs(counts=Input(COUNTS, is_streamed=True)), partitions_def=chapters)
        def one(context, counts):
            streamed = pa.Table.from_batches(list(counts.batches(("code",), {"count": (1,)})))
            seen[context.partition_key] = (counts.read(("code",)).to_pydict(), streamed.to_pydict())

        with dg.DagsterInstance.ephemeral() as instance:
            dg.materialize([one, source], resources=resources, instance=instance, partition_key="I")
        assert seen == {"I": ({"code": ["I10", "I11"]}, {"code": ["I10"]})}

    def test_a_streamed_input_of_no_partition_has_no_rows(self, tables):
        stored = StoredTable(tables, COUNTS, [])
        assert (stored.read(("code",)).to_pydict(), list(stored.batches(("code",)))) == ({"code": []}, [])

    def test_the_commit_names_the_run_and_the_metadata_the_table(self, resources, tables):
        from deltalake import DeltaTable

        @dg.asset(key=["test", "codes"], io_manager_key="tables")
        def codes():
            return CODES.table([{"code": "A", "title": None}])

        with dg.DagsterInstance.ephemeral() as instance:
            result = dg.materialize([codes], resources=resources, instance=instance)
        metadata = result.asset_materializations_for_node("test__codes")[0].metadata
        assert metadata["dagster/uri"].value == tables.uri(CODES)
        assert metadata["rows_written"].value == 1
        stored = DeltaTable(tables.uri(CODES))
        assert stored.version() == metadata["delta_version"].value
        assert stored.history(1)[0]["run_id"] == result.run_id
