"""CodiEsp v4: Spanish case reports with ICD-10-CM codes and evidence offsets (diagnoses only, procedures are PCS).

``{split}D.tsv`` gives the codes of a report, ``{split}X.tsv`` the places that support them, often in several parts that
need not come in reading order. Both have no heading. A report is its own chart, though one article may hold several.

The release also holds machine translations into English (``text_files_en``); the places are those of the Spanish text, so that
translated reports have codes and no evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ccl_assets.corpora.corpus_source import CorpusSource, given
from ccl_assets.corpora.documents import (
    AnnotatedNote,
    CorpusFormatError,
    Document,
    EvidenceSpan,
    Fragment,
    Label,
    LoadCounts,
    RowKind,
    dot_code,
)
from ccl_assets.corpora.joins import check_join
from ccl_assets.resources.corpus_paths import CorpusPaths

SOURCE = "codiesp"
_FOLDERS = {"train": "train", "dev": "val", "test": "test"}
_TEXTS = {"es": "text_files", "en": "text_files_en"}
_DIAGNOSIS, _PROCEDURE = "DIAGNOSTICO", "PROCEDIMIENTO"
_AS_PUBLISHED = "take CodiEsp v4 as published"
_EDGE = re.compile(r"^[\W_]+|[\W_]+$")


class _UnreadableLineError(ValueError):
    """A line that is not what the layout promises; it is counted and left out."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class CodiespSplit:
    """The files of one split; ``evidence`` is ``None`` where the texts are translations."""

    split: str
    codes: Path
    evidence: Path | None
    texts: tuple[Path, ...]

    @property
    def paths(self) -> list[Path]:
        """All files, for hashing."""
        return [self.codes, *([self.evidence] if self.evidence else []), *self.texts]


def find_splits(root: Path, language: str = "es") -> list[CodiespSplit]:
    """Find the splits that are there: ``train``, ``dev`` (called ``val`` here), ``test``.

    Args:
        root: Folder of CodiEsp v4.
        language: ``es`` for the reports as written, ``en`` for their machine translations.

    Raises:
        CorpusFormatError: None is, or one is incomplete.
    """
    found = []
    for name, split in _FOLDERS.items():
        folder = root / name
        if not folder.is_dir():
            continue
        texts = tuple(sorted((folder / _TEXTS[language]).glob("*.txt")))
        codes, evidence = folder / f"{name}D.tsv", folder / f"{name}X.tsv"
        if not texts or not codes.is_file() or not evidence.is_file():
            missing = f"{name}D.tsv, {name}X.tsv or {_TEXTS[language]}/*.txt is missing"
            raise CorpusFormatError(folder, missing, _AS_PUBLISHED)
        found.append(CodiespSplit(split, codes, evidence if language == "es" else None, texts))
    if not found:
        raise CorpusFormatError(root, "no folder train, dev or test", "set CCL_CODIESP to the folder that holds them")
    return found


def article_of(document_id: str) -> str:
    """The journal article a report comes from: its id without the last ``-N``."""
    return document_id.rpartition("-")[0] or document_id


def read(
    splits: list[CodiespSplit], counts: LoadCounts, *, corpus: str = SOURCE, is_restricted: bool = False
) -> Iterator[AnnotatedNote]:
    """Read reports, codes and evidence spans of the given splits, one split in memory at a time.

    Raises:
        CorpusFormatError: A file with another number of columns, or codes most of which belong to no report.
    """
    train_articles: set[str] = set()
    for files in splits:  # train comes first
        documents = {
            path.stem: document
            for path in files.texts
            if (document := _read_document(path, files.split, counts, corpus, is_restricted))
        }
        labels = _read_labels(files, documents, counts)
        spans = _read_evidence(files.evidence, documents, counts) if files.evidence else {}
        unlabelled = {(span.document_id, span.code) for of_one in spans.values() for span in of_one} - {
            (label.document_id, label.code) for of_one in labels.values() for label in of_one
        }
        counts.remark("evidence_codes_without_label", len(unlabelled))
        for name, document in documents.items():
            if files.split == "train":
                train_articles.add(article_of(name))
            elif article_of(name) in train_articles:
                counts.remark(f"{files.split}_documents_of_a_train_article")
            counts.keep("documents")
            yield AnnotatedNote(document, tuple(labels.get(name, ())), tuple(spans.get(name, ())))


def _read_document(path: Path, split: str, counts: LoadCounts, corpus: str, is_restricted: bool) -> Document | None:
    try:
        text = path.read_bytes().decode("utf-8")  # bytes: reading as text would translate newlines and shift offsets
    except UnicodeDecodeError:
        counts.refuse("documents", "not_utf8", path)
        return None
    if not text.strip():
        counts.refuse("documents", "empty_text", path)
        return None
    return Document(corpus, path.stem, path.stem, SOURCE, split, "case_report", text, is_restricted)


