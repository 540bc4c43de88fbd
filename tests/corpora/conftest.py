"""Builders of tiny corpora in the published layouts, and the development data where it is at hand."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from ccl_assets.corpora.documents import Corpus
from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS

DISCHARGE = ["note_id", "subject_id", "hadm_id", "note_type", "note_seq", "charttime", "storetime", "text"]
DIAGNOSES = ["subject_id", "hadm_id", "seq_num", "icd_code", "icd_version"]
NOTEEVENTS = [
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


@pytest.fixture(scope="session")
def titles() -> dict[str, str]:
    """Titles of the packaged release, parsed once for all tests."""
    from ccl_assets.corpora.sample.compile import packaged_titles

    return packaged_titles()


def _write_csv(path: Path, heading: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows(rows)
    content = buffer.getvalue().encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.fixture(scope="session")
def check_rows() -> Callable[[Corpus], None]:
    """Checks the rows of all three tables against their contracts."""

    def check(corpus):
        for contract, items in ((DOCUMENTS, corpus.documents), (LABELS, corpus.labels), (EVIDENCE, corpus.evidence)):
            contract.check(contract.table(item.row() for item in items))

    return check


@pytest.fixture
def write_csv() -> Callable[..., Path]:
    return _write_csv


@pytest.fixture
def write_mimic_iv(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """``notes``: (note_id, hadm_id, note_type, text); ``codes``: (hadm_id, seq_num, icd_code, icd_version)."""

    def write(notes, codes, ending=".csv.gz"):
        note_root, hosp_root = tmp_path / "mimic-iv-note", tmp_path / "mimic-iv"
        _write_csv(
            note_root / f"note/discharge{ending}",
            DISCHARGE,
            [(n, "9", h, kind, "1", "", "", t) for n, h, kind, t in notes],
        )
        _write_csv(hosp_root / f"hosp/diagnoses_icd{ending}", DIAGNOSES, [("9", *code) for code in codes])
        return note_root, hosp_root

    return write


@pytest.fixture
def write_mdace(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """``charts``: hadm_id -> (split or None, {ROW_ID: (category, text, annotations)}).

    An annotation is (words, code), cut at the words' first place in the text, or a dictionary given as it is.
    """

    def annotation(text, item):
        if isinstance(item, dict):
            return item
        words, code = item
        begin = text.index(words)
        return {
            "begin": begin,
            "end": begin + len(words),
            "code": code,
            "code_system": "ICD-10-CM",
            "description": "",
            "type": "Human",
        }

    def write(charts, omit=(), ending=".csv"):
        mdace_root, mimic_root = tmp_path / "MDACE", tmp_path / "mimiciii"
        rows = [("1", "1", "", "2150-01-01", "", "", "Nursing", "Report", "", "", "another patient's note\n")]
        lines = {"train": "", "val": "", "test": ""}
        for chart, (split, notes) in charts.items():
            content = {
                "hadm_id": chart,
                "comment": "",
                "notes": [
                    {
                        "note_id": row,
                        "category": category,
                        "description": "Report",
                        "annotations": [annotation(text, item) for item in annotations],
                    }
                    for row, (category, text, annotations) in notes.items()
                ],
            }
            path = mdace_root / f"data/Inpatient/ICD-10/1.0/{chart}-ICD-10.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content), "utf-8")
            if split:
                lines[split] += f"{chart}\n"
            rows += [
                (str(row), "7", str(chart), "2150-01-05", "", "", category, "Report", "", "", text)
                for row, (category, text, _) in notes.items()
                if row not in omit
            ]
        folder = mdace_root / "splits/Inpatient"
        folder.mkdir(parents=True, exist_ok=True)
        for split, content in lines.items():
            (folder / f"MDace-ev-{split}.csv").write_text(content, "utf-8")
        _write_csv(mimic_root / f"NOTEEVENTS{ending}", NOTEEVENTS, rows)
        return mdace_root, mimic_root

    return write
