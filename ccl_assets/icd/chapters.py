"""The 22 chapters of ICD-10-CM and the partition keys that stand for them."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Chapter:
    """A chapter: number, first and last category, and the key that sorts and reads well."""

    number: int
    first: str
    last: str

    @property
    def key(self) -> str:
        """Partition key, e.g. ``09_I00-I99``."""
        return f"{self.number:02d}_{self.first}-{self.last}"


_RANGES = (
    "A00-B99 C00-D49 D50-D89 E00-E89 F01-F99 G00-G99 H00-H59 H60-H95 I00-I99 J00-J99 K00-K95 "
    "L00-L99 M00-M99 N00-N99 O00-O9A P00-P96 Q00-Q99 R00-R99 S00-T88 V00-Y99 Z00-Z99 U00-U85"
)
CHAPTERS = tuple(Chapter(number, *span.split("-")) for number, span in enumerate(_RANGES.split(), start=1))
_AFTER_THE_NUMBERS = re.compile(r"[A-Z]A\d$")  # QA0, new in FY2026, follows Q99 and belongs to its chapter
CHAPTER_KEYS = tuple(chapter.key for chapter in CHAPTERS)


def chapter_of(code: str) -> Chapter:
    """The chapter a code belongs to, by its category.

    Raises:
        KeyError: No chapter holds the code.
    """
    category = code[:3].upper()
    for chapter in CHAPTERS:
        if chapter.first <= category <= chapter.last:
            return chapter
    if _AFTER_THE_NUMBERS.match(category):
        for chapter in reversed(CHAPTERS):
            if chapter.last[0] == category[0]:
                return chapter
    raise KeyError(f"{code!r} lies in no ICD-10-CM chapter")
