"""Streaming CSV as the corpora publish it: multi-line quoted text, gzip or plain, every error with file and row.

Rows come one at a time and newlines inside a field stay as they are. Messages quote column names only: in a file
whose heading is missing, the first line is already patient data.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
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
    for _ in read_csv(path, columns):
        return


def read_csv(path: Path, columns: Sequence[str]) -> Iterator[CsvRow]:
    """Stream the wanted columns of a CSV file with a heading.

    Args:
        path: ``.gz`` files are unpacked on the way.
        columns: Wanted columns, in the order the values shall have; upper and lower case count as equal.

    Raises:
        CorpusFormatError: A column is missing (before any row), a row has too few or too many fields, a quote never
            closes, or the file is damaged, cut short or not UTF-8.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
    row = 0
    reader = None
    try:
        with _open(path) as file:
            reader = csv.reader(file, strict=True)
            heading = [name.removeprefix("\ufeff").strip().casefold() for name in next(reader, [])]
            positions = _positions(path, heading, columns)
            for fields in reader:
                if not fields:
                    continue  # a blank line, as some tools leave one at the end
                row += 1
                if len(fields) != len(heading):
                    raise CorpusFormatError(
                        path,
                        f"row {row} has {len(fields)} fields, the heading {len(heading)}",
                        "the file is damaged or was re-saved by another program; take it as published",
                        line=reader.line_num,
                    )
                yield CsvRow(row, reader.line_num, tuple([fields[position] for position in positions]))
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
    except UnicodeDecodeError as error:
        raise CorpusFormatError(
            path,
            f"not UTF-8 after row {row} ({error.reason})",
            "take the file as published; other encodings would shift the offsets",
            line=_line(reader),
        ) from None


def _open(path: Path) -> TextIO:
    # newline="" leaves \r\n alone: offsets count code points of the raw text
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


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
