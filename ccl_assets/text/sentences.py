"""Beginnings of statements in a note: behind the end of a sentence, at an item of a list, on a line of its own."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import lru_cache

from ccl_assets.text.lines import Line
from ccl_assets.text.rule_files import word_groups, word_set

_CLOSERS = "\"'’”»)]}*_"
_STOP = re.compile(rf"[.…。][.…]*[{re.escape(_CLOSERS)}]*(?=[\s\u200b]|$|[\"'“«(\[*])")
_QUESTION = re.compile(r"[?!]")
_ENDS = re.compile(r"[;•▪►◦‣☐☑☒□■✓✗]|\[[ xX_✓✗]?\]")
_ITEM_NUMBER = re.compile(r"(?:(?<=[\s.;:])|^)\(?(\d{1,2})[.)](?=\s*[^\W\d_])")
_ITEM_LETTER = re.compile(r"(?:(?<=[\s.;:])|^)\(?([a-h])\)(?=\s+[^\W\d_])")


def statement_begins(
    text: str,
    gaps: Sequence[str],
    words: Sequence[str],
    begins: Sequence[int],
    ends: Sequence[int],
    lines: Sequence[Line],
) -> Iterator[int]:
    """Positions of the words that begin a statement.

    Args:
        text: The note.
        gaps: What stands before each word.
        words: The folded words.
        begins: First code point of each word.
        ends: One past the last.
        lines: The lines with those marked that go on.
    """
    if not gaps:
        return
    yield 0
    for position, gap in enumerate(gaps):
        if (
            position and (len(gap) > 1 or gap in ";!?…•") and _ends_sentence(gap, words, text, begins, ends, position)
        ) or (position and gap == "." and _runs_on(text, begins, ends, position)):
            yield position
    for line in lines:
        if not line.goes_on and (position := bisect_left(begins, line.next)) < len(begins):
            yield position
    for offset in _flat_items(text, lines):
        if (position := bisect_left(begins, offset)) < len(begins):
            yield position


def _ends_sentence(
    gap: str, words: Sequence[str], text: str, begins: Sequence[int], ends: Sequence[int], position: int
) -> bool:
    if _ENDS.search(gap):
        return True
    if "?" in gap or "!" in gap:
        mark = _QUESTION.search(gap)
        assert mark is not None
        # "?pneumonia" is a doubt about what follows, not the end of a question
        if not (gap[: mark.start()].endswith((" ", "\n", "\t", "(")) and gap[mark.start()] == "?"):
            return True
    if "." not in gap and "…" not in gap and "。" not in gap:
        return False
    stop = _STOP.search(gap)
    if stop is None or (stop.start() > 2 and gap[: stop.start()].strip(_CLOSERS + " ") != ""):
        return False
    before = words[position - 1]
    if stop.start() == 0 and before in word_set("abbreviations"):
        return False
    following = text[begins[position]]
    if len(before) == 1 and stop.start() == 0:
        return _ends_after_one_character(before, words, position, following)
    return True


def _ends_after_one_character(letter: str, words: Sequence[str], position: int, following: str) -> bool:
    """Whether the full stop in "hepatitis C." or "x 2." ends the sentence; that in "E. coli" does not."""
    initials = _initials()
    earlier = words[position - 2] if position > 1 else ""
    if earlier in initials["designator"]:
        return True
    if words[position] in initials["species"] or earlier in initials["title"]:
        return False
    if letter.isdigit():
        return True
    return following.isupper() and len(words[position]) > 1


@lru_cache(maxsize=1)
def _initials() -> dict[str, frozenset[str]]:
    return word_groups("initials")


def _runs_on(text: str, begins: Sequence[int], ends: Sequence[int], position: int) -> bool:
    """Whether a full stop without a blank ends a sentence: "denies fever.Asthma is stable"."""
    end, begin = ends[position - 1], begins[position]
    return end > 2 and text[end - 2 : end].islower() and text[begin].isupper() and text[begin + 1 : begin + 2].islower()


def _flat_items(text: str, lines: Sequence[Line]) -> Iterator[int]:
    """Where the items of a list begin that stands in running text: "1. Asthma 2. Gout", "a) asthma b) gout"."""
    for line in lines:
        closed = text.find(")", line.begin, line.end) >= 0
        if not closed and text.find(".", line.begin, line.end) < 0:
            continue
        for pattern in (_ITEM_NUMBER, _ITEM_LETTER) if closed else (_ITEM_NUMBER,):
            wanted = 0
            previous: re.Match[str] | None = None
            for match in pattern.finditer(text, line.begin, line.end):
                number = int(match[1]) if match[1].isdigit() else ord(match[1]) - ord("a") + 1
                if number == 1 or (previous is not None and number == wanted):
                    if number != 1 and previous is not None:
                        yield previous.start()
                        yield match.start()
                    previous, wanted = match, number + 1
