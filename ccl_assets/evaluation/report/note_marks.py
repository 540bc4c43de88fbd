"""A note cut into stretches: who marked what, people and systems."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from ccl_assets.evaluation.scoring.spans import EvidenceSpan

PEOPLE = -1  # stands where a system's number would


@dataclass(frozen=True)
class Segment:
    """A stretch of the note under the same marks throughout.

    Attributes:
        text: Its words.
        gold: Codes people marked it for.
        predicted: Codes quoted with it, by number of the system.
    """

    text: str
    gold: tuple[str, ...]
    predicted: tuple[tuple[int, tuple[str, ...]], ...]

    @property
    def classes(self) -> str:
        """CSS classes; empty where nothing is marked."""
        return " ".join([*("g" for _ in self.gold[:1]), *(f"p{number}" for number, _ in self.predicted)])


def segments(
    text: str, gold: Iterable[EvidenceSpan], predicted: Iterable[Sequence[EvidenceSpan]]
) -> tuple[Segment, ...]:
    """Cut a note wherever a mark begins or ends, so that overlapping marks never nest; joined it is the note again.

    Args:
        text: The note.
        gold: What people marked.
        predicted: What each system quoted.
    """
    marked = chain([(PEOPLE, gold)], enumerate(predicted))
    steps: list[tuple[int, int, int, str]] = []  # place, +1 or -1, number of the system, code
    for number, spans in marked:
        for span in spans:
            for begin, end in span.fragments:
                steps += [(begin, 1, number, span.code), (end, -1, number, span.code)]
    steps.sort(key=lambda step: step[0])
    pieces, at = [], 0
    covering: dict[tuple[int, str], int] = {}
    for place, change, number, code in [*steps, (len(text), 0, 0, "")]:
        if place > at:
            pieces.append(_segment(text[at:place], covering))
            at = place
        if change:
            covering[number, code] = covering.get((number, code), 0) + change
            if not covering[number, code]:
                del covering[number, code]
    return tuple(pieces)


def _segment(text: str, covering: Iterable[tuple[int, str]]) -> Segment:
    codes: dict[int, list[str]] = {}
    for number, code in sorted(covering):
        codes.setdefault(number, []).append(code)
    gold = tuple(codes.pop(PEOPLE, ()))
    return Segment(text, gold, tuple((number, tuple(found)) for number, found in codes.items()))
