"""The Official Guidelines: the PDF's outline cut into sections, chapter-specific parts keyed by chapter."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from ccl_assets.icd.chapters import CHAPTER_KEYS
from ccl_assets.icd.release import ReleaseError, ReleaseFile

_PAGE_HEAD = re.compile(r"^\s*ICD-10-CM Official Guidelines for Coding and Reporting\s+FY \d{4}\s+Page \d+ of \d+\s*")
_LABEL = re.compile(r"^(?:Section\s+([IVX]+)|\(?([0-9A-Za-z]{1,3})[.)])")
_CHAPTER = re.compile(r"\bChapter (\d{1,2})\b")


def parse_guidelines(file: ReleaseFile, release: str) -> list[dict[str, Any]]:
    """Read the sections of the guidelines in outline order (about 5 s for 120 pages).

    A section's text runs from its own heading to the next heading of the outline, so texts do not overlap.

    Raises:
        ReleaseError: The PDF cannot be read or has no outline.
    """
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(file.content))
        headings = list(_headings(reader, reader.outline, 0))
        pages = [_PAGE_HEAD.sub("", page.extract_text()) for page in reader.pages]
    except PyPdfError as error:
        raise ReleaseError(f"{file.file_name}: unreadable PDF ({type(error).__name__}); get the file again") from None
    if not headings:
        raise ReleaseError(f"{file.file_name}: the PDF has no outline, so its sections cannot be told apart")
    text, page_starts = _join(pages)
    starts = _locate(text, page_starts, headings)
    rows: list[dict[str, Any]] = []
    labels: list[str] = []
    chapter: str | None = None
    seen: dict[str, int] = {}
    for number, (depth, title, _) in enumerate(headings):
        label = _LABEL.match(title)
        labels = [*labels[:depth], (label[1] or label[2]) if label else str(number)]
        if depth <= 2:  # chapter-specific parts stand on the third level of the outline, below Section I.C
            found = _CHAPTER.search(title) if labels[:2] == _SECTION_I_C else None
            chapter = CHAPTER_KEYS[int(found[1]) - 1] if found else None
        section_id = ".".join(part for part in labels if part)
        seen[section_id] = seen.get(section_id, 0) + 1
        end = next((start for start in starts[number + 1 :] if start is not None), len(text))
        start = starts[number]
        rows.append(
            {
                "release": release,
                "section_id": section_id if seen[section_id] == 1 else f"{section_id}#{seen[section_id]}",
                "title": title,
                "chapter": chapter,
                "section_text": text[start:end].strip() if start is not None else "",
            }
        )
    return rows


_SECTION_I_C = ["I", "C"]


def _headings(reader: Any, outline: list[Any], depth: int) -> Iterator[tuple[int, str, int]]:
    for item in outline:
        if isinstance(item, list):
            yield from _headings(reader, item, depth + 1)
        elif depth > 0 or str(item.title).startswith(("Section", "Appendix")):
            page = reader.get_destination_page_number(item)
            yield depth, " ".join(str(item.title).split()), int(page or 0)


def _join(pages: list[str]) -> tuple[str, list[int]]:
    starts, joined = [], ""
    for page in pages:
        starts.append(len(joined))
        joined += page + "\n"
    return joined, starts


def _locate(text: str, page_starts: list[int], headings: list[tuple[int, str, int]]) -> list[int | None]:
    """Where each heading stands: from its outline page on, after the heading before, spaces and quotes loosely matched."""
    found: list[int | None] = []
    at_least = 0
    for _, title, page in headings:
        words = [re.escape(word) for word in re.split(r"[\s“”\"‘’']+", title) if word]
        pattern = re.compile(r"[\s“”\"‘’']*".join(words), re.IGNORECASE)
        last = page_starts[min(page + 2, len(page_starts) - 1)]
        match = pattern.search(text, max(at_least, page_starts[page]), last)
        found.append(match.start() if match else None)
        at_least = match.end() if match else at_least
    return found
