"""Codes that do not open their line: behind a label ("Code I10"), in brackets, several to a line, at the line's end.

"B12", "T12" and the like have the shape of a code, too: without a dot a code counts only where something marks it as one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ccl_assets.answers.words import answer_words
from ccl_assets.icd.code import WRITTEN, normalize_code

_TOKEN = re.compile(rf"(?<![0-9A-Za-z.@/_-])({WRITTEN})(?![0-9A-Za-z_@]|\.[0-9A-Za-z]|-[0-9A-Za-z])")
_WORD = re.compile(r"[\w.-]*\w")
_MARKED = re.compile(r"(?:[(\[*`:|=→>#{]|(?:^|\s)[-–—]\s*|[–—])\s*$")
_LABEL = re.compile(
    r"(?:(?:\b(?:icd|cie)[-\s]?1?0?(?:[-\s]?(?:cm|es))?(?:\s+(?:diagnosis\s+)?codes?)?"
    r"|\bcodes?|\bdx|\bc[oó]digos?)(?:\s+(?:is|are|as))?\s*[:=#-]?\s*[*`(\[]{0,3})$",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"[\s*_`\])(\[]*(?:[,;/&+]|\b(?:and|or|y)\b)(?:\s*(?:and|or|y)\b)?[\s*_`\[(]*", re.IGNORECASE)
_END = re.compile(r"[\s*_`\])}.,;:|\"'”]*$")
_CLOSED = re.compile(r"\s?[)\]}*`:|=–—;,→-]")
_TITLE_EDGE = " \t-–—:;,|=>*_()[]{}.→•#`\"'“”+/"
_INLINE_EVIDENCE = re.compile(
    r"[\s(\[{;,.|–—-]{0,9}\b(?:evidence|supporting (?:text|evidence)|quote|evidencia)\s*[:=]\s*(?P<quote>\S.*)$",
    re.IGNORECASE | re.DOTALL,
)
_QUOTES = "\"'“”‘’«»`"
_NOT_BEFORE = frozenset({"vitamin", "vit", "vit.", "vitamina", "coenzyme", "at", "level", "vertebra", "dextrose"})
_LONGEST_LINE = 4000  # characters; what is longer comes from a model stuck in a loop
_LOOK_BACK = 60  # characters before a code in which its label must stand


class LineCode(NamedTuple):
    """A code as a line has it, normalized, with title and quote beside it; ``line[begin:end]`` is the code as written."""

    code: str
    title: str
    begin: int
    end: int
    evidence: str | None = None


def scattered_codes(line: str, *, is_section: bool) -> list[LineCode]:
    """The codes of a line, each with the title before or behind it.

    Args:
        line: A line of an answer.
        is_section: Whether it stands in a code section: there a code with its dot counts wherever it is. Elsewhere something must
            mark it, since prose speaks of codes that it rejects.
    """
    line = line[:_LONGEST_LINE]
    found = _accepted(line, is_section)
    if not found:
        return []
    leads = _are_labels(line[: found[0].start(1)])
    codes = []
    for number, token in enumerate(found):
        before = found[number - 1].end(1) if number else 0
        after = found[number + 1].start(1) if number + 1 < len(found) else len(line)
        text = line[token.end(1) : after] if leads else line[before : token.start(1)]
        title, evidence = split_inline_evidence(text)
        if not leads and number + 1 == len(found):
            evidence = split_inline_evidence(line[token.end(1) :])[1]
        title = _without_label(title.strip(_TITLE_EDGE))
        codes.append(LineCode(normalize_code(token[1]), title, *token.span(1), evidence))
    return codes


def split_inline_evidence(title: str) -> tuple[str, str | None]:
    """A title without the quote that follows it: ``Hypertension (evidence: "high blood pressure")``."""
    found = _INLINE_EVIDENCE.search(title) if len(title) <= _LONGEST_LINE else None
    if found is None:
        return title, None
    quote = found["quote"].strip().rstrip(")]}").strip().strip(_QUOTES).strip()
    return title[: found.start()], quote or None


def _accepted(line: str, is_section: bool) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []
    for token in _TOKEN.finditer(line):
        code = token[1]
        before = line[max(0, token.start(1) - _LOOK_BACK) : token.start(1)]
        is_listed = bool(found) and _BETWEEN.fullmatch(line, found[-1].end(1), token.start(1)) is not None
        is_last = _END.match(line, token.end(1)) is not None
        has_dot = "." in code
        if _LABEL.search(before) or is_listed or _is_labelled(line, token, found):
            found.append(token)
        elif _MARKED.search(before):
            if has_dot or is_last or (_is_closed(line, token.end(1)) and _is_plain(code, before)):
                found.append(token)
        elif (has_dot and (is_section or is_last)) or (is_last and is_section and _is_plain(code, before)):
            found.append(token)
    return found


def _is_labelled(line: str, token: re.Match[str], found: list[re.Match[str]]) -> bool:
    """Whether all that stands before the first code is a label: "Primary diagnosis: I10", "The codes are I10 and …"."""
    if found or token.start(1) > _LOOK_BACK:
        return False
    lead = line[: token.start(1)]
    return any(map(str.isalpha, lead)) and _are_labels(lead)


def _are_labels(text: str) -> bool:
    words = [word.casefold() for word in _WORD.findall(text)]
    return len(text) <= _LOOK_BACK and all(word in answer_words("labels") or word.isdecimal() for word in words)


def _is_closed(line: str, end: int) -> bool:
    """Whether a bracket, bold mark or separator follows, as after a code that is set off."""
    return _CLOSED.match(line, end) is not None


def _is_plain(code: str, before: str) -> bool:
    """Whether a code without dot is written like a code and does not look like something else."""
    if code.casefold() in answer_words("lookalikes") or not code[0].isupper():
        return False
    words = before.split()
    return not words or words[-1].casefold().strip("(,:") not in _NOT_BEFORE


def _without_label(title: str) -> str:
    """A title without the label of the next or of its own code at its end: "CKD (ICD-10-CM"."""
    return _LABEL.sub("", title).strip(_TITLE_EDGE) if title else title
