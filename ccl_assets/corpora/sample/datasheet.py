"""The counts in the sample's DATASHEET.md: ``python -m ccl_assets.corpora.sample.datasheet`` writes them anew after an edit."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from ccl_assets.corpora.documents import Corpus, Document
from ccl_assets.icd.chapters import CHAPTER_KEYS, chapter_of
from ccl_assets.text.assertions import assert_note

DATASHEET = Path(__file__).parent / "DATASHEET.md"
_BEGIN, _END = "<!-- counts -->\n", "<!-- end of counts -->\n"


def counts(corpus: Corpus) -> str:
    """Write the tables of a corpus in Markdown: splits, kinds of notes, chapters, sections and what notes say of the spans."""
    documents = {document.document_id: document for document in corpus.documents}
    split_of = {document.chart_id: document.split for document in corpus.documents}
    words = [len(document.text.split()) for document in corpus.documents]
    codes = Counter(label.code for label in corpus.labels)
    sections, statuses = _said_of_spans(corpus, documents)
    once = sum(count == 1 for count in codes.values())
    parts = [
        f"{len(documents)} notes of {len(split_of)} charts; {min(words)} to {max(words)} words (median "
        f"{statistics.median(words):.0f}); {codes.total():,} codes of charts, {len(codes):,} distinct, {once:,} of them once; "
        f"{len(corpus.evidence):,} evidence spans.",
        _table("split", Counter(split_of.values()), "charts", Counter(d.split for d in corpus.documents), "notes"),
        _table("kind of note", Counter(document.category for document in corpus.documents), "notes"),
        _table("section of a span", sections, "spans"),
        _table("what the note says of it, by the project's rules", statuses, "spans"),
        _chapters(codes),
    ]
    return "\n\n".join(parts) + "\n"


def with_counts(text: str, tables: str) -> str:
    """Put the tables between the marks of the datasheet.

    Raises:
        ValueError: The marks are not there.
    """
    head, begin, rest = text.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"the datasheet lacks the lines {_BEGIN.strip()} and {_END.strip()}")
    return f"{head}{begin}\n{tables}\n{end}{tail}"


def _said_of_spans(corpus: Corpus, documents: Mapping[str, Document]) -> tuple[Counter[str], Counter[str]]:
    spans: dict[str, list[tuple[int, int]]] = {}
    for span in corpus.evidence:
        spans.setdefault(span.document_id, []).append((span.begin, span.end))
    sections: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    for name, places in spans.items():
        said = assert_note(documents[name].text, "en", places)
        for begin, end in places:
            sections[said.section_at(begin).kind.value] += 1
            statuses[said.status(begin, end).value] += 1
    return sections, statuses


def _table(what: str, found: Counter[str], of: str, beside: Counter[str] | None = None, of_beside: str = "") -> str:
    heading = f"| {what} | {of} |" + (f" {of_beside} |" if beside is not None else "")
    rows = [heading, "|" + "---|" * (2 + (beside is not None))]
    for name, count in found.most_common():
        rows.append(f"| {name} | {count:,} |" + (f" {beside[name]:,} |" if beside is not None else ""))
    return "\n".join(rows)


def _chapters(codes: Mapping[str, int]) -> str:
    given: Counter[str] = Counter()
    distinct: Counter[str] = Counter()
    for code, count in codes.items():
        key = chapter_of(code).key
        given[key] += count
        distinct[key] += 1
    rows = ["| chapter | codes of charts | distinct |", "|---|---|---|"]
    rows += [f"| {key} | {given[key]:,} | {distinct[key]:,} |" for key in CHAPTER_KEYS]
    return "\n".join(rows)


def main() -> None:
    """Write the counts into the datasheet."""
    from ccl_assets.corpora.loaders import CorpusPaths, load

    DATASHEET.write_text(
        with_counts(DATASHEET.read_text(encoding="utf-8"), counts(load("sample", CorpusPaths()))), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
