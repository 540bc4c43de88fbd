"""Memory and speed of taking in a corpus of MIMIC-IV's size, on generated files in its layout.

``python benchmarks/corpora.py`` writes the files, runs the real ``corpus`` asset into Delta tables in a process of its own, prints
what that needed, then reads one note shard as mining would; beside it the naive way (all rows in lists) on two smaller corpora,
whose difference tells what each note costs. ``--notes 20000`` for a quick look. Needs 3 kB of disk per note.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NOTES = 331_000  # discharge notes of MIMIC-IV-Note 2.2
CHARACTERS = 10_500  # of an average one
CODES_PER_CHART = 6.5
NAIVE_SIZES = (4_000, 12_000)
PARTITION = "mimic_iv"
CODES = tuple(
    f"{letter}{number:02}.{last}" for letter in "ABCDEFGHIJKLMN" for number in range(100) for last in range(9)
)
TEXT = (
    "patient denies chest pain shortness of breath admitted with acute on chronic heart failure was started on "
    "furosemide mg daily and discharged home in stable condition follow up with primary care within two weeks labs notable "
    "for creatinine sodium potassium hematocrit white count imaging showed no acute process bilateral effusions left right "
    "lower lobe pneumonia treated ceftriaxone azithromycin past medical history of hypertension diabetes mellitus type atrial "
    "fibrillation on warfarin coronary artery disease status post stent allergies none known physical exam vital signs"
)


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notes", type=int, default=NOTES)
    parser.add_argument("--folder", type=Path, help="where the files go; default: a temporary folder")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.step:
        print(json.dumps(STEPS[chosen.step](chosen.folder)))
        return
    with tempfile.TemporaryDirectory(prefix="corpora-", dir=chosen.folder) as temporary:
        folder = Path(temporary)
        started = time.perf_counter()
        characters = write_corpus(folder / "files", chosen.notes)
        print(f"generated {chosen.notes:,} notes, {characters / 1e9:.2f} GB of text, in {since(started):.0f} s")
        for path in sorted((folder / "files").rglob("*.gz")):
            print(f"  {path.name:<22} {path.stat().st_size / 1e6:10,.0f} MB")
        result = measure("asset", folder)
        print(f"asset corpus/documents|labels|evidence: {result['seconds']:.0f} s, peak RSS {result['peak']:,.0f} MB")
        print(
            f"  {result['imports']:,.0f} MB of that before the first note; {chosen.notes / result['seconds']:,.0f} notes/s"
        )
        for name, table in result["tables"].items():
            print(f"  {name:<17} {table['rows']:>10,} rows {table['bytes'] / 1e6:10,.0f} MB in {table['files']} files")
        result = measure("shard", folder)
        print(
            f"reading one note shard of {result['rows']:,} notes and {result['labels']:,} labels: "
            f"{result['seconds']:.1f} s, peak RSS {result['peak']:,.0f} MB"
        )
        peaks = []
        for notes in NAIVE_SIZES:
            write_corpus(folder / "naive" / "files", notes)
            peaks.append(measure("naive", folder / "naive")["peak"])
            print(f"naive way, {notes:,} notes: peak RSS {peaks[-1]:,.0f} MB")
        each = (peaks[1] - peaks[0]) / (NAIVE_SIZES[1] - NAIVE_SIZES[0])
        print(
            f"  {each * 1000:,.0f} kB a note: about {(peaks[0] + each * (NOTES - NAIVE_SIZES[0])) / 1000:,.0f} GB for {NOTES:,}"
        )


def since(started: float) -> float:
    """Seconds since a moment of ``time.perf_counter``."""
    return time.perf_counter() - started


def measure(step: str, folder: Path) -> dict[str, Any]:
    """Run a step in a fresh process, whose peak memory is then its own."""
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def peak() -> float:
    """Peak resident memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def write_corpus(folder: Path, notes: int) -> int:
    """Write ``discharge.csv.gz`` and ``diagnoses_icd.csv.gz``, equal for equal ``notes``; returns the characters of all notes.

    One admission in ten has two notes, one code in ten is of ICD-9, and one in a thousand of another edition.
    """
    rng, words = random.Random(notes), TEXT.split()
    lines = [" ".join(rng.choices(words, k=rng.randint(4, 16))).capitalize() + ".\n" for _ in range(5_000)]
    lines_per_note = round(CHARACTERS / (sum(map(len, lines)) / len(lines)))
    characters, chart = 0, 20_000_000
    for name in ("note", "hosp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with (
        gzip.open(folder / "note/discharge.csv.gz", "wt", compresslevel=1) as discharge,
        gzip.open(folder / "hosp/diagnoses_icd.csv.gz", "wt", compresslevel=1) as diagnoses,
    ):
        discharge.write("note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text\n")
        diagnoses.write("subject_id,hadm_id,seq_num,icd_code,icd_version\n")
        for number in range(notes):
            if number % 10:
                chart += 1
                for rank, code in enumerate(rng.sample(CODES, rng.randint(1, int(2 * CODES_PER_CHART) - 1)), start=1):
                    old = rng.random()
                    code = "Q999" if old < 0.001 else "4019" if old < 0.1 else code.replace(".", "")
                    diagnoses.write(f"{chart // 2},{chart},{rank},{code},{9 if code == '4019' else 10}\n")
            text = f"Name:  ___   Unit No:   {number}\n \n" + "".join(
                rng.choices(lines, k=round(lines_per_note * rng.uniform(0.5, 1.5)))
            )
            characters += len(text)
            discharge.write(f'{chart}-DS-{number},{chart // 2},{chart},DS,{number},,,"{text}"\n')
    return characters


