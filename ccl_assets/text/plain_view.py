"""A text as it is read: letters composed, ligatures taken apart, nothing hidden, words whole that a line end cuts in two.

Every character of the view knows where it stands in the raw text, so what is found in the one can be cut out of the other.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from ccl_assets.text.characters import HIDDEN, MARKS
from ccl_assets.text.lines import LINE_END

_HIDDEN = re.compile(f"[{HIDDEN}]")
_SPECIAL = re.compile(
    rf"(?P<cut>(?<=[^\W\d_])[-‐‑\u00ad]{LINE_END}[ \t]*(?=[^\W\d_]))"
    rf"|(?P<cluster>.?(?:[{MARKS}]+[{HIDDEN}]*)+|[{HIDDEN}]+|[^\x00-\x7f])",
    re.DOTALL,
)


@dataclass(frozen=True)
class PlainView:
    """The view of a text.

    Attributes:
        text: The view.
        begins: Offset in the raw text at which each of its characters begins; ``None`` where the view is the text itself.
        ends: One past where each ends.
    """

    text: str
    begins: tuple[int, ...] | None
    ends: tuple[int, ...] | None

    def raw_span(self, begin: int, end: int) -> tuple[int, int]:
        """Offsets in the raw text of a stretch of the view that is not empty."""
        if self.begins is None or self.ends is None:
            return begin, end
        return self.begins[begin], self.ends[end - 1]


@lru_cache(maxsize=4)
def plain_view(text: str, joins_lines: bool = True) -> PlainView:
    """View a text.

    Args:
        text: The raw text.
        joins_lines: Take words hyphenated at a line end for whole ones; without, the hyphen and the line end stay.
    """
    if text.isascii() and not (joins_lines and re.search(rf"[^\W\d_]-{LINE_END}", text)):
        return PlainView(text, None, None)
    pieces: list[str] = []
    begins: list[int] = []
    ends: list[int] = []

    def keep(first: int, last: int) -> None:
        pieces.append(text[first:last])
        begins.extend(range(first, last))
        ends.extend(range(first + 1, last + 1))

    position = 0
    for special in _SPECIAL.finditer(text):
        first, last = special.span()
        keep(position, first)
        position = last
        if special["cut"] is not None:
            if not joins_lines:
                keep(first, last)
            continue
        plain = unicodedata.normalize("NFKC", _HIDDEN.sub("", special.group()))
        pieces.append(plain)
        begins.extend([first] * len(plain))
        ends.extend([last] * len(plain))
    keep(position, len(text))
    return PlainView("".join(pieces), tuple(begins), tuple(ends))
