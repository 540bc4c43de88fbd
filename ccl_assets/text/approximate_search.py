"""The run of whole words in a text that is nearest to a phrase by edit distance.

Exact search at bounded cost: Myers' bit-parallel scan (J. ACM 46, 1999) finds where the nearest stretch ends, a second
scan backwards where it begins. Only places that share a piece with the phrase are scanned: of a phrase with at most k
edits, cut into k + 1 pieces, one piece is unharmed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

_BLANK = re.compile(r"\s")
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
    best: tuple[int, int] | None = None  # distance and end in the folded text
    for first, last in _promising_stretches(phrase, folded.text, max_distance):
        limit = best[0] - 1 if best else max_distance
        best = _best_end(phrase, folded.text[first:last], limit, first) or best
        if best and best[0] == 0:
            break
    if best is None:
        return None
    distance, end = best
    before = folded.text[max(0, end - len(phrase) - distance) : end]
    backwards = _best_end(phrase[::-1], before[::-1], distance, is_anchored=True)
    begin = end - (backwards[1] if backwards else len(before))

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


def _promising_stretches(phrase: str, text: str, max_distance: int) -> Iterator[tuple[int, int]]:
    """Disjoint stretches, in order, that together hold every occurrence within ``max_distance`` edits."""
    piece_count = max_distance + 1
    edges = [len(phrase) * number // piece_count for number in range(piece_count + 1)]
    begins = set()
    hits_left = max(1_000, len(text) // 4)
    for begin, end in pairwise(edges):
        piece = phrase[begin:end]
        position = text.find(piece) if piece else -1
        while position >= 0:
            if hits_left == 0:  # a phrase of pieces that are everywhere: looking them up costs more than scanning
                yield 0, len(text)
                return
            hits_left -= 1
            begins.add(max(0, position - begin - max_distance))
            position = text.find(piece, position + 1)
    reach = len(phrase) + 2 * max_distance
    first = last = -1
    for start in sorted(begins):
        if start > last:
            if last > 0:
                yield first, last
            first = start
        last = start + reach
    if last > 0:
        yield first, min(last, len(text))


def _best_end(phrase: str, text: str, limit: int, offset: int = 0, is_anchored: bool = False) -> tuple[int, int] | None:
    """Distance and end (plus ``offset``) of the stretch nearest to the phrase, the first one among equals.

    ``is_anchored`` lets the stretch begin at the beginning of ``text`` only; otherwise anywhere. ``None`` if all are
    farther than ``limit``.
    """
    size = len(phrase)
    mask, high = (1 << size) - 1, 1 << (size - 1)
    matches: dict[str, int] = {}
    for number, character in enumerate(phrase):
        matches[character] = matches.get(character, 0) | 1 << number
    carry = 1 if is_anchored else 0
    # Vertical differences of the distance matrix's current column, one bit per character of the phrase.
    plus, minus, distance = mask, 0, size
    best: tuple[int, int] | None = None
    for position, character in enumerate(text, start=1):
        equal = matches.get(character, 0)
        vertical = equal | minus
        horizontal = (((equal & plus) + plus) ^ plus) | equal
        rise = minus | ~(horizontal | plus) & mask
        fall = plus & horizontal
        if rise & high:
            distance += 1
        elif fall & high:
            distance -= 1
        rise = (rise << 1 | carry) & mask
        fall = fall << 1 & mask
        plus = fall | ~(vertical | rise) & mask
        minus = rise & vertical
        if distance <= limit:
            best, limit = (distance, offset + position), distance - 1
            if distance == 0:
                break
    return best


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
