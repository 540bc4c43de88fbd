"""One note from a file or standard input: plain text in UTF-8, or a reason why not that quotes nothing of it."""

from __future__ import annotations

import sys
from pathlib import Path

from ccl_assets.coding.command.note_formats import binary_format, markup_format

_MOST_BYTES = 16 * 2**20  # far beyond any note; what is larger is a mistake


class NoteError(ValueError):
    """The note cannot be read; the message says why and quotes nothing of it."""


def read_note(name: str) -> str:
    """Read a note; offsets count its code points, line ends as they are, a byte-order mark aside.

    Args:
        name: Path of the file; ``-`` for standard input.

    Raises:
        NoteError: It is missing, empty, too large, not text in UTF-8, or marked up (HTML, RTF, HL7, ...); the message names the
            format.
    """
    try:
        if name == "-":
            content = sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise NoteError(f"{name}: {error.strerror or 'cannot be read'}") from None
    shown = "standard input" if name == "-" else name
    if len(content) > _MOST_BYTES:
        raise NoteError(f"{shown}: larger than {_MOST_BYTES // 2**20} MiB, which is no note")
    if (found := binary_format(content)) is not None:
        reason = "not a text file (it holds zero bytes)" if b"\x00" in content else "not a plain text file"
        raise NoteError(f"{shown}: {reason}, but {found.name}; {found.remedy}")
    if b"\x00" in content:
        raise NoteError(f"{shown}: not a text file (it holds zero bytes); save the note as UTF-8 text")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NoteError(
            f"{shown}: byte {error.start} is not UTF-8; save the note as UTF-8 (iconv -f LATIN1 -t UTF-8, if that is what it is)"
        ) from None
    if not text.strip():
        raise NoteError(f"{shown}: the note is empty")
    if (found := markup_format(text)) is not None:
        raise NoteError(f"{shown}: not a plain text file, but {found.name}; {found.remedy}")
    return text
