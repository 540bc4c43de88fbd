"""One instructional note with its references, as the table ``icd/instructions`` holds it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from ccl_assets.icd.instructions.code_references import Reference, located_references

_COLUMNS = (
    "instruction_id",
    "scope",
    "subject",
    "kind",
    "instruction_text",
    "referenced_codes",
    "reference_first",
    "reference_last",
)


@dataclass(frozen=True, slots=True)
class Note:
    """One instructional note and where it is printed.

    Attributes:
        instruction_id: Key of ``icd/instructions``.
        scope: ``chapter``, ``block`` or ``code``.
        subject: The chapter key, block or code that carries it; compare it with the code asked for to see what is inherited.
        kind: As in ``icd/instructions``.
        text: As printed.
        heading: The line "underlying disease, such as:" above an item of a list; empty where there is none.
        references: Codes and ranges it names.
    """

    instruction_id: str
    scope: str
    subject: str
    kind: str
    text: str
    heading: str
    references: tuple[Reference, ...]

    @property
    def targets(self) -> tuple[Reference, ...]:
        """The codes that the note is about: those in parentheses, or all where none is.

        "any condition in I51.4-I51.9 due to hypertension (I11.-)" excludes I11 and describes it by I51.4-I51.9.
        """
        return tuple(reference for reference in self.references if reference.is_parenthesised) or self.references


def read_notes(instructions: pa.Table) -> Iterator[Note]:
    """Notes in printed order, each item of a list with the line above the list.

    Args:
        instructions: Rows of ``icd/instructions``, in any order.
    """
    heading, group = "", ("", "", "")
    rows = sorted(zip(*(instructions[name].to_pylist() for name in _COLUMNS), strict=True))
    for instruction_id, scope, subject, kind, text, *references in rows:
        if (scope, subject, kind) != group:
            heading, group = "", (scope, subject, kind)
        is_heading = text.endswith(":")
        own_heading = "" if is_heading else heading
        yield Note(instruction_id, scope, subject, kind, text, own_heading, located_references(text, *references))
        heading = text if is_heading else heading
