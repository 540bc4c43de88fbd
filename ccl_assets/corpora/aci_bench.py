"""ACI-Bench: English visit notes written for research, and ICD-10-CM labels from the user's files if there are any.

The corpus has no codes of its own. A note is its own chart: each is one visit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ccl_assets.corpora.csv_files import read_csv
from ccl_assets.corpora.documents import Corpus, CorpusFormatError, Document, Label, LoadCounts, dot_code

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


def load(files: AciBenchFiles, *, corpus: str = SOURCE, is_restricted: bool = False) -> Corpus:
    """Load the notes, and the labels where given.

    Raises:
        CorpusFormatError: A malformed file, a repeated id, a label that is no ICD-10-CM code, or labels none of which
            belongs to a note.
    """
    counts = LoadCounts()
    documents: dict[str, Document] = {}
    for path in files.notes:
        split = _SPLIT_OF_FILE[path.stem]
        for row, line, (note_id, text) in read_csv(path, NOTE_COLUMNS):
            if note_id in documents:
                raise CorpusFormatError(
                    path, f"row {row} repeats encounter_id {note_id}", "take the file as published", line=line
                )
            documents[note_id] = Document(corpus, note_id, note_id, SOURCE, split, "visit_note", text, is_restricted)
            counts.keep("documents")
    labels = _read_labels(files, documents, counts)
    counts.remark("documents_without_codes", len(documents.keys() - {label.document_id for label in labels}))
    return Corpus(list(documents.values()), labels, [], counts)


def _read_labels(files: AciBenchFiles, documents: dict[str, Document], counts: LoadCounts) -> list[Label]:
    labels: list[Label] = []
    positions: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    for path in files.labels:
        for row, line, (note_id, source_code) in read_csv(path, LABEL_COLUMNS):
            document = documents.get(note_id.strip())
            if document is None:
                counts.drop("labels", "unknown_document")
                continue
            try:
                code = dot_code(source_code)
            except ValueError as error:
                raise CorpusFormatError(
                    path, f"row {row} is {error}", "correct the code", line=line, column="ICD10"
                ) from None
            if (document.document_id, code) in seen:
                counts.drop("labels", "repeated_code")
                continue
            seen.add((document.document_id, code))
            rank = positions[document.document_id] = positions.get(document.document_id, 0) + 1
            labels.append(Label(document.corpus, document.chart_id, document.document_id, rank, code, source_code))
            counts.keep("labels")
    if files.labels and not labels:
        raise CorpusFormatError(
            files.labels[0],
            "no label belongs to a note",
            "the column Document ID must hold encounter ids such as D2N168",
        )
    return labels