def _read_labels(files: CodiespSplit, documents: dict[str, Document], counts: LoadCounts) -> dict[str, list[Label]]:
    found: dict[str, list[Label]] = {}
    coded: set[str] = set()
    for line, (document_id, source_code) in _read_tsv(files.codes, 2, "labels", counts):
        coded.add(document_id)
        try:
            document, code = _document_and_code(documents, document_id, source_code)
        except _UnreadableLineError as error:
            counts.refuse("labels", error.reason, files.codes, line)
            continue
        labels = found.setdefault(document_id, [])
        if any(label.code == code for label in labels):
            counts.drop("labels", "repeated_code")
            continue
        counts.keep("labels")
        labels.append(Label(document.corpus, document.chart_id, document_id, len(labels) + 1, code, source_code))
    reports = {path.stem for path in files.texts}
    check_join(
        files.codes,
        ("reports", reports),
        ("reports with codes", coded),
        len(coded & reports),
        "give texts and codes of the same split of CodiEsp v4",
    )
    return found


def _read_evidence(path: Path, documents: dict[str, Document], counts: LoadCounts) -> dict[str, list[EvidenceSpan]]:
    found: dict[str, list[EvidenceSpan]] = {}
    for line, (document_id, kind, source_code, reference, positions) in _read_tsv(path, 5, "evidence", counts):
        if kind == _PROCEDURE:
            counts.drop("evidence", "procedure")
            continue
        try:
            if kind != _DIAGNOSIS:
                raise _UnreadableLineError("unknown_kind")
            document, code = _document_and_code(documents, document_id, source_code)
            span = _span(document, code, source_code, reference, positions, counts)
        except _UnreadableLineError as error:
            counts.refuse("evidence", error.reason, path, line)
            continue
        spans = found.setdefault(document_id, [])
        place = (code, span.begin, span.end)
        known = next((known for known in spans if (known.code, known.begin, known.end) == place), None)
        if known is not None:
            # Two readings of one place; the table's key is the extent, so the first one written down stays.
            counts.drop("evidence", "repeated_span" if known == span else "same_extent_other_fragments")
            continue
        counts.keep("evidence")
        spans.append(span)
    return found


def _span(
    document: Document, code: str, source_code: str, reference: str, positions: str, counts: LoadCounts
) -> EvidenceSpan:
    fragments = _parse_positions(positions)
    filled = [(begin, end) for begin, end in fragments if begin != end]
    try:
        span = EvidenceSpan.cut(document, code, source_code, filled)
    except ValueError:
        raise _UnreadableLineError("positions_outside_text") from None
    written = " ".join(document.text[begin:end] for begin, end in filled)
    if _folded(written) != _folded(reference):
        raise _UnreadableLineError("text_is_not_the_reference")
    counts.remark("empty_fragments", len(fragments) - len(filled))
    counts.remark("discontinuous_spans", len(filled) > 1)
    counts.remark("spans_with_parts_out_of_order", filled != sorted(filled))
    counts.remark("references_that_differ_at_an_edge", written != reference)
    return span


def _folded(text: str) -> str:
    return _EDGE.sub("", " ".join(text.split()))


def _parse_positions(positions: str) -> list[Fragment]:
    """Parse ``begin end;begin end``."""
    fragments: list[Fragment] = []
    for part in positions.split(";"):
        numbers = part.split()
        if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
            raise _UnreadableLineError("malformed_positions")
        fragments.append((int(numbers[0]), int(numbers[1])))
    return fragments


def _document_and_code(documents: dict[str, Document], document_id: str, source_code: str) -> tuple[Document, str]:
    if document_id not in documents:
        raise _UnreadableLineError("no_text")
    try:
        return documents[document_id], dot_code(source_code)
    except ValueError:
        raise _UnreadableLineError("malformed_code") from None


def _read_tsv(path: Path, field_count: int, kind: RowKind, counts: LoadCounts) -> Iterator[tuple[int, list[str]]]:
    # No csv module: the files quote nothing, and references may hold a lone quotation mark.
    for number, content in enumerate(path.read_bytes().split(b"\n"), start=1):
        try:
            fields = content.decode("utf-8").removesuffix("\r").split("\t")
        except UnicodeDecodeError:
            counts.refuse(kind, "not_utf8", path, number)
            continue
        if fields == [""]:
            continue
        if len(fields) == field_count:
            yield number, fields
        elif number > 1:
            counts.refuse(kind, "other_field_count", path, number)
        else:
            problem = f"has {len(fields)} tab-separated fields, not {field_count}"
            raise CorpusFormatError(path, problem, _AS_PUBLISHED, line=number)


def _splits(paths: CorpusPaths) -> list[CodiespSplit]:
    return find_splits(given(paths.codiesp), paths.codiesp_language)


CORPUS = CorpusSource(
    name=SOURCE,
    rank=4,
    description="CodiEsp v4",
    required=("codiesp",),
    is_restricted=False,
    benchmark_splits=(
        "val",
        "test",
    ),  # `dev`, called `val` here, is one of its own: test labels are not public everywhere
    read=lambda paths, counts, is_restricted: read(_splits(paths), counts, is_restricted=is_restricted),
    files=lambda paths: [path for split in _splits(paths) for path in split.paths],
)
