"""Codes of other editions: mapped to the active release where there is one successor, else left out and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Hashable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from ccl_assets.corpora.documents import AnnotatedNote, EvidenceSpan, Label
from ccl_assets.icd.changes.crosswalk import Crosswalk

_FIRST = 10
Coded = TypeVar("Coded", Label, EvidenceSpan)


@dataclass
class EditionCounts:
    """Counts of rows whose code is not billable in the active release.

    Attributes:
        outcomes: Rows by outcome: ``mapped``; ``repeated``, if the place already has the successor; else why there is none.
        unmapped: Rows by code, for the codes without a single successor.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)

    def metadata(self) -> dict[str, Any]:
        """Figures for people."""
        figures: dict[str, Any] = {f"not_in_release_{name}": number for name, number in sorted(self.outcomes.items())}
        if self.unmapped:
            figures["not_in_release_first"] = [code for code, _ in self.unmapped.most_common(_FIRST)]
        return {"not_in_release": self.outcomes.total(), **figures}


class Edition:
    """Brings the codes of notes to the active release; the source's own form of a code stays in ``source_code``."""

    def __init__(self, billable: Container[str], crosswalk: Crosswalk) -> None:
        """Use the release's billable codes and the crosswalk that leads to them."""
        self._billable = billable
        self._crosswalk = crosswalk
        self.labels, self.evidence = EditionCounts(), EditionCounts()

    def apply(self, note: AnnotatedNote) -> AnnotatedNote:
        """The note with billable codes only."""
        labels = self._mapped(note.labels, self.labels, lambda label: (label.document_id, label.code))
        evidence = self._mapped(note.evidence, self.evidence, lambda span: (span.code, span.begin, span.end))
        return AnnotatedNote(note.document, labels, evidence)

    def _mapped(
        self, items: Iterable[Coded], counts: EditionCounts, place: Callable[[Coded], Hashable]
    ) -> tuple[Coded, ...]:
        items = tuple(items)
        if all(item.code in self._billable for item in items):
            return items
        taken = {place(item) for item in items if item.code in self._billable}
        kept: list[Coded] = []
        for item in items:
            if item.code in self._billable:
                kept.append(item)
                continue
            outcome = self._crosswalk.map(item.code)
            if outcome.code is None:
                counts.outcomes[outcome.reason] += 1
                counts.unmapped[item.code] += 1
                continue
            successor = replace(item, code=outcome.code)
            if place(successor) in taken:
                counts.outcomes["repeated"] += 1
                continue
            taken.add(place(successor))
            counts.outcomes["mapped"] += 1
            kept.append(successor)
        return tuple(kept)
