"""The Dagster instance of a deployment: created with the project's settings, and refused where it cannot be used as it is."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import dagster as dg

_FIRST_LINE = "# Written by ccl-assets {digest} and kept up to date for as long as you do not change it.\n"
_DAEMON = ("dagster._daemon", "dagster-daemon")


class InstanceError(RuntimeError):
    """The instance cannot be used as it is; the message says what to do."""


def prepare_instance(home: Path) -> Path:
    """Choose the Dagster home and return it: ``DAGSTER_HOME``, or else a folder below ``home``.

    The folder below ``home`` is created with the project's ``dagster.yaml``. A later version of the project brings that file up to
    date, unless somebody changed it.
    """
    own = home.resolve() / "dagster_home"
    chosen = Path(os.environ.get("DAGSTER_HOME") or own)
    if chosen.resolve() == own:
        own.mkdir(parents=True, exist_ok=True)
        target = own / "dagster.yaml"
        shipped = files("ccl_assets").joinpath("dagster.yaml").read_text(encoding="utf-8")
        if not target.exists() or _is_as_written(target.read_text(encoding="utf-8")):
            unnamed = own / f".dagster.yaml.{os.getpid()}"
            unnamed.write_text(_FIRST_LINE.format(digest=_digest(shipped)) + shipped, encoding="utf-8")
            unnamed.replace(target)
    return chosen


def open_instance(home: Path) -> dg.DagsterInstance:
    """Open the instance in ``home``, if this version of Dagster can read and write it.

    Raises:
        InstanceError: Its databases are damaged, or of another version of Dagster.
    """
    from sqlalchemy.exc import DatabaseError

    os.environ["DAGSTER_HOME"] = str(home)
    try:
        instance = dg.DagsterInstance.get()
        problem = _schema_problem(instance, home)
    except (DatabaseError, dg.DagsterError) as error:
        raise InstanceError(
            f"the Dagster instance in {home} cannot be opened ({str(error).splitlines()[0]}); correct its dagster.yaml, or move "
            "the folder away and run again: tables and completions are kept elsewhere, only the history of runs is lost"
        ) from error
    if problem:
        instance.dispose()
        raise InstanceError(problem)
    return instance


def refuse_second_daemon(home: Path) -> None:
    """Refuse to go on while a daemon serves the instance: two would launch each queued run and each backfill twice.

    Only this host is looked at.

    Raises:
        InstanceError: Names the process.
    """
    for process in _daemons(home):
        since = time.strftime("%H:%M", time.localtime(process.create_time()))
        raise InstanceError(
            f"a Dagster daemon serves {home} already (process {process.pid}, since {since}): use the UI it belongs to, or end "
            f"that first (kill {process.pid})"
        )


def _is_as_written(content: str) -> bool:
    first, _, rest = content.partition("\n")
    return f"{first}\n" == _FIRST_LINE.format(digest=_digest(rest))


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _schema_problem(instance: dg.DagsterInstance, home: Path) -> str | None:
    """What is wrong with the version of the instance's database schemas, and the remedy.

    Dagster itself looks at it nowhere: it fails with the database's words at the first column that is not there.
    """
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError
    from dagster._core.storage.runs.sqlite import sqlite_run_storage
    from dagster._core.storage.sql import get_alembic_config

    scripts = ScriptDirectory.from_config(get_alembic_config(sqlite_run_storage.__file__))
    head = scripts.as_revision_number("head")
    other = {name: revision for name, revision in _revisions(instance) if revision != head}
    if not other:
        return None
    named = ", ".join(f"{name}: {revision or 'none'}" for name, revision in other.items())
    said = f"the Dagster instance in {home} has the database schema of another version ({named}; expected {head})"
    try:
        for revision in other.values():
            if revision and not str(revision).startswith("without"):
                scripts.get_revision(str(revision))
    except CommandError:
        return (
            f"{said}, newer than this Dagster {dg.__version__}: use the environment it was written by, or move the folder "
            "away to begin a new history of runs"
        )
    return (
        f"{said}: copy the folder, end everything that uses it, then run DAGSTER_HOME={home} dagster instance migrate"
    )


def _revisions(instance: dg.DagsterInstance) -> Iterator[tuple[str, Any]]:
    """Schema revision of each storage that has one, or what an event log without one lacks."""
    from alembic.runtime.migration import MigrationContext

    for name, storage in (("runs", instance.run_storage), ("schedules", instance.schedule_storage)):
        if storage is not None and (version := storage.alembic_version()) is not None:
            yield name, version[0]
    events: Any = instance.event_log_storage
    if not hasattr(events, "index_connection"):
        return
    with events.index_connection() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
        # the consolidated SQLite storage creates its tables without noting the revision
        if revision is not None or (missing := _missing_columns(connection)):
            yield "events", revision or f"without {missing[0]}"


def _missing_columns(connection: Any) -> list[str]:
    """Tables and columns that this Dagster reads of the event log and that are not there."""
    from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
    from sqlalchemy import inspect

    inspector = inspect(connection)
    there = set(inspector.get_table_names())
    missing = [name for name in SqlEventLogStorageMetadata.tables if name not in there]
    for name in there.intersection(SqlEventLogStorageMetadata.tables):
        columns = {column["name"] for column in inspector.get_columns(name)}
        missing += [
            f"{name}.{c.name}" for c in SqlEventLogStorageMetadata.tables[name].columns if c.name not in columns
        ]
    return sorted(missing)


def _daemons(home: Path) -> Iterator[Any]:
    """Processes of this user that are a Dagster daemon of the instance."""
    import psutil

    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            is_daemon = any(word.endswith(_DAEMON) for word in words[:4]) and "run" in words
            if is_daemon and Path(process.environ().get("DAGSTER_HOME", "")).resolve() == home.resolve():
                yield process
        except (psutil.Error, OSError):
            continue
