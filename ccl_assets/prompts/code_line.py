"""One line of a code section: the code, in whatever dress, and the title beside it."""

from __future__ import annotations

import re
from typing import NamedTuple

from ccl_assets.icd.code import WRITTEN, normalize_code

__all__ = ["WHOLE_CODE", "WrittenCode", "is_unmistakable", "normalize_code", "parse_code_line", "strip_edges"]

WHOLE_CODE = re.compile(WRITTEN)
_LEADING_CODE = re.compile(rf"[*_`\[(]{{0,3}}(?P<code>{WRITTEN})(?![0-9A-Za-z]|\.[0-9A-Za-z])[*_`\])]{{0,3}}")
_SEPARATOR = re.compile(r"\s*(?:[-=]+>|→|[-‐‑‒–—―−:|=]+)\s*")
_LIST_SEPARATOR = re.compile(r"\s*(?:[,;/&]|\band\b)\s*")
_EDGES = (("**", "**"), ("__", "__"), ('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"), ("«", "»"), ("`", "`"))


class WrittenCode(NamedTuple):
    """A code as a line has it, normalized, with the title beside it; ``line[begin:end]`` is the code as written."""

    code: str
    title: str
    begin: int
    end: int


def parse_code_line(line: str) -> list[WrittenCode]:
    """The code of a line, several where it is a list of codes; empty where there is none."""
    match = _LEADING_CODE.match(line)
    if match is None:
        return _parse_trailing_code(line)
    first = _written(match)
    if (listed := _parse_list(line, match.end())) is not None:
        return [first, *listed]
    separator = _SEPARATOR.match(line, match.end())
    title = line[separator.end() if separator else match.end() :]
    return [first._replace(title=strip_edges(title.strip(" *_,;|")))]


def _written(match: re.Match[str]) -> WrittenCode:
    return WrittenCode(normalize_code(match["code"]), "", *match.span("code"))


def _parse_list(line: str, position: int) -> list[WrittenCode] | None:
    """The further codes of ``, E11.9; I10``; ``None`` if what follows ``position`` is not a list of codes."""
    codes: list[WrittenCode] = []
    while position < len(line):
        separator = _LIST_SEPARATOR.match(line, position)
        if separator is None or not separator.group().strip():
            return None
        if separator.end() == len(line):
            break
        match = _LEADING_CODE.match(line, separator.end())
        if match is None:
            return None
        codes.append(_written(match))
        position = match.end()
    return codes or None


def _parse_trailing_code(line: str) -> list[WrittenCode]:
    """A code behind its title: ``Essential hypertension (I10)``, ``Essential hypertension – I10``."""
    title, _, last = line.rpartition(" ")
    bare = last.strip("()[]*_`.,;:|-–—")
    is_set_off = last.startswith(("(", "[", "*")) or title.endswith(tuple("-–—:|=>"))
    if not title or not is_set_off or not WHOLE_CODE.fullmatch(bare):
        return []
    begin = line.rindex(bare)
    return [WrittenCode(normalize_code(bare), title.rstrip(" -–—:|=>*_"), begin, begin + len(bare))]


def is_unmistakable(line: str) -> bool:
    """Outside a code section a line counts only if a code stands alone or is set off from its title.

    "B12 deficiency" and "T2DM with CKD" have the shape of a code, too.
    """
    match = _LEADING_CODE.match(line)
    if match is None:
        return bool(_parse_trailing_code(line))
    end = match.end()
    return not line[end:].strip() or _SEPARATOR.match(line, end) is not None or _parse_list(line, end) is not None


def strip_edges(text: str) -> str:
    """Take paired quotes and bold marks off both ends."""
    for left, right in _EDGES:
        if len(text) > len(left + right) and text.startswith(left) and text.endswith(right):
            text = text[len(left) : len(text) - len(right)]
    return text.strip()
