"""Lines of a note, whatever ends them, and which lines go on in the next one.

Offices and systems end lines in LF, CR LF, CR, NEL or the Unicode separators; offsets are those of the raw note.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

LINE_END = r"(?>\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])"
"""A line end as ``str.splitlines`` sees it, for regular expressions."""

WRAPPED_LINE_LENGTH = 60  # a line of at least this length may have been wrapped; a shorter one was ended on purpose
_NARROWEST_WRAP = 30
_FULL_SHARE = 0.75
_SENTENCE_END = re.compile(r"[.;!?]['\"’”)\]}*_]*$")
_LIST_MARK = re.compile(r"(?:[-–—*•·▪►◦‣#+|>☐☑☒□■✓✗]|\[[ xX_]?\]|\(?\d{1,2}[.)](?!\d)|\(?[a-zA-Z][.)]\s)")
_FIRST_WORD = re.compile(r"[^\W_]+")
_LAST_WORD = re.compile(r"([^\W_]+)\W{0,1}$")


@dataclass(frozen=True, slots=True)
class Line:
    """A line: ``begin`` and ``end`` without its line end, ``next`` the first code point after that.

    ``goes_on`` says that the next line is the same line, wrapped.
    """

    begin: int
    end: int
    next: int
    goes_on: bool = False


def split_lines(text: str) -> list[Line]:
    """The lines of a text, none of them going on."""
    lines = []
    begin = 0
    for piece in text.splitlines(keepends=True):
        bare = len(piece)
        while bare and piece[bare - 1] in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029":
            bare -= 1
        lines.append(Line(begin, begin + bare, begin + len(piece)))
        begin += len(piece)
    return lines


def wrapped_lines(text: str, joints: Container[str], is_head: Callable[[str], bool]) -> list[Line]:
    """The lines of a text with those marked that go on in the next one.

    A line goes on if it ends within a phrase ("and", a comma) or the next one begins so, or if it is long, or as full as its
    paragraph allows, and the next one begins in the middle of a sentence.

    Args:
        text: The note.
        joints: Words that tie what stands before them to what stands behind: "and", "of".
        is_head: Whether a line begins with the head of a section.
    """
    lines = split_lines(text)
    bare = [text[line.begin : line.end].strip() for line in lines]
    result: list[Line] = []
    first = 0
    while first < len(lines):
        last = first
        while last + 1 < len(lines) and bare[last + 1] and bare[first]:
            last += 1
        width = _wrap_width(bare[first : last + 1])
        for number in range(first, last + 1):
            line = lines[number]
            goes_on = number < last and _goes_on(bare[number], bare[number + 1], width, joints, is_head)
            result.append(Line(line.begin, line.end, line.next, True) if goes_on else line)
        first = last + 1
    return result


def _wrap_width(paragraph: Sequence[str]) -> int:
    """From which length on a line of this paragraph counts as wrapped."""
    full = paragraph[:-1]
    if len(full) < 2:
        return WRAPPED_LINE_LENGTH
    widest = max(map(len, full))
    if _NARROWEST_WRAP <= widest < WRAPPED_LINE_LENGTH and min(map(len, full)) >= _FULL_SHARE * widest:
        return round(_FULL_SHARE * widest)
    return WRAPPED_LINE_LENGTH


def _goes_on(line: str, after: str, width: int, joints: Container[str], is_head: Callable[[str], bool]) -> bool:
    if _SENTENCE_END.search(line) or line.endswith((":", "|")) or _LIST_MARK.match(after) or "\t" in after:
        return False
    first = _FIRST_WORD.match(after)
    last = _LAST_WORD.search(line)
    ends_open = line.endswith((",", "/", "&", "-", "–", "(")) or (last is not None and last[1].casefold() in joints)
    if is_head(after):
        # "with the patient and her\nfamily: they agree" is no head; one with a colon is, unless it is written small there
        return ends_open and not line.endswith(("-", ",")) and (":" not in after or after[:1].islower())
    if ends_open:
        return True
    if first is None:
        return after[:1] in "(,&/" and len(line) >= _NARROWEST_WRAP
    word = first[0]
    if word.casefold() in joints and (word.islower() or line.isupper()):
        return True
    if len(line) < width:
        return False
    if word[0].islower() or (line.isupper() and after.isupper()):
        return True
    # a capital in the middle of a sentence: an acronym or a number goes on, a capitalised word begins a sentence
    return len(line) >= WRAPPED_LINE_LENGTH and (word[0].isdigit() or (len(word) > 1 and word.isupper()))
