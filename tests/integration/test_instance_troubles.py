"""Troubles of a deployment: each is met with a message that says what to do."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time

import dagster as dg
import pytest

from ccl_assets.io_managers.delta_tables import DeltaTables
from ccl_assets.io_managers.table_io_manager import TableIOManager
from ccl_assets.lakehouse.table_asset import Input, TableResult, inputs, table_asset
from ccl_assets.refresh.frontier import Target, materialize, refresh
from ccl_assets.refresh.instance import InstanceError, open_instance, prepare_instance, refuse_second_daemon
from ccl_assets.refresh.lost import StoredPartitions
from ccl_assets.refresh.processes import RefreshRunningError, end_dead_runs, only_refresh, wait_for_pools
from ccl_assets.tables.contract import INTEGER, STRING, Column, TableContract

OLDER_REVISION = "16e3655b4d9b"  # a migration of Dagster 1.6


@pytest.fixture
def home(tmp_path, monkeypatch):
    """``CCL_HOME`` of a deployment that was used before."""
    monkeypatch.setenv("DAGSTER_HOME", "")  # restored afterwards
    with open_instance(prepare_instance(tmp_path)):
        pass
    monkeypatch.setenv("DAGSTER_HOME", "")
    return tmp_path


def refreshed(home):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CCL_", "DAGSTER_"))}
    done = subprocess.run(
        [sys.executable, "-m", "ccl_assets.refresh"],
        env=environment | {"CCL_HOME": str(home)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stderr


def revise(database, revision):
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()


class TestInstance:
    def test_a_half_migrated_one_says_how_to_migrate_it(self, home):
        revise(home / "dagster_home" / "schedules" / "schedules.db", OLDER_REVISION)
        status, said = refreshed(home)
        assert (status, said.count("\n")) == (2, 1)
        assert f"(schedules: {OLDER_REVISION}; expected " in said
        assert f"then run DAGSTER_HOME={home}/dagster_home dagster instance migrate" in said
        assert not (home / "lakehouse").exists()

    def test_the_remedy_works(self, home):
        revise(home / "dagster_home" / "schedules" / "schedules.db", OLDER_REVISION)
        folder = home / "dagster_home"
        command = [sys.executable, "-m", "dagster", "instance", "migrate"]
        subprocess.run(
            command, env={**os.environ, "DAGSTER_HOME": str(folder)}, check=True, capture_output=True, timeout=300
        )
        with open_instance(folder) as instance:
            assert instance.get_runs() == []

    def test_an_event_log_without_a_column_is_seen(self, home):
        database = home / "dagster_home" / "event_log.db"
        with sqlite3.connect(database) as connection:
            connection.execute("ALTER TABLE concurrency_limits RENAME TO kept")
        connection.close()
        with pytest.raises(InstanceError, match=r"events: without concurrency_limits.* dagster instance migrate"):
            open_instance(home / "dagster_home")

    def test_one_of_a_newer_dagster_is_not_to_be_migrated(self, home):
        revise(home / "dagster_home" / "history" / "runs.db", "fffffffffff1")
        with pytest.raises(InstanceError, match="newer than this Dagster") as raised:
            open_instance(home / "dagster_home")
        assert "instance migrate" not in str(raised.value)

    def test_a_damaged_one_says_what_moving_it_away_costs(self, home):
        (home / "dagster_home" / "history" / "runs.db").write_bytes(b"not a database " * 100)
        with pytest.raises(
            InstanceError, match=r"cannot be opened \(.*move the folder away.*only the history of runs is lost"
        ):
            open_instance(home / "dagster_home")

    def test_its_settings_follow_the_project_until_somebody_changes_them(self, home):
        path = home / "dagster_home" / "dagster.yaml"
        ours = path.read_text()
        body = "telemetry:\n  enabled: false\n"
        import hashlib

        digest = hashlib.sha256(body.encode()).hexdigest()[:12]
        path.write_text(re.sub("ccl-assets [0-9a-f]+", f"ccl-assets {digest}", ours.partition("\n")[0]) + "\n" + body)
        prepare_instance(home)
        assert path.read_text() == ours, "an earlier version's file, unchanged"
        path.write_text(ours + "python_logs:\n  python_log_level: DEBUG\n")
        prepare_instance(home)
        assert path.read_text() != ours, "a person's file"

    def test_a_dagster_home_of_its_own_is_used_and_left_as_it_is(self, home, tmp_path_factory, monkeypatch):
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        monkeypatch.setenv("DAGSTER_HOME", str(elsewhere))
        assert prepare_instance(home) == elsewhere
        assert list(elsewhere.iterdir()) == []


class TestTwoAtOnce:
    def test_a_second_daemon_is_refused_with_the_process_of_the_first(self, home):
        folder = home / "dagster_home"
        script = "import time; print('up', flush=True); time.sleep(600)"
        # the words by which a daemon is known, in the environment it has
        daemon = subprocess.Popen(
            [sys.executable, "-c", script, "dagster._daemon", "run"],
            env={**os.environ, "DAGSTER_HOME": str(folder)}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert daemon.stdout.readline() == "up\n"
            with pytest.raises(
                InstanceError, match=rf"a Dagster daemon serves .* already \(process {daemon.pid}, since"
            ):
                refuse_second_daemon(folder)
            refuse_second_daemon(home / "another")
        finally:
            daemon.kill()
            daemon.communicate()
        refuse_second_daemon(folder)

    def test_a_second_refresh_is_refused_with_the_process_of_the_first(self, home):
        said = []
        with only_refresh(home, waits=False, say=said.append):
            status, error = refreshed(home)
        assert status == 2
        assert f"a refresh of {home} runs already (process {os.getpid()} on " in error
        with only_refresh(home, waits=False, say=said.append):
            assert said == []

    def test_a_job_waits_for_it_with_a_word(self, home, monkeypatch):
        said = []
        first = only_refresh(home, waits=False, say=said.append)
        first.__enter__()
        monkeypatch.setattr(time, "sleep", lambda _: first.__exit__(None, None, None))
        with only_refresh(home, waits=True, say=said.append):
            assert said == [f"waiting for another refresh to end (process {os.getpid()} on {said[0].split(' on ')[1]}"]

    def test_a_killed_refresh_holds_no_lock(self, home):
        with pytest.raises(RefreshRunningError), only_refresh(home, waits=False, say=print):  # noqa: SIM117
            with only_refresh(home, waits=False, say=print):
                pass
        with only_refresh(home, waits=False, say=print):
            pass

    def test_a_full_pool_is_waited_for_with_the_run_that_holds_it(self, home, monkeypatch):
        said = []
        with open_instance(home / "dagster_home") as instance:
            storage = instance.event_log_storage
            storage.initialize_concurrency_limit_to_default("llm")
            holder = instance.create_run_for_job(dg.job(name="mining")(lambda: None))
            storage.claim_concurrency_slot("llm", holder.run_id, "step")
            free = storage.free_concurrency_slots_for_run
            monkeypatch.setattr(time, "sleep", lambda _: free(holder.run_id))
            wait_for_pools(instance, ["llm"], said.append)
            wait_for_pools(instance, ["llm", "gpu"], said.append)
        assert said == [
            f"  waiting for pool llm: held by run {holder.run_id}; let it end or terminate it in the Dagster UI"
        ]

    def test_a_run_of_the_daemon_whose_process_is_gone_is_ended(self, home):
        from dagster._core.events import EngineEventData

        gone = subprocess.Popen([sys.executable, "-c", "pass"])
        gone.wait()
        with open_instance(home / "dagster_home") as instance:
            runs = {}
            for name, pid in (("dead", gone.pid), ("alive", os.getpid())):
                run = instance.create_run_for_job(dg.job(name=name)(lambda: None), status=dg.DagsterRunStatus.STARTED)
                said = f"Started process for run (pid: {pid})."
                instance.report_engine_event(said, run, EngineEventData.in_process(pid))
                runs[name] = run.run_id
            assert end_dead_runs(instance) == [runs["dead"]]


CHAPTERS = ("A", "B", "C")
CHAPTER = dg.StaticPartitionsDefinition(list(CHAPTERS))
CHAPTER_COLUMN, COUNT = Column("chapter", STRING, "Partition."), Column("count", INTEGER, "Number.")
WORDS = TableContract("gold/words", "Test.", (CHAPTER_COLUMN, Column("word", STRING, "Word.")), ("word",), "chapter")
COUNTS = TableContract("gold/counts", "Test.", (CHAPTER_COLUMN, COUNT), ("chapter",), "chapter")
TOTAL = TableContract("gold/total", "Test.", (Column("name", STRING, "Name."), COUNT), ("name",), None)
CONTRACTS = {contract.name: contract for contract in (WORDS, COUNTS, TOTAL)}


class Graph:
    """words -> counts by chapter -> total; chapter C has no words."""

    def __init__(self, folder):
        self.lakehouse = folder / "lakehouse"
        self.instance = dg.DagsterInstance.ephemeral()
        self.tables = DeltaTables(str(self.lakehouse))
        self.definitions = self._definitions()

    def _definitions(self):
        @table_asset(WORDS, code_version="1", description="", kinds=set(), partitions_def=CHAPTER)
        def words(context) -> TableResult:
            chapter = context.partition_key
            return TableResult([{"chapter": chapter, "word": f"{chapter}{n}"} for n in range(2 * (chapter != "C"))])

        @table_asset(
            COUNTS, code_version="1", description="", kinds=set(), ins=inputs(words=WORDS), partitions_def=CHAPTER
        )
        def counts(context, words) -> TableResult:
            return TableResult([{"chapter": context.partition_key, "count": words.num_rows}])

        @table_asset(
            TOTAL, code_version="1", description="", kinds=set(),
            ins=inputs(counts=Input(COUNTS, dg.AllPartitionMapping())),
        )  # fmt: skip
        def total(context, counts) -> TableResult:
            return TableResult([{"name": "words", "count": sum(counts["count"].to_pylist())}])

        resources = {"tables": TableIOManager(self.tables, CONTRACTS)}
        return dg.Definitions(assets=[words, counts, total], resources=resources, executor=dg.in_process_executor)

    def refresh(self):
        stored = StoredPartitions(self.tables, CONTRACTS, self.lakehouse.parent / "artifacts")
        self.said = []
        return refresh(self.definitions, self.instance, {}, {}, self.said.append, lost=stored.look)

    def click(self, asset, partition=None):
        """Materialize one asset alone; returns why it failed."""
        outcome = materialize(self.definitions, self.instance, [Target(asset, partition)])
        return outcome.failed.get(Target(asset, partition))


@pytest.fixture
def graph(tmp_path):
    return Graph(tmp_path)


class TestMissingTables:
    def test_a_partition_that_never_ran_is_named(self, graph):
        graph.click("gold/words", "A")
        said = graph.click("gold/counts", "B")
        assert "gold/words B was never materialized: materialize it first" in said

    def test_a_partition_without_rows_is_not_missing(self, graph):
        for chapter in ("A", "C"):
            graph.click("gold/words", chapter)
        assert graph.click("gold/counts", "C") is None
        assert graph.tables.read(COUNTS).to_pylist() == [{"chapter": "C", "count": 0}]

    def test_of_many_partitions_some_may_be_missing_but_not_all(self, graph):
        assert "gold/counts A, B, C was never materialized" in graph.click("gold/total")
        graph.click("gold/words", "A")
        graph.click("gold/counts", "A")
        assert graph.click("gold/total") is None

    @pytest.fixture
    def whole(self, graph):
        assert len(graph.refresh().materialized) == 7
        assert graph.refresh().materialized == []
        return graph

    def test_a_removed_table_is_named_downstream(self, whole):
        shutil.rmtree(whole.lakehouse / "gold" / "words")
        said = whole.click("gold/counts", "A")
        assert f"gold/words A is gone from {whole.lakehouse}/gold/words, though Dagster has it" in said
        assert "materialize it again" in said

    def test_a_refresh_makes_exactly_a_removed_table_again(self, whole):
        shutil.rmtree(whole.lakehouse / "gold" / "words")
        outcome = whole.refresh()
        assert set(outcome.materialized) == {Target("gold/words", chapter) for chapter in CHAPTERS}
        assert "3 partitions are gone from storage and are made again, first gold/words A" in whole.said
        assert whole.refresh().materialized == []

    def test_after_one_partition_was_made_again_the_others_are_still_seen_as_gone(self, whole):
        shutil.rmtree(whole.lakehouse / "gold" / "words")
        whole.click("gold/words", "A")
        assert set(whole.refresh().materialized) == {Target("gold/words", "B")}, "C has no rows to lose"
