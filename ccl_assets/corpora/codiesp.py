"""CodiEsp v4: Spanish case reports with ICD-10-CM codes and evidence offsets (diagnoses only, procedures are PCS).

``{split}D.tsv`` gives the codes of a report, ``{split}X.tsv`` the places that support them, often in several parts that
need not come in reading order. Both have no heading. A report is its own chart, though one article may hold several.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ccl_assets.corpora.documents import (
    Corpus,
    CorpusFormatError,
    Document,
    EvidenceSpan,
    Fragment,
    Label,
    LoadCounts,
    dot_code,
)

SOURCE = "codiesp"
_FOLDERS = {"train": "train", "dev": "val", "test": "test"}
_DIAGNOSIS = "DIAGNOSTICO"
_KINDS = (_DIAGNOSIS, "PROCEDIMIENTO")
_AS_PUBLISHED = "take CodiEsp v4 as published"
_EDGE = re.compile(r"^[\W_]+|[\W_]+$")


@dataclass(frozen=True)
class CodiespSplit:
    """The files of one split."""

    split: str
    codes: Path
    evidence: Path
    texts: tuple[Path, ...]

    @property
    def paths(self) -> list[Path]:
        """All files, for hashing."""
        return [self.codes, self.evidence, *self.texts]


def find_splits(root: Path) -> list[CodiespSplit]:
    """Find the splits that are there: ``train``, ``dev`` (called ``val`` here), ``test``.

    Raises:
        CorpusFormatError: None is, or one is incomplete.
    """
    found = []
    for name, split in _FOLDERS.items():
        folder = root / name
        if not folder.is_dir():
            continue
        texts = tuple(sorted((folder / "text_files").glob("*.txt")))
        result = CodiespSplit(split, folder / f"{name}D.tsv", folder / f"{name}X.tsv", texts)
        if not texts or not result.codes.is_file() or not result.evidence.is_file():
            raise CorpusFormatError(folder, f"{name}D.tsv, {name}X.tsv or text_files/*.txt is missing", _AS_PUBLISHED)
        found.append(result)
    if not found:
        raise CorpusFormatError(root, "no folder train, dev or test", "set CCL_CODIESP to the folder that holds them")
    return found


def article_of(document_id: str) -> str:
    """The journal article a report comes from: its id without the last ``-N``."""
    return document_id.rpartition("-")[0] or document_id


def load(splits: list[CodiespSplit], *, corpus: str = SOURCE, is_restricted: bool = False) -> Corpus:
    """Load reports, codes and evidence spans of the given splits.

    Raises:
        CorpusFormatError: A malformed line, an id without text, offsets that do not fit the text.
    """
    result = Corpus()
    for files in splits:
        documents = {path.stem: _read_document(path, files.split, corpus, is_restricted) for path in files.texts}
        result.documents += documents.values()
        result.counts.keep("documents", len(documents))
        labels = list(_read_labels(files, documents, result.counts))
        spans = list(_read_evidence(files, documents, result.counts))
        labelled = {(label.document_id, label.code) for label in labels}
        unlabelled = {(span.document_id, span.code) for span in spans} - labelled
        result.counts.remark("evidence_codes_without_label", len(unlabelled))
        result.labels += labels
        result.evidence += spans
    train_articles = {article_of(document.document_id) for document in result.documents if document.split == "train"}
    for document in result.documents:
        if document.split != "train" and article_of(document.document_id) in train_articles:
            result.counts.remark(f"{document.split}_documents_of_a_train_article")
    return result


def _read_document(path: Path, split: str, corpus: str, is_restricted: bool) -> Document:
    try:
        text = path.read_bytes().decode("utf-8")  # bytes: reading as text would translate newlines and shift offsets
    except UnicodeDecodeError as error:
        raise CorpusFormatError(path, f"not UTF-8 at byte {error.start}", _AS_PUBLISHED) from None
    return Document(corpus, path.stem, path.stem, SOURCE, split, "case_report", text, is_restricted)


def _read_labels(files: CodiespSplit, documents: dict[str, Document], counts: LoadCounts) -> Iterator[Label]:
    seen: dict[str, set[str]] = {}
    for line, (document_id, source_code) in _read_tsv(files.codes, 2):
        document, code = _document_and_code(files.codes, line, documents, document_id, source_code)
        codes = seen.setdefault(document_id, set())
        if code in codes:
            counts.drop("labels", "repeated_code")
            continue
        codes.add(code)
        counts.keep("labels")
        yield Label(document.corpus, document.chart_id, document_id, len(codes), code, source_code)


def _read_evidence(files: CodiespSplit, documents: dict[str, Document], counts: LoadCounts) -> Iterator[EvidenceSpan]:
    path = files.evidence
    seen: dict[tuple[str, str, int, int], EvidenceSpan] = {}
    for line, (document_id, kind, source_code, reference, positions) in _read_tsv(path, 5):
        if kind not in _KINDS:
            raise CorpusFormatError(path, f"neither {' nor '.join(_KINDS)}", _AS_PUBLISHED, line=line, column=2)
        if kind != _DIAGNOSIS:
            counts.drop("evidence", "procedure")
            continue
        document, code = _document_and_code(path, line, documents, document_id, source_code)
        fragments = _parse_positions(path, line, positions)
        filled = [(begin, end) for begin, end in fragments if begin != end]
        counts.remark("empty_fragments", len(fragments) - len(filled))
        counts.remark("discontinuous_spans", len(filled) > 1)
        counts.remark("spans_with_parts_out_of_order", filled != sorted(filled))
        try:
            span = EvidenceSpan.cut(document, code, filled)
        except ValueError as error:
            raise CorpusFormatError(path, str(error), _AS_PUBLISHED, line=line, column=5) from None
        written = " ".join(document.text[begin:end] for begin, end in filled)
        if _folded(written) != _folded(reference):
            raise CorpusFormatError(
                path,
                "the text at these positions is not the quoted reference",
                "take text_files as published (Spanish, newlines untouched)",
                line=line,
                column=5,
            )
        counts.remark("references_that_differ_at_an_edge", written != reference)
        key = (document_id, code, span.begin, span.end)
        if (known := seen.get(key)) is not None:
            # Two readings of one place; the table's key is the extent, so the first one written down stays.
            counts.drop("evidence", "repeated_span" if known == span else "same_extent_other_fragments")
            continue
        seen[key] = span
        counts.keep("evidence")
        yield span


def _folded(text: str) -> str:
    return _EDGE.sub("", " ".join(text.split()))


def _parse_positions(path: Path, line: int, positions: str) -> list[Fragment]:
    fragments: list[Fragment] = []
    for part in positions.split(";"):
        numbers = part.split()
        if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
            raise CorpusFormatError(path, "positions are not `begin end;begin end`", _AS_PUBLISHED, line=line, column=5)
        fragments.append((int(numbers[0]), int(numbers[1])))
    return fragments


def _document_and_code(
    path: Path, line: int, documents: dict[str, Document], document_id: str, source_code: str
) -> tuple[Document, str]:
    if document_id not in documents:
        raise CorpusFormatError(path, "no text file for this article", _AS_PUBLISHED, line=line, column=1)
    try:
        return documents[document_id], dot_code(source_code)
    except ValueError as error:
        raise CorpusFormatError(path, str(error), _AS_PUBLISHED, line=line) from None


def _read_tsv(path: Path, field_count: int) -> Iterator[tuple[int, list[str]]]:
    # No csv module: the files quote nothing, and references may hold a lone quotation mark.
    try:
        lines = path.read_bytes().decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise CorpusFormatError(path, f"not UTF-8 at byte {error.start}", _AS_PUBLISHED) from None
    for number, line in enumerate(lines, start=1):
        fields = line.removesuffix("\r").split("\t")
        if fields == [""]:
            continue
        if len(fields) != field_count:
            raise CorpusFormatError(
                path, f"has {len(fields)} tab-separated fields, not {field_count}", _AS_PUBLISHED, line=number
            )
        yield number, fields
