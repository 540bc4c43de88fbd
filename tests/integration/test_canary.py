"""Patient data stays where it belongs: a marker planted in restricted notes is found in tables and completion store only.

A driver (canary_driver.py) runs corpus, extraction, candidates and silver pairs on restricted notes through the real assets, with a
server that repeats its prompts in answers and errors, and with sources, tables and endpoints that fail. Then every byte it left or
said is searched. Allowed are the lakehouse (the notes' own tables), the completion store, and the source files.
"""

import csv
import gzip
import http.server
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import pytest

from ccl_assets.corpora.loaders import CorpusPaths, load
from ccl_assets.icd.release.contents import open_release

MARKER = "ZQXCANARY7F3K"
NOTE = f"{MARKER} seen with {MARKER} hypertension on {MARKER} pills, and {MARKER} heart failure of {MARKER} origin. {MARKER}"

pytestmark = pytest.mark.slow


def quoting_answer(prompt, has_schema):
    """What a miner might say, in either form, with quotes that are in the note and quotes that are not."""
    if "CANDIDATES" in prompt:
        return f"- {MARKER} hypertension\n- high blood pressure of {MARKER}\n- {MARKER}"
    quotes = {
        "I10": f"{MARKER} hypertension",
        "I50.9": f"{MARKER} failing heart, not in the note at all",
        MARKER: MARKER,
    }
    if has_schema:
        return json.dumps(quotes)
    return f"Here is {MARKER}:\n" + "\n".join(f'- {code} title: "{quote}"' for code, quote in quotes.items())


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked: dict[str, int]

    def do_GET(self):
        self.send(404, {"error": {"message": MARKER}})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        mode = body["model"].removeprefix("served").strip("-")
        attempts = self.asked[mode] = self.asked.get(mode, 0) + 1
        error = {"error": {"message": f"cannot read: {prompt}", "code": prompt, "type": prompt, "param": MARKER}}
        answer = {
            "id": MARKER, "object": "chat.completion", "created": 0, "model": body["model"], "system_fingerprint": MARKER,
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": None}}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }  # fmt: skip
        if mode.startswith("http"):
            self.send(int(mode.removeprefix("http-")), error)
        elif mode == "prose" and attempts <= 2:
            self.send(200, f"I read: {prompt}")
        elif mode == "another-model":
            self.send(200, answer | {"model": prompt})
        elif mode == "empty":
            self.send(200, answer)
        elif attempts == 1:  # passing: asked again
            self.send(500, error)
        else:
            answer["choices"][0]["message"]["content"] = quoting_answer(prompt, "response_format" in body)
            self.send(200, answer)

    def send(self, status, content):
        body = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status, f"Said {MARKER}" if status != 200 else None)
        self.send_header("Content-Type", "text/plain" if isinstance(content, str) else "application/json")
        self.send_header("X-Request-Id", MARKER)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def serve(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def write_notes(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    heading = ["note_id", "subject_id", "hadm_id", "note_type", "note_seq", "charttime", "storetime", "text"]
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([heading, *rows])


def write_sources(folder):
    """MIMIC-IV and MDACE in their layouts; the settings that name them."""
    rows = [[f"{n}-DS-1", str(n), "11", "DS", "1", "2180-01-01", "", f"Note {n}. {NOTE * 30}"] for n in (1, 2)]
    write_notes(folder / "mimic-iv-note/note/discharge.csv.gz", rows)
    damaged = [rows[0], rows[0], [MARKER], [*rows[1], MARKER], ["3-DS-1", "3", MARKER, "DS", "1", "", "", NOTE]]
    write_notes(folder / "damaged.csv.gz", damaged)
    diagnoses = folder / "mimic-iv/hosp/diagnoses_icd.csv.gz"
    diagnoses.parent.mkdir(parents=True)
    with gzip.open(diagnoses, "wt", newline="") as file:
        heading = ["subject_id", "hadm_id", "seq_num", "icd_code", "icd_version"]
        csv.writer(file).writerows([heading, ["1", "11", "1", "I10", "10"], ["1", "11", "2", "I509", "10"]])
    events = folder / "mimic-iii/NOTEEVENTS.csv.gz"
    events.parent.mkdir()
    with gzip.open(events, "wt", newline="") as file:
        heading = [
            "ROW_ID",
            "SUBJECT_ID",
            "HADM_ID",
            "CHARTDATE",
            "CHARTTIME",
            "STORETIME",
            "CATEGORY",
            "DESCRIPTION",
            "CGID",
            "ISERROR",
            "TEXT",
        ]
        csv.writer(file).writerows([heading, ["7", "1", "70", "", "", "", "Discharge summary", "Report", "", "", NOTE]])
    beyond = {"begin": 3, "end": len(NOTE) + 40, "code": "I10", "code_system": "ICD-10-CM", "type": "Human"}
    note = {"note_id": 7, "category": "Discharge summary", "description": "Report", "annotations": [beyond]}
    annotations = folder / "mdace/data/Inpatient/ICD-10/1.0/70-ICD-10.json"
    annotations.parent.mkdir(parents=True)
    annotations.write_text(json.dumps({"hadm_id": 70, "comment": "", "notes": [note]}))
    splits = folder / "mdace/splits/Inpatient"
    splits.mkdir(parents=True)
    for split in ("train", "val", "test"):
        (splits / f"MDace-ev-{split}.csv").write_text("70\n" if split == "train" else "")
    return {
        "CCL_MIMIC_IV_NOTE": folder / "mimic-iv-note",
        "CCL_MIMIC_IV": folder / "mimic-iv",
        "CCL_MDACE": folder / "mdace",
        "CCL_MIMIC_III": folder / "mimic-iii",
        "CANARY_DAMAGED": folder / "damaged.csv.gz",
    }


def write_release(folder):
    from lxml import etree

    kept = {"I10", "I50"} | {label.code[:3] for label in load("sample", CorpusPaths()).labels}  # some of every chapter
    root = etree.fromstring(open_release().tabular.content)
    for section in root.iterfind("chapter/section"):
        for diag in section.findall("diag"):
            if diag.findtext("name") not in kept:
                section.remove(diag)
    folder.mkdir()
    (folder / "tabular.xml").write_bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8"))
    return folder


@pytest.fixture(scope="module")
def mined(tmp_path_factory):
    """The finished run: its folder, its report, what it said, and how often server and proxy were asked."""
    folder = tmp_path_factory.mktemp("canary")
    (folder / "tmp").mkdir()
    miner = serve(type("Miner", (Handler,), {"asked": {}}))
    proxy = serve(type("Proxy", (Handler,), {"asked": {}}))
    proxy_url = f"http://127.0.0.1:{proxy.server_port}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CCL_", "DAGSTER_"))}
    environment |= {name: str(value) for name, value in write_sources(folder / "sources").items()}
    environment |= dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"), proxy_url)
    environment |= {
        "CCL_HOME": str(folder / "home"), "CCL_ICD_RELEASE": str(write_release(folder / "release")), "CCL_PROFILE": "full",
        "CCL_BACKEND": "openai", "CCL_ENDPOINT": f"http://127.0.0.1:{miner.server_port}/v1", "CCL_MINER_MODEL": "served",
        "CANARY": MARKER, "CANARY_REPORT": str(folder / "report.json"), "TMPDIR": str(folder / "tmp"), "OPENAI_LOG": "debug",
        "NO_PROXY": "", "no_proxy": "",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("canary_driver.py")],
        env=environment,
        capture_output=True,
        timeout=600,
    )
    for server in (miner, proxy):
        server.shutdown()
        server.server_close()
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said.replace(MARKER, "<MARKER>")[-3000:]
    report = json.loads((folder / "report.json").read_text())
    return folder, report, said, (miner.RequestHandlerClass.asked, proxy.RequestHandlerClass.asked)


