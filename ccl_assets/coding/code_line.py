"""One line of a code section: the code, in whatever dress, and the title beside it."""

from __future__ import annotations

import re

# Third characters other than digits are A and B in every release so far (C7B, M1A, Z3A), which keeps "A1c" out; a second one that
# is no digit has QA0 alone.
_CODE = r"(?:[A-Za-z][0-9][0-9AaBb]|[Qq][Aa]0)(?:\.?[0-9A-Za-z]{1,4})?"
WHOLE_CODE = re.compile(_CODE)
_LEADING_CODE = re.compile(rf"[*_`\[(]{{0,3}}(?P<code>{_CODE})(?![0-9A-Za-z]|\.[0-9A-Za-z])[*_`\])]{{0,3}}")
_SEPARATOR = re.compile(r"\s*(?:[-=]+>|→|[-‐‑‒–—―−:|=]+)\s*")
_LIST_SEPARATOR = re.compile(r"\s*(?:[,;/&]|\band\b)\s*")
_EDGES = (("**", "**"), ("__", "__"), ('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"), ("«", "»"), ("`", "`"))


def normalize_code(code: str) -> str:
    """Write a code as the project does: upper case, dot after the third character (``e1122`` -> ``E11.22``)."""
    bare = re.sub(r"[.\s]", "", code).upper()
    return bare if len(bare) <= 3 else f"{bare[:3]}.{bare[3:]}"


def parse_code_line(line: str) -> list[tuple[str, str]]:
    """``(code, title)`` of a line, several where it is a list of codes; empty where there is none."""
    match = _LEADING_CODE.match(line)
    if match is None:
        return _parse_trailing_code(line)
    code = normalize_code(match["code"])
    rest = line[match.end() :]
    if (listed := _parse_list(rest)) is not None:
        return [(code, ""), *((other, "") for other in listed)]
    separator = _SEPARATOR.match(rest)
    title = rest[separator.end() :] if separator else rest
    return [(code, strip_edges(title.strip(" *_,;|")))]


def _parse_list(rest: str) -> list[str] | None:
    """The further codes of ``, E11.9; I10``; ``None`` if the text is not a list of codes."""
    codes = []
    position = 0
    while position < len(rest):
        separator = _LIST_SEPARATOR.match(rest, position)
        if separator is None or not separator.group().strip():
            return None
        if separator.end() == len(rest):
            break
        match = _LEADING_CODE.match(rest, separator.end())
        if match is None:
            return None
        codes.append(normalize_code(match["code"]))
        position = match.end()
    return codes or None


def _parse_trailing_code(line: str) -> list[tuple[str, str]]:
    """A code behind its title: ``Essential hypertension (I10)``, ``Essential hypertension – I10``."""
    title, _, last = line.rpartition(" ")
    bare = last.strip("()[]*_`.,;:|-–—")
    is_set_off = last.startswith(("(", "[", "*")) or title.endswith(tuple("-–—:|=>"))
    if not title or not is_set_off or not WHOLE_CODE.fullmatch(bare):
        return []
    return [(normalize_code(bare), title.rstrip(" -–—:|=>*_"))]


def is_unmistakable(line: str) -> bool:
    """Outside a code section a line counts only if a code stands alone or is set off from its title.

    "B12 deficiency" and "T2DM with CKD" have the shape of a code, too.
    """
    match = _LEADING_CODE.match(line)
    if match is None:
        return bool(_parse_trailing_code(line))
    rest = line[match.end() :]
    return not rest.strip() or _SEPARATOR.match(rest) is not None or _parse_list(rest) is not None


def strip_edges(text: str) -> str:
    """Take paired quotes and bold marks off both ends."""
    for left, right in _EDGES:
        if len(text) > len(left + right) and text.startswith(left) and text.endswith(right):
            text = text[len(left) : len(text) - len(right)]
    return text.strip()
