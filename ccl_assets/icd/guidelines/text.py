"""Printed lines become readable paragraphs: one line each, lists kept, no word changed or left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ccl_assets.icd.code import CATEGORY
from ccl_assets.icd.guidelines.pdf import Line

_PARAGRAPH_GAP = 1.5  # in leadings: lines of a paragraph lie 1.0 to 1.25 apart, paragraphs 1.8 and more
_MUCH_ROOM = 0.25  # share of the right edge that running text never leaves free
_ENTRY = re.compile(rf"•|Except: |Note: |{CATEGORY}(?:\.[0-9A-Z]+)?-? [A-Z(]")  # of a list of codes, the last
_DASH_CODE = re.compile(rf"\b{CATEGORY}(?:\.[0-9A-Z]*)?-+$")
_CODE = re.compile(r"[A-Z]{1,2}\d")
_SENTENCE_END = tuple(".:;?!”)")


@dataclass(frozen=True, slots=True)
class Layout:
    """Measures that tell the paragraphs of a document apart: distance of lines and right edge by page, in points."""

    leading: float
    margins: dict[int, float]

    @classmethod
    def of(cls, lines: Sequence[Line]) -> Layout:
        """Measure the layout of a document with at least one line."""
        gaps = [upper.middle - lower.middle for upper, lower in pairwise(lines)]
        margins: dict[int, float] = {}
        for line in lines:
            margins[line.page] = max(line.right, margins.get(line.page, 0.0))
        return cls(median([gap for gap in gaps if gap > 0] or [1.0]), margins)

    def compose(self, lines: Sequence[Line]) -> str:
        """The paragraphs of some lines, an empty line between them, entries of a list on a line each."""
        text = ""
        for number, line in enumerate(lines):
            text += (self._between(lines[number - 1], line) if number else "") + line.text
        return text

    def _between(self, before: Line, line: Line) -> str:
        if before.page == line.page and before.middle - line.middle > _PARAGRAPH_GAP * self.leading:
            return "\n\n"
        is_entry = bool(_ENTRY.match(line.text))
        if is_entry or self._ends_early(before, line):
            return "\n" if is_entry or before.page == line.page else "\n\n"
        return _joint(before.text, line.text)

    def _ends_early(self, before: Line, line: Line) -> bool:
        """Whether a line broke although the next word had room: a paragraph ends there although no gap tells it.

        Some lines of a paragraph do that, too, so the words must also look like an end and a beginning.
        """
        word = line.text.split(maxsplit=1)[0]
        per_character = (line.right - line.left) / len(line.text)
        margin = self.margins[before.page]
        room = margin - before.right - (len(word) + 2) * per_character
        if room < 0:
            return False
        in_parentheses = before.text.rfind("(") > before.text.rfind(")")
        begins = line.text[0].isupper() and not in_parentheses
        return begins or before.text.endswith(_SENTENCE_END) or room > _MUCH_ROOM * margin


def join_lines(lines: Sequence[Line]) -> str:
    """Lines that belong together as one, e.g. those of a heading."""
    text = ""
    for line in lines:
        text += (_joint(text, line.text) if text else "") + line.text
    return text


def _joint(before: str, after: str) -> str:
    """What stands between two lines of a paragraph: nothing after a hyphen, else a space.

    A hyphen at a line's end is printed ("first-" "listed"), not one of hyphenation. That of a code such as ``T86.1-``
    belongs to the code, unless a range follows ("Q00-" "Q99").
    """
    if not before.endswith("-"):
        return " "
    return " " if _DASH_CODE.search(before) and not _CODE.match(after) else ""
