"""Reading what a miner answered: a quote per code, as JSON or as lines. Total: any string in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from ccl_assets.icd.code import UNDOTTED

# A key that begins with a code, and null or a string, which may stand in a list. Members are looked for one by one, so that half a
# JSON, or one with prose or a fence around it, gives what it holds.
_MEMBER = re.compile(rf'"\s*({UNDOTTED})(?![0-9A-Za-z])[^"\n]{{0,300}}"\s*+:\s*+\[?\s*+(?:null\b|"((?:[^"\\]|\\.)*+)")')
_CODE_LINE = re.compile(rf"^[\s\-*•]*+({UNDOTTED})[\s*]*+(.*)$")
_ANSWER = re.compile(r"^[\s*]*+(?:\([^)]*\)[\s*]*+)?[:=|–-]+(.*)$")
# "nonerosive reflux" and "Na 128" are findings
_NO_EVIDENCE = re.compile(
    r"^\W*(no evidence|none\b|null\W*$|not (?:documented|found|mentioned|supported)|n/a\b|na\W*$)", re.IGNORECASE
)


def read_extraction(
    text: str, codes: Sequence[str], titles: Mapping[str, str] | None = None, *, is_cut: bool = False
) -> dict[str, str | None]:
    """Read the answer: quote per code, ``None`` for a declared lack of evidence; codes not answered are absent.

    JSON members are ``"CODE": "quote"`` or ``"CODE": null``; where there are none, lines are read: ``CODE: quote``, or
    ``CODE title: quote`` where the titles are given. The first answer for a code counts; codes that were not asked for are ignored.

    Args:
        text: The answer.
        codes: What was asked for.
        titles: Title per code.
        is_cut: The answer ended at its token limit: an unfinished last line may be half a quote and is left out.
    """
    wanted = {code.replace(".", ""): code for code in codes}
    found: dict[str, str | None] = {}
    for member in _MEMBER.finditer(text):
        code = wanted.get(member[1].replace(".", ""))
        if code is not None:
            found.setdefault(code, _quote(_unescaped(member[2] or "")))
    if found:
        return found
    for line in text.splitlines()[: -1 if is_cut else None]:
        match = _CODE_LINE.match(line)
        code = wanted.get(match[1].replace(".", "")) if match else None
        if match is None or code is None or code in found:
            continue
        rest = match[2]
        title = (titles or {}).get(code, "")
        if title and rest.lower().startswith(title.lower()):
            rest = rest[len(title) :]
        if (answer := _ANSWER.match(rest)) is not None:
            found[code] = _quote(answer[1])
    return found


def _quote(text: str) -> str | None:
    quote = text.strip().strip("\"'“”`* ").strip()
    return None if not quote or _NO_EVIDENCE.match(quote) else quote


def _unescaped(literal: str) -> str:
    """The string a JSON literal stands for, or the literal where its escapes are wrong."""
    try:
        value = str(json.loads(f'"{literal}"', strict=False))
    except ValueError:
        return literal
    return value.encode("utf-8", "replace").decode("utf-8")  # an unpaired surrogate can be written to no table
