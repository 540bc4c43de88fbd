"""Short forms where they stand in a note, with the long form that the words around them decide."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ccl_assets.text.note_tokens import Break, fold_words, tokenize
from ccl_assets.text.short_forms import Kind, ShortForm, decide, meanings_by_key, pieces, possible_meanings

MIN_SHOUTED_WORDS = 3
"""Words beside a short form from which capitals throughout are a way of writing and not abbreviations."""
# One letter that is part of something longer: "T/R/M", "L-spine", "Y. V. L.", "N.R.".
_BEFORE_A_PART = re.compile(r"[/&-]$|[^\W\d_]\.\s?$")
_AFTER_A_PART = re.compile(r"[/&-]|\.\w")
_JOINS = frozenset({"", " ", "-", "."})


@dataclass(frozen=True)
class ShortFormMention:
    """A short form in a text.

    Attributes:
        begin: First code point in the text.
        end: One past the last code point.
        short: The short form as written.
        meanings: What it can stand for here; a single meaning is decided.
    """

    begin: int
    end: int
    short: str
    meanings: tuple[ShortForm, ...]

    @property
    def long(self) -> str | None:
        """The long form, or ``None`` where nothing decides."""
        return self.meanings[0].long if len(self.meanings) == 1 else None


def find_short_forms(text: str, section: str = "", language: str = "en") -> tuple[ShortFormMention, ...]:
    """Find the short forms of a text, the longest first at each place, and decide what they stand for.

    The words of the same statement decide; where they do not, those of the section's heading.

    Args:
        text: A note, or a part of one.
        section: The heading that the text stands under, such as ``Past Medical History``.
        language: Language of the short forms.
    """
    return tuple(_mentions(text, frozenset(fold_words(section)), language))


def write_out(text: str, section: str = "") -> str:
    """The text with each decided abbreviation and modifier written out: ``s/p CABG`` -> ``status post coronary artery …``."""
    parts: list[str] = []
    done = 0
    for mention in find_short_forms(text, section):
        if mention.long is not None and mention.meanings[0].kind is not Kind.LAY:
            parts += [text[done : mention.begin], mention.long]
            done = mention.end
            if done < len(text) and text[done].isalnum():  # "w/CABG"
                parts.append(" ")
    return "".join([*parts, text[done:]])


def _mentions(text: str, heading: frozenset[str], language: str) -> Iterator[ShortFormMention]:
    found = pieces(text)
    folded = [piece[0].casefold().replace("’", "'") for piece in found]
    lengths = _lengths_by_first_piece(language)
    statements: _Statements | None = None
    place = 0
    while place < len(found):
        step = 1
        for length in lengths.get(folded[place], ()):
            if not _is_one_phrase(text, found, place, length):
                continue
            begin, end = found[place].start(), found[place + length - 1].end()
            short = text[begin:end]
            possible = possible_meanings(short, language)
            if not possible:
                continue
            if len(possible) > 1 or possible[0].is_word:
                statements = statements or _Statements(text)
                near, is_shouted = statements.beside(begin, end)
                if is_shouted:
                    possible = tuple(form for form in possible if not form.is_word)
                decided = decide(possible, near)
                possible = decided if len(decided) < 2 else decide(possible, heading)
            if not possible:
                continue
            yield ShortFormMention(begin, end, short, possible)
            step = length
            break
        place += step


def _is_one_phrase(text: str, found: list[re.Match[str]], place: int, length: int) -> bool:
    """Test that nothing separates these pieces, and that a single letter is no part of something longer."""
    last = place + length - 1
    if last >= len(found):
        return False
    for at in range(place, last):
        gap = text[found[at].end() : found[at + 1].start()]
        if gap not in _JOINS and not (gap == ". " and len(found[at][0]) == 1):  # "C. diff"
            return False
    begin, end = found[place].start(), found[last].end()
    if end - begin > 1:
        return True
    return not (_BEFORE_A_PART.search(text[max(0, begin - 3) : begin]) or _AFTER_A_PART.match(text[end : end + 2]))


@lru_cache(maxsize=4)
def _lengths_by_first_piece(language: str) -> dict[str, tuple[int, ...]]:
    lengths: dict[str, set[int]] = {}
    for key in meanings_by_key(language):
        first, *others = key.split(" ")
        lengths.setdefault(first, set()).add(1 + len(others))
    return {first: tuple(sorted(found, reverse=True)) for first, found in lengths.items()}


class _Statements:
    """The words of each statement of a text."""

    def __init__(self, text: str) -> None:
        tokens = tokenize(text)
        self._text = text
        self._tokens = tokens
        self._firsts = [at for at, mark in enumerate(tokens.breaks) if mark is Break.STATEMENT]
        self._begins = [tokens.begins[at] for at in self._firsts]

    def beside(self, begin: int, end: int) -> tuple[frozenset[str], bool]:
        """The folded words around a mention in its statement, and whether they are several and all in capitals."""
        tokens = self._tokens
        statement = max(0, bisect_right(self._begins, begin) - 1)
        first = self._firsts[statement] if self._firsts else 0
        stop = self._firsts[statement + 1] if statement + 1 < len(self._firsts) else len(tokens.words)
        around = [at for at in range(first, stop) if tokens.ends[at] <= begin or tokens.begins[at] >= end]
        written = self._text[tokens.begins[first] : tokens.ends[stop - 1]] if around else ""
        return frozenset(tokens.words[at] for at in around), len(around) >= MIN_SHOUTED_WORDS and written.isupper()
