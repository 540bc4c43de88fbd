"""ACI-Bench: English visit notes written for research, and ICD-10-CM labels from the user's files if there are any.

The corpus has no codes of its own. A note is its own chart: each is one visit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ccl_assets.corpora.corpus_source import CorpusSource, given
from ccl_assets.corpora.csv_files import check_columns, read_csv
from ccl_assets.corpora.documents import AnnotatedNote, CorpusFormatError, Document, Label, LoadCounts, dot_code
from ccl_assets.corpora.joins import check_join, plain_id
from ccl_assets.resources.corpus_paths import CorpusPaths

SOURCE = "aci_bench"
NOTE_COLUMNS = ("encounter_id", "note")
LABEL_COLUMNS = ("Document ID", "ICD10")
_SPLIT_OF_FILE = {
    "train": "train",
    "valid": "val",
    "clinicalnlp_taskB_test1": "test",
    "clinicalnlp_taskC_test2": "test",
    "clef_taskC_test3": "test",
}


@dataclass(frozen=True)
class AciBenchFiles:
    """The note files by stem and the label files."""

    notes: tuple[Path, ...]
    labels: tuple[Path, ...] = ()

    @classmethod
    def find(cls, root: Path, labels: Path | None = None) -> AciBenchFiles:
        """Find the challenge data in ``root`` or its ``challenge_data``; ``labels`` is a CSV file or a folder of them.

        Raises:
            CorpusFormatError: A file is not there.
        """
        folder = root / "challenge_data" if (root / "challenge_data").is_dir() else root
        notes = tuple(folder / f"{stem}.csv" for stem in _SPLIT_OF_FILE)
        for path in notes:
            if not path.is_file():
                raise CorpusFormatError(
                    path, "no such file", "set CCL_ACI_BENCH to the folder of ACI-Bench's challenge_data"
                )
        if labels is None:
            return cls(notes)
        found = tuple(sorted(labels.glob("*.csv"))) if labels.is_dir() else (labels,)
        if not found or not all(path.is_file() for path in found):
            raise CorpusFormatError(labels, "no CSV file there", "correct CCL_ACI_LABELS or unset it")
        return cls(notes, found)

    @property
    def paths(self) -> list[Path]:
        """All files, for hashing."""
        return [*self.notes, *self.labels]


def read(
    files: AciBenchFiles, counts: LoadCounts, *, corpus: str = SOURCE, is_restricted: bool = False
) -> Iterator[AnnotatedNote]:
    """Read the notes, and the labels where given.

    Raises:
        CorpusFormatError: A malformed file, or labels most of which belong to no note.
    """
    codes = _read_codes(files, counts)
    coded = len(codes)
    labelled = 0
    seen: set[str] = set()
    refuse = partial(counts.refuse, "documents")
    for path in files.notes:
        split = _SPLIT_OF_FILE[path.stem]
        for _, line, (note_id, text) in read_csv(path, NOTE_COLUMNS, refuse):
            note_id = plain_id(note_id)
            if note_id in seen:
                refuse("repeated_note_id", path, line)
                continue
            if not text.strip():
                refuse("empty_text", path, line)
                continue
            seen.add(note_id)
            document = Document(corpus, note_id, note_id, SOURCE, split, "visit_note", text, is_restricted)
            given = codes.pop(note_id, {})
            labels = [
                Label(corpus, note_id, note_id, position, code, source_code)
                for position, (code, source_code) in enumerate(given.items(), start=1)
            ]
            labelled += bool(labels)
            counts.keep("documents")
            counts.keep("labels", len(labels))
            yield AnnotatedNote(document, tuple(labels))
    if files.labels and not labelled:
        raise CorpusFormatError(
            files.labels[0],
            "no label belongs to a note",
            "the column Document ID must hold encounter ids such as D2N168",
        )
    if coded:
        check_join(
            files.labels[0],
            ("notes", seen),
            ("documents with labels", range(coded)),
            coded - len(codes),
            "give the labels of ACI-Bench: the column Document ID must hold encounter ids such as D2N168",
        )
    counts.drop("labels", "unknown_document", sum(map(len, codes.values())))
    counts.remark("documents_without_codes", len(seen) - labelled)


def _read_codes(files: AciBenchFiles, counts: LoadCounts) -> dict[str, dict[str, str]]:
    """Codes with their source form by note, in order of appearance."""
    codes: dict[str, dict[str, str]] = {}
    refuse = partial(counts.refuse, "labels")
    for path in files.labels:
        for _, line, (note_id, source_code) in read_csv(path, LABEL_COLUMNS, refuse):
            try:
                code = dot_code(source_code)
            except ValueError:
                refuse("malformed_code", path, line)
                continue
            given = codes.setdefault(plain_id(note_id), {})
            if code in given:
                counts.drop("labels", "repeated_code")
            else:
                given[code] = source_code
    return codes


def _files(paths: CorpusPaths) -> AciBenchFiles:
    return AciBenchFiles.find(given(paths.aci_bench), paths.aci_labels)


def _check_headings(paths: CorpusPaths) -> None:
    files = _files(paths)
    for path in files.notes:
        check_columns(path, NOTE_COLUMNS)
    for path in files.labels:
        check_columns(path, LABEL_COLUMNS)


CORPUS = CorpusSource(
    name=SOURCE,
    rank=3,
    description="ACI-Bench",
    required=("aci_bench",),
    optional=("aci_labels",),
    is_restricted=False,
    benchmark_splits=("test",),
    read=lambda paths, counts, is_restricted: read(_files(paths), counts, is_restricted=is_restricted),
    files=lambda paths: _files(paths).paths,
    check_headings=_check_headings,
)
