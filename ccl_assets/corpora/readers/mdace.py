"""MDACE 1.0: evidence annotations on inpatient charts of MIMIC-III, joined with the text of NOTEEVENTS.

Annotations hold offsets only, so all that can be checked is that they lie inside the note; the text is taken raw
(end-exclusive code points, newlines untouched). Codes are kept per note; a chart's codes are the union of its notes'.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccl_assets.corpora.corpus_source import CorpusSource, given
from ccl_assets.corpora.csv_files import check_columns, find_file, read_csv
from ccl_assets.corpora.documents import (
    AnnotatedNote,
    CorpusFormatError,
    Document,
    EvidenceSpan,
    Label,
    LoadCounts,
    category_key,
    dot_code,
)
from ccl_assets.corpora.joins import check_join, plain_id
from ccl_assets.resources.corpus_paths import CorpusPaths

SOURCE = "mdace"
ANNOTATIONS_FOLDER = Path("data/Inpatient/ICD-10/1.0")
SPLITS_FOLDER = Path("splits/Inpatient")
NOTE_COLUMNS = ("ROW_ID", "TEXT")
_SPLITS = ("train", "val", "test")
_CODE_SYSTEM = "ICD-10-CM"
_AS_PUBLISHED = "take the annotations of MDACE 1.0 as published"


@dataclass(frozen=True)
class MdaceFiles:
    """The files of a load."""

    annotations: tuple[Path, ...]
    splits: Mapping[str, Path]
    noteevents: Path

    @classmethod
    def find(cls, mdace_root: Path, mimic_iii_root: Path) -> MdaceFiles:
        """Find the inpatient annotations and splits below MDACE's folder, and NOTEEVENTS (``.csv.gz`` or ``.csv``).

        Raises:
            CorpusFormatError: Something is not there.
        """
        annotations = tuple(sorted((mdace_root / ANNOTATIONS_FOLDER).glob("*-ICD-10.json")))
        if not annotations:
            raise CorpusFormatError(
                mdace_root,
                f"no *-ICD-10.json in {ANNOTATIONS_FOLDER}",
                "set CCL_MDACE to the folder that holds data/ and splits/",
            )
        splits = {split: mdace_root / SPLITS_FOLDER / f"MDace-ev-{split}.csv" for split in _SPLITS}
        for path in splits.values():
            if not path.is_file():
                raise CorpusFormatError(path, "no such file", _AS_PUBLISHED)
        return cls(annotations, splits, find_file(mimic_iii_root, (".", "1.4"), "NOTEEVENTS", "CCL_MIMIC_III"))

    @property
    def paths(self) -> list[Path]:
        """All files, for hashing."""
        return [*self.annotations, *self.splits.values(), self.noteevents]


@dataclass(frozen=True)
class _Note:
    """A note as annotated, before its text is known."""

    path: Path
    where: str
    chart_id: str
    note_id: str
    category: str
    annotations: tuple[tuple[str, str, int, int], ...]  # code system, code, begin, end


def read(
    files: MdaceFiles, counts: LoadCounts, *, corpus: str = SOURCE, is_restricted: bool = True
) -> Iterator[AnnotatedNote]:
    """Read the annotated notes, their codes and their evidence spans.

    Raises:
        CorpusFormatError: A malformed file, notes whose text is missing, offsets outside a note, a chart in two splits
            or a split that names charts without annotations.
    """
    splits = read_splits(files)
    notes = [note for path in files.annotations for note in _read_annotations(path)]
    if absent := sorted(splits.keys() - {note.chart_id for note in notes}):
        raise CorpusFormatError(
            files.annotations[0].parent,
            f"{len(absent)} charts of the splits have no annotation file, first {', '.join(absent[:3])}",
            _AS_PUBLISHED,
        )
    charts = {note.chart_id for note in notes}
    check_join(
        files.annotations[0].parent,
        ("annotated charts", charts),
        ("charts of the splits", splits),
        len(charts & splits.keys()),
        _AS_PUBLISHED,
    )
    texts = read_texts(files, {note.note_id for note in notes if note.chart_id in splits})
    seen: set[str] = set()
    for note in notes:
        if note.note_id in seen:
            raise CorpusFormatError(note.path, f"{note.where}.note_id repeats {note.note_id}", _AS_PUBLISHED)
        seen.add(note.note_id)
        if note.chart_id not in splits:
            counts.drop("documents", "chart_in_no_split")
            counts.drop("evidence", "chart_in_no_split", len(note.annotations))
            continue
        split, text = splits[note.chart_id], texts[note.note_id]
        document = Document(corpus, note.note_id, note.chart_id, SOURCE, split, note.category, text, is_restricted)
        counts.keep("documents")
        yield _annotated(note, document, counts)


def read_splits(files: MdaceFiles) -> dict[str, str]:
    """Read the split of every chart; the files have no heading.

    Raises:
        CorpusFormatError: A line that is no admission id, or a chart named twice.
    """
    splits: dict[str, str] = {}
    for split, path in files.splits.items():
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            chart_id = plain_id(line)
            if not chart_id:
                continue
            if not chart_id.isdecimal():
                raise CorpusFormatError(
                    path, "not an admission id; split files have no heading", _AS_PUBLISHED, line=number
                )
            if chart_id in splits:
                raise CorpusFormatError(
                    path, f"chart {chart_id} is already in split {splits[chart_id]}", _AS_PUBLISHED, line=number
                )
            splits[chart_id] = split
    return splits


def read_texts(files: MdaceFiles, note_ids: set[str]) -> dict[str, str]:
    """Stream NOTEEVENTS and keep the wanted notes only; stops once all are found.

    Raises:
        CorpusFormatError: The file is malformed, or some notes are not in it.
    """
    texts: dict[str, str] = {}
    # of two million rows some thousand are wanted: a bad one among the others does not matter, a wanted one will be missing
    for _, _, (note_id, text) in read_csv(files.noteevents, NOTE_COLUMNS, lambda *_: None):
        note_id = plain_id(note_id)
        if note_id in note_ids and text.strip():
            texts[note_id] = text
            if len(texts) == len(note_ids):
                break
    if missing := sorted(note_ids - texts.keys(), key=lambda note_id: (len(note_id), note_id)):
        raise CorpusFormatError(
            files.noteevents,
            f"{len(missing)} of {len(note_ids)} annotated notes have no text, first ROW_ID {', '.join(missing[:3])}",
            "set CCL_MIMIC_III to the complete MIMIC-III 1.4",
            column="ROW_ID",
        )
    return texts


def _annotated(note: _Note, document: Document, counts: LoadCounts) -> AnnotatedNote:
    spans: list[EvidenceSpan] = []
    labels: dict[str, Label] = {}
    seen: set[tuple[str, int, int]] = set()
    for number, (system, source_code, begin, end) in enumerate(note.annotations):
        if system != _CODE_SYSTEM:
            counts.drop("evidence", f"code_system_{category_key(system)}")
            continue
        try:
            code = dot_code(source_code)
        except ValueError:
            counts.refuse("evidence", "malformed_code", note.path)
            continue
        if (code, begin, end) in seen:
            counts.drop("evidence", "repeated_span")
            continue
        seen.add((code, begin, end))
        try:
            spans.append(EvidenceSpan.cut(document, code, source_code, [(begin, end)]))
        except ValueError as error:
            # not counted as one bad row: annotations quote no text, so this may be all that shows that every offset is shifted
            raise CorpusFormatError(
                note.path,
                f"{note.where}.annotations[{number}] of note {note.note_id} does not fit the text: {error}",
                "use NOTEEVENTS of MIMIC-III 1.4 as published, its newlines and spaces untouched",
            ) from None
        counts.keep("evidence")
        if code not in labels:
            labels[code] = Label(
                document.corpus, document.chart_id, document.document_id, len(labels) + 1, code, source_code
            )
            counts.keep("labels")
    return AnnotatedNote(document, tuple(labels.values()), tuple(spans))


def _read_annotations(path: Path) -> Iterator[_Note]:
    try:
        content = json.loads(path.read_bytes().decode("utf-8"))
    except json.JSONDecodeError as error:
        raise CorpusFormatError(
            path, f"not JSON ({error.msg})", _AS_PUBLISHED, line=error.lineno, column=error.colno
        ) from None
    except UnicodeDecodeError as error:
        raise CorpusFormatError(path, f"not UTF-8 at byte {error.start}", _AS_PUBLISHED) from None
    reader = _Fields(path)
    chart_id = reader.identifier(content, "hadm_id", "$")
    for number, note in enumerate(reader.items(content, "notes", "$")):
        where = f"$.notes[{number}]"
        annotations = tuple(
            (
                reader.text(item, "code_system", at),
                reader.text(item, "code", at),
                reader.integer(item, "begin", at),
                reader.integer(item, "end", at),
            )
            for at, item in (
                (f"{where}.annotations[{index}]", item)
                for index, item in enumerate(reader.items(note, "annotations", where))
            )
        )
        note_id = reader.identifier(note, "note_id", where)
        category = category_key(reader.text(note, "category", where))
        yield _Note(path, where, chart_id, note_id, category, annotations)


class _Fields:
    """Typed access to decoded JSON; says where a field is missing or of another type."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def text(self, holder: Any, name: str, where: str) -> str:
        value: str = self._get(holder, name, where, (str,))
        return value

    def integer(self, holder: Any, name: str, where: str) -> int:
        value: int = self._get(holder, name, where, (int,))
        return value

    def identifier(self, holder: Any, name: str, where: str) -> str:
        return plain_id(str(self._get(holder, name, where, (int, str, float))))

    def items(self, holder: Any, name: str, where: str) -> list[Any]:
        value: list[Any] = self._get(holder, name, where, (list,))
        return value

    def _get(self, holder: Any, name: str, where: str, types: tuple[type, ...]) -> Any:
        value = holder.get(name) if isinstance(holder, dict) else None
        if not isinstance(value, types) or isinstance(value, bool):
            expected = " or ".join(kind.__name__ for kind in types)
            raise CorpusFormatError(self.path, f"{where}.{name} is missing or not {expected}", _AS_PUBLISHED)
        return value


def _files(paths: CorpusPaths) -> MdaceFiles:
    return MdaceFiles.find(given(paths.mdace), given(paths.mimic_iii))


CORPUS = CorpusSource(
    name=SOURCE,
    rank=2,
    description="MDACE 1.0 with the notes of MIMIC-III 1.4",
    required=("mdace", "mimic_iii"),
    is_restricted=True,
    benchmark_splits=("test",),
    read=lambda paths, counts, is_restricted: read(_files(paths), counts, is_restricted=is_restricted),
    files=lambda paths: _files(paths).paths,
    check_headings=lambda paths: check_columns(_files(paths).noteevents, NOTE_COLUMNS),
)
