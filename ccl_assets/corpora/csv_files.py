"""Streaming CSV as the corpora publish it: multi-line quoted text, gzip or plain, every error with file and row.

Rows come one at a time and newlines inside a field stay as they are. Messages quote column names only: in a file
whose heading is missing, the first line is already patient data.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from ccl_assets.corpora.documents import CorpusFormatError

# The csv module refuses fields above 128 KiB by default. A quote that never closes still ends at this limit.
_LONGEST_FIELD = 16 * 2**20


class CsvRow(NamedTuple):
    """The wanted fields of one record; ``row`` counts records from 1, ``line`` is the file's line it ends on."""

    row: int
    line: int
    values: tuple[str, ...]


def find_file(root: Path, folders: Sequence[str], stem: str, setting: str) -> Path:
    """Find ``stem.csv.gz`` or ``stem.csv`` under one of the folders below ``root``.

    Args:
        root: What the user set; the file itself is accepted too.
        folders: Folders relative to ``root``, most usual first.
        stem: File name without its endings; upper and lower case as published.
        setting: The environment variable behind ``root``, for the message.

    Raises:
        CorpusFormatError: Not there.
    """
    if root.is_file():
        return root
    # gzip first: it is what is published, and a half-finished unpacking may lie beside it
    for folder in folders:
        for ending in (".csv.gz", ".csv"):
            if (candidate := root / folder / f"{stem}{ending}").is_file():
                return candidate
    raise CorpusFormatError(
        root,
        f"no {stem}.csv.gz or {stem}.csv in {' or '.join(f'{folder}/' for folder in folders)}",
        f"correct {setting}",
    )


def check_columns(path: Path, columns: Sequence[str]) -> None:
    """Read the heading only and refuse a file that lacks one of ``columns``.

    Raises:
        CorpusFormatError: As :func:`read_csv`.
    """
    for _ in read_csv(path, columns, lambda *_: None):
        return


def read_csv(
    path: Path, columns: Sequence[str], refuse: Callable[[str, Path, int], None] | None = None
) -> Iterator[CsvRow]:
    """Stream the wanted columns of a CSV file with a heading.

    Args:
        path: ``.gz`` files are unpacked on the way.
        columns: Wanted columns, in the order the values shall have; upper and lower case count as equal.
        refuse: Told reason, file and line of single bad rows, which are then left out: ``not_utf8`` and ``other_field_count``.
            Without it such a row is an error.

    Raises:
        CorpusFormatError: A column is missing (before any row), a quote never closes, the file is damaged or cut short (in
            the middle of its last row, too), or a row is bad and ``refuse`` was not given.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
    row = 0
    reader = None
    faulty: _Fault | None = None  # of the row before; in the last row it means that the file is cut short
    try:
        with _open(path) as file:
            reader = csv.reader(file, strict=True)
            heading = [name.removeprefix("\ufeff").strip().casefold() for name in next(reader, [])]
            positions = _positions(path, heading, columns)
            for fields in reader:
                if not fields:
                    continue  # a blank line, as some tools leave one at the end
                row += 1
                if faulty is not None:
                    _report(path, faulty, refuse)
                    faulty = None
                if len(fields) != len(heading):
                    problem = f"has {len(fields)} fields, the heading {len(heading)}"
                    faulty = _Fault("other_field_count", f"row {row} {problem}", reader.line_num)
                    continue
                values = tuple([fields[position] for position in positions])
                if not all(map(_is_utf8, values)):
                    _report(path, _Fault("not_utf8", f"row {row} is not UTF-8", reader.line_num), refuse)
                    continue
                yield CsvRow(row, reader.line_num, values)
            if faulty is not None:
                _report(path, faulty, None)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        problem = "is cut short" if isinstance(error, EOFError) else "is not gzip or is damaged"
        raise CorpusFormatError(
            path, f"{problem} after row {row}", "download it again and compare its checksum", line=_line(reader)
        ) from None
    except csv.Error as error:
        raise CorpusFormatError(
            path,
            f"row {row + 1} is not CSV ({error})",
            "the file is cut short or damaged; download it again and compare its checksum",
            line=_line(reader),
        ) from None


class _Fault(NamedTuple):
    reason: str
    problem: str
    line: int


def _report(path: Path, fault: _Fault, refuse: Callable[[str, Path, int], None] | None) -> None:
    if refuse is not None:
        refuse(fault.reason, path, fault.line)
        return
    remedy = "the file is cut short, damaged or was re-saved by another program; take it as published"
    raise CorpusFormatError(path, fault.problem, remedy, line=fault.line)


def _is_utf8(field: str) -> bool:
    """Whether a field decoded without a surrogate in place of a byte; for ASCII this costs nothing."""
    if field.isascii():
        return True
    try:
        field.encode()
    except UnicodeEncodeError:
        return False
    return True


def _open(path: Path) -> TextIO:
    # newline="" leaves \r\n alone: offsets count code points of the raw text. What is not UTF-8 is found row by row.
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", errors="surrogateescape", newline="")
    return path.open(encoding="utf-8", errors="surrogateescape", newline="")


def _positions(path: Path, heading: list[str], columns: Sequence[str]) -> list[int]:
    if missing := [name for name in columns if name.casefold() not in heading]:
        raise CorpusFormatError(
            path,
            f"the heading lacks {', '.join(missing)} (it has {len(heading)} columns)",
            "take the file as published, with its first line",
            line=1,
        )
    return [heading.index(name.casefold()) for name in columns]


def _line(reader: object) -> int | None:
    return getattr(reader, "line_num", None)
