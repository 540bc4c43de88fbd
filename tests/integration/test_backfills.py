"""Backfills as the UI launches them: by its GraphQL calls, the daemon's own loops, and runs in processes of their own."""

import logging
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from ccl_assets.contracts import CONTRACTS
from ccl_assets.io_managers.delta_tables import DeltaTables
from ccl_assets.refresh.instance import open_instance, prepare_instance

pytestmark = pytest.mark.slow
FINISHED = {"COMPLETED", "COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"}
LAUNCH = """mutation ($it: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $it) {
    ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
AGAIN = """mutation ($it: ReexecutionParams) {
  reexecutePartitionBackfill(reexecutionParams: $it) {
    ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""


class Deployment:
    """An instance on disk with the project's dagster.yaml, a code server, and the daemon's loops at the test's own pace."""

    def __init__(self, instance, workspace):
        from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

        self.instance, self.workspace = instance, workspace
        self._queue = QueuedRunCoordinatorDaemon(interval_seconds=1)
        self.most_at_once = 0

    def call(self, query, it):
        from dagster_graphql.test.utils import execute_dagster_graphql

        result = execute_dagster_graphql(self.workspace.create_request_context(), query, {"it": it})
        assert not result.errors, result.errors
        (answer,) = result.data.values()
        return answer["backfillId"]

    def launch(self, assets, partitions):
        selection = [{"path": asset.split("/")} for asset in assets]
        return self.finish(self.call(LAUNCH, {"assetSelection": selection, "partitionNames": list(partitions)}))

    def launch_failed_again(self, backfill):
        return self.finish(self.call(AGAIN, {"parentRunId": backfill.backfill_id, "strategy": "FROM_FAILURE"}))

    def finish(self, backfill_id, seconds=240):
        """Tick until the backfill is over."""
        from dagster._daemon.backfill import execute_backfill_iteration

        until = time.monotonic() + seconds
        while (backfill := self.instance.get_backfill(backfill_id)).status.value not in FINISHED:
            assert time.monotonic() < until, backfill.status
            list(execute_backfill_iteration(self.workspace, logging.getLogger("backfill")))
            list(self._queue.run_iteration(self.workspace))
            running = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED])
            self.most_at_once = max(self.most_at_once, len(self.instance.get_runs(running)))
            time.sleep(0.3)
        return backfill

    def runs(self, backfill):
        return self.instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill.backfill_id}))


@contextmanager
def deployment(home, target):
    from dagster._core.test_utils import create_test_daemon_workspace_context

    with (
        open_instance(prepare_instance(home)) as instance,
        create_test_daemon_workspace_context(target, instance) as workspace,
    ):
        yield Deployment(instance, workspace)


@pytest.fixture(scope="module")
def environment():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
        patch.delenv("DAGSTER_HOME", raising=False)
        yield patch


