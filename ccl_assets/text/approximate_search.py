"""The run of whole words in a text that is nearest to a phrase by edit distance.

The search is edlib's (Sosic and Sikic, Bioinformatics 33, 2017); here stand what it does not know: case, blanks and whole words.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

_BLANK = re.compile(r"\s")
_MOST_CHARACTERS = 250  # distinct ones; edlib takes 256
_BLANKS = re.compile(r"\s{2,}")


@dataclass(frozen=True)
class Near:
    """A stretch of the text, end-exclusive, and its distance to the phrase."""

    begin: int
    end: int
    distance: int


def nearest_substring(phrase: str, text: str, max_distance: int) -> Near | None:
    """Find the nearest run of whole words.

    Case is ignored and a run of white space counts as one blank. The nearest stretch is found first (the first one
    among equals), then widened or narrowed to whole words, whichever is nearer; the distance is that of the result.

    Args:
        phrase: What to look for; its blanks are single.
        text: Where to look.
        max_distance: Most edits allowed.

    Returns:
        The stretch with offsets into ``text``, or ``None`` if nothing is near enough.
    """
    from rapidfuzz.distance import Levenshtein

    phrase = _lower(phrase)
    folded = _fold(text)
    found = _nearest_stretch(phrase, folded.text, max_distance)
    if found is None:
        return None
    _, begin, end = found

    nearest: tuple[int, int, int] | None = None
    for left in _word_begins(folded.text, begin, max_distance):
        for right in _word_ends(folded.text, end, max_distance):
            if left < right:
                word_distance = Levenshtein.distance(phrase, folded.text[left:right], score_cutoff=max_distance)
                if word_distance <= max_distance and (nearest is None or word_distance < nearest[0]):
                    nearest = (word_distance, left, right)
    if nearest is None:
        return None
    return Near(folded.raw_offset(nearest[1]), folded.raw_offset(nearest[2] - 1) + 1, nearest[0])


@dataclass(frozen=True)
class _Folded:
    """Lower-cased text with single blanks, and how far each part was shifted."""

    text: str
    starts: tuple[int, ...]
    shifts: tuple[int, ...]

    def raw_offset(self, position: int) -> int:
        """Offset in the raw text of a character of the folded one."""
        return position + self.shifts[bisect_right(self.starts, position) - 1]


@lru_cache(maxsize=2)  # the quotes of one note come one after the other
def _fold(text: str) -> _Folded:
    starts, shifts, pieces = [0], [0], []
    position = shift = length = 0
    for run in _BLANKS.finditer(text):
        pieces.append(text[position : run.start() + 1])
        length += run.start() + 1 - position
        shift += run.end() - run.start() - 1
        starts.append(length)
        shifts.append(shift)
        position = run.end()
    pieces.append(text[position:])
    return _Folded(_BLANK.sub(" ", _lower("".join(pieces))), tuple(starts), tuple(shifts))


def _lower(text: str) -> str:
    """Lower case without changing the length (a dotted capital I becomes two characters otherwise)."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)


def _nearest_stretch(phrase: str, text: str, max_distance: int) -> tuple[int, int, int] | None:
    """Distance, begin and end of the stretch nearest to the phrase, the one that ends first among equals."""
    import edlib

    if not phrase or not text:
        return None
    if len(set(text) | set(phrase)) > _MOST_CHARACTERS:  # those that are not in the phrase differ from all of it alike
        text = text.translate(dict.fromkeys(map(ord, set(text) - set(phrase)), "\0"))
    found = edlib.align(phrase, text, mode="HW", task="locations", k=max_distance)
    if found["editDistance"] < 0:
        return None
    begin, last = found["locations"][0]
    return found["editDistance"], begin or 0, last + 1


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _word_begins(text: str, begin: int, reach: int) -> list[int]:
    """``begin`` if no word is cut there, else the begin of the word and that of the next one, if within reach."""
    if text[begin] == " ":
        return [begin + 1]
    if not (begin and _is_word(text[begin - 1]) and _is_word(text[begin])):
        return [begin]
    left, right = begin, begin
    while left and begin - left <= reach and _is_word(text[left - 1]):
        left -= 1
    while right < len(text) and right - begin <= reach and not (text[right - 1] == " " and text[right] != " "):
        right += 1
    return [position for position in (left, right) if abs(position - begin) <= reach]


def _word_ends(text: str, end: int, reach: int) -> list[int]:
    """As :func:`_word_begins`, seen from the other side."""
    return [len(text) - position for position in _word_begins(text[::-1], len(text) - end, reach)]
