"""How well ``index_lookup`` codes the notes whose codes are known: precision, recall and F1 of each corpus, and time per note.

The sample is always there. Published corpora are read from a folder laid out as ``aci_bench``, ``aci_labels``, ``codiesp_v4``;
of ACI-Bench the labelled notes, of CodiEsp the dev notes in Spanish and in English. Nothing is learnt from them here.

    python benchmarks/index_lookup_accuracy.py [--corpora FOLDER] [--release PATH-or-label] [--cases FOLDER]

``--cases`` adds the share of small notes that get the codes they must have and none they must not; the folder holds
``EXPECTED.md``, a table of file, codes it must have, codes it must not have.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ccl_assets.coding.active_release import active_release
from ccl_assets.coding.encounter_setting import Setting, setting_of
from ccl_assets.coding.prediction import NoteToCode
from ccl_assets.coding.systems import SYSTEMS, Ingredients, build_system
from ccl_assets.corpora.documents import Corpus
from ccl_assets.corpora.loaders import load
from ccl_assets.resources.corpus_paths import CorpusPaths
from ccl_assets.resources.settings import Settings

_CODE = re.compile(r"\b[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?\b")


def corpora(folder: Path | None) -> Iterator[tuple[str, Corpus, str | None]]:
    """Name, corpus, and the split to score (``None``: all)."""
    yield "sample", load("sample", CorpusPaths()), None
    if folder is None:
        return
    aci = CorpusPaths(aci_bench=folder / "aci_bench", aci_labels=folder / "aci_labels")
    yield "aci_bench train", load("aci_bench", aci), "train"
    yield "aci_bench valid", load("aci_bench", aci), "val"
    for language in ("es", "en"):
        paths = CorpusPaths(codiesp=folder / "codiesp_v4", codiesp_language=language)
        yield f"codiesp dev {language}", load("codiesp", paths), "val"


def main() -> int:
    """Score and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path)
    parser.add_argument("--cases", type=Path)
    parser.add_argument("--release")
    parser.add_argument("--setting", choices=list(Setting), help="of all notes; if not given what their category tells")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        release = active_release(
            Settings(home=Path(home), icd_release=chosen.release), needs_gold_pairs=True, say=print
        )
    system = build_system(
        "index_lookup",
        Ingredients(billable=release.billable, titles=release.titles, gold_pairs=release.gold_pairs),
    )
    print(f"{SYSTEMS['index_lookup'].name}, {release.label}")
    print(f"  {'corpus':20}{'notes':>7}{'gold':>7}{'found':>7}{'right':>7}{'P':>8}{'R':>8}{'F1':>8}{'ms/note':>9}")
    for name, corpus, split in corpora(chosen.corpora):
        gold: dict[str, set[str]] = {}
        for label in corpus.labels:
            gold.setdefault(label.document_id or label.chart_id, set()).add(label.code)
        documents = [
            document
            for document in corpus.documents
            if (split is None or document.split == split)
            and (document.document_id in gold or document.chart_id in gold)
        ]
        begun = time.process_time()
        notes = [
            NoteToCode(
                document.document_id,
                document.text,
                setting=setting_of(document.category) if chosen.setting is None else Setting(chosen.setting),
            )
            for document in documents
        ]
        coded = {note.document_id: {code["code"] for code in note.predictions} for note in system.code(notes)}
        took = 1000 * (time.process_time() - begun) / max(1, len(notes))
        total = found = right = 0
        charts: dict[str, set[str]] = {}
        for document in documents:
            chart = document.document_id if document.document_id in gold else document.chart_id
            charts.setdefault(chart, set()).update(coded[document.document_id])
        for chart, codes in charts.items():
            total, found, right = total + len(gold[chart]), found + len(codes), right + len(codes & gold[chart])
        precision, recall = right / max(1, found), right / max(1, total)
        f1 = 2 * right / max(1, found + total)
        print(
            f"  {name:20}{len(notes):7}{total:7}{found:7}{right:7}{precision:8.3f}{recall:8.3f}{f1:8.3f}{took:9.2f}",
            flush=True,
        )
    if chosen.cases is not None:
        _print_cases(chosen.cases, system)
    return 0


def _print_cases(folder: Path, system: object) -> None:
    """The small notes with a code among what they must or must not have."""
    right = 0
    rows = [
        (name, must, must_not)
        for line in (folder / "EXPECTED.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| n") and len(cells := line.strip("|").split("|")) == 3
        for name in re.findall(r"n\w+\.txt", cells[0])
        for must, must_not in [(set(_CODE.findall(cells[1].split("better")[0])), set(_CODE.findall(cells[2])))]
    ]
    for name, must, must_not in rows:
        text = (folder / name).read_bytes().decode("utf-8")
        (coded,) = system.code([NoteToCode(name, text)])  # type: ignore[attr-defined]
        codes = {code["code"] for code in coded.predictions}
        is_right = must <= codes and not (must_not & codes)
        right += is_right
        print(f"  {'right' if is_right else 'WRONG'}  {name:38} {' '.join(sorted(codes))}")
    print(f"  {right} of {len(rows)} right")


if __name__ == "__main__":
    sys.exit(main())