def step_asset(folder: Path) -> dict[str, Any]:
    """Materialize the asset as a run does."""
    import dagster as dg

    from ccl_assets.contracts import CONTRACTS
    from ccl_assets.corpora.assets import corpus
    from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS
    from ccl_assets.icd.tables import CODES as CODES_TABLE
    from ccl_assets.icd.tables import CROSSWALK
    from ccl_assets.io_managers.delta_tables import DeltaTables
    from ccl_assets.io_managers.table_io_manager import TableIOManager
    from ccl_assets.resources.corpus_paths import CorpusPaths

    tables = DeltaTables(str(folder / "lakehouse"))
    tables.write(CODES_TABLE, CODES_TABLE.table(code_rows()), None, {})
    tables.write(CROSSWALK, CROSSWALK.table([]), None, {})
    upstream = [dg.SourceAsset(table.name.split("/"), io_manager_key="tables") for table in (CODES_TABLE, CROSSWALK)]
    resources = {
        "tables": TableIOManager(tables, CONTRACTS),
        "corpus_paths": CorpusPaths(mimic_iv_note=folder / "files", mimic_iv=folder / "files"),
    }
    imports, started = peak(), time.perf_counter()
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([corpus, *upstream], resources=resources, instance=instance, partition_key=PARTITION)
    seconds = since(started)
    sizes = {}
    for contract in (DOCUMENTS, LABELS, EVIDENCE):
        files = list(Path(tables.uri(contract)).rglob("*.parquet"))
        rows = sum(batch.num_rows for batch in tables.batches(contract, None, ["corpus"]))
        sizes[contract.name] = {"rows": rows, "bytes": sum(file.stat().st_size for file in files), "files": len(files)}
    return {"seconds": seconds, "peak": peak(), "imports": imports, "tables": sizes}


def code_rows() -> Iterator[dict[str, Any]]:
    """Rows of ``icd/codes`` for the generated codes."""
    from ccl_assets.icd.tables import CODES as CODES_TABLE

    for code in CODES:
        row: dict[str, Any] = dict.fromkeys(CODES_TABLE.schema.names, "")
        flags = {"is_billable": True, "is_expanded": False, "level": 4, "inclusion_terms": [], "includes": []}
        yield row | flags | {"code": code}


def step_shard(folder: Path) -> dict[str, Any]:
    """Read what mining reads for one note shard."""
    from ccl_assets.corpora.tables import DOCUMENTS, LABELS
    from ccl_assets.io_managers.delta_tables import DeltaTables

    tables = DeltaTables(str(folder / "lakehouse"))
    where = {"note_shard": ["shard_07"]}
    started = time.perf_counter()
    documents, labels = tables.read(DOCUMENTS, None, None, where), tables.read(LABELS, None, None, where)
    return {"seconds": since(started), "peak": peak(), "rows": documents.num_rows, "labels": labels.num_rows}


def step_naive(folder: Path) -> dict[str, Any]:
    """The same tables from lists of rows."""
    from ccl_assets.corpora.loaders import load
    from ccl_assets.corpora.tables import DOCUMENTS, LABELS
    from ccl_assets.io_managers.delta_tables import DeltaTables, content_hash
    from ccl_assets.resources.corpus_paths import CorpusPaths

    tables = DeltaTables(str(folder / "lakehouse"))
    loaded = load(PARTITION, CorpusPaths(mimic_iv_note=folder / "files", mimic_iv=folder / "files"))
    documents, labels = [item.row() for item in loaded.documents], [item.row() for item in loaded.labels]
    for contract, rows in ((DOCUMENTS, documents), (LABELS, labels)):
        table = contract.table(rows)
        content_hash(contract, table)
        tables.write(contract, table, [PARTITION], {})
    return {"peak": peak()}


STEPS = {"asset": step_asset, "shard": step_shard, "naive": step_naive}

if __name__ == "__main__":
    main()
