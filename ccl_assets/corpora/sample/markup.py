"""The markup of the sample's notes: front matter, then text with ``[[words|CODE]]`` around what supports a code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ccl_assets.corpora.documents import CorpusFormatError

KINDS = {"discharge_summary": "Discharge summary", "visit_note": "Visit note"}
SPLITS = ("mimic", "train", "val", "test")

_FRONT_MATTER = re.compile(r"---\nkind: (\w+)\nsplit: (\w+)\n---\n")
_MARK = re.compile(r"\[\[([^\[\]|]+)\|([^\[\]|]+)\]\]")
_LEFTOVER = re.compile(r"\[\[|\]\]|\||[\r\t]")
_NAME = re.compile(r"\d{3}")


@dataclass(frozen=True)
class Mark:
    """A marked span: end-exclusive code points of the note's text, and its code."""

    begin: int
    end: int
    code: str


@dataclass(frozen=True)
class MarkedNote:
    """One note of the sample, markup taken out.

    Attributes:
        number: Its number, from the file name.
        kind: Key of :data:`KINDS`.
        split: One of :data:`SPLITS`; ``mimic`` notes are compiled with codes only.
        text: The note.
        marks: Spans in the order of the text.
    """

    number: int
    kind: str
    split: str
    text: str
    marks: tuple[Mark, ...]

    @property
    def codes(self) -> list[str]:
        """Distinct codes in the order of their first mark."""
        return list(dict.fromkeys(mark.code for mark in self.marks))


def parse_note(path: Path, titles: Iterable[str]) -> MarkedNote:
    """Read one marked-up note.

    Args:
        path: ``NNN.txt``.
        titles: Billable codes of the release (the keys of a mapping to titles will do).

    Raises:
        CorpusFormatError: Bad name, front matter or markup, or a code that is not billable.
    """
    if not _NAME.fullmatch(path.stem):
        raise CorpusFormatError(path, "the name is not three digits", "name it NNN.txt")
    raw = path.read_bytes().decode("utf-8")
    head = _FRONT_MATTER.match(raw)
    if head is None or head.group(1) not in KINDS or head.group(2) not in SPLITS:
        raise CorpusFormatError(
            path, "bad front matter", f"start with kind ({', '.join(KINDS)}) and split ({', '.join(SPLITS)})", line=1
        )
    known = titles if isinstance(titles, (set, frozenset, dict)) else set(titles)
    pieces: list[str] = []
    marks: list[Mark] = []
    length, position = 0, head.end()
    for match in _MARK.finditer(raw, head.end()):
        words, code = match.groups()
        line = raw.count("\n", 0, match.start()) + 1
        if code not in known:
            raise CorpusFormatError(
                path, f"{code!r} is not a billable code of the release", "correct the code", line=line
            )
        if words != words.strip():
            raise CorpusFormatError(path, "a span starts or ends with a blank", "mark the words only", line=line)
        before = raw[position : match.start()]
        begin = length + len(before)
        length = begin + len(words)
        marks.append(Mark(begin, length, code))
        pieces += [before, words]
        position = match.end()
    text = "".join([*pieces, raw[position:]])
    if leftover := _LEFTOVER.search(text):
        line = text.count("\n", 0, leftover.start()) + head.group().count("\n") + 1
        raise CorpusFormatError(
            path, "stray [[, ]], |, tab or carriage return", "write a span as [[words|CODE]], not nested", line=line
        )
    if not marks:
        raise CorpusFormatError(path, "marks no evidence", "mark every code of the note at least once")
    return MarkedNote(int(path.stem), head.group(1), head.group(2), text, tuple(marks))
