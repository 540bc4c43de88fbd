"""One line of a code section: the code, in whatever dress, and the title beside it."""

from __future__ import annotations

import re
from typing import NamedTuple

from ccl_assets.answers.scattered_codes import LineCode, scattered_codes, split_inline_evidence
from ccl_assets.icd.code import WRITTEN, normalize_code

__all__ = [
    "WHOLE_CODE",
    "LineCode",
    "WrittenCode",
    "is_unmistakable",
    "normalize_code",
    "parse_code_line",
    "read_code_line",
    "strip_edges",
]

WHOLE_CODE = re.compile(WRITTEN)
_DRESSED = rf"[*_`\[(]{{0,3}}(?P<code>{WRITTEN})(?![0-9A-Za-z]|\.[0-9A-Za-z])[*_`\])]{{0,3}}"
_LEADING_CODE = re.compile(_DRESSED)
_SEPARATOR = re.compile(r"\s*(?:[-=]+>|→|[-‐‑‒–—―−:|=]+)\s*")
_LIST_SEPARATOR = re.compile(r"\s*(?:[,;/&]|\band\b)\s*")
# marks that some put before a code without a space: "✅E11.9", "[x] E11.9", "1)E11.9"
_DRESS = re.compile(r"(?:\[[xX✓ ]\]|\(?\d{1,3}[.):]|[0-9]\ufe0f?\u20e3|[^\w\s(\[*`\"'“”‘’«»]|\s)+")
_NEXT_PAIR = re.compile(
    rf"(?:[;|•/,]|\band\b|\s{{3}}|\t)\s{{0,9}}(?:\(?\d{{1,2}}[.)]\s{{0,9}})?(?={_DRESSED}(?:\s{{1,9}}[-‐‑‒–—―−]\s|\s{{0,9}}(?:[:=→]|--)\s))",
    re.IGNORECASE,
)
_EDGES = (("**", "**"), ("__", "__"), ('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"), ("«", "»"), ("`", "`"))


class WrittenCode(NamedTuple):
    """A code as a line has it, normalized, with the title beside it; ``line[begin:end]`` is the code as written."""

    code: str
    title: str
    begin: int
    end: int


def parse_code_line(line: str) -> list[WrittenCode]:
    """The codes of a line with their titles; see :func:`read_code_line`."""
    return [WrittenCode(*code[:4]) for code in read_code_line(line)]


def read_code_line(line: str) -> list[LineCode]:
    """The codes of a line with titles and quotes: mostly one, several where it is a list of codes or of pairs."""
    lead = 0
    match = _LEADING_CODE.match(line)
    if match is None and (dress := _DRESS.match(line)) is not None:
        lead = dress.end()
        match = _LEADING_CODE.match(line, lead)
    if match is None:
        found = scattered_codes(line, is_section=True)
        return found if len(found) > 1 else _parse_trailing_code(line) or found
    first = _written(match)
    if (listed := _parse_list(line, match.end())) is not None:
        return [first, *listed]
    codes = []
    while True:
        separator = _SEPARATOR.match(line, match.end())
        begin = separator.end() if separator else match.end()
        following = _NEXT_PAIR.search(line, begin)
        while following is not None and _LEADING_CODE.match(line, following.end()) is None:
            following = _NEXT_PAIR.search(line, following.end())
        title = line[begin : following.start() if following else len(line)]
        codes.append(_titled(_written(match), title))
        if following is None:
            return codes
        found_next = _LEADING_CODE.match(line, following.end())
        assert found_next is not None
        match = found_next


def _titled(code: LineCode, title: str) -> LineCode:
    title, evidence = split_inline_evidence(title)
    return code._replace(title=strip_edges(title.strip(" *_,;|")), evidence=evidence)


def _written(match: re.Match[str]) -> LineCode:
    return LineCode(normalize_code(match["code"]), "", *match.span("code"))


def _parse_list(line: str, position: int) -> list[LineCode] | None:
    """The further codes of ``, E11.9; I10``; ``None`` if what follows ``position`` is not a list of codes."""
    codes: list[LineCode] = []
    while position < len(line):
        separator = _LIST_SEPARATOR.match(line, position)
        if separator is None or not separator.group().strip():
            return None
        if separator.end() == len(line):
            break
        match = _LEADING_CODE.match(line, separator.end())
        if match is None and (both := _LIST_SEPARATOR.match(line, separator.end())) is not None:  # ", and I10"
            match = _LEADING_CODE.match(line, both.end())
        if match is None:
            return None
        codes.append(_written(match))
        position = match.end()
    return codes or None


def _parse_trailing_code(line: str) -> list[LineCode]:
    """A code behind its title: ``Essential hypertension (I10)``, ``Essential hypertension – I10``."""
    title, _, last = line.rpartition(" ")
    bare = last.strip("()[]*_`.,;:|-–—")
    is_set_off = last.startswith(("(", "[", "*")) or title.endswith(tuple("-–—:|=>"))
    if not title or not is_set_off or not WHOLE_CODE.fullmatch(bare):
        return []
    begin = line.rindex(bare)
    return [LineCode(normalize_code(bare), title.rstrip(" -–—:|=>*_"), begin, begin + len(bare))]


def is_unmistakable(line: str) -> bool:
    """Outside a code section a line counts only if a code stands alone or is set off from its title.

    "B12 deficiency" and "T2DM with CKD" have the shape of a code, too.
    """
    match = _LEADING_CODE.match(line)
    if match is None:
        return bool(_parse_trailing_code(line)) or bool(scattered_codes(line, is_section=False))
    end = match.end()
    return not line[end:].strip() or _SEPARATOR.match(line, end) is not None or _parse_list(line, end) is not None


def strip_edges(text: str) -> str:
    """Take paired quotes and bold marks off both ends."""
    for left, right in _EDGES:
        if len(text) > len(left + right) and text.startswith(left) and text.endswith(right):
            text = text[len(left) : len(text) - len(right)]
    return text.strip()
