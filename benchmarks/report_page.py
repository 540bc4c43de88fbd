"""What a large report costs: building it, its size, and how long a browser takes to open it.

The report holds notes of the packaged sample corpus, repeated under new ids and lengthened, with made-up answers of several
systems, and their scores. A headless Chromium, where there is one, opens the page from a server on this host with an empty
profile, several times: timed from the request to the load event and to the frame after it, then for opening a note and for
switching to another system in it.

    python benchmarks/report_page.py [--notes 250] [--systems 8] [--characters 8000] [--repeats 3] [--keep FOLDER]

Exit status 1 if the page takes two seconds or more. Wall times are worth something on an idle machine only.
"""

from __future__ import annotations

import argparse
import http.server
import json
import os
import queue
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from ccl_assets.corpora.loaders import load
from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS
from ccl_assets.evaluation.report.exports import write_report
from ccl_assets.evaluation.report.note_view import note_views
from ccl_assets.evaluation.report.page import ReportInputs
from ccl_assets.evaluation.scoring.rule_violations import CodingRules
from ccl_assets.evaluation.scoring.score_rows import score_system
from ccl_assets.evaluation.tables import PREDICTIONS
from ccl_assets.icd.instructions.lookup import Instructions
from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tables import CODES, INSTRUCTIONS
from ccl_assets.icd.tabular.tabular_list import parse_tabular
from ccl_assets.resources.corpus_paths import CorpusPaths

MOST_S = 2.0
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--window-size=1360,1000",
)  # fmt: skip
_BROWSER_S = 120
_FILLER = "\nNursing: resting comfortably, vital signs as charted, continues on current plan of care."
# The frame after a frame: by then what was asked for is on the screen.
_WRAPPER = b"""<!doctype html><title>timing</title><iframe src="index.html" style="width:1300px;height:900px"></iframe><script>
const frame = document.querySelector("iframe"), began = performance.now();
const painted = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
const timed = async work => { const from = performance.now(); work(); await painted(); return performance.now() - from; };
frame.onload = async () => {
  const load = performance.now() - began;
  await painted();
  const found = {load, painted: performance.now() - began, elements: frame.contentDocument.querySelectorAll("*").length};
  const notes = frame.contentDocument.querySelectorAll(".n"), note = notes[notes.length >> 1];
  note.scrollIntoView(); await painted();
  found.open_note = await timed(() => { note.open = true; });
  found.switch_system = await timed(() => { note.querySelector(".a > details:last-child").open = true; });
  await fetch("/found", {method: "POST", body: JSON.stringify(found)});
};
</script>"""


