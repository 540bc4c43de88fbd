"""Joins of notes with codes: ids in one spelling, and a refusal where the two sides do not meet.

A join that matches little is a sign of files of different exports, of another id column, or of ids that a program has re-written
("123.0"). Such a corpus would come out small or empty and look like success. A part of the notes with the codes of all, or the
reverse, is common and no such sign: so the smaller side is the one that must find its counterpart.
"""

from __future__ import annotations

import re
from collections.abc import Sized
from pathlib import Path

from ccl_assets.corpora.documents import CorpusFormatError, LoadCounts

MOST_LOST = 0.5
"""Share of the smaller side of a join that may find no counterpart."""

_WHOLE_FLOAT = re.compile(r"([0-9]+)\.0*")
_SCIENTIFIC = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+?[0-9]{1,2}")
_EXACT_FLOAT = 2**53


def plain_id(text: str) -> str:
    """An id as it was before a program took it for a number: ``29000001.0`` is ``29000001``; other ids stay as they are."""
    text = text.strip()
    if (found := _WHOLE_FLOAT.fullmatch(text)) is not None:
        return found[1]
    if _SCIENTIFIC.fullmatch(text) and (number := float(text)).is_integer() and number < _EXACT_FLOAT:
        return str(int(number))
    return text


def check_join(path: Path, left: tuple[str, Sized], right: tuple[str, Sized], met: int, remedy: str) -> None:
    """Refuse a join of which the smaller side loses more than :data:`MOST_LOST`.

    Args:
        path: The file to name.
        left: What is joined, e.g. ``admissions with a note``, and its ids.
        right: What it is joined with, and its ids.
        met: Ids that both sides have.
        remedy: What to do.

    Raises:
        CorpusFormatError: The sides do not meet; with the counts of both.
    """
    (left_name, left_ids), (right_name, right_ids) = left, right
    smaller = min(len(left_ids), len(right_ids))
    if met >= (1 - MOST_LOST) * smaller and met:
        return
    problem = (
        f"of {len(left_ids)} {left_name} and {len(right_ids)} {right_name} only {met} meet; more than {MOST_LOST:.0%} of the "
        "smaller side would be lost"
    )
    raise CorpusFormatError(path, problem, remedy)


def check_not_empty(path: Path, counts: LoadCounts) -> None:
    """Refuse a corpus of which no document is left, or no code although codes were read.

    Raises:
        CorpusFormatError: Nothing is left; with what was read and why it was left out.
    """
    for kind in ("documents", "labels"):
        seen = counts.seen(kind)  # type: ignore[arg-type]
        if counts.kept[kind] or (kind == "labels" and not seen):  # type: ignore[index]
            continue
        reasons = ", ".join(
            f"{number} {reason}" for (of, reason), number in sorted(counts.dropped.items()) if of == kind
        )
        raise CorpusFormatError(
            path,
            f"none of {seen} {kind} is left ({reasons or 'the files hold none'})",
            "give notes and codes of the same export, with ICD-10-CM codes",
        )
