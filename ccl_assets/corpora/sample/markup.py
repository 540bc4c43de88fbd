"""The markup of the sample's notes: front matter, then text with ``[[words|CODE]]`` around what supports a code.

The front matter names kind and split of the note. ``line_ends: crlf`` may follow: the note then has the line ends of
Windows, though its file has not. ``why: CODE reason`` says why a code was chosen, or left out, where that is not plain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass
from pathlib import Path

from ccl_assets.corpora.documents import CorpusFormatError

KINDS = {
    "discharge_summary": "Discharge summary",
    "emergency_note": "Emergency note",
    "visit_note": "Visit note",
    "consultation_note": "Consultation note",
    "radiology_report": "Radiology report",
    "operative_note": "Operative note",
    "nursing_note": "Nursing note",
    "social_work_note": "Social work note",
}
SPLITS = ("mimic", "train", "val", "test")
NEVER_SEVERAL = "mimic"

_FRONT_MATTER = re.compile(
    r"---\nkind: (?P<kind>\w+)\nsplit: (?P<split>\w+)\n(?P<crlf>line_ends: crlf\n)?(?P<reasons>(?:why: .*\n)*)---\n"
)
_REASON = re.compile(r"why: (\S+) (\S.*)")
_MARK = re.compile(r"\[\[([^\[\]|]+)\|([^\[\]|]+)\]\]")
_LEFTOVER = re.compile(r"\[\[|\]\]|\||[\r\t]")
_NAME = re.compile(r"(?P<number>\d{3})(?P<letter>[bc]?)")
_FIRST_REASON = 4  # line of the file, without line_ends


@dataclass(frozen=True)
class Mark:
    """A marked span: end-exclusive code points of the note's text, and its code."""

    begin: int
    end: int
    code: str


@dataclass(frozen=True)
class Reason:
    """A decision of the coder that is not plain, and why it was taken."""

    code: str
    text: str


@dataclass(frozen=True)
class MarkedNote:
    """One note of the sample, markup taken out.

    Attributes:
        number: Number of its chart, from the file name.
        place: Place in the chart, from the letter of the file name: none is 0, b is 1, c is 2.
        kind: Key of :data:`KINDS`.
        split: One of :data:`SPLITS`; ``mimic`` notes are compiled with codes only.
        text: The note.
        marks: Spans in the order of the text.
        reasons: Decisions that are not plain.
    """

    number: int
    place: int
    kind: str
    split: str
    text: str
    marks: tuple[Mark, ...]
    reasons: tuple[Reason, ...] = ()

    @property
    def codes(self) -> list[str]:
        """Distinct codes in the order of their first mark."""
        return list(dict.fromkeys(mark.code for mark in self.marks))


def parse_note(path: Path, titles: Iterable[str]) -> MarkedNote:
    """Read one marked-up note.

    Args:
        path: ``NNN.txt``; further notes of the chart are ``NNNb.txt``, ``NNNc.txt``.
        titles: Billable codes of the release (the keys of a mapping to titles will do).

    Raises:
        CorpusFormatError: Bad name, front matter or markup, or a code that is not billable.
    """
    name = _NAME.fullmatch(path.stem)
    if name is None:
        raise CorpusFormatError(
            path, "the name is not three digits and at most a letter b or c", "name it NNN.txt or NNNb.txt"
        )
    raw = path.read_bytes().decode("utf-8")
    head = _FRONT_MATTER.match(raw)
    if head is None or head["kind"] not in KINDS or head["split"] not in SPLITS:
        raise CorpusFormatError(
            path,
            "bad front matter",
            f"start with kind ({', '.join(KINDS)}) and split ({', '.join(SPLITS)}), then line_ends: crlf and why lines",
            line=1,
        )
    known = titles if isinstance(titles, (set, frozenset, dict)) else set(titles)
    first_reason = _FIRST_REASON + (head["crlf"] is not None)
    reasons = tuple(
        _read_reason(path, line, number, known)
        for number, line in enumerate(head["reasons"].splitlines(), start=first_reason)
    )
    text, marks = _take_out_marks(path, raw, head.end(), known, "\r\n" if head["crlf"] else "\n")
    place = "abc".index(name["letter"] or "a")
    return MarkedNote(int(name["number"]), place, head["kind"], head["split"], text, marks, reasons)


def check_charts(notes: Iterable[MarkedNote], folder: Path) -> None:
    """Refuse charts whose notes do not belong together.

    Raises:
        CorpusFormatError: A chart lacks a note before its last, is in two splits, or has several notes in ``mimic``.
    """
    charts: dict[int, list[MarkedNote]] = {}
    for note in notes:
        charts.setdefault(note.number, []).append(note)
    for number, members in charts.items():
        path = folder / f"{number:03d}.txt"
        if sorted(note.place for note in members) != list(range(len(members))):
            raise CorpusFormatError(path, "a note of the chart is missing", "name its notes NNN, NNNb, NNNc")
        if len({note.split for note in members}) > 1:
            raise CorpusFormatError(path, "the chart is in two splits", "give all its notes one split")
        if len(members) > 1 and members[0].split == NEVER_SEVERAL:
            raise CorpusFormatError(path, "a chart with codes only has several notes", "keep one of them")


def _read_reason(path: Path, line: str, number: int, known: Set[str] | dict[str, str]) -> Reason:
    match = _REASON.fullmatch(line)
    if match is None or match.group(1) not in known:
        raise CorpusFormatError(path, "why names no billable code", "write it as why: CODE reason", line=number)
    return Reason(match.group(1), match.group(2))


def _take_out_marks(
    path: Path, raw: str, start: int, known: Set[str] | dict[str, str], line_end: str
) -> tuple[str, tuple[Mark, ...]]:
    """Split what follows the front matter into the note with its own line ends and the marks."""
    pieces: list[str] = []
    marks: list[Mark] = []
    length, position = 0, start
    for match in _MARK.finditer(raw, start):
        words, code = match.groups()
        line = raw.count("\n", 0, match.start()) + 1
        if code not in known:
            raise CorpusFormatError(
                path, f"{code!r} is not a billable code of the release", "correct the code", line=line
            )
        if words != words.strip():
            raise CorpusFormatError(path, "a span starts or ends with a blank", "mark the words only", line=line)
        before, words = (part.replace("\n", line_end) for part in (raw[position : match.start()], words))
        begin = length + len(before)
        length = begin + len(words)
        marks.append(Mark(begin, length, code))
        pieces += [before, words]
        position = match.end()
    plain = _MARK.sub(r"\1", raw[start:])
    if leftover := _LEFTOVER.search(plain):
        line = plain.count("\n", 0, leftover.start()) + raw.count("\n", 0, start) + 1
        raise CorpusFormatError(
            path, "stray [[, ]], |, tab or carriage return", "write a span as [[words|CODE]], not nested", line=line
        )
    if not marks:
        raise CorpusFormatError(path, "marks no evidence", "mark every code of the note at least once")
    return "".join([*pieces, raw[position:].replace("\n", line_end)]), tuple(marks)
