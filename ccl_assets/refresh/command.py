"""``python -m ccl_assets.refresh``: materialize what is stale or missing, then say where the report is.

This is what ``make run``, ``make refresh`` and the jobs of the Dagster UI call. It records its runs in the same Dagster instance
that the UI reads.
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ccl_assets.command_line import FAILED, complain, exit_code, say
from ccl_assets.refresh.instance import InstanceError, open_instance, prepare_instance
from ccl_assets.refresh.processes import RefreshRunningError, only_refresh
from ccl_assets.refresh.selection import Selection, SelectionError
from ccl_assets.resources.settings import Settings, settings

if TYPE_CHECKING:
    from ccl_assets.refresh import frontier


class _BadSourceError(RuntimeError):
    """A release or corpus cannot be read."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Refresh; the exit status is 0, 1 (something failed) or 2 (an argument, setting, source or the instance is wrong)."""
    given = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):  # a process started in the background ignores SIGINT
        signal.signal(number, signal.default_int_handler)

    def run() -> int:
        chosen = settings()
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        with only_refresh(chosen.home.resolve(), waits=given.wait, say=say):
            return _refresh(chosen, Selection(tuple(given.select), tuple(given.partitions), given.again), given.tag)

    return exit_code(
        run,
        refused=(SelectionError, RefreshRunningError, InstanceError, _BadSourceError),
        interrupted="interrupted; what was materialized or answered is kept, run again to continue",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ccl_assets.refresh", description="Materialize what is stale or missing."
    )
    parser.add_argument(
        "--select", nargs="+", default=[], metavar="ASSET-or-GROUP",
        help="only these and what they are derived from, e.g. gold/pairs or silver; everything unless given",
    )  # fmt: skip
    parser.add_argument(
        "--partitions", nargs="+", default=[], metavar="KEY",
        help="of the selected assets only these partitions, e.g. 09_I00-I99",
    )  # fmt: skip
    parser.add_argument("--again", action="store_true", help="materialize what is selected even where nothing changed")
    parser.add_argument("--wait", action="store_true", help="wait for another refresh to end instead of refusing")
    parser.add_argument("--tag", action="append", default=[], metavar="NAME=VALUE", help="tag every run")
    return parser


def _refresh(chosen: Settings, selection: Selection, tags: Sequence[str]) -> int:
    started = time.monotonic()
    with open_instance(prepare_instance(chosen.home)) as instance:
        from ccl_assets.automation.sources import source_versions
        from ccl_assets.coding.systems import SYSTEMS
        from ccl_assets.contracts import CONTRACTS
        from ccl_assets.corpora.assets import configured_corpora
        from ccl_assets.corpora.loaders import CORPORA, check_headings
        from ccl_assets.definitions import CORPUS_PATHS, FILE_HASHES, PREVIOUS_RELEASE_SOURCE, RELEASE_SOURCE, defs
        from ccl_assets.io_managers.delta_tables import DeltaTables
        from ccl_assets.refresh import frontier
        from ccl_assets.refresh.lost import StoredPartitions

        corpora = configured_corpora(CORPUS_PATHS)
        say(f"profile {chosen.profile}; data in {chosen.home.resolve()}; corpora: {', '.join(corpora)}")
        for name in CORPORA:
            if name not in corpora:
                say(f"  corpus {name} is left out: {' and '.join(CORPORA[name].unset(CORPUS_PATHS))} not set")
        sources = source_versions(RELEASE_SOURCE, PREVIOUS_RELEASE_SOURCE, CORPUS_PATHS, FILE_HASHES)
        try:
            RELEASE_SOURCE.open()
            if PREVIOUS_RELEASE_SOURCE.is_set:
                PREVIOUS_RELEASE_SOURCE.open()
            for versions in sources.values():
                versions()
            for name in corpora:
                check_headings(name, CORPUS_PATHS)
        except (ValueError, RuntimeError, OSError) as error:
            raise _BadSourceError(str(error)) from error
        partitions = {f"corpus/{table}": corpora for table in ("documents", "labels", "evidence", "code_counts")}
        if chosen.limits.systems is not None:
            recipes = list(dict.fromkeys(recipe for name in chosen.limits.systems if (recipe := SYSTEMS[name].recipe)))
            partitions |= {f"sft/{asset}": recipes for asset in ("dataset", "adapter")}
            partitions["linking/coder"] = list(
                dict.fromkeys(rung for name in chosen.limits.systems if (rung := SYSTEMS[name].rung))
            )
            partitions |= {f"eval/{table}": list(chosen.limits.systems) for table in ("predictions", "scores")}
        stored = StoredPartitions(DeltaTables(chosen.lakehouse), CONTRACTS, chosen.artifacts)
        outcome = frontier.refresh(
            defs, instance, partitions, sources, say,
            selection=selection, tags=dict(tag.split("=", 1) for tag in tags), lost=stored.look,
        )  # fmt: skip
    return _report(chosen, outcome, time.monotonic() - started)


def _report(chosen: Settings, outcome: frontier.Outcome, seconds: float) -> int:
    say(f"{len(outcome.materialized)} partitions materialized in {seconds:.0f} s")
    report = chosen.report / "index.html"
    if report.exists():
        say(f"report:    {report}")
    say("Dagster UI: make ui   (then open http://127.0.0.1:3000)")
    for target, reason in outcome.failed.items():
        complain(f"FAILED {target}: {reason}")
    if outcome.waiting:
        complain(f"{len(outcome.waiting)} partitions wait for what failed; correct it and run again")
    return FAILED if outcome.failed else 0
