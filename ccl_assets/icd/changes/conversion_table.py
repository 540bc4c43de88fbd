"""The official conversion table: which codes each new code replaced, since FY2017, as an Excel sheet or tab-separated text.

The table is cumulative, printed by hand and not tidy. Every line is read exactly or ends among the remarks with its line
number; nothing is guessed. What the rows mean for old codes is the business of :mod:`ccl_assets.icd.changes.crosswalk`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from ccl_assets.icd.changes.conversion_sheet import plain_cell, shown_cell, table_lines
from ccl_assets.icd.code import CATEGORY, DOTTED
from ccl_assets.icd.release.contents import ReleaseError, ReleaseFile

_CODE = rf"{DOTTED}(?![0-9A-Z.]*[0-9A-Z])"
_WHOLE_CODE = re.compile(_CODE)
_UNDOTTED = re.compile(rf"({CATEGORY})([0-9A-Z]{{1,4}})")
# a range, a subtree (`I63.-`, `R11-`) or a code, longest first; a full stop may follow (`I10.`)
_REFERENCE = re.compile(
    rf"(?P<first>{_CODE})(?:\s*(?:-|TO|THROUGH)\s*(?P<last>{_CODE})|(?P<dash>\.?-))?(?:\.(?![0-9A-Z]))?"
)
_GLUE = re.compile(r"(?:AND|OR|CODES?|AN?|ANY|IN|FROM|CATEGOR(?:Y|IES))(?![A-Z])|[&,;/\s]+")
_JOINED = re.compile(r"\bAND\b|&")
_NONE = {"NONE", "N/A", "NA", "-", "--"}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_FIRST_YEAR, _LAST_YEAR = 2015, 2099
_EXCEL_DAY_ZERO = date(1899, 12, 30)


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference of a previous-code cell: a code (``first == last``), a range of codes, or a subtree.

    ``is_code`` is true for a code that is named by itself. Only such a code is known to have been billable: ends of a range
    of categories and dash forms are headers.
    """

    first: str
    last: str
    is_code: bool


