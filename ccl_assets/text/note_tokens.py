"""Words of a note with their places and what separates them; no language model's tokens."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from ccl_assets.text.characters import HIDDEN, MARKS
from ccl_assets.text.lines import LINE_END, Line
from ccl_assets.text.sections import note_lines
from ccl_assets.text.sentences import statement_begins

_PLAIN_WORD = re.compile(r"\d+(?:[.,]\d+)+|[^\W_]+(?:['’][^\W_]+)?")
_RARE = re.compile(f"[{MARKS}{HIDDEN}ʼ＇]")
_LETTER = rf"[^\W_][{MARKS}{HIDDEN}]*"
_ANY_WORD = re.compile(rf"\d+(?:[.,]\d+)+|(?:{_LETTER})+(?:['’ʼ＇](?:{_LETTER})+)?")
_NOT_SEEN = re.compile(f"[{HIDDEN}]")
_TRAILING_HIDDEN = re.compile(f"[{HIDDEN}]+$")
_HYPHENATED = re.compile(rf"[-‐‑\u00ad]+{LINE_END}[ \t]*")
_PHRASE_END = re.compile(r"[:|•=\t–—]|--")
_PLAIN_GAPS = frozenset({" ", "-", ", ", "/"})


class Break(IntEnum):
    """Separation before a word: nothing that separates, the end of a phrase, or the end of a statement."""

    NONE = 0
    PHRASE = 1
    STATEMENT = 2


@dataclass(frozen=True)
class NoteTokens:
    """The words of a text, parallel lists.

    Attributes:
        words: Folded: lower case, no diacritics, no possessive ending, ligatures and hidden characters resolved.
        begins: First code point of each word in the raw text.
        ends: One past the last code point.
        breaks: What stands before each word. A statement ends at ``; ! ?``, at a full stop that is none of an abbreviation, at a
            blank line, a list item, or a line end that does not come of wrapping. A colon, a bar, a bracket or a tab ends a
            phrase only.
    """

    words: list[str]
    begins: list[int]
    ends: list[int]
    breaks: list[Break]


def tokenize(text: str, vocabulary: Container[str] = (), lines: Sequence[Line] | None = None) -> NoteTokens:
    """Split a text into words.

    Args:
        text: The note.
        vocabulary: Folded words that are known: a word hyphenated at a line end is put together if it is among them.
        lines: The lines of the text with those marked that go on, if they are known already.
    """
    words: list[str] = []
    begins: list[int] = []
    ends: list[int] = []
    gaps: list[str] = []
    previous = 0
    is_rare = not text.isascii() and _RARE.search(text) is not None
    for match in (_ANY_WORD if is_rare else _PLAIN_WORD).finditer(text):
        begin, end = match.span()
        raw = match.group()
        word = fold_word(raw)
        if is_rare and (hidden := _TRAILING_HIDDEN.search(raw)):
            end -= hidden.end() - hidden.start()
        gap = text[previous:begin]
        if gap and gap[0] in "-‐‑\u00ad" and _HYPHENATED.fullmatch(gap) and words and words[-1] + word in vocabulary:
            words[-1] += word
            ends[-1] = previous = end
            continue
        gaps.append(gap)
        words.append(word)
        begins.append(begin)
        ends.append(end)
        previous = end
    breaks = _breaks(text, gaps, words, begins, ends, lines)
    return NoteTokens(words, begins, ends, breaks)


def fold_words(text: str) -> list[str]:
    """The folded words of a text, as :func:`tokenize` gives them."""
    is_rare = not text.isascii() and _RARE.search(text) is not None
    return [fold_word(word) for word in (_ANY_WORD if is_rare else _PLAIN_WORD).findall(text)]


def fold_word(word: str) -> str:
    """Lower case, diacritics and possessive ending off: ``Sjögren's`` -> ``sjogren``."""
    if not word.isascii():
        return _fold_rare(word)
    return word.lower().removesuffix("'s") if "'" in word else word.lower()


@lru_cache(maxsize=10_000)
def _fold_rare(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", _NOT_SEEN.sub("", word).casefold())
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return re.sub("[’ʼ＇]", "'", plain).casefold().removesuffix("'s")


def _breaks(
    text: str, gaps: list[str], words: list[str], begins: list[int], ends: list[int], lines: Sequence[Line] | None
) -> list[Break]:
    breaks = [Break.NONE if gap in _PLAIN_GAPS or not _PHRASE_END.search(gap) else Break.PHRASE for gap in gaps]
    for position in statement_begins(text, gaps, words, begins, ends, note_lines(text) if lines is None else lines):
        breaks[position] = Break.STATEMENT
    return breaks
