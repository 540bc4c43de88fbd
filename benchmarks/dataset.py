"""Time and memory of making the fine-tuning dataset: many spans, many notes, and the search for copies of test notes.

``python benchmarks/dataset.py --tokenizer DIR`` takes the gold pairs of the packaged release (or of ``--release``; said again
with a number where there are too few) and the sample corpus and does what the assets ``sft/dataset`` and ``sft/adapter`` do up to
training: read, make examples, count tokens, spool, hash, write the Delta table, export JSON lines. Then the same with generated
notes alone at two sizes, whose difference tells what each note costs, and the comparison of training with test notes. Each step
runs in a process of its own. Without ``--tokenizer`` the packaged model is taken, converted into a temporary folder first (half a
minute, not counted). On a busy machine look at the processor time.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

SPANS = 150_000
NOTE_COUNTS = (1_000, 4_000)
EDIN_NOTES = 122_000
TEST_NOTES, WORDS = 12_000, 1_500
COMPARED_NOTES = 5_000
WINDOW = 8192


def main() -> None:
    """Prepare, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=SPANS)
    parser.add_argument("--release", help="path of an ICD-10-CM release; default: the packaged one")
    parser.add_argument("--tokenizer", type=Path, help="directory of the base model; default: the packaged one")
    parser.add_argument("--only", choices=("spans", "notes", "leakage"), help="one measurement only")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--notes", type=int, default=0, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.step:
        print(json.dumps(STEPS[chosen.step](chosen)))
        return
    with tempfile.TemporaryDirectory(prefix="dataset-") as temporary:
        chosen.folder = Path(temporary)
        if chosen.only != "leakage" and chosen.tokenizer is None:
            from ccl_assets.resources.models.small_language_model import PACKAGED, resolve_model

            chosen.tokenizer = resolve_model(PACKAGED, chosen.folder / "models")
        if chosen.only in (None, "spans"):
            made = measure("pairs", chosen)
            print(
                f"{made['release']}: {made['pairs']:,} gold pairs, all taken for trainable, written in {made['seconds']:.0f} s"
            )
            report(f"{chosen.spans:,} spans and the sample corpus", measure("spans", chosen))
        if chosen.only in (None, "notes"):
            results = []
            for count in NOTE_COUNTS:
                chosen.notes = count
                results.append(measure("notes", chosen))
                report(f"{count:,} generated notes", results[-1])
            each = {
                key: (results[1][key] - results[0][key]) / (NOTE_COUNTS[1] - NOTE_COUNTS[0])
                for key in ("peak", "seconds")
            }
            print(
                f"each note {each['seconds'] * 1000:.1f} ms and {each['peak'] * 1000:.1f} kB: {EDIN_NOTES:,} notes "
                f"{results[1]['seconds'] / 60 + each['seconds'] * (EDIN_NOTES - NOTE_COUNTS[1]) / 60:.0f} min, "
                f"{results[1]['peak'] + each['peak'] * (EDIN_NOTES - NOTE_COUNTS[1]):,.0f} MB"
            )
        if chosen.only in (None, "leakage"):
            found = measure("leakage", chosen)
            print(
                f"{TEST_NOTES:,} test notes of {WORDS:,} words: {found['build']:.0f} s, peak RSS {found['peak']:,.0f} MB; "
                f"a training note of as many words {found['each'] * 1000:.2f} ms "
                f"({found['processor'] * 1000:.2f} ms of processor time), "
                f"so {found['each'] * EDIN_NOTES / 60:.1f} min for {EDIN_NOTES:,}"
            )


def report(what: str, result: dict[str, Any]) -> None:
    """Print one measurement."""
    stages = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in result["stages"].items())
    print(
        f"{what}: {result['examples']:,} examples of {result['tokens']:,} tokens in {result['seconds']:.0f} s ({stages}; "
        f"{result['processor']:.0f} s of processor time), "
        f"peak RSS {result['peak']:,.0f} MB, {result['imports']:,.0f} MB of it before the first row; "
        f"left out {result['left_out']}"
    )


