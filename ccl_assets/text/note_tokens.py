"""Words of a note with their places and what separates them; no language model's tokens."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import IntEnum

_WORD = re.compile(r"\d+(?:[.,]\d+)+|[^\W_]+(?:['’][^\W_]+)?")
_LIST_MARK = re.compile(r"\n[ \t]*(?:[-*•#+]|\(?\d{1,2}[.)])")
WRAPPED_LINE_LENGTH = 60  # MIMIC wraps at about 78 characters; a shorter line was ended on purpose


class Break(IntEnum):
    """What stands before a word: nothing that separates, the end of a phrase, or the end of a statement."""

    NONE = 0
    PHRASE = 1
    STATEMENT = 2


@dataclass(frozen=True)
class NoteTokens:
    """The words of a text, parallel lists.

    Attributes:
        words: Folded: lower case, no diacritics, no possessive ending.
        begins: First code point of each word in the raw text.
        ends: One past the last code point.
        breaks: What stands before each word. The end of a statement is ``. ; ! ?``, a blank line, a list item, or a
            line break after a line too short to have been wrapped. A colon or bar ends a phrase only.
    """

    words: list[str]
    begins: list[int]
    ends: list[int]
    breaks: list[Break]


def tokenize(text: str) -> NoteTokens:
    """Split a text into words."""
    words: list[str] = []
    begins: list[int] = []
    ends: list[int] = []
    breaks: list[Break] = []
    previous_end = 0
    for match in _WORD.finditer(text):
        begin, end = match.span()
        gap = text[previous_end:begin]
        breaks.append(Break.NONE if gap in {" ", "-", ", ", "/"} else _break(text, gap, previous_end, begins, ends))
        words.append(fold_word(match.group()))
        begins.append(begin)
        ends.append(end)
        previous_end = end
    return NoteTokens(words, begins, ends, breaks)


def fold_words(text: str) -> list[str]:
    """The folded words of a text, as :func:`tokenize` gives them."""
    return [fold_word(word) for word in _WORD.findall(text)]


def fold_word(word: str) -> str:
    """Lower case, diacritics and possessive ending off: ``Sjögren's`` -> ``sjogren``."""
    word = word.casefold()
    if not word.isascii():
        word = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c)).replace("’", "'")
    return word.removesuffix("'s")


def _break(text: str, gap: str, previous_end: int, begins: list[int], ends: list[int]) -> Break:
    if not begins:
        return Break.STATEMENT
    if any(mark in gap for mark in ";!?"):
        return Break.STATEMENT
    # "E. coli", "St. Louis": a period behind one letter, or with no blank after it, ends nothing.
    if (". " in gap and ends[-1] - begins[-1] > 1) or ".\n" in gap:
        return Break.STATEMENT
    if "\n" in gap:
        if gap.count("\n") > 1 or _LIST_MARK.search(gap):
            return Break.STATEMENT
        line_end = previous_end + gap.index("\n")
        line_begin = text.rfind("\n", 0, line_end) + 1
        if line_end - line_begin < WRAPPED_LINE_LENGTH:
            return Break.STATEMENT
    return Break.PHRASE if any(mark in gap for mark in ":|•=") else Break.NONE