class TestConcurrentRuns:
    @pytest.fixture(scope="class")
    def folder(self, tmp_path_factory):
        return tmp_path_factory.mktemp("backfill")

    @pytest.fixture(scope="class")
    def small(self, folder, environment):
        from dagster._core.workspace.load_target import PythonFileTarget

        environment.setenv("BACKFILL_FOLDER", str(folder))
        location = Path(__file__).with_name("backfill_location.py")
        with deployment(folder, PythonFileTarget(str(location), None, None, "small")) as made:
            yield made

    @pytest.fixture(scope="class")
    def first(self, small, folder):
        """A backfill of three of five chapters, of which one fails."""
        (folder / "fail_C").touch()
        return small.launch(["gold/letters", "gold/counts"], ["A", "B", "C"])

    def read(self, folder, name):
        from deltalake import DeltaTable

        return DeltaTable(str(folder / "lakehouse" / name)).to_pyarrow_table().to_pylist()

    def test_partitions_written_at_the_same_time_are_all_there(self, small, folder, first):
        rows = self.read(folder, "gold/letters")
        assert sorted(row["chapter"] + row["letter"] for row in rows) == [c + letter for c in "AB" for letter in "xyz"]
        assert {row["chapter"]: row["count"] for row in self.read(folder, "gold/counts")} == dict.fromkeys("AB", 3)
        assert len({row["process"] for row in rows}) == 2, "each partition has a process of its own"

    def test_no_more_runs_at_once_than_the_instance_allows(self, small, first):
        assert small.most_at_once == 2

    def test_one_failing_chapter_leaves_the_backfill_partial_and_names_itself(self, small, first):
        assert first.status.value == "COMPLETED_FAILED"
        runs = {run.tags["dagster/partition"]: run.status.value for run in small.runs(first)}
        assert runs == {"A": "SUCCESS", "B": "SUCCESS", "C": "FAILURE"}
        failed = first.asset_backfill_data.failed_and_downstream_subset.iterate_asset_partitions()
        assert {(key.asset_key.to_user_string(), key.partition_key) for key in failed} == {
            ("gold/letters", "C"),
            ("gold/counts", "C"),
        }

    def test_a_run_that_failed_by_itself_is_not_launched_again_but_one_whose_process_died_is(self, small, first):
        from dagster._core.events import RunFailureReason
        from dagster._core.execution.retries import auto_reexecution_should_retry_run

        (failed,) = (run for run in small.runs(first) if run.status is dg.DagsterRunStatus.FAILURE)
        outcomes = {
            reason: auto_reexecution_should_retry_run(small.instance, failed, reason)
            for reason in (RunFailureReason.STEP_FAILURE, RunFailureReason.UNKNOWN)
        }
        assert outcomes == {RunFailureReason.STEP_FAILURE: False, RunFailureReason.UNKNOWN: True}

    def test_what_failed_is_executed_again_alone(self, small, folder, first):
        (folder / "fail_C").unlink()
        before = {row["chapter"]: row["process"] for row in self.read(folder, "gold/letters")}
        second = small.launch_failed_again(first)
        assert second.status.value == "COMPLETED_SUCCESS"
        assert [run.tags["dagster/partition"] for run in small.runs(second)] == ["C"]
        after = {row["chapter"]: row["process"] for row in self.read(folder, "gold/letters")}
        assert sorted(after) == ["A", "B", "C"]
        assert {chapter: after[chapter] for chapter in before} == before


def test_a_backfill_of_three_chapters_of_gold_pairs_writes_exactly_these(tmp_path, small_release, environment):
    from dagster._core.workspace.load_target import ModuleTarget

    environment.setenv("CCL_HOME", str(tmp_path))
    environment.setenv("CCL_ICD_RELEASE", str(small_release))
    chapters = ["04_E00-E89", "09_I00-I99", "10_J00-J99"]
    above = subprocess.run(
        [sys.executable, "-m", "ccl_assets.refresh", "--select", "icd"],
        env=os.environ, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert above.returncode == 0, above.stderr[-2000:]
    target = ModuleTarget("ccl_assets.definitions", "defs", None, "ccl_assets")
    with deployment(tmp_path, target) as made:
        backfill = made.launch(["gold/pairs"], chapters)
        assert backfill.status.value == "COMPLETED_SUCCESS", [run.status for run in made.runs(backfill)]
        recorded = made.instance.get_materialized_partitions(dg.AssetKey(["gold", "pairs"]))
        assert recorded == set(chapters)
    pairs = DeltaTables(str(tmp_path / "lakehouse")).read(CONTRACTS["gold/pairs"])
    assert sorted(pairs["chapter"].unique().to_pylist()) == chapters
    CONTRACTS["gold/pairs"].check(pairs)


def test_a_run_over_a_range_is_refused_with_what_to_launch_instead(tmp_path, environment):
    environment.setenv("BACKFILL_FOLDER", str(tmp_path))
    source = Path(__file__).with_name("backfill_location.py").read_text(encoding="utf-8")
    names: dict = {}
    exec(compile(source, "backfill_location", "exec"), names)
    names["rendezvous"] = lambda *_: None
    job = names["defs"].resolve_implicit_global_asset_job_def()
    tags = {"dagster/asset_partition_range_start": "A", "dagster/asset_partition_range_end": "B"}
    with dg.DagsterInstance.ephemeral() as instance:
        for chapter in "AB":
            assert job.execute_in_process(instance=instance, partition_key=chapter).success
        below = [dg.AssetKey(["gold", "counts"])]
        result = job.execute_in_process(instance=instance, tags=tags, asset_selection=below, raise_on_error=False)
    said = "".join(str(event.step_failure_data.error) for event in result.all_events if event.is_step_failure)
    assert "a run computes one partition, not A to B: launch them as a backfill with multiple runs" in said
