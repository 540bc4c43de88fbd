"""Rows of a table in an answer: where the code, its title and its quote stand, by the table's heads or by their shape."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from ccl_assets.answers.code_line import LineCode, read_code_line, strip_edges
from ccl_assets.answers.words import answer_words
from ccl_assets.icd.code import WRITTEN

_OPEN, _CLOSE = r"[*_`\[(]{0,3}", r"[*_`\])]{0,3}"
_WHOLE_CODES = re.compile(rf"{_OPEN}{WRITTEN}(?:{_CLOSE}(?:\s?[,;/&]\s?|\s){_OPEN}{WRITTEN})*{_CLOSE}")
_NUMBER = re.compile(r"[#№\d.)\s-]*")
_HEAD_NUMBER = frozenset(
    {"", "#", "no", "no.", "nr", "nr.", "n", "number", "rank", "№", "confidence", "reason", "billable"}
)


class _Cell(NamedTuple):
    text: str
    begin: int


@dataclass(frozen=True)
class TableHead:
    """Columns of code, title and quote, where a table has heads."""

    code: int | None = None
    title: int | None = None
    evidence: int | None = None

    @classmethod
    def read(cls, line: str) -> TableHead | None:
        """The heads, if the line is one of heads."""
        roles: dict[str, int] = {}
        names = [strip_edges(cell.text).casefold().strip(" *_:") for cell in _cells(line)]
        for column, name in enumerate(names):
            for role in ("code", "title", "evidence"):
                if name in answer_words(f"{role}_keys"):
                    roles.setdefault(role, column)
                    break
            else:
                if name not in _HEAD_NUMBER:
                    return None
        return cls(**roles) if roles else None


def is_row(line: str) -> bool:
    """Tell whether a line is a row of a table: cells between bars or tabs."""
    return line.startswith("|") or line.count("|") > 1 or ("\t" in line.strip() and "|" not in line)


def read_row(line: str, head: TableHead) -> list[LineCode]:
    """The codes of a row with title and quote; empty where no cell holds codes only."""
    cells = _cells(line)
    at = head.code if head.code is not None and head.code < len(cells) else None
    if at is None or not _WHOLE_CODES.fullmatch(cells[at].text):
        at = next((column for column, cell in enumerate(cells) if _WHOLE_CODES.fullmatch(cell.text)), None)
    if at is None:
        return []
    title = _text(cells, head.title)
    if not title and head.code is None:
        others = [*cells[at + 1 :], *cells[:at]]
        title = next((strip_edges(cell.text) for cell in others if not _NUMBER.fullmatch(cell.text)), "")
    evidence = _text(cells, head.evidence) or None
    cell = cells[at]
    return [
        code._replace(begin=cell.begin + code.begin, end=cell.begin + code.end, title=title, evidence=evidence)
        for code in read_code_line(cell.text)
    ]


def evidence_cell(line: str, head: TableHead) -> str | None:
    """The quote in a row of a table of quotes; ``None`` where no cell holds words."""
    cells = _cells(line)
    words = [cell.text for cell in cells if not _NUMBER.fullmatch(cell.text)]
    return _text(cells, head.evidence) or (words[0] if words else None)


def _text(cells: list[_Cell], column: int | None) -> str:
    return strip_edges(cells[column].text) if column is not None and column < len(cells) else ""


def _cells(line: str) -> list[_Cell]:
    """The cells of a row and where their text begins in it; bars at the edges open no cell."""
    mark = "|" if "|" in line else "\t"
    found: list[_Cell] = []
    begin = 0
    for part in line.split(mark):
        text = part.strip()
        found.append(_Cell(text, begin + part.index(text) if text else begin))
        begin += len(part) + 1
    if found and line.startswith("|"):
        found = found[1:]
    if found and not found[-1].text:
        found = found[:-1]
    return found
