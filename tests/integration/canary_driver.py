"""Run by test_canary.py in a process of its own: mines restricted notes, and fails in many ways while it does.

Everything is as talkative as it can be: the console at debug level, all Python loggers in the event log.
"""

import json
import logging
import os
import shutil
import sys
import time
from pathlib import Path

from ccl_assets.refresh.instance import prepare_instance

home = Path(os.environ["CCL_HOME"])
dagster_home = prepare_instance(home)
with (dagster_home / "dagster.yaml").open("a") as settings_file:
    settings_file.write("python_logs:\n  managed_python_loggers: [root]\n  python_log_level: DEBUG\n")
os.environ["DAGSTER_HOME"] = str(dagster_home)
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)

import dagster as dg  # noqa: E402

from ccl_assets.contracts import CONTRACTS  # noqa: E402
from ccl_assets.corpora.partitions import CORPUS, NOTE_SHARD  # noqa: E402
from ccl_assets.definitions import defs  # noqa: E402
from ccl_assets.icd.partitions import CHAPTER  # noqa: E402
from ccl_assets.io_managers.delta_tables import DeltaTables  # noqa: E402
from ccl_assets.io_managers.table_io_manager import TableIOManager  # noqa: E402
from ccl_assets.lakehouse.table_asset import TableResult, table_asset  # noqa: E402
from ccl_assets.refresh import frontier  # noqa: E402
from ccl_assets.refresh.frontier import Target  # noqa: E402
from ccl_assets.resources.models.language_models import LanguageModels  # noqa: E402
from ccl_assets.resources.settings import settings  # noqa: E402
from ccl_assets.tables.contract import INTEGER, STRING, Column, TableContract  # noqa: E402

frontier._QUIET = {"loggers": {"console": {"config": {"log_level": "DEBUG"}}}}
MARKER = os.environ["CANARY"]
SILVER = Target("silver/pairs", "09_I00-I99")
UNFIT = TableContract(
    name="canary/unfit",
    description="Rows that break their contract.",
    columns=(Column("name", STRING, "Key."), Column("count", INTEGER, "Number.")),
    key=("name",),
    has_note_text=True,
)
UNFIT_ROWS = {
    "another type": [{"name": "a", "count": MARKER}],
    "repeated key": [{"name": MARKER, "count": 1}, {"name": MARKER, "count": 2}],
    "another column": [{"name": MARKER, "count": 1, "text": MARKER}],
    "empty": [{"name": None, "count": 1}, {"name": MARKER, "count": None}],
}
unfit_rows = []


@table_asset(UNFIT, code_version="1", description="Rows that break their contract.", kinds={"python"})
def unfit(context: dg.AssetExecutionContext) -> TableResult:
    return TableResult(list(unfit_rows))


def definitions(**changed):
    """The project's, with other settings of the language models."""
    models = LanguageModels(settings().model_copy(update=changed))
    tables = TableIOManager(DeltaTables(settings().lakehouse), {**CONTRACTS, UNFIT.name: UNFIT})
    return dg.Definitions(
        assets=[*defs.assets, unfit],
        resources={**(defs.resources or {}), "language_models": models, "tables": tables},
        executor=dg.in_process_executor,
    )


def run(what, targets, **changed):
    started = time.monotonic()
    outcome = frontier.materialize(definitions(**changed), instance, targets)
    print(f"{what}: {targets[0]} took {time.monotonic() - started:.1f} s", flush=True)
    report.append({"what": what, "failed": {str(t): reason for t, reason in outcome.failed.items()}})
    return not outcome.failed


def upstream_of_silver():
    """Every run that silver/pairs of one chapter needs, sources first; assets computed together in one run."""
    graph = definitions().resolve_asset_graph()
    wanted, seen = [SILVER.key], set()
    while wanted:
        key = wanted.pop()
        if key not in seen:
            seen.add(key)
            wanted += graph.get(key).parent_keys
    done = set()
    for key in graph.toposorted_asset_keys:
        node = graph.get(key)
        if key in seen and node.is_materializable and key not in done:
            together = sorted(node.execution_set_asset_keys)
            done |= set(together)
            partition = {CHAPTER: SILVER.partition, CORPUS: "mimic_iv", NOTE_SHARD: NOTE_SHARD}.get(node.partitions_def)
            yield [Target(each.to_user_string(), partition) for each in together]


def shard_of_the_notes():
    (shard,) = set(DeltaTables(settings().lakehouse).read(CONTRACTS["corpus/documents"])["note_shard"].to_pylist())
    return shard


report = []
files = Path(os.environ["CCL_MIMIC_IV_NOTE"]) / "note/discharge.csv.gz"
whole = files.read_bytes()
with dg.DagsterInstance.get() as instance:
    for name, rows in UNFIT_ROWS.items():
        unfit_rows[:] = rows
        run(f"contract: {name}", [Target("canary/unfit")])
    corpus = [Target(f"corpus/{table}", "mimic_iv") for table in ("documents", "labels", "evidence")]
    for group in upstream_of_silver():
        if group[0].asset.startswith("corpus/"):
            run("annotations of another version", [Target(target.asset, "mdace") for target in group])
            files.write_bytes(whole[: len(whole) // 2])
            run("file cut short", group)
            shutil.copy(os.environ["CANARY_DAMAGED"], files)
            run("damaged rows", group)
            files.write_bytes(whole)
        if group[0].partition is NOTE_SHARD:
            group = [Target(target.asset, shard_of_the_notes()) for target in group]
            run("endpoint elsewhere", group, endpoint="http://localhost.evil.example:8000/v1")
            for mode in ("http-400", "http-401", "prose", "another-model", "empty"):
                run(f"server: {mode}", group, miner_model=f"served-{mode}")
        if not run("as it should be", group):
            break
    else:
        pairs = DeltaTables(settings().lakehouse).read(CONTRACTS["silver/pairs"])
        rows = sum(MARKER in text for text in pairs["evidence"].to_pylist())
        report.append({"what": "rows that hold the marker", "failed": {}, "rows": rows})
Path(os.environ["CANARY_REPORT"]).write_text(json.dumps(report))