@dataclass(frozen=True, slots=True)
class ConversionRow:
    """One line: a code, the day it came into force, and what was assigned before it.

    Several references are alternatives (``J44.0-J44.1; J44.9``) unless ``is_combination``: then the code stands for all of them
    together (``C56.1 and C56.2`` became C56.3). No reference: a new concept.
    """

    line: int
    code: str
    effective: date
    previous: tuple[Reference, ...]
    is_combination: bool

    @property
    def fiscal_year(self) -> int:
        """Fiscal year in which the code came into force; a bare year in the table means October 1 of that year."""
        return self.effective.year + (self.effective.month >= 10)


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about a line that a person should know; ``is_left_out`` where the line is not among the rows."""

    line: int
    kind: str
    printed: str
    is_left_out: bool


@dataclass(frozen=True)
class ConversionTable:
    """All lines of the table: the rows that were read and remarks on those that are odd."""

    file_name: str
    rows: tuple[ConversionRow, ...]
    remarks: tuple[Remark, ...] = ()

    def counts(self) -> dict[str, int]:
        """Rows by form of the previous-code cell, and remarks by kind."""
        forms = Counter(_form(row) for row in self.rows)
        return {**forms, **Counter(f"remark_{remark.kind}" for remark in self.remarks)}


def parse_conversion_table(file: ReleaseFile) -> ConversionTable:
    """Read the table.

    Cost: about 0.5 s and 30 MB for the 5,897 lines of FY2026.

    Raises:
        ReleaseError: The file cannot be opened, or no line has the table's column heads.
    """
    rows: list[ConversionRow] = []
    remarks: list[Remark] = []
    seen: set[tuple[Any, ...]] = set()
    for line, code, effective, previous in table_lines(file):
        found = _row(line, code, effective, previous)
        if isinstance(found, Remark):
            remarks.append(found)
            continue
        row, remark = found
        identity = (row.code, row.effective, row.previous)
        if identity in seen:
            remarks.append(Remark(line, "repeated", _printed(code, effective, previous), is_left_out=True))
            continue
        seen.add(identity)
        rows.append(row)
        if remark:
            remarks.append(remark)
    if not rows:
        raise ReleaseError(f"{file.file_name}: the conversion table holds no line that can be read; get the file again")
    return ConversionTable(file.file_name, tuple(rows), tuple(remarks))


def _form(row: ConversionRow) -> str:
    if not row.previous:
        return "new_concept"
    if row.is_combination:
        return "combination"
    if len(row.previous) > 1:
        return "alternatives"
    return "one_code" if row.previous[0].is_code else "range"


def _printed(code: Any, effective: Any, previous: Any) -> str:
    return f"{shown_cell(code)} <- {shown_cell(previous)} ({shown_cell(effective)})"


def _row(line: int, code: Any, effective: Any, previous: Any) -> tuple[ConversionRow, Remark | None] | Remark:
    printed = _printed(code, effective, previous)
    current = plain_cell(code).removesuffix(".")
    remark = None
    if (undotted := _UNDOTTED.fullmatch(current)) is not None:
        current = f"{undotted[1]}.{undotted[2]}"
        remark = Remark(line, "dot_added", printed, is_left_out=False)
    if not _WHOLE_CODE.fullmatch(current):
        kind = "several_current_codes" if len(_WHOLE_CODE.findall(current)) > 1 else "no_current_code"
        return Remark(line, kind, printed, is_left_out=True)
    day = _effective_day(effective)
    if day is None:
        return Remark(line, "unreadable_date", printed, is_left_out=True)
    cell = plain_cell(previous)
    if not cell:
        return Remark(line, "no_previous_code", printed, is_left_out=True)
    if cell in _NONE:
        return ConversionRow(line, current, day, (), is_combination=False), remark
    references = _references(cell)
    if references is None:
        return Remark(line, "unread_text", printed, is_left_out=True)
    is_combination = len(references) > 1 and bool(_JOINED.search(cell))
    return ConversionRow(line, current, day, references, is_combination), remark


def _references(cell: str) -> tuple[Reference, ...] | None:
    """The references of a cell; ``None`` if it says anything besides codes and the words that join them."""
    found: list[Reference] = []
    position = 0
    while position < len(cell):
        if (match := _REFERENCE.match(cell, position)) is not None:
            first, last = match["first"], match["last"] or match["first"]
            is_code = not (match["dash"] or match["last"])
            if first > last:
                return None
            if (reference := Reference(first, last, is_code)) not in found:
                found.append(reference)
        elif (match := _GLUE.match(cell, position)) is None:
            return None
        position = match.end()
    return tuple(found) or None


def _effective_day(value: Any) -> date | None:
    """The day a cell gives: a year (October 1 of it), a date, a day number of Excel, or either as text."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = plain_cell(value)
    if re.fullmatch(r"\d+(?:\.0+)?", text):
        number = int(float(text))
        if _FIRST_YEAR <= number <= _LAST_YEAR:
            return date(number, 10, 1)
        day = _EXCEL_DAY_ZERO + timedelta(days=min(number, 100_000))
    elif (found := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})(?: 00:00:00)?", text)) is not None:
        day = _day(int(found[1]), int(found[2]), int(found[3]))
    elif (found := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text)) is not None:
        day = _day(int(found[3]), int(found[1]), int(found[2]))
    elif (found := re.fullmatch(r"([A-Z]{3})[A-Z]*\.? (\d{1,2}),? (\d{4})", text)) and found[1] in _MONTHS:
        day = _day(int(found[3]), _MONTHS.index(found[1]) + 1, int(found[2]))
    else:
        return None
    return day if _FIRST_YEAR <= day.year <= _LAST_YEAR else None


def _day(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        return date.min  # before every year that is let through
