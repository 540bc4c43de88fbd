"""7th-character expansion: from printed stems to billable codes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_CODE_LENGTH = 7
_PROSE = re.compile(
    r"7th characters? (?P<seventh>[A-Z](?:(?:, | and | or )[A-Z])*) do(?:es)? not apply to codes in (?:sub)?category "
    r"(?P<prefix>[A-Z][0-9A-Z.]+) with 6th characters? (?P<sixth>.+)"
)


@dataclass(frozen=True)
class Exception7th:
    """A rule that the Tabular List states in prose only: these 7th characters do not follow these 6th characters.

    The one known instance stands at S06 in recent releases (death before regaining consciousness has no later encounter);
    releases up to FY2017 do not have it, so it is read from the release and not assumed.
    """

    prefix: str
    sixth: frozenset[str]
    seventh: frozenset[str]

    @classmethod
    def parse(cls, note: str) -> Exception7th | None:
        """Read the rule from an instructional note, if the note states one."""
        found = _PROSE.search(note)
        if found is None:
            return None
        return cls(
            found["prefix"].replace(".", ""),
            frozenset(re.findall(r"\b\d\b", found["sixth"])),
            frozenset(re.findall(r"\b[A-Z]\b", found["seventh"])),
        )

    def forbids(self, padded: str, character: str) -> bool:
        """Tell whether the rule forbids ``character`` after the six characters ``padded``."""
        return character in self.forbidden(padded)

    def forbidden(self, padded: str) -> frozenset[str]:
        """The 7th characters that the rule forbids after the six characters ``padded``."""
        return self.seventh if padded.startswith(self.prefix) and padded[5] in self.sixth else frozenset()


def expand(
    stem: str, extensions: Sequence[tuple[str, str]], exceptions: Sequence[Exception7th] = ()
) -> Iterator[tuple[str, str, str]]:
    """Append each 7th character to a stem, padded with the placeholder X.

    Args:
        stem: A printed leaf code, e.g. ``S72.00``; at most six characters without its dot.
        extensions: Pairs of 7th character and its meaning, from the nearest definition at or above the stem.
        exceptions: Prose rules in force at the stem.

    Yields:
        Code with dot, 7th character, meaning.

    Raises:
        ValueError: The stem has seven characters.
    """
    bare = stem.replace(".", "")
    if len(bare) >= _CODE_LENGTH:
        raise ValueError(f"{stem} has seven characters already")
    padded = bare.ljust(_CODE_LENGTH - 1, "X")
    forbidden = {character for rule in exceptions for character in rule.forbidden(padded)}
    for character, meaning in extensions:
        if character not in forbidden:
            yield f"{padded[:3]}.{padded[3:]}{character}", character, meaning


def is_extensible(code: str) -> bool:
    """Tell whether a leaf code has room for a 7th character (180 printed codes have theirs already)."""
    return len(code.replace(".", "")) < _CODE_LENGTH
