"""Jobs to launch with one click: each derives again what is stale, of the whole graph or of a part with all above it.

The graph mixes partitions, which no single asset job can launch. So a job's step calls ``python -m ccl_assets.refresh`` in a
process of its own: that makes a run for each stale partition, tagged with the job's run, and stops where nothing changed.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO

import dagster as dg
from pydantic import Field

from ccl_assets.command_line import BAD_INPUT
from ccl_assets.releases.calendar import due_release
from ccl_assets.releases.command import release_store
from ccl_assets.resources.file_hashes import FileHashes
from ccl_assets.resources.releases.source import ReleaseSource
from ccl_assets.resources.settings import settings

REFRESH_TAG = "ccl/refresh"  # on every run that a job's step made: the job's run id
_SECONDS_TO_END = 60
# A refresh that failed is launched again by a person who corrected something.
_NO_RETRY = {"dagster/max_retries": "0"}


class RefreshConfig(dg.Config):
    """Choice of what to derive again."""

    select: list[str] = Field(
        default=[],
        description="Assets (gold/pairs) or groups (gold), with all that they are derived from; empty for everything.",
    )
    partitions: list[str] = Field(
        default=[], description="Of the selected assets only these partitions; empty for all."
    )
    again: bool = Field(default=False, description="Materialize what is selected even where nothing changed.")


class ReleaseUpdateConfig(dg.Config):
    """The new release."""

    locations: list[str] = Field(
        description="Zips, files or folders by path, or files by URL (URL#sha256=... is compared), that together make one "
        "release. Empty if it is in the store already."
    )
    label: str | None = Field(default=None, description="FY2027 or FY2027-April, if not what contents and names tell.")
    replace: bool = Field(default=False, description="Replace the release of this label in the store.")
    select: list[str] = Field(
        default=[],
        description='What to derive again; ["icd"] to look at the differences before anything that costs hours.',
    )


@dg.op(description="Runs `python -m ccl_assets.refresh`; its progress is this run's log.")
def derive_again(context: dg.OpExecutionContext, config: RefreshConfig) -> None:
    """Refresh a selection."""
    _refresh(context, config.select, config.partitions, again=config.again)


@dg.op(
    description="Stores a release, makes it the active one (the former active one is then the one to compare with), and derives "
    "again what it affects."
)
def update_release(context: dg.OpExecutionContext, config: ReleaseUpdateConfig) -> None:
    """Take in a release."""
    chosen = settings()
    if chosen.icd_release:
        raise dg.Failure(
            f"CCL_ICD_RELEASE={chosen.icd_release} is set and goes before any release that is made the active one: unset it, "
            "restart the UI, launch this job again"
        )
    if not config.locations and not config.label:
        raise dg.Failure("give locations of a new release, or the label of a stored one")
    store = release_store(chosen, FileHashes(chosen.home.resolve() / "file_hashes.json"))
    before = store.active()
    label = config.label
    try:
        if config.locations:
            label = store.add(config.locations, label, replace=config.replace, say=context.log.info).label
        active = store.activate(str(label))
    except (ValueError, RuntimeError, OSError) as error:
        raise dg.Failure(f"{error}. Nothing was changed") from error
    context.log.info(f"{active.label} is the active release, compared with {active.previous}")
    context.add_output_metadata({"active": active.label, "previous": str(active.previous)})
    try:
        _refresh(context, config.select, [])
    except dg.Failure as failure:
        back = before.label if before else "packaged"
        raise dg.Failure(
            f"{failure.description}. {active.label} stays the active release; to go back: python -m ccl_assets.releases activate "
            f"{back}, then launch the job refresh"
        ) from failure


@dg.op(
    description="Compares the active release with the calendar; no network. Fails if another one is in force, so that an alert on "
    "failed runs sees it.",
    required_resource_keys={"release_source"},
)
def compare_with_calendar(context: dg.OpExecutionContext) -> None:
    """Look whether a release is due."""
    source: ReleaseSource = context.resources.release_source
    active, today = source.open().label, datetime.now(UTC).date()
    due = due_release(active, today)
    context.add_output_metadata({"active": active, "due": due.label if due else "none"})
    if due is None:
        context.log.info(f"{active} is in force on {today}")
    elif due.is_certain:
        raise dg.Failure(f"{due.label} is in force since {due.since}, but {active} is the active release: {due.remedy}")
    else:
        context.log.warning(
            f"{active} is the active release; an update may be in force since {due.since}: {due.remedy}"
        )


def _refresh(
    context: dg.OpExecutionContext, select: Sequence[str], partitions: Sequence[str], *, again: bool = False
) -> None:
    command = [sys.executable, "-m", "ccl_assets.refresh", "--wait", "--tag", f"{REFRESH_TAG}={context.run_id}"]
    command += ["--select", *select] if select else []
    command += ["--partitions", *partitions] if partitions else []
    command += ["--again"] if again else []
    failures: list[str] = []
    with _process(command) as (process, lines):
        for line in lines:
            told = line.rstrip("\n")
            if told.startswith("FAILED"):
                failures.append(told)
                context.log.error(told)
            else:
                context.log.info(told)
    if process.returncode:
        wrong = told if process.returncode == BAD_INPUT else f"{len(failures)} failed: " + " | ".join(failures[:5])
        raise dg.Failure(wrong, metadata={"exit_status": process.returncode})


@contextmanager
def _process(command: Sequence[str]) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """A process that ends with this run: interrupted if the run is terminated, and by its closed output if it is killed."""
    process = subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout
        process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()


def _job(name: str, description: str, select: Sequence[str] = ()) -> dg.JobDefinition:
    @dg.job(
        name=name,
        description=description,
        config=dg.RunConfig(ops={"derive_again": RefreshConfig(select=list(select))}),
        tags=_NO_RETRY,
    )
    def job() -> None:
        derive_again()

    return job


refresh = _job(
    "refresh",
    "Derives again exactly what a changed source, setting, prompt or piece of code affects; the same as `make refresh`. The "
    "Launchpad takes a selection.",
)
mine_silver = _job(
    "mine_silver",
    "Brings the silver tier up to date: extraction over notes, candidates, refined pairs, and what they need.",
    ["silver"],
)
train_and_evaluate = _job(
    "train_and_evaluate",
    "Brings adapters, predictions, scores and the report up to date, and what they are derived from.",
    ["sft", "eval"],
)


@dg.job(
    description="Takes in a release: stores it, makes it the active one, derives again what it affects. Give its paths or URLs in "
    "the Launchpad. To see the differences first, select `icd`; see docs/annual_update.md.",
    tags=_NO_RETRY,
)
def release_update() -> None:
    """Take in a release."""
    update_release()


@dg.job(description="Says whether a release came into force that is not the active one. No network.", tags=_NO_RETRY)
def release_check() -> None:
    """Look whether a release is due."""
    compare_with_calendar()


JOBS = [refresh, mine_silver, train_and_evaluate, release_update, release_check]
