"""Cuts of a note that is too long: at its sections, so that every part reads as a note of its own.

Unlike the overlapping windows a long note is coded by (``text/windows.py``), training parts do not overlap: each
span is learned once.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import TypeAlias

from ccl_assets.text.lines import LINE_END

Part: TypeAlias = tuple[int, int]

_HEAD = rf"[ \t]*(?:#{{1,6}}[ \t]+\S|[A-Z][\w/&()' -]{{1,50}}:|[A-Z][A-Z/&() -]{{3,50}}(?={LINE_END}|\Z))"
# The best place first: a head below an empty line, any head, an empty line, a line end.
_CUTS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{LINE_END}(?:[ \t]*{LINE_END})+(?={_HEAD})",
        rf"{LINE_END}(?={_HEAD})",
        rf"{LINE_END}[ \t]*{LINE_END}",
        LINE_END,
    )
)


def split_by_sections(text: str, spans: Iterable[Part], fits: Callable[[int, int], bool]) -> list[Part] | None:
    """Cut a text into parts that each fit, at the beginnings of sections; within a section too long only, lower down.

    Parts are as long as they may be, follow one another without gap or overlap, and cut no span in two.

    Args:
        text: The note.
        spans: Offsets of what must stay in one part.
        fits: Whether the part from one offset to another fits; of a longer part it is never true if of a shorter one it is false.

    Returns:
        End-exclusive offsets, or ``None`` where a single line, or a span over several, does not fit.
    """
    closed = list(spans)
    levels = [
        [
            cut
            for cut in (match.end() for match in pattern.finditer(text))
            if not any(begin < cut < end for begin, end in closed)
        ]
        for pattern in _CUTS
    ]
    parts: list[Part] = []
    begin = 0
    while begin < len(text):
        end = len(text) if fits(begin, len(text)) else _farthest_cut(levels, begin, fits)
        if end is None:
            return None
        parts.append((begin, end))
        begin = end
    return parts


def _farthest_cut(levels: Iterable[list[int]], begin: int, fits: Callable[[int, int], bool]) -> int | None:
    for cuts in levels:
        lowest = bisect_right(cuts, begin)
        low, high = lowest, len(cuts)  # cuts before `low` fit, those from `high` do not
        while low < high:
            middle = (low + high) // 2
            if fits(begin, cuts[middle]):
                low = middle + 1
            else:
                high = middle
        if low > lowest:
            return cuts[low - 1]
    return None