def measure(step: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """Run a step in a fresh process, whose peak memory is then its own."""
    command = [sys.executable, __file__, "--step", step]
    for name in ("folder", "tokenizer", "release", "spans", "notes"):
        if (value := getattr(chosen, name)) is not None:
            command += [f"--{name}", str(value)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def peak() -> float:
    """Peak resident memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def step_pairs(chosen: argparse.Namespace) -> dict[str, Any]:
    """Write what the dataset reads: codes, knowledge-base pairs, and the sample corpus."""
    from ccl_assets.corpora.loaders import CorpusPaths, load
    from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS
    from ccl_assets.evidence.gold.pairs import IndexReferences, gold_pairs
    from ccl_assets.evidence.tables import KNOWLEDGE_BASE_PAIRS
    from ccl_assets.icd.chapters import CHAPTER_KEYS
    from ccl_assets.icd.index.alphabetic_index import SOURCES, parse_index
    from ccl_assets.icd.index.cross_references import resolve
    from ccl_assets.icd.ontology import Ontology
    from ccl_assets.icd.release.contents import open_release
    from ccl_assets.icd.tables import CODES
    from ccl_assets.icd.tabular.tabular_list import TabularReader

    started = time.perf_counter()
    tables = _tables(chosen.folder)
    release = open_release(Path(chosen.release) if chosen.release else None)
    codes = CODES.table(TabularReader(release.tabular, release.label).codes())
    tables.write(CODES, codes, None, {})
    ontology = Ontology.from_table(codes)
    files = [file for role in SOURCES if (file := release.file(role)) is not None]
    references = IndexReferences(ontology, resolve([row for file in files for row in parse_index(file, release.label)]))
    marks = {
        "tier": "gold",
        "resolved_code": None,
        "is_ambiguous": False,
        "benchmark_overlap": None,
        "is_trainable": True,
    }
    by_chapter = {}
    for chapter in CHAPTER_KEYS:
        pairs = {row["pair_id"]: row for row in gold_pairs(ontology, references, chapter, release.label)}
        rows = [{name: {**row, **marks}[name] for name in KNOWLEDGE_BASE_PAIRS.schema.names} for row in pairs.values()]
        by_chapter[chapter] = rows
    count, wanted = sum(map(len, by_chapter.values())), chosen.spans
    for chapter, rows in by_chapter.items():
        again = [
            {**row, "pair_id": f"{row['pair_id']}-{n}", "evidence": f"{row['evidence']} ({n})"}
            for n in range(2, 2 + -(-wanted // count) - 1)
            for row in rows
        ]
        tables.write(KNOWLEDGE_BASE_PAIRS, KNOWLEDGE_BASE_PAIRS.table([*rows, *again]), [chapter], {})
    sample = load("sample", CorpusPaths())
    for contract, found in ((DOCUMENTS, sample.documents), (LABELS, sample.labels), (EVIDENCE, sample.evidence)):
        tables.write(contract, contract.table([item.row() for item in found]), ["sample"], {})
    return {"release": release.label, "pairs": count, "seconds": time.perf_counter() - started}


def step_spans(chosen: argparse.Namespace) -> dict[str, Any]:
    """The dataset of the sample corpus and the given number of gold spans."""
    from ccl_assets.sft.recipes import SpanMix, load_recipe

    recipe = load_recipe("evidence_gold")
    return _prepare(replace(recipe, spans=SpanMix(tiers=("gold",), max_total=chosen.spans)), chosen, chosen.folder)


def step_notes(chosen: argparse.Namespace) -> dict[str, Any]:
    """The dataset of generated notes, nine in ten of them to train on."""
    from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS
    from ccl_assets.evidence.tables import KNOWLEDGE_BASE_PAIRS
    from ccl_assets.icd.tables import CODES
    from ccl_assets.sft.recipes import load_recipe

    folder = chosen.folder / f"notes-{chosen.notes}"
    tables = _tables(folder)
    blank = {"is_billable": True, "is_expanded": False, "level": 4, "inclusion_terms": [], "includes": []}
    code = {
        **dict.fromkeys(CODES.schema.names, ""),
        **blank,
        "code": "I10",
        "long_title": "Essential (primary) hypertension",
    }
    tables.write(CODES, CODES.table([code]), None, {})
    tables.write(KNOWLEDGE_BASE_PAIRS, KNOWLEDGE_BASE_PAIRS.table([]), ["09_I00-I99"], {})
    tables.write(EVIDENCE, EVIDENCE.table([]), ["mimic_iv"], {})
    with tables.spool(DOCUMENTS) as documents, tables.spool(LABELS) as labels:
        for number, text in enumerate(generated_notes(chosen.notes, 1_750)):
            split = "test" if number % 10 == 0 else "train"
            keys = {"corpus": "mimic_iv", "document_id": str(number), "chart_id": str(number), "note_shard": "shard_00"}
            described = {"source": "mimic_iv", "split": split, "category": "discharge_summary", "text": text}
            digest = {"character_count": len(text), "text_sha256": str(number), "is_restricted": True}
            documents.append({**keys, **described, **digest})
            labels.append({**keys, "position": 1, "code": "I10", "source_code": "I10"})
        tables.write(DOCUMENTS, documents, ["mimic_iv"], {})
        tables.write(LABELS, labels, ["mimic_iv"], {})
    return _prepare(load_recipe("code_only"), chosen, folder)


def step_leakage(_: argparse.Namespace) -> dict[str, Any]:
    """Take in the test notes, then compare training notes with them."""
    from ccl_assets.sft.dataset.leakage import TestNotes

    def timed() -> Iterator[tuple[str, str]]:
        nonlocal generating
        began = time.perf_counter()
        for number, text in enumerate(generated_notes(TEST_NOTES, WORDS)):
            generating += time.perf_counter() - began
            yield str(number), text
            began = time.perf_counter()

    generating, started = 0.0, time.perf_counter()
    test = TestNotes(timed())
    build = time.perf_counter() - started - generating
    training = list(generated_notes(COMPARED_NOTES, WORDS, seed=1))
    started, processor = time.perf_counter(), time.process_time()
    for text in training:
        test.nearest(text)
    each = (time.perf_counter() - started) / len(training)
    return {
        "build": build,
        "each": each,
        "processor": (time.process_time() - processor) / len(training),
        "peak": peak(),
    }


STEPS = {"pairs": step_pairs, "spans": step_spans, "notes": step_notes, "leakage": step_leakage}


def generated_notes(count: int, words: int, seed: int = 0) -> Iterator[str]:
    """Notes of lines, a third of them stock lines that many notes share."""
    rng = random.Random(seed)
    vocabulary = [
        f"{rng.choice('bcdfghlmnprst')}{rng.choice('aeiou')}{rng.choice(SYLLABLES)}{i % 97}" for i in range(20_000)
    ]
    vocabulary += SYLLABLES * 400
    stock = [" ".join(random.Random(i).choices(SYLLABLES, k=12)) for i in range(400)]
    for number in range(count):
        lines = [f"Unit No: {seed}-{number}"]
        while len(lines) * 12 < words:
            lines.append(rng.choice(stock) if rng.random() < 1 / 3 else " ".join(rng.choices(vocabulary, k=12)))
        yield "\n".join(lines)


SYLLABLES = [
    "renal",
    "cardiac",
    "left",
    "pain",
    "acute",
    "daily",
    "mg",
    "stable",
    "denies",
    "chest",
    "discharge",
    "follow",
]


def _tables(folder: Path) -> Any:
    from ccl_assets.io_managers.delta_tables import DeltaTables

    return DeltaTables(str(folder / "lakehouse"))


def _prepare(recipe: Any, chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """What the assets do: read, make rows, hash, store, export."""
    from transformers import AutoTokenizer

    from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS
    from ccl_assets.evidence.tables import KNOWLEDGE_BASE_PAIRS
    from ccl_assets.icd.tables import CODES
    from ccl_assets.io_managers.delta_tables import content_hash
    from ccl_assets.resources.text_generation.chat_template import render_prompt
    from ccl_assets.sft.dataset.building import PAIR_COLUMNS, TEXT_COLUMNS, DatasetAccount, Sources, dataset_rows
    from ccl_assets.sft.dataset.encoding import TokenCounter
    from ccl_assets.sft.dataset.jsonl_export import export_dataset
    from ccl_assets.sft.dataset.planned_notes import EVIDENCE_COLUMNS, LABEL_COLUMNS, NOTE_COLUMNS, TRAINING_SPLITS
    from ccl_assets.sft.tables import DATASET

    tables = _tables(folder)
    tokenizer = AutoTokenizer.from_pretrained(chosen.tokenizer)
    stages: dict[str, float] = {}
    imports, began, processor = peak(), time.perf_counter(), time.process_time()

    def stage(name: str) -> None:
        stages[name] = time.perf_counter() - began - sum(stages.values())

    codes = tables.read(CODES, None, ("code", "long_title"))
    split = {"split": (*TRAINING_SPLITS, "test")}
    sources = Sources(
        titles=dict(zip(codes["code"].to_pylist(), codes["long_title"].to_pylist(), strict=True)),
        notes=tables.read(DOCUMENTS, None, NOTE_COLUMNS, split),
        training_texts=tables.batches(DOCUMENTS, None, TEXT_COLUMNS, {"split": TRAINING_SPLITS}),
        test_texts=tables.batches(DOCUMENTS, None, TEXT_COLUMNS, {"split": ("test",)}),
        labels=tables.batches(LABELS, None, LABEL_COLUMNS),
        evidence=tables.batches(EVIDENCE, None, EVIDENCE_COLUMNS),
        pairs=tables.read(KNOWLEDGE_BASE_PAIRS, None, PAIR_COLUMNS),
    )
    stage("read")
    account = DatasetAccount()
    with tables.spool(DATASET) as spool:
        for row in dataset_rows(recipe, sources, TokenCounter(tokenizer, render_prompt, WINDOW), account):
            spool.append(row)
        stage("examples")
        content_hash(DATASET, spool)
        tables.write(DATASET, spool, [recipe.name], {})
        stage("hash and store")
    export_dataset(tables.batches(DATASET, [recipe.name]), folder / "export", recipe.name)
    stage("export")
    return {
        "examples": sum(account.shapes.values()),
        "tokens": account.token_count,
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - processor,
        "stages": stages,
        "imports": imports,
        "peak": peak(),
        "left_out": account.left_out.counts,
    }


if __name__ == "__main__":
    main()
