"""What orchestration costs: ``python benchmarks/orchestration.py``, on a quiet machine.

Prints the time to load the code location, to the UI's first page, to materialize a chapter again where nothing changed (as a
refresh does, and by a backfill that the daemon launches in a process of its own), and the overhead per partition of a backfill of
all 22 chapters. All is real: the packaged release, the project's webserver, daemon and ``dagster.yaml``, in a temporary folder.
"""

import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

CHAPTER = "09_I00-I99"
_REPEATS = 5
_LAUNCH = """mutation ($it: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $it) { ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
_STATUS = "query ($it: String!) { partitionBackfillOrError(backfillId: $it) { ... on PartitionBackfill { status } } }"


def main() -> None:
    """Measure and print."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or the UI would outlive a terminated benchmark
    print(f"load average before: {os.getloadavg()[0]:.1f}; processors: {os.cpu_count()}")
    with tempfile.TemporaryDirectory(prefix="orchestration-") as home:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("CCL_", "DAGSTER_"))}
        environment |= {"CCL_HOME": home, "CCL_THREADS": "1", "DAGSTER_HOME": f"{home}/dagster_home"}
        os.environ.clear()
        os.environ.update(environment)
        load = [_seconds([sys.executable, "-c", "import ccl_assets.definitions"]) for _ in range(3)]
        print(
            f"code location load: {min(load):.1f}-{max(load):.1f} s (python -c 'import ccl_assets.definitions', three times)"
        )
        first = _seconds(_refresh("--select", "gold/pairs"))
        print(f"refresh --select gold/pairs from nothing, 22 chapters: {first:.1f} s")
        print(f"the same again, nothing changed: {_seconds(_refresh('--select', 'gold/pairs')):.1f} s")
        again = subprocess.run(
            _refresh("--select", "gold/pairs", "--again"), check=True, capture_output=True, text=True
        ).stdout  # fmt: skip
        seconds = [float(found) for found in re.findall(r"/22 +([0-9.]+) s  gold/pairs", again)]
        print(
            f"one chapter again, nothing changed, in the refresh's process: median {statistics.median(seconds):.2f} s "
            f"({min(seconds):.2f}-{max(seconds):.2f})"
        )
        _ui(Path(home))


def _ui(home: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "ccl_assets.ui", "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        _until(lambda: urllib.request.urlopen(address, timeout=5).status == 200)
        print(f"make ui to the first page: {time.monotonic() - begun:.1f} s")
        for chapters in ([CHAPTER], _chapters()):
            wall, computed, overhead = _backfill(address, chapters)
            print(
                f"backfill of {len(chapters)} chapters of gold/pairs: {wall:.0f} s; steps {computed:.1f} s; a run besides its "
                f"step {overhead:.1f} s (median)"
            )
            print(f"  overhead per partition: {(wall - computed) / len(chapters):.1f} s")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _backfill(address: str, chapters: list[str]) -> tuple[float, float, float]:
    """Wall seconds, seconds of all steps, and the median of a run's seconds besides its step."""
    begun = time.monotonic()
    given = {"assetSelection": [{"path": ["gold", "pairs"]}], "partitionNames": chapters}
    backfill = _ask(address, _LAUNCH, given)["launchPartitionBackfill"]["backfillId"]
    _until(lambda: _ask(address, _STATUS, backfill)["partitionBackfillOrError"]["status"] == "COMPLETED_SUCCESS", 1800)
    wall = time.monotonic() - begun
    import dagster as dg

    steps, rest = [], []
    with dg.DagsterInstance.get() as instance:
        for run in instance.get_run_records(dg.RunsFilter(tags={"dagster/backfill": backfill})):
            (step,) = instance.get_run_step_stats(run.dagster_run.run_id)
            steps.append(step.end_time - step.start_time)
            rest.append(run.end_time - run.create_timestamp.timestamp() - steps[-1])
    return wall, sum(steps), statistics.median(rest)


def _ask(address: str, query: str, it: object) -> dict[str, dict[str, str]]:
    body = json.dumps({"query": query, "variables": {"it": it}}).encode()
    request = urllib.request.Request(f"{address}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        content: dict[str, dict[str, dict[str, str]]] = json.load(answer)
    return content["data"]


def _until(holds: object, seconds: float = 300) -> None:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            if holds():  # type: ignore[operator]
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise TimeoutError(f"not within {seconds} s")


def _chapters() -> list[str]:
    from ccl_assets.icd.chapters import CHAPTER_KEYS

    return list(CHAPTER_KEYS)


def _refresh(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ccl_assets.refresh", *arguments]


def _seconds(command: list[str]) -> float:
    begun = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