def large_inputs(note_count: int, system_count: int, characters: int) -> ReportInputs:
    """A report over ``note_count`` notes of about ``characters`` each, answered by ``system_count`` systems."""
    release = open_release()
    tabular = parse_tabular(release.tabular, release.label)
    titles = {row["code"]: row["long_title"] for row in tabular.codes}
    billable = [row["code"] for row in tabular.codes if row["is_billable"]]
    coding_rules = CodingRules(
        Instructions.from_tables(CODES.table(tabular.codes), INSTRUCTIONS.table(tabular.instructions))
    )
    corpus = load("sample", CorpusPaths())
    annotated = {span.document_id for span in corpus.evidence}
    sources = [document.row() for document in corpus.documents if document.document_id in annotated]
    documents, labels, evidence, predictions = [], [], [], []
    chance = random.Random(7)
    for number in range(note_count):
        source = sources[number % len(sources)]
        place = {"document_id": f"note-{number:04d}", "chart_id": f"chart-{number:04d}"}
        text = source["text"] + _FILLER * max(0, (characters - len(source["text"])) // len(_FILLER))
        document = {**source, **place, "split": "test", "text": text, "character_count": len(text)}
        documents.append(document)
        spans = [span.row() | place for span in corpus.evidence if span.document_id == source["document_id"]]
        evidence += spans
        codes = list(dict.fromkeys(span["code"] for span in spans))
        labels += [
            {
                "corpus": "sample",
                **place,
                "position": at,
                "code": code,
                "source_code": code,
                "note_shard": source["note_shard"],
            }
            for at, code in enumerate(codes, start=1)
        ]
        for system in range(system_count):
            predictions.append(
                _answer(document, f"system_{system}", spans, billable, 0.3 + 0.6 * system / system_count, chance)
            )
    tables = {
        "documents": DOCUMENTS.table(documents),
        "labels": LABELS.table(labels),
        "evidence": EVIDENCE.table(evidence),
    }
    table = PREDICTIONS.table(predictions)
    systems = [f"system_{number}" for number in range(system_count)]
    scores: list[dict[str, Any]] = []
    for system in systems:
        answers = PREDICTIONS.table([row for row in predictions if row["system"] == system])
        scores += score_system(
            answers, **tables, codes=frozenset(billable), coding_rules=coding_rules, resample_count=100
        )
    return ReportInputs(
        title="A large report",
        generated="made up",
        systems=dict.fromkeys(systems, "made up"),
        scores=scores,
        note_views=note_views(
            table, **tables, titles=titles, systems=systems, coding_rules=coding_rules, limit=note_count
        ),
    )


def _answer(
    document: dict[str, Any],
    system: str,
    spans: list[dict[str, Any]],
    billable: list[str],
    skill: float,
    chance: random.Random,
) -> dict[str, Any]:
    """An answer with the right code for a share of the human spans and another one for the rest."""
    given = {}
    for span in spans:
        code = span["code"] if chance.random() < skill else chance.choice(billable)
        given[code] = {
            "code": code,
            "is_valid": True,
            "evidence": span["evidence_text"],
            "begin": span["begin"],
            "end": span["end"],
            "evidence_status": "verbatim",
            "confidence": chance.random(),
            "repaired_from": None,
        }
    return {
        "system": system,
        **{name: document[name] for name in ("corpus", "split", "document_id", "chart_id")},
        "raw_output": None,
        "predictions": list(given.values()),
        "problems": [],
        "prompt_token_count": 0,
        "completion_token_count": 0,
        "seconds": 0.0,
        "model": None,
        "prompt_sha256": None,
        "was_asked": True,
    }


def open_page(browser: str, folder: Path) -> dict[str, float]:
    """Open ``index.html`` of a folder once and return milliseconds by what was waited for, and the number of elements."""
    found: queue.Queue[dict[str, float]] = queue.Queue()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def do_GET(self) -> None:
            if self.path != "/wrapper":
                return super().do_GET()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(_WRAPPER)

        def do_POST(self) -> None:
            found.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        url = f"http://127.0.0.1:{server.server_port}/wrapper"
        # --remote-debugging-port keeps a headless browser open until it is ended
        command = [browser, *_FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0", url]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return found.get(timeout=_BROWSER_S)
        finally:
            process.terminate()
            process.wait()
            server.shutdown()


def main() -> int:
    """Build, open, print; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--notes", type=int, default=250)
    parser.add_argument("--systems", type=int, default=8)
    parser.add_argument("--characters", type=int, default=8000, help="length of a note, at least")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="leave the report here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch)
        began = time.perf_counter()
        inputs = large_inputs(arguments.notes, arguments.systems, arguments.characters)
        made = time.perf_counter()
        sizes = write_report(folder, inputs)
        written = time.perf_counter()
        lines = sum(len(answer.lines) for view in inputs.note_views for answer in view.answers)
        print(
            f"{arguments.notes} notes x {arguments.systems} systems, {lines:,} lines of codes; load {os.getloadavg()[0]:.1f}"
        )
        print(f"made up, scored, views  {made - began:6.1f} s\nrendered and written    {written - made:6.1f} s")
        for name, size in sizes.items():
            print(f"  {name:22}{size / 1e6:6.1f} MB")
        browser = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
        if browser is None:
            print("no Chromium here: not opened")
            return 0
        runs = [open_page(browser, folder) for _ in range(arguments.repeats)]
    print(f"opened {len(runs)} times, {runs[0]['elements']:,.0f} elements; median and worst, ms:")
    for name in ("load", "painted", "open_note", "switch_system"):
        times = [run[name] for run in runs]
        print(f"  {name:22}{statistics.median(times):6.0f}{max(times):8.0f}")
    return int(statistics.median(run["painted"] for run in runs) >= MOST_S * 1000)


if __name__ == "__main__":
    sys.exit(main())
