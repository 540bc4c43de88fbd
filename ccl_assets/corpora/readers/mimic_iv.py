"""MIMIC-IV: discharge notes of MIMIC-IV-Note 2.2 and the ICD-10-CM codes of MIMIC-IV 2.2; codes only, no evidence.

Codes belong to the admission (chart), which may have several notes (discharge summaries and addenda). The codes are read first
and held; the notes are streamed, and the first note of a chart brings the chart's codes.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ccl_assets.corpora.corpus_source import CorpusSource, given
from ccl_assets.corpora.csv_files import check_columns, find_file, read_csv
from ccl_assets.corpora.documents import (
    UNANNOTATED,
    AnnotatedNote,
    CorpusFormatError,
    Document,
    Label,
    LoadCounts,
    category_key,
    dot_code,
)
from ccl_assets.corpora.joins import check_join, plain_id
from ccl_assets.resources.corpus_paths import CorpusPaths

SOURCE = "mimic_iv"
NOTE_COLUMNS = ("note_id", "hadm_id", "note_type", "text")
CODE_COLUMNS = ("hadm_id", "seq_num", "icd_code", "icd_version")
_CATEGORIES = {"DS": "discharge_summary", "AD": "addendum"}
_SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class MimicIvFiles:
    """The files of a load; ``split`` is a feather file of Edin et al., if the user gave one."""

    discharge: Path
    diagnoses: Path
    split: Path | None = None

    @classmethod
    def find(cls, note_root: Path, hosp_root: Path, split: Path | None = None) -> MimicIvFiles:
        """Find the files below the folders of MIMIC-IV-Note and MIMIC-IV, ``.csv.gz`` or ``.csv``.

        Raises:
            CorpusFormatError: One is not there.
        """
        discharge = find_file(note_root, ("note", "2.2/note", "."), "discharge", "CCL_MIMIC_IV_NOTE")
        diagnoses = find_file(hosp_root, ("hosp", "2.2/hosp", "."), "diagnoses_icd", "CCL_MIMIC_IV")
        if split is not None and not split.is_file():
            raise CorpusFormatError(split, "no such file", "correct CCL_EDIN_SPLIT or unset it")
        return cls(discharge, diagnoses, split)

    @property
    def paths(self) -> list[Path]:
        """All files, for hashing."""
        return [path for path in (self.discharge, self.diagnoses, self.split) if path is not None]


def read_labels(
    files: MimicIvFiles, counts: LoadCounts, *, corpus: str = SOURCE, coded: set[str] | None = None
) -> Iterator[Label]:
    """Stream the ICD-10-CM codes of all admissions; ICD-9 rows are counted and dropped.

    ``position`` is the source's ``seq_num``.

    Args:
        files: Where the codes are.
        counts: Told what is dropped.
        corpus: Corpus the labels belong to.
        coded: Filled with the admissions that have a code of either edition.

    Raises:
        CorpusFormatError: Wrong columns or a damaged file.
    """
    path = files.diagnoses
    refuse = partial(counts.refuse, "labels")
    for _, line, (chart_id, rank, source_code, version) in read_csv(path, CODE_COLUMNS, refuse):
        chart_id, rank, version = plain_id(chart_id), plain_id(rank), plain_id(version)
        if coded is not None and chart_id:
            coded.add(sys.intern(chart_id))
        if version == "9":
            counts.drop("labels", "icd_9")
        elif version != "10":
            refuse("no_icd_version", path, line)
        elif not rank.isdecimal():
            refuse("no_seq_num", path, line)
        elif not chart_id:
            refuse("no_admission", path, line)
        else:
            try:
                code = dot_code(source_code)
            except ValueError:
                refuse("malformed_code", path, line)
                continue
            # millions of labels share some ten thousand codes and two hundred thousand admissions
            yield Label(corpus, sys.intern(chart_id), None, int(rank), code, sys.intern(source_code))


def read_documents(
    files: MimicIvFiles,
    counts: LoadCounts,
    *,
    charts: Container[str] | None = None,
    splits: Mapping[str, str] | None = None,
    corpus: str = SOURCE,
    is_restricted: bool = True,
    noted: set[str] | None = None,
) -> Iterator[Document]:
    """Stream the notes; memory stays flat whatever the file's size.

    Args:
        files: Where the notes are.
        counts: Told what is kept and dropped.
        charts: Admissions to keep (those with ICD-10 codes); ``None`` keeps all.
        splits: Split by admission; others are ``unannotated``.
        corpus: Corpus the documents belong to.
        is_restricted: Whether the text is bound to this host.
        noted: Filled with the admissions that have a note, kept or not.

    Raises:
        CorpusFormatError: Wrong columns or a damaged file.
    """
    path = files.discharge
    refuse = partial(counts.refuse, "documents")
    seen: set[str] = set()
    for _, line, (note_id, chart_id, note_type, text) in read_csv(path, NOTE_COLUMNS, refuse):
        chart_id = plain_id(chart_id)
        if noted is not None and chart_id:
            noted.add(chart_id)
        if note_id in seen:
            refuse("repeated_note_id", path, line)
        elif not chart_id:
            refuse("no_admission", path, line)
        elif not text.strip():
            refuse("empty_text", path, line)
        elif charts is not None and chart_id not in charts:
            counts.drop("documents", "no_icd10_code")
        else:
            seen.add(note_id)
            counts.keep("documents")
            split = (splits or {}).get(chart_id, UNANNOTATED)
            category = _CATEGORIES.get(note_type) or category_key(note_type)
            yield Document(corpus, note_id, chart_id, SOURCE, split, category, text, is_restricted)


def read_split(path: Path) -> dict[str, str]:
    """Read a split file of Edin et al.: feather with ``_id`` (admission) and ``split``.

    Raises:
        CorpusFormatError: Not feather, other columns, or other splits than train, val and test.
    """
    import pyarrow as pa
    from pyarrow import feather

    remedy = "take mimiciv_icd10_split.feather as published, or unset CCL_EDIN_SPLIT"
    try:
        table = feather.read_table(path, columns=["_id", "split"])
    except (pa.ArrowException, OSError):
        raise CorpusFormatError(path, "not a feather file with the columns _id and split", remedy) from None
    splits = {
        plain_id(str(chart)): split
        for chart, split in zip(*(table[c].to_pylist() for c in ("_id", "split")), strict=True)
    }
    if odd := set(splits.values()) - set(_SPLITS):
        raise CorpusFormatError(
            path, f"holds {len(odd)} splits other than {', '.join(_SPLITS)}", remedy, column="split"
        )
    return splits


def read(
    files: MimicIvFiles, counts: LoadCounts, *, corpus: str = SOURCE, is_restricted: bool = True
) -> Iterator[AnnotatedNote]:
    """Stream all notes of admissions that have ICD-10-CM codes, the chart's codes with its first note.

    A code given twice to an admission is kept where it stands first.

    Raises:
        CorpusFormatError: As the readers, a split file of another corpus, or notes and codes that do not meet.
    """
    check_columns(files.discharge, NOTE_COLUMNS)  # before minutes are spent on the codes
    splits = read_split(files.split) if files.split else {}
    charts: dict[str, list[Label]] = {}
    coded: set[str] = set()
    for label in read_labels(files, counts, corpus=corpus, coded=coded):
        labels = charts.setdefault(label.chart_id, [])
        if any(label.code == known.code for known in labels):
            counts.drop("labels", "repeated_code")
        else:
            counts.keep("labels")
            labels.append(label)
    if not charts:
        raise CorpusFormatError(
            files.diagnoses,
            f"none of {len(coded)} admissions has an ICD-10-CM code ({counts.dropped['labels', 'icd_9']} rows are ICD-9)",
            "set CCL_MIMIC_IV to the diagnoses_icd of MIMIC-IV, with its rows of icd_version 10",
        )
    if splits:
        assert files.split is not None
        if charts.keys().isdisjoint(splits):
            raise CorpusFormatError(
                files.split,
                "names none of the admissions",
                "set CCL_EDIN_SPLIT to the split of MIMIC-IV, not of MIMIC-III",
            )
        check_join(
            files.split,
            ("admissions of the split", splits),
            ("admissions with ICD-10-CM codes", charts),
            len(charts.keys() & splits.keys()),
            "set CCL_EDIN_SPLIT to the split of this corpus",
        )
    first: set[str] = set()
    noted: set[str] = set()
    several: set[str] = set()
    for document in read_documents(
        files, counts, charts=charts, splits=splits, corpus=corpus, is_restricted=is_restricted, noted=noted
    ):
        chart = document.chart_id
        (several if chart in first else first).add(chart)
        labels, charts[chart] = charts[chart], []
        yield AnnotatedNote(document, tuple(labels))
    check_join(
        files.discharge,
        ("admissions with a note", noted),
        ("admissions with codes", coded),
        len(noted & coded),
        "the ids of notes and codes do not meet: take both from the same export of MIMIC-IV",
    )
    counts.withdraw("labels", "chart_without_note", sum(map(len, charts.values())))
    counts.remark("charts_without_note", len(charts) - len(first))
    counts.remark("charts_with_several_notes", len(several))


def _files(paths: CorpusPaths) -> MimicIvFiles:
    return MimicIvFiles.find(given(paths.mimic_iv_note), given(paths.mimic_iv), paths.edin_split)


def _check_headings(paths: CorpusPaths) -> None:
    files = _files(paths)
    check_columns(files.discharge, NOTE_COLUMNS)
    check_columns(files.diagnoses, CODE_COLUMNS)
    if files.split is not None:
        read_split(files.split)


CORPUS = CorpusSource(
    name=SOURCE,
    rank=1,
    description="MIMIC-IV 2.2 with MIMIC-IV-Note 2.2",
    required=("mimic_iv_note", "mimic_iv"),
    optional=("edin_split",),
    is_restricted=True,
    benchmark_splits=("test",),
    read=lambda paths, counts, is_restricted: read(_files(paths), counts, is_restricted=is_restricted),
    files=lambda paths: _files(paths).paths,
    check_headings=_check_headings,
)
