"""Compile the sample's marked-up notes into the layouts of MIMIC-IV, MIMIC-III and MDACE.

Run ``python -m ccl_assets.corpora.sample.compile`` after editing a note; the result is committed. Ids follow from
the number of the chart and the note's place in it, so a note keeps its ids whatever happens to the others.
MIMIC-IV-Note has no clinic notes; the sample's have the note type ``Visit note`` there.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ccl_assets.corpora.readers.mdace import ANNOTATIONS_FOLDER, SPLITS_FOLDER
from ccl_assets.corpora.sample import FILES, NOTES
from ccl_assets.corpora.sample.json_lines import JSON_LINES, json_lines
from ccl_assets.corpora.sample.markup import KINDS, MarkedNote, check_charts, parse_note

MIMIC_SPLIT = "mimic"
MDACE_SPLITS = ("train", "val", "test")
DISCHARGE = Path("mimic-iv-note/2.2/note/discharge.csv.gz")
DIAGNOSES = Path("mimic-iv/2.2/hosp/diagnoses_icd.csv.gz")
NOTEEVENTS = Path("mimic-iii/1.4/NOTEEVENTS.csv.gz")
MDACE = Path("mdace")

_SUBJECT, _ADMISSION, _NOTE_ROW = 19_000_000, 29_000_000, 9_000_000
_NEXT_PLACE = 1_000  # from a note's row id to that of the next note of its chart; charts have three digits
_DATE, _TIME = "2180-01-01", "2180-01-01 00:00:00"
_DISCHARGE_HEADING = ["note_id", "subject_id", "hadm_id", "note_type", "note_seq", "charttime", "storetime", "text"]
_DIAGNOSES_HEADING = ["subject_id", "hadm_id", "seq_num", "icd_code", "icd_version"]
_NOTEEVENTS_HEADING = [
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
# An admission coded in ICD-9 and without a note, as MIMIC-IV has many: a loader that took it would show.
_ICD_9_ROWS = (("19000999", "29000999", "1", "0389", "9"), ("19000999", "29000999", "2", "25000", "9"))


def compile_notes(notes: Iterable[MarkedNote], titles: Mapping[str, str]) -> dict[Path, bytes]:
    """Compile notes into files.

    Args:
        notes: Parsed notes of all splits.
        titles: Title by code, for the descriptions of the annotations.

    Returns:
        Content by path relative to the sample's folder of files; equal input gives equal content.
    """
    ordered = sorted(notes, key=lambda note: (note.number, note.place))
    coded = [note for note in ordered if note.split == MIMIC_SPLIT]
    annotated = [note for note in ordered if note.split in MDACE_SPLITS]
    files = {
        JSON_LINES: json_lines(ordered, titles),
        DISCHARGE: _gzip(_csv(_DISCHARGE_HEADING, [_discharge_row(note) for note in coded])),
        DIAGNOSES: _gzip(
            _csv(_DIAGNOSES_HEADING, [*(row for note in coded for row in _diagnosis_rows(note)), *_ICD_9_ROWS])
        ),
        NOTEEVENTS: _gzip(_csv(_NOTEEVENTS_HEADING, [_noteevents_row(note) for note in annotated])),
    }
    charts: dict[int, list[MarkedNote]] = defaultdict(list)
    for note in annotated:
        charts[note.number].append(note)
    for number, members in charts.items():
        path = MDACE / ANNOTATIONS_FOLDER / f"{_ADMISSION + number}-ICD-10.json"
        files[path] = (json.dumps(_annotations(members, titles), indent=1, ensure_ascii=False) + "\n").encode()
    for split in MDACE_SPLITS:
        lines = [f"{_ADMISSION + number}\n" for number, members in charts.items() if members[0].split == split]
        files[MDACE / SPLITS_FOLDER / f"MDace-ev-{split}.csv"] = "".join(lines).encode()
    return files


def read_notes(folder: Path, titles: Mapping[str, str]) -> list[MarkedNote]:
    """Parse all notes of a folder.

    Raises:
        CorpusFormatError: A note is malformed or carries a code without a title, or the notes of a chart do not
            belong together.
    """
    known = set(titles)
    notes = [parse_note(path, known) for path in sorted(folder.glob("*.txt"))]
    check_charts(notes, folder)
    return notes


def write_files(files: Mapping[Path, bytes], folder: Path) -> list[Path]:
    """Make ``folder`` hold exactly ``files``.

    Gzip files whose unpacked content is the same are left alone: another zlib may pack the same bytes differently.

    Returns:
        Paths, relative to ``folder``, that were written or removed.
    """
    changed = []
    for path, content in files.items():
        target = folder / path
        if target.is_file() and unpacked(path, target.read_bytes()) == unpacked(path, content):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        changed.append(path)
    for target in sorted(path for path in folder.rglob("*") if path.is_file()):
        if (path := target.relative_to(folder)) not in files:
            target.unlink()
            changed.append(path)
    return changed


def unpacked(path: Path, content: bytes) -> bytes:
    """Content of a file, without gzip where its name says so."""
    return gzip.decompress(content) if path.suffix == ".gz" else content


def _discharge_row(note: MarkedNote) -> tuple[str, ...]:
    subject, admission = str(_SUBJECT + note.number), str(_ADMISSION + note.number)
    note_type = "DS" if note.kind == "discharge_summary" else KINDS[note.kind]
    return (f"{subject}-DS-1", subject, admission, note_type, "1", _TIME, _TIME, note.text)


def _diagnosis_rows(note: MarkedNote) -> list[tuple[str, ...]]:
    subject, admission = str(_SUBJECT + note.number), str(_ADMISSION + note.number)
    return [
        (subject, admission, str(rank), code.replace(".", ""), "10") for rank, code in enumerate(note.codes, start=1)
    ]


def _note_row_id(note: MarkedNote) -> int:
    return _NOTE_ROW + note.place * _NEXT_PLACE + note.number


def _noteevents_row(note: MarkedNote) -> tuple[str, ...]:
    subject, admission = str(_SUBJECT + note.number), str(_ADMISSION + note.number)
    row = str(_note_row_id(note))
    return (row, subject, admission, _DATE, "", "", KINDS[note.kind], "Report", "", "", note.text)


def _annotations(chart: Sequence[MarkedNote], titles: Mapping[str, str]) -> dict[str, object]:
    notes = [
        {
            "note_id": _note_row_id(note),
            "category": KINDS[note.kind],
            "description": "Report",
            "annotations": [
                {
                    "begin": mark.begin,
                    "end": mark.end,
                    "code": mark.code,
                    "code_system": "ICD-10-CM",
                    "description": titles[mark.code],
                    "type": "Human",
                }
                for mark in note.marks
            ],
        }
        for note in chart
    ]
    return {"hadm_id": _ADMISSION + chart[0].number, "comment": "", "notes": notes}


def _csv(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows(rows)
    return buffer.getvalue().encode()


def _gzip(content: bytes) -> bytes:
    buffer = io.BytesIO()
    # No name and no time in the header: the same notes shall give the same bytes.
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as file:
        file.write(content)
    return buffer.getvalue()


def packaged_titles() -> dict[str, str]:
    """Long titles of the packaged release's billable codes."""
    from ccl_assets.icd.release.contents import open_release
    from ccl_assets.icd.tabular.tabular_list import parse_tabular

    release = open_release()
    rows = parse_tabular(release.tabular, release.label).codes
    return {row["code"]: row["long_title"] for row in rows if row["is_billable"]}


def main() -> None:
    """Rebuild the sample's files and say what changed."""
    titles = packaged_titles()
    notes = read_notes(NOTES, titles)
    changed = write_files(compile_notes(notes, titles), FILES)
    print(f"{len(notes)} notes compiled, {len(changed)} files changed in {FILES}")


if __name__ == "__main__":
    main()
