"""The Official Guidelines: the PDF's outline cut into sections, chapter-specific parts keyed by chapter."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ccl_assets.icd.chapters import CHAPTER_KEYS
from ccl_assets.icd.guidelines.pdf import Heading, Line, read_pdf
from ccl_assets.icd.guidelines.text import Layout, join_lines
from ccl_assets.icd.release.contents import ReleaseError, ReleaseFile

_INTRODUCTION = "Introduction"
_SECTION = re.compile(r"Section\s+([IVX]+)\b")
_APPENDIX = re.compile(r"(Appendix)\s+([IVX]+|[A-Z])\b")
_MARK = re.compile(r"(\(?)(\d{1,3}|[A-Za-z]{1,4})([.)])")
_CHAPTER = re.compile(r"\bChapter (\d{1,2})\b")
_CHAPTER_DEPTH = 2
_SECTION_I_C = ["I", "C"]


class _Span(NamedTuple):
    """First line of a heading and how many lines it takes."""

    start: int
    line_count: int


def parse_guidelines(file: ReleaseFile, release: str) -> list[dict[str, Any]]:
    """Read the sections of the guidelines in outline order (about half a second for 120 pages).

    A section's text begins with its own heading and runs to the next one that was found, so the texts do not overlap and
    together hold the body: everything but running heads and feet and the table of contents. What precedes Section I is
    the section ``Introduction``. A heading that is printed but missing in the outline stays in the text of the section
    it stands in; one of the outline that is not printed gets a section without text (see ``headings_not_found``).

    Raises:
        ReleaseError: The PDF cannot be read, has no outline, or is another document.
    """
    outline, lines = read_pdf(file)
    if not outline:
        raise ReleaseError(
            f"{file.file_name}: the PDF has no outline, so its sections cannot be told apart; get the published file"
        )
    headings = _with_whole_titles(outline)
    spans = _locate(headings, lines)
    if not any(spans):
        raise ReleaseError(
            f"{file.file_name}: no `Section` of its outline stands on its pages, so it is not the ICD-10-CM Official "
            "Guidelines; give the guidelines PDF of the release"
        )
    if next(span.start for span in spans if span) > 0:
        headings.insert(0, Heading(0, _INTRODUCTION if _SECTION.match(outline[0].title) else outline[0].title, 0, None))
        spans.insert(0, _Span(0, 0))
    layout = Layout.of(lines)
    rows = []
    for number, (heading, span, (section_id, chapter)) in enumerate(
        zip(headings, spans, _places(headings), strict=True)
    ):
        end = next((later.start for later in spans[number + 1 :] if later), len(lines))
        rows.append(
            {
                "release": release,
                "section_id": section_id,
                "title": heading.title,
                "chapter": chapter,
                "section_text": _section_text(lines[span.start : end], span.line_count, layout) if span else "",
            }
        )
    return rows


def headings_not_found(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Ids of the sections without text: their headings stand in the outline but were not found on the pages."""
    return [row["section_id"] for row in rows if not row["section_text"]]


def chapter_guidelines(rows: Iterable[Mapping[str, Any]], chapter: str) -> str:
    """All guidelines of a chapter in their order, headings included; empty where the release has no guidelines.

    Args:
        rows: Rows of ``icd/guidelines`` in the table's order.
        chapter: Chapter key, e.g. ``09_I00-I99``.

    Raises:
        KeyError: No chapter has that key.
    """
    if chapter not in CHAPTER_KEYS:
        raise KeyError(f"{chapter!r} is no chapter key such as {CHAPTER_KEYS[0]!r}")
    return "\n\n".join(row["section_text"] for row in rows if row["chapter"] == chapter and row["section_text"])


def _with_whole_titles(outline: Sequence[Heading]) -> list[Heading]:
    """The headings from Section I on; an appendix and its title, two entries of the outline, become one."""
    whole: list[Heading] = []
    for heading in outline:
        before = whole[-1] if whole else None
        if before is None and not _SECTION.match(heading.title):
            continue
        if before and _APPENDIX.fullmatch(before.title) and heading.page == before.page and heading.depth == 0:
            whole[-1] = Heading(0, f"{before.title}. {heading.title}", before.page, before.top)
        else:
            whole.append(heading)
    return whole


