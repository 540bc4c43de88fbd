"""Terms by their stems, found in a note: longest first, small insertions allowed.

A term is a sequence of stems with the codes it may mean. In a note it is sought within one statement; stop words between its words
never count, and up to one other word may stand between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_MOST_SKIPPED = 1


@dataclass(frozen=True, slots=True)
class Match:
    """A term in a note, by positions of its stems.

    Attributes:
        term: Number of the term.
        first: Position of its first word.
        last: Position of its last word.
        skipped: Words between that are not its own.
    """

    term: int
    first: int
    last: int
    skipped: int


class TermBook:
    """A trie of terms over stems."""

    def __init__(self, terms: Iterable[Sequence[str]]) -> None:
        """Take the terms; each is known by its place in the order given."""
        self._root: dict[str, Any] = {}
        self._count = 0
        for number, stems in enumerate(terms):
            node = self._root
            for stem in stems:
                node = node.setdefault(stem, {})
            node[""] = number
            self._count += 1

    def __len__(self) -> int:
        return self._count

    def find(self, stems: Sequence[str], statement_ends: Sequence[int]) -> Iterator[Match]:
        """Find all terms, overlapping ones too.

        Args:
            stems: Stem of each word of the note, empty for a stop word.
            statement_ends: For each word, one past the last word of its statement.
        """
        for first, stem in enumerate(stems):
            node = self._root.get(stem) if stem else None
            if node is not None:
                yield from self._walk(node, stems, first, first, statement_ends[first], 0)

    def _walk(
        self, node: dict[str, Any], stems: Sequence[str], first: int, last: int, end: int, skipped: int
    ) -> Iterator[Match]:
        term = node.get("")
        if term is not None:
            yield Match(term, first, last, skipped)
        position, left = last + 1, _MOST_SKIPPED - skipped
        while position < end:
            stem = stems[position]
            if stem:
                inner = node.get(stem)
                if inner is not None:
                    yield from self._walk(inner, stems, first, position, end, _MOST_SKIPPED - left)
                if not left:
                    break
                left -= 1
            position += 1


def longest(matches: Iterable[Match]) -> list[Match]:
    """Keep the matches that no longer one covers; of equal ones that with fewer words skipped."""
    ordered = sorted(matches, key=lambda match: (match.first, -match.last, match.skipped))
    kept: list[Match] = []
    reach, begin = -1, -1
    for match in ordered:
        if match.last > reach or (match.first == begin and match.last == reach):
            kept.append(match)
            reach, begin = max(reach, match.last), match.first if match.last > reach else begin
    return kept
