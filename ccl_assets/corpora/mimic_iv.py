"""MIMIC-IV: discharge notes of MIMIC-IV-Note 2.2 and the ICD-10-CM codes of MIMIC-IV 2.2; codes only, no evidence.

Codes belong to the admission (chart), which may have several notes (discharge summaries and addenda). Both files are
streamed; what a load holds is the text of charts with ICD-10 codes (about 122,000 notes, 1.3 GB, for all of MIMIC-IV).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ccl_assets.corpora.csv_files import check_columns, find_file, read_csv
from ccl_assets.corpora.documents import (
    UNANNOTATED,
    Corpus,
    CorpusFormatError,
    Document,
    Label,
    LoadCounts,
    category_key,
    dot_code,
)

SOURCE = "mimic_iv"
NOTE_COLUMNS = ("note_id", "hadm_id", "note_type", "text")
CODE_COLUMNS = ("hadm_id", "seq_num", "icd_code", "icd_version")
_CATEGORIES = {"DS": "discharge_summary", "AD": "addendum"}
_ICD_VERSIONS = ("9", "10")
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


def read_labels(files: MimicIvFiles, counts: LoadCounts, *, corpus: str = SOURCE) -> Iterator[Label]:
    """Stream the ICD-10-CM codes of all admissions; ICD-9 rows are counted and dropped.

    ``position`` is the source's ``seq_num``. A code given twice to an admission is kept where it stands first.

    Raises:
        CorpusFormatError: Wrong columns, a damaged file, a ``seq_num`` or ``icd_version`` that is neither.
    """
    seen: set[tuple[str, str]] = set()
    for row, line, (chart_id, rank, source_code, version) in read_csv(files.diagnoses, CODE_COLUMNS):
        if version not in _ICD_VERSIONS or not rank.isdecimal():
            column = "seq_num" if version in _ICD_VERSIONS else "icd_version"
            raise CorpusFormatError(
                files.diagnoses,
                f"row {row} has no valid {column}",
                "take diagnoses_icd.csv as published",
                line=line,
                column=column,
            )
        if version == "9":
            counts.drop("labels", "icd_9")
            continue
        try:
            code = dot_code(source_code)
        except ValueError:
            counts.drop("labels", "malformed_code")
            continue
        if (chart_id, code) in seen:
            counts.drop("labels", "repeated_code")
            continue
        seen.add((chart_id, code))
        counts.keep("labels")
        yield Label(corpus, chart_id, None, int(rank), code, source_code)


def read_documents(
    files: MimicIvFiles,
    counts: LoadCounts,
    *,
    charts: Container[str] | None = None,
    splits: Mapping[str, str] | None = None,
    corpus: str = SOURCE,
    is_restricted: bool = True,
) -> Iterator[Document]:
    """Stream the notes; memory stays flat whatever the file's size.

    Args:
        files: Where the notes are.
        counts: Told what is kept and dropped.
        charts: Admissions to keep (those with ICD-10 codes); ``None`` keeps all.
        splits: Split by admission; others are ``unannotated``.
        corpus: Corpus the documents belong to.
        is_restricted: Whether the text is bound to this host.

    Raises:
        CorpusFormatError: Wrong columns, a damaged file, or a note id that is repeated.
    """
    seen: set[str] = set()
    for row, line, (note_id, chart_id, note_type, text) in read_csv(files.discharge, NOTE_COLUMNS):
        if note_id in seen:
            raise CorpusFormatError(
                files.discharge,
                f"row {row} repeats note_id {note_id}",
                "the file was joined or edited; take it as published",
                line=line,
                column="note_id",
            )
        seen.add(note_id)
        if not chart_id:
            counts.drop("documents", "no_admission")
        elif charts is not None and chart_id not in charts:
            counts.drop("documents", "no_icd10_code")
        elif not text.strip():
            counts.drop("documents", "empty_text")
        else:
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
    splits = {str(chart): split for chart, split in zip(*(table[c].to_pylist() for c in ("_id", "split")), strict=True)}
    if odd := set(splits.values()) - set(_SPLITS):
        raise CorpusFormatError(
            path, f"holds {len(odd)} splits other than {', '.join(_SPLITS)}", remedy, column="split"
        )
    return splits


def load(files: MimicIvFiles, *, corpus: str = SOURCE, is_restricted: bool = True) -> Corpus:
    """Load all notes of admissions that have ICD-10-CM codes, and these codes.

    Raises:
        CorpusFormatError: As the readers, or a split file of another corpus.
    """
    counts = LoadCounts()
    check_columns(files.discharge, NOTE_COLUMNS)  # before minutes are spent on the codes
    splits = read_split(files.split) if files.split else {}
    labels = list(read_labels(files, counts, corpus=corpus))
    coded = {label.chart_id for label in labels}
    if splits and coded.isdisjoint(splits):
        assert files.split is not None
        raise CorpusFormatError(
            files.split, "names none of the admissions", "set CCL_EDIN_SPLIT to the split of MIMIC-IV, not of MIMIC-III"
        )
    documents = list(
        read_documents(files, counts, charts=coded, splits=splits, corpus=corpus, is_restricted=is_restricted)
    )
    notes = Counter(document.chart_id for document in documents)
    kept = [label for label in labels if label.chart_id in notes]
    counts.withdraw("labels", "chart_without_note", len(labels) - len(kept))
    counts.remark("charts_without_note", len(coded - notes.keys()))
    counts.remark("charts_with_several_notes", sum(number > 1 for number in notes.values()))
    return Corpus(documents, kept, [], counts)
