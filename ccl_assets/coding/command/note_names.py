"""The notes that the command line is given: files, and the text files of folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ccl_assets.coding.command.note_file import NoteError

SUFFIX = ".txt"


def note_names(given: Sequence[str]) -> list[str]:
    """Names of notes in the order given, the files of a folder sorted.

    Args:
        given: Files, folders, ``-``.

    Raises:
        NoteError: A folder holds no text file.
    """
    names: list[str] = []
    for name in given:
        if name != "-" and Path(name).is_dir():
            inside = sorted(str(path) for path in Path(name).rglob(f"*{SUFFIX}") if path.is_file())
            if not inside:
                raise NoteError(f"{name}: the folder holds no file that ends in {SUFFIX}")
            names += inside
        else:
            names.append(name)
    return names


def is_batch(given: Sequence[str]) -> bool:
    """Tell whether the answer is JSON lines: several notes, or a folder."""
    return len(given) > 1 or (given[0] != "-" and Path(given[0]).is_dir())
