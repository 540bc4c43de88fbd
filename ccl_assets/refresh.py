"""``python -m ccl_assets.refresh``: materialize what is stale or missing, then say where the report is.

This is what ``make run`` and ``make refresh`` call. It records its runs in the same Dagster instance that the UI reads.
"""

from __future__ import annotations

import os
import sys
import time
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from ccl_assets.resources.settings import settings

_BAD_INPUT = 2
_FAILED = 1
_INTERRUPTED = 130


def prepare_instance(home: Path) -> Path:
    """Create the Dagster home below ``home`` with the project's ``dagster.yaml``; returns it."""
    dagster_home = home.resolve() / "dagster_home"
    dagster_home.mkdir(parents=True, exist_ok=True)
    target = dagster_home / "dagster.yaml"
    if not target.exists():
        target.write_text(files("ccl_assets").joinpath("dagster.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return dagster_home


def main() -> int:
    """Refresh everything; the exit status is 0, 1 (something failed) or 2 (a setting or source is wrong)."""
    started = time.monotonic()
    try:
        chosen = settings()
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(["CCL", *(str(part) for part in problem["loc"])]).upper()
            print(f"setting {name}: {problem['msg']}", file=sys.stderr)
        return _BAD_INPUT
    os.environ["DAGSTER_HOME"] = str(prepare_instance(chosen.home))
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

    import dagster as dg

    from ccl_assets import frontier
    from ccl_assets.coding.systems import SYSTEMS
    from ccl_assets.corpora.assets import configured_corpora, corpus_versions
    from ccl_assets.corpora.loaders import CORPORA, check_headings
    from ccl_assets.definitions import CORPUS_PATHS, FILE_HASHES, PREVIOUS_RELEASE_SOURCE, RELEASE_SOURCE, defs
    from ccl_assets.icd.release_diff_assets import previous_release_version

    corpora = configured_corpora(CORPUS_PATHS)
    say(f"profile {chosen.profile}; data in {chosen.home.resolve()}; corpora: {', '.join(corpora)}")
    for name in CORPORA:
        if name not in corpora:
            say(f"  corpus {name} is left out: {' and '.join(CORPORA[name].unset(CORPUS_PATHS))} not set")
    sources: dict[str, frontier.SourceVersions] = {
        "source/icd_release": lambda: {None: RELEASE_SOURCE.version()},
        "source/previous_icd_release": lambda: {None: previous_release_version(PREVIOUS_RELEASE_SOURCE)},
        "source/corpus_files": lambda: corpus_versions(CORPUS_PATHS, FILE_HASHES),
    }
    try:
        RELEASE_SOURCE.open()
        if PREVIOUS_RELEASE_SOURCE.is_set:
            PREVIOUS_RELEASE_SOURCE.open()
        for versions in sources.values():
            versions()
        for name in corpora:
            check_headings(name, CORPUS_PATHS)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"{error}", file=sys.stderr)
        return _BAD_INPUT
    partitions = {f"corpus/{table}": corpora for table in ("documents", "labels", "evidence", "code_counts")}
    if chosen.limits.systems is not None:
        recipes = list(dict.fromkeys(recipe for name in chosen.limits.systems if (recipe := SYSTEMS[name].recipe)))
        partitions |= {f"sft/{asset}": recipes for asset in ("dataset", "adapter")}
        partitions |= {f"eval/{table}": list(chosen.limits.systems) for table in ("predictions", "scores")}
    try:
        with dg.DagsterInstance.get() as instance:
            outcome = frontier.refresh(defs, instance, partitions, sources, say)
    except KeyboardInterrupt:
        say("interrupted; what was materialized or answered is kept, run again to continue")
        return _INTERRUPTED
    took = time.monotonic() - started
    say(f"{len(outcome.materialized)} partitions materialized in {took:.0f} s")
    report = chosen.artifacts / "eval" / "report" / "index.html"
    if report.exists():
        say(f"report:    {report}")
    say("Dagster UI: make ui   (then open http://127.0.0.1:3000)")
    for target, reason in outcome.failed.items():
        print(f"FAILED {target}: {reason}", file=sys.stderr)
    if outcome.waiting:
        print(f"{len(outcome.waiting)} partitions wait for what failed; correct it and run again", file=sys.stderr)
    return _FAILED if outcome.failed else 0


def say(line: str) -> None:
    """Print a progress line at once."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
