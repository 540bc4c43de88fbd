"""Place of a quoted span in its note.

Models that are asked for verbatim words return them nearly verbatim. Here a quote is traced to the raw note: offsets
are end-exclusive code points of the text as stored, and what is kept as evidence is always the note's own wording.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

from ccl_assets.text.approximate_search import nearest_substring
from ccl_assets.text.distinctions import distinctions
from ccl_assets.text.plain_view import PlainView, plain_view

VERBATIM, REPAIRED, UNGROUNDED = "verbatim", "repaired", "ungrounded"
MAX_QUOTE_LENGTH = 500  # longer quotes must stand in the note as they are; evidence is a minimal span
_MIN_INSIDE_WORD = 4


@dataclass(frozen=True)
class Grounding:
    """Place of a quote.

    Attributes:
        status: ``verbatim``: stands in the note as it is read: white space (notes wrap, the output format has one line per
            span), hidden characters and the making of letters aside. ``repaired``: differs in case or by a few edits.
            ``ungrounded``: not found.
        begin: First code point; ``None`` if ungrounded.
        end: One past the last code point; ``None`` if ungrounded.
        text: ``note[begin:end]``; ``None`` if ungrounded.
        edit_distance: Levenshtein distance between quote and text, case and runs of white space aside; so 0 for a
            repair of case only; ``None`` if ungrounded.
    """

    status: str
    begin: int | None = None
    end: int | None = None
    text: str | None = None
    edit_distance: int | None = None


def ground_span(
    quote: str, note: str, max_edit_share: float = 0.2, taken: Collection[tuple[int, int]] = ()
) -> Grounding:
    """Find ``quote`` in ``note``.

    In this order: the exact words; the same with other white space; the same with other case; the same where letters are composed
    otherwise, characters hidden, ligatures used or words hyphenated at a line end (``plain_view.py``); the nearest run of whole
    words within ``int(max_edit_share * len(quote))`` edits, provided that sides, numbers, negations and the like are as quoted.
    Places at word boundaries are preferred, and quotes under four characters are found there only ("PE" does not stand
    in "sPEcial"). A quote of more than 500 characters is looked for as it is and not otherwise.

    Args:
        quote: What was quoted; outer white space is ignored.
        note: The raw note.
        max_edit_share: Edits allowed per character of the quote; 0 switches the last step off.
        taken: Intervals of the note already given to other quotes; an occurrence outside is preferred, so that the
            second of two equal quotes gets the second place. Has no say in the last step.

    Returns:
        The grounding. Cost is bounded by note times quote length: under 1 ms for most quotes, some 20 ms for one that
        is not in a 10,000-character note, about a second for the worst of quotes in a 200,000-character one.
    """
    quote = quote.strip()
    if not quote:
        return Grounding(UNGROUNDED)
    if len(quote) > MAX_QUOTE_LENGTH:
        begin = note.find(quote)
        return Grounding(VERBATIM, begin, begin + len(quote), quote, 0) if begin >= 0 else Grounding(UNGROUNDED)
    quote = " ".join(quote.split())
    if (found := _literal(quote, note, taken)) is not None:
        return found
    plain = " ".join(plain_view(quote).text.split())
    views = [view for joins in (True, False) if (view := plain_view(note, joins)).begins is not None]
    if plain and (views or plain != quote):
        for view in views or [plain_view(note)]:
            if (found := _literal(plain, view.text, (), view, note, taken)) is not None:
                return found
    view = views[0] if views else plain_view(note)
    limit = int(max_edit_share * len(plain))
    if limit == 0:
        return Grounding(UNGROUNDED)
    near = nearest_substring(plain, view.text, limit)
    if near is None or distinctions(plain) != distinctions(view.text[near.begin : near.end]):
        return Grounding(UNGROUNDED)
    begin, end = view.raw_span(near.begin, near.end)
    return Grounding(REPAIRED, begin, end, note[begin:end], near.distance)


def _literal(
    quote: str,
    text: str,
    taken: Collection[tuple[int, int]],
    view: PlainView | None = None,
    note: str = "",
    raw_taken: Collection[tuple[int, int]] = (),
) -> Grounding | None:
    """The quote in a text, or in a view of the note, as it is or in other case."""
    for pattern, status in _patterns(quote):
        spans = (match.span() for match in pattern.finditer(text) if match.end() > match.start())
        span = (
            _first_free(spans, taken)
            if view is None
            else _first_free((view.raw_span(*found) for found in spans), raw_taken)
        )
        if span is not None:
            begin, end = span
            return Grounding(status, begin, end, (text if view is None else note)[begin:end], 0)
    return None


@lru_cache(maxsize=256)
def _patterns(quote: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """What to look for, best first. Matching runs on the raw note, so no offsets need translating back."""
    words = r"\s++".join(re.escape(word) for word in quote.split())
    left = r"(?<!\w)" if re.match(r"\w", quote) else ""
    right = r"(?!\w)" if re.search(r"\w$", quote) else ""
    whole = f"{left}{words}{right}"
    patterns = [(re.compile(whole), VERBATIM)]
    if len(quote) >= _MIN_INSIDE_WORD:
        patterns.append((re.compile(words), VERBATIM))
    return (*patterns, (re.compile(whole, re.IGNORECASE), REPAIRED))


def _first_free(spans: Iterable[tuple[int, int]], taken: Collection[tuple[int, int]]) -> tuple[int, int] | None:
    """First stretch that no taken interval touches, else the first one."""
    first: tuple[int, int] | None = None
    for span in spans:
        if not any(begin < span[1] and span[0] < end for begin, end in taken):
            return span
        first = first or span
    return first
