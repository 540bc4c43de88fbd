"""Which process executes a run, so that the next one can clear away what a killed one left.

A killed process cannot say that its run ended: the run stays "started" and keeps its slot of a concurrency pool, for which every
later run would wait without end. Runs that Dagster launches itself are left to Dagster's own monitoring.
"""

from __future__ import annotations

import socket

import dagster as dg

PROCESS_TAG = "ccl/process"
_UNFINISHED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def process_tag() -> dict[str, str]:
    """Tag for a run that this process executes: host, process id and the time the process began."""
    import psutil

    me = psutil.Process()
    return {PROCESS_TAG: f"{socket.gethostname()} {me.pid} {me.create_time():.2f}"}


def end_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs as failed whose process on this host is gone, and free their slots.

    Returns:
        Their ids.
    """
    ended = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)):
        if _is_dead(run.tags.get(PROCESS_TAG, "")):
            instance.report_run_failed(run, "its process was killed; what it had stored is kept")
            if instance.event_log_storage.supports_global_concurrency_limits:
                instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            ended.append(run.run_id)
    return ended


def _is_dead(tag: str) -> bool:
    import psutil

    host, _, process = tag.partition(" ")
    if host != socket.gethostname():  # of another host, or not of ours at all
        return False
    number, _, began = process.partition(" ")
    try:
        return f"{psutil.Process(int(number)).create_time():.2f}" != began
    except psutil.NoSuchProcess:
        return True
