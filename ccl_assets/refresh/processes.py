"""Processes that execute runs, so that one can clear away what a killed one left, and wait for a living one with a word.

A killed process cannot say that its run ended: the run stays "started" and keeps its slot of a concurrency pool, for which every
later run would wait without end. Dagster's own monitoring does not look at the processes its default launcher starts.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

PROCESS_TAG = "ccl/process"
_UNFINISHED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_PAUSE = 2.0  # seconds between two looks
_CLOCK = 2.0  # seconds by which a process may seem younger than the event that names it


class RefreshRunningError(RuntimeError):
    """Another refresh works on the same data."""


def process_tag() -> dict[str, str]:
    """Tag for a run that this process executes: host, process id and the time the process began."""
    import psutil

    me = psutil.Process()
    return {PROCESS_TAG: f"{socket.gethostname()} {me.pid} {me.create_time():.2f}"}


@contextmanager
def only_refresh(home: Path, *, waits: bool, say: Callable[[str], None]) -> Iterator[None]:
    """Be the only refresh of the data in ``home``; two would compute the same partitions and wait for each other's pools.

    Args:
        home: ``CCL_HOME``.
        waits: Wait for another one to end instead of refusing.
        say: Told once what is waited for.

    Raises:
        RefreshRunningError: Another one runs; the message names its process.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".refresh.lock").open("a+", encoding="utf-8") as lock:
        said = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                lock.seek(0)
                other = lock.read().strip() or "another process"
            if not waits:
                raise RefreshRunningError(
                    f"a refresh of {home} runs already ({other}): wait until it ends, or end it (what it stored is kept)"
                )
            if not said:
                say(f"waiting for another refresh to end ({other})")
                said = True
            time.sleep(_PAUSE)
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%H:%M')}\n")
        lock.flush()
        yield


def wait_for_pools(instance: dg.DagsterInstance, pools: Collection[str], say: Callable[[str], None]) -> None:
    """Wait until each of the pools has a free slot, and say which runs hold them; Dagster would wait in silence."""
    storage = instance.event_log_storage
    if not pools or not storage.supports_global_concurrency_limits:
        return
    said = None
    while True:
        infos = [storage.get_concurrency_info(pool) for pool in sorted(pools)]
        full = [info for info in infos if info.slot_count and info.active_slot_count >= info.slot_count]
        holders = sorted({run_id for info in full for run_id in info.active_run_ids})
        if not holders:
            return
        if end_dead_runs(instance):
            continue
        if holders != said:
            named = ", ".join(info.concurrency_key for info in full)
            say(
                f"  waiting for pool {named}: held by run {', '.join(holders)}; let it end or terminate it in the Dagster UI"
            )
            said = holders
        time.sleep(_PAUSE)


def end_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs as failed whose process on this host is gone, and free their slots.

    Returns:
        Their ids.
    """
    ended = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)):
        if _is_dead(_process_of(instance, run)):
            instance.report_run_failed(run, "its process was killed; what it had stored is kept")
            if instance.event_log_storage.supports_global_concurrency_limits:
                instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            ended.append(run.run_id)
    return ended


def _process_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[int, float] | None:
    """Id of the process on this host that executes a run, and a time by which it had begun; ``None`` where that is not known."""
    if tag := run.tags.get(PROCESS_TAG):
        host, _, process = tag.partition(" ")
        number, _, began = process.partition(" ")
        return (int(number), float(began)) if host == socket.gethostname() else None
    if "sqlite" not in type(instance.event_log_storage).__module__:
        return None  # a database that several hosts may use, and Dagster's event does not name the host
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        event = entry.dagster_event
        data: Any = event.event_specific_data if event is not None else None
        if data is not None and "pid" in data.metadata and (entry.message or "").find("Started process for run") >= 0:
            return int(data.metadata["pid"].value), entry.timestamp
    return None


def _is_dead(process: tuple[int, float] | None) -> bool:
    import psutil

    if process is None:
        return False
    number, began = process
    try:
        found = psutil.Process(number)
        return bool(found.status() == psutil.STATUS_ZOMBIE or found.create_time() > began + _CLOCK)
    except psutil.NoSuchProcess:
        return True
