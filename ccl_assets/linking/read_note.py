"""A note made ready for the linker: its words, their stems, where statements end, and what it says of its conditions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ccl_assets.linking.stems import Stems
from ccl_assets.text.assertions import NoteAssertions, assert_note
from ccl_assets.text.note_tokens import Break


@dataclass(frozen=True)
class ReadNote:
    """A note as the linker reads it.

    Attributes:
        said: The note with its words and what it says of them.
        stems: Stem of each word; empty for a stop word.
        statement_begins: First word of each word's statement.
        statement_ends: One past the last word of each word's statement.
    """

    said: NoteAssertions
    stems: list[str]
    statement_begins: list[int]
    statement_ends: list[int]

    @cached_property
    def statements(self) -> list[tuple[int, int]]:
        """First word and one past the last of each statement."""
        return sorted(set(zip(self.statement_begins, self.statement_ends, strict=True)))

    def offsets(self, first: int, last: int) -> tuple[int, int]:
        """Offsets of a range of words, the last one included."""
        return self.said.tokens.begins[first], self.said.tokens.ends[last]


def read_note(text: str, stems: Stems, language: str) -> ReadNote:
    """Read a note.

    Args:
        text: The note.
        stems: Stems of the note's language.
        language: ``en`` or ``es``.
    """
    said = assert_note(text, language)
    breaks = said.tokens.breaks
    count = len(breaks)
    begins, ends = [0] * count, [count] * count
    start = 0
    for position, kind in enumerate(breaks):
        if kind is Break.STATEMENT:
            start = position
        begins[position] = start
    stop = count
    for position in range(count - 1, -1, -1):
        ends[position] = stop
        if breaks[position] is Break.STATEMENT:
            stop = position
    return ReadNote(said, stems.of_words(said.tokens.words), begins, ends)