def _places(headings: Sequence[Heading]) -> list[tuple[str, str | None]]:
    """Id and chapter key of each heading."""
    places: list[tuple[str, str | None]] = []
    labels: list[str] = []
    titles: list[str] = []
    chapter: str | None = None
    seen: Counter[str] = Counter()
    for heading in headings:
        depth = min(heading.depth, len(labels))
        if depth and _follows(
            heading.title, titles[depth - 1]
        ):  # "d. Dementia" stands below its sibling "c." in FY2026
            depth -= 1
        labels = [*labels[:depth], _label(heading)]
        titles = [*titles[:depth], heading.title]
        if depth <= _CHAPTER_DEPTH:
            found = _CHAPTER.search(heading.title) if labels[:_CHAPTER_DEPTH] == _SECTION_I_C else None
            chapter = CHAPTER_KEYS[int(found[1]) - 1] if found else None
        section_id = ".".join(labels)
        seen[section_id] += 1
        places.append((section_id if seen[section_id] == 1 else f"{section_id}#{seen[section_id]}", chapter))
    return places


def _label(heading: Heading) -> str:
    """What a heading adds to the id: its number or letter, else its words, which stay when others come and go."""
    if found := _SECTION.match(heading.title):
        return found[1]
    if found := _APPENDIX.match(heading.title):
        return f"{found[1]}.{found[2]}"
    if found := _MARK.match(heading.title):
        return found[2]
    if heading.depth == 0 and heading.page == 0:
        return _INTRODUCTION
    return "-".join(re.findall(r"[a-z0-9]+", heading.title.lower())) or "untitled"


def _follows(title: str, before: str) -> bool:
    """Whether two headings are numbered one after the other in the same way, as only siblings are."""
    first, second = _MARK.match(before), _MARK.match(title)
    if not first or not second or (first[1], first[3]) != (second[1], second[3]):
        return False
    if first[2].isdigit() and second[2].isdigit():
        return int(second[2]) == int(first[2]) + 1
    is_letters = len(first[2]) == len(second[2]) == 1 and second[2] != "i"  # "(i)" is also the first one below "(h)"
    return is_letters and ord(second[2]) == ord(first[2]) + 1


def _locate(headings: Sequence[Heading], lines: Sequence[Line]) -> list[_Span | None]:
    """Where each heading is printed, in order; ``None`` where its words are not found.

    The outline says how high on its page a heading stands, and the line there must begin with the heading's words. Else
    lines that hold just these words are looked for from that page to the end of the next.
    """
    keys = [_letters(line.text) for line in lines]
    pages = [line.page for line in lines]
    spans: list[_Span | None] = []
    free = 0
    for heading in headings:
        key = _letters(heading.title)
        page = pages[free - 1] if heading.page is None else heading.page
        candidates = range(max(free, bisect_left(pages, page)), bisect_right(pages, page + 1))
        top = heading.top
        place = next((at for at in candidates if top is not None and lines[at].middle <= top), None)
        span = None
        if place is not None and (count := _line_count(keys, place, key, is_whole=False)):
            span = _Span(place, count)
        else:
            counts = ((at, _line_count(keys, at, key, is_whole=True)) for at in candidates)
            span = next((_Span(at, count) for at, count in counts if count), None)
        spans.append(span)
        free = sum(span) if span else free
    return spans


def _line_count(keys: Sequence[str], at: int, key: str, *, is_whole: bool) -> int:
    """How many lines from one on begin with a heading's letters, or are just these (``is_whole``); 0 if they do not."""
    printed = ""
    for count, line in enumerate(keys[at:], start=1):
        printed += line
        if len(printed) >= len(key):
            return count if printed == key or (printed.startswith(key) and not is_whole) else 0
    return 0


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def _section_text(lines: Sequence[Line], heading_count: int, layout: Layout) -> str:
    parts = [join_lines(lines[:heading_count]), layout.compose(lines[heading_count:])]
    return "\n\n".join(part for part in parts if part)
