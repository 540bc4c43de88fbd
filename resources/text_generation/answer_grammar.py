"""Grammar of an answer: a list of codes with their titles, and no code that is not on it."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

BULLET = "- "
_ADORNMENT = " \t\r#*_:"


class ListPosition(NamedTuple):
    """A place in the list part: the entries ``low`` to ``high`` begin with the ``offset`` bytes of the line so far."""

    low: int
    high: int
    offset: int


@dataclass(frozen=True, eq=False)
class CodeListGrammar:
    """Any text up to a line that is ``heading``; after it only lines ``"- "`` + one of ``lines``, none of them twice.

    Where the model would end without the heading, the heading is written for it. The answer may end at the beginning and the end
    of a line after it, so a list can be empty. Case and adornment of the heading (``**ICD-10-CM codes:**``) do not matter: small
    models vary them, and would escape. An answer that is cut at its ``max_tokens`` may lack the heading, or end within a line.

    Grammars of equal content are equal. Make one per release and share it: it sorts its 75,000 lines once.

    Attributes:
        heading: The line after which codes follow.
        lines: What may follow it, e.g. ``I10 – Essential (primary) hypertension``.
    """

    heading: str
    lines: tuple[str, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not _plain(self.heading) or not self.lines or not all(self.lines):
            raise ValueError("a code list needs a heading with a word in it and at least one line, none of them empty")
        if any("\n" in line for line in (self.heading, *self.lines)):
            raise ValueError("the heading and the lines of a code list hold no line breaks")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CodeListGrammar) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    @cached_property
    def sha256(self) -> str:
        """Hash of heading and lines; neither the order of the lines nor a repeated one matters."""
        return hashlib.sha256(b"\n".join([self.heading.encode(), *self.entries])).hexdigest()

    @cached_property
    def entries(self) -> tuple[bytes, ...]:
        """The lines as they stand in an answer, distinct and in order."""
        return tuple(sorted({(BULLET + line).encode() for line in self.lines}))

    @cached_property
    def line_start(self) -> ListPosition:
        """The position at the beginning of each line."""
        return ListPosition(0, len(self.entries), 0)

    def is_heading(self, line: bytes) -> bool:
        """Tell whether codes follow after this line."""
        return _plain(line.decode("utf-8", "replace")) == _plain(self.heading)

    def advance(self, position: ListPosition, said: bytes) -> ListPosition | None:
        """The position after more of a line; ``None`` if no line goes on like that."""
        end = position.offset + len(said)
        low = bisect_left(
            self.entries, said, position.low, position.high, key=lambda entry: entry[position.offset : end]
        )
        high = bisect_right(self.entries, said, low, position.high, key=lambda entry: entry[position.offset : end])
        return ListPosition(low, high, end) if low < high else None

    def finished(self, position: ListPosition) -> int | None:
        """The entry that stands there in full."""
        # the shortest of the entries that begin alike is the first
        is_finished = position.offset and len(self.entries[position.low]) == position.offset
        return position.low if is_finished else None

    def only(self, position: ListPosition, used: Set[int]) -> int | None:
        """The one entry that is still possible."""
        low, high, _ = position
        if high - low > len(used) + 1:
            return None
        possible = [entry for entry in range(low, high) if entry not in used]
        return possible[0] if len(possible) == 1 else None

    def is_possible(self, position: ListPosition, used: Set[int]) -> bool:
        """Tell whether an entry that was not used is possible."""
        low, high, _ = position
        return high - low > len(used) or any(entry not in used for entry in range(low, high))

    def next_bytes(self, position: ListPosition) -> Iterator[tuple[bytes, ListPosition]]:
        """Every byte with which an entry goes on, and the position after it."""
        low, high, offset = position
        low += self.finished(position) is not None
        while low < high:
            byte = self.entries[low][offset : offset + 1]
            end = bisect_right(self.entries, byte, low, high, key=lambda entry: entry[offset : offset + 1])
            yield byte, ListPosition(low, end, offset + 1)
            low = end


def _plain(heading: str) -> str:
    return heading.strip(_ADORNMENT).casefold()