def reasons(report, what):
    return [" ".join(entry["failed"].values()) for entry in report if entry["what"] == what]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("contract: another type", "count"),
        ("contract: repeated key", "repeat the key"),
        ("contract: another column", "lacks or adds columns"),
        ("contract: empty", "empty values"),
        ("annotations of another version", "."),
        ("file cut short", r"discharge\.csv\.gz"),
        ("damaged rows", "."),
        ("server: http-400", "HTTP 400"),
        ("server: http-401", "CCL_API_KEY"),
        ("server: another-model", "CCL_MINER_MODEL"),
        ("server: empty", "answer is empty"),
        (
            "endpoint elsewhere",
            r"requests quote restricted notes, .*not be sent to localhost\.evil\.example; .*set CCL_TRUSTED_HOSTS=",
        ),
    ],
)
def test_what_was_to_fail_failed_and_said_why(mined, what, said):
    (reason,) = reasons(mined[1], what)
    assert re.search(said, reason), reason.replace(MARKER, "<MARKER>")


def test_what_was_to_succeed_did_and_the_marker_is_in_the_tables_it_belongs_to(mined):
    assert set(reasons(mined[1], "as it should be")) | set(reasons(mined[1], "server: prose")) == {""}
    assert mined[1][-1].get("rows", 0) > 0


def test_an_endpoint_elsewhere_is_never_asked_and_no_proxy_sees_a_restricted_request(mined):
    miner, proxy = mined[3]
    assert miner[""] > 2
    assert proxy == {}


def test_nothing_that_was_said_holds_the_marker(mined):
    lines = [line for line in mined[2].splitlines() if MARKER in line]
    assert [line.replace(MARKER, "<MARKER>")[:300] for line in lines] == []
    assert MARKER not in json.dumps(mined[1])


def holds_marker(file: Path) -> bool:
    content = file.read_bytes()
    if MARKER.encode() in content:
        return True
    if not content.startswith(b"SQLite format 3"):
        return False
    with sqlite3.connect(file) as connection:  # snapshots of runs are compressed
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        values = (value for table in tables for row in connection.execute(f'SELECT * FROM "{table}"') for value in row)
        return any(MARKER.encode() in inflated(value) for value in values if isinstance(value, bytes))


def inflated(value: bytes) -> bytes:
    try:
        return zlib.decompress(value)
    except zlib.error:
        return value


def test_no_file_holds_the_marker_but_tables_and_completion_store(mined):
    folder = mined[0]
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert any("event" in file.name and file.suffix == ".db" for file in files)
    assert any(file.suffix in (".err", ".out") for file in files)
    found = {file.relative_to(folder) for file in files if holds_marker(file)}
    allowed = {
        file for file in found if str(file).startswith(("sources/", "home/lakehouse/", "home/completions.sqlite"))
    }
    assert found - allowed == set()
    assert Path("home/completions.sqlite") in found or Path("home/completions.sqlite-wal") in found


def test_the_completion_store_can_be_read_by_its_owner_only(mined):
    modes = {file.stat().st_mode & 0o777 for file in (mined[0] / "home").glob("completions.sqlite*")}
    assert modes == {0o600}
