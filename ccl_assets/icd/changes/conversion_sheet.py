"""The sheet of the conversion table: lines of cells, from Excel or from tab-separated text. What they say is read elsewhere."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Any

from ccl_assets.icd.release.contents import ReleaseError, ReleaseFile

_HEADS = ("CURRENT CODE", "EFFECTIVE", "PREVIOUS CODE")  # beginnings of the column heads
_HEADS_WITHIN = 50  # lines
_FOOTNOTE_MARKS = re.compile(r"[*†‡§]+")
_DASHES = re.compile(r"[\u2010-\u2015\u2212]")


def plain_cell(value: Any) -> str:
    """A cell's text in capitals, spacing and dashes made uniform, footnote marks left out."""
    text = _DASHES.sub("-", shown_cell(value))
    return " ".join(_FOOTNOTE_MARKS.sub(" ", text).upper().split())


def shown_cell(value: Any) -> str:
    """A cell's text as a reader sees it."""
    return "" if value is None else str(value).strip()


def table_lines(file: ReleaseFile) -> Iterator[tuple[int, Any, Any, Any]]:
    """Line number, current code, effective date and previous codes of every line below the column heads that is not empty.

    Raises:
        ReleaseError: The file cannot be opened, or no line has the column heads.
    """
    has_heads = False
    for sheet in _sheets(file):
        lines = iter(sheet)
        columns = next((found for _, cells in islice(lines, _HEADS_WITHIN) if (found := _columns(cells))), None)
        if columns is None:
            continue
        has_heads = True
        for line, cells in lines:
            code, effective, previous = (cells[at] if at < len(cells) else None for at in columns)
            if any(shown_cell(cell) for cell in (code, effective, previous)):
                yield line, code, effective, previous
    if not has_heads:
        raise ReleaseError(
            f"{file.file_name}: no line with the column heads `Current code assignment`, `Effective`, `Previous Code(s) "
            "Assignment`; it is not a conversion table"
        )


def _columns(cells: list[Any]) -> tuple[int, int, int] | None:
    heads = [plain_cell(cell) for cell in cells]
    at = [next((column for column, head in enumerate(heads) if head.startswith(word)), None) for word in _HEADS]
    code, effective, previous = at
    return None if code is None or effective is None or previous is None else (code, effective, previous)


def _sheets(file: ReleaseFile) -> Iterator[Iterator[tuple[int, list[Any]]]]:
    if not file.content.startswith(b"PK"):
        yield _text_lines(file)
        return
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of styles it leaves out
            workbook = openpyxl.load_workbook(io.BytesIO(file.content), read_only=True, data_only=True)
        for sheet in workbook.worksheets:
            sheet.reset_dimensions()  # what a sheet says of its size is not always true
            # read here and not lazily, so that damage shows inside this `try`
            yield iter([(n, list(cells)) for n, cells in enumerate(sheet.iter_rows(values_only=True), start=1)])
    except Exception as error:  # openpyxl lets errors of zip, XML and its own through
        raise ReleaseError(
            f"{file.file_name}: the sheet is damaged or cut short ({type(error).__name__}); get the file again"
        ) from None


def _text_lines(file: ReleaseFile) -> Iterator[tuple[int, list[Any]]]:
    for encoding in ("utf-16",) if file.content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252"):
        try:
            text = file.content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise ReleaseError(f"{file.file_name}: neither UTF-8 nor Windows text; save the table as UTF-8")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True)
    try:
        for cells in reader:
            yield reader.line_num, list(cells)
    except csv.Error as error:  # a quotation mark that is never closed would swallow every line below it
        raise ReleaseError(f"{file.file_name}, line {reader.line_num}: {error}; correct the quotation marks") from None
