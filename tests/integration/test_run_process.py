"""A run whose process was killed keeps no pool slot from the next one."""

import os
import signal
import subprocess
import sys
import textwrap

import dagster as dg
import pytest

from ccl_assets.refresh.instance import prepare_instance
from ccl_assets.refresh.processes import PROCESS_TAG, end_dead_runs, process_tag

DRIVER = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    import dagster as dg
    from ccl_assets.refresh.frontier import Target, materialize

    @dg.asset(key=["small", "asked"], pool="llm")
    def asked():
        print("asking", flush=True)
        time.sleep(float(sys.argv[1]))

    definitions = dg.Definitions(assets=[asked], executor=dg.in_process_executor)
    with dg.DagsterInstance.get() as instance:
        from ccl_assets.refresh.processes import end_dead_runs
        print("ended", len(end_dead_runs(instance)), flush=True)
        outcome = materialize(definitions, instance, [Target("small/asked")])
    print("made", *outcome.materialized, flush=True)
    """
)


@pytest.fixture
def start(tmp_path):
    """Starts a process that materializes an asset of the pool ``llm`` on a real instance."""
    environment = {**os.environ, "DAGSTER_HOME": str(prepare_instance(tmp_path))}

    def started(seconds):
        return subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(seconds)],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    return started


def test_a_killed_run_is_marked_as_failed_and_its_pool_is_free_for_the_next(start):
    first = start(600)
    assert [first.stdout.readline().strip() for _ in range(2)] == ["ended 0", "asking"]
    first.send_signal(signal.SIGKILL)
    first.wait(timeout=30)
    said, _ = start(0).communicate(timeout=120)
    assert said.splitlines() == ["ended 1", "asking", "made small/asked"]


def test_runs_of_living_processes_other_hosts_and_dagsters_own_are_left_alone():
    host, number, began = process_tag()[PROCESS_TAG].split()
    tags = [{}, process_tag(), {PROCESS_TAG: f"elsewhere {number} {began}"}, {PROCESS_TAG: f"{host} {number} 1.00"}]
    with dg.instance_for_test() as instance:
        for index, tag in enumerate(tags):
            run = instance.create_run_for_job(dg.job(name=f"job_{index}")(lambda: None), tags=tag)
            instance.handle_new_event(_started(run))
        ended = end_dead_runs(instance)
        assert [instance.get_run_by_id(run_id).job_name for run_id in ended] == ["job_3"]
        statuses = {run.job_name: run.status for run in instance.get_runs()}
    assert statuses.pop("job_3") is dg.DagsterRunStatus.FAILURE
    assert set(statuses.values()) == {dg.DagsterRunStatus.STARTED}


def _started(run):
    from dagster import DagsterEvent, DagsterEventType, EventLogEntry

    event = DagsterEvent(DagsterEventType.RUN_START.value, run.job_name)
    return EventLogEntry(
        error_info=None, level=20, user_message="", run_id=run.run_id, timestamp=0.0, job_name=run.job_name,
        dagster_event=event,
    )  # fmt: skip
