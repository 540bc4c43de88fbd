"""A PDF as its outline and its lines with their place on the page. What the lines say is read elsewhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ccl_assets.icd.release.contents import ReleaseError, ReleaseFile

_TAIL_BYTES = 1024
_BROKEN_HYPHEN = "\ufffe"  # pdfium's mark for a hyphen at a line's end, where it also drops the line break
_MARGIN = 0.11  # share of the page height in which running heads and feet stand
_XYZ_VALUES = 3  # left, top, zoom; destinations of other kinds name no height that could be relied on
_LEADER = re.compile(r"\.{4,}\s*\d+$")


@dataclass(frozen=True, slots=True)
class Line:
    """A printed line: page from 0, left and right edge, height of its middle above the page's foot, all in points."""

    page: int
    left: float
    right: float
    middle: float
    text: str


@dataclass(frozen=True, slots=True)
class Heading:
    """An entry of the outline: its depth from 0, page from 0 (``None`` if it leads nowhere) and height on the page."""

    depth: int
    title: str
    page: int | None
    top: float | None


def read_pdf(file: ReleaseFile) -> tuple[list[Heading], list[Line]]:
    """Read the outline and the lines in reading order, running heads and feet and the table of contents left out.

    Raises:
        ReleaseError: Not a PDF, cut short, encrypted, damaged, or a scan without text.
    """
    import pypdfium2

    if b"%PDF-" not in file.content[:_TAIL_BYTES]:
        raise ReleaseError(f"{file.file_name}: not a PDF; get the file again")
    if b"%%EOF" not in file.content[-_TAIL_BYTES:]:  # pdfium would repair it and pass over the pages that are missing
        raise ReleaseError(f"{file.file_name}: the PDF is cut short; get the file again and compare its size")
    try:
        with pypdfium2.PdfDocument(file.content) as document:
            headings = list(_headings(document))
            pages = [_lines(document, number) for number in range(len(document))]
            heights = [document.get_page_size(number)[1] for number in range(len(document))]
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise ReleaseError(
                f"{file.file_name}: the PDF is encrypted; get the published file, which needs no password"
            ) from None
        raise ReleaseError(f"{file.file_name}: the PDF is damaged ({error}); get the file again") from None
    if not any(pages):
        raise ReleaseError(f"{file.file_name}: the PDF holds no text (a scan?); get the published file")
    bodies = _without_running_lines(pages, heights)
    return headings, [line for body in bodies if not _is_contents(body) for line in body]


def _headings(document: Any) -> Iterator[Heading]:
    for entry in document.get_toc():
        target = entry.get_dest()
        page = target.get_index() if target is not None else None
        view = target.get_view()[1] if target is not None else []
        top = view[1] if len(view) == _XYZ_VALUES else None
        yield Heading(entry.level, " ".join(entry.get_title().split()), page, top)


def _lines(document: Any, number: int) -> list[Line]:
    page = document[number]
    text_page = page.get_textpage()
    text = text_page.get_text_range()
    lines = []
    for found in re.finditer(rf"[^\r\n{_BROKEN_HYPHEN}]+{_BROKEN_HYPHEN}?", text):
        words = found[0].rstrip()
        if not words.strip():
            continue
        first = found.start() + len(words) - len(words.lstrip())
        left, bottom, _, top = text_page.get_charbox(first, loose=True)
        right = text_page.get_charbox(found.start() + len(words) - 1, loose=True)[2]
        printed = words.strip().replace(_BROKEN_HYPHEN, "-").replace("\uf0a7", "•")
        lines.append(Line(number, left, right, (bottom + top) / 2, printed))
    text_page.close()
    page.close()
    return lines


def _without_running_lines(pages: list[list[Line]], heights: list[float]) -> list[list[Line]]:
    """Leave out the lines of the margins that stand on a third of the pages, page numbers apart."""

    def key(line: Line) -> tuple[str, str] | None:
        height = heights[line.page]
        if _MARGIN * height < line.middle < (1 - _MARGIN) * height:
            return None
        return "foot" if line.middle < height / 2 else "head", re.sub(r"\d+", "#", "".join(line.text.split()))

    counts = Counter(found for lines in pages for found in {key(line) for line in lines} if found)
    running = {found for found, count in counts.items() if count >= max(3, len(pages) / 3)}
    return [[line for line in lines if key(line) not in running] for lines in pages]


def _is_contents(lines: list[Line]) -> bool:
    """Whether most lines of a page lead with dots to a page number."""
    return sum(bool(_LEADER.search(line.text)) for line in lines) * 2 > len(lines)
