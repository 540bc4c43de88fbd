"""Reliability of terms: how often a term carried its code in training notes, smoothed by what its tier is worth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ccl_assets.linking.terms import HUMAN, LEARNED, Terms

# Worth of a term of the tier where no annotated note says otherwise: stated, not measured.
STATED_WORTH = {
    HUMAN: 0.7, "title": 0.5, "short_form": 0.5, "index": 0.45, "default_form": 0.45, "inclusion_term": 0.4, "turned": 0.4,
    "silver": 0.4, "synthetic": 0.3, LEARNED: 0.3,
}  # fmt: skip
_TIER_WEIGHT, _TERM_WEIGHT = 2.0, 2.0
_COVERED = 0.3  # worth of a term inside a longer one, beside its worth alone


@dataclass
class Counts:
    """Training notes that hold a term, and of these those that have its code; alone and inside a longer term."""

    notes: list[int] = field(default_factory=lambda: [0, 0])
    held: dict[str, list[int]] = field(default_factory=dict)


@dataclass
class Reliability:
    """Worth of terms in training notes.

    Attributes:
        counts: By number of the term.
        worth: Share of notes in which a term of the tier carried its code, alone and inside a longer term.
        code_notes: Training notes that have a code.
        note_count: Training notes.
    """

    counts: dict[int, Counts] = field(default_factory=dict)
    worth: dict[str, tuple[float, float]] = field(default_factory=dict)
    code_notes: Counter[str] = field(default_factory=Counter)
    note_count: int = 0

    @classmethod
    def measure(cls, terms: Terms, notes: Iterable[tuple[Mapping[int, bool], frozenset[str]]]) -> Reliability:
        """Count.

        Args:
            terms: The terms.
            notes: For each training note the terms it holds, with whether a longer one covers them everywhere, and its codes.
        """
        found = cls()
        seen: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        right: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for matched, codes in notes:
            found.note_count += 1
            found.code_notes.update(codes)
            for term, is_covered in matched.items():
                counts = found.counts.setdefault(term, Counts())
                counts.notes[is_covered] += 1
                for code, meaning in terms.meanings[term].items():
                    tier = meaning.best_tier
                    seen[tier][is_covered] += 1
                    if code in codes:
                        right[tier][is_covered] += 1
                        counts.held.setdefault(code, [0, 0])[is_covered] += 1
        for tier, stated in STATED_WORTH.items():
            alone, covered = (
                (right[tier][kind] + 20 * prior) / (seen[tier][kind] + 20)
                for kind, prior in enumerate((stated, stated * _COVERED))
            )
            found.worth[tier] = (alone, covered)
        return found

    def of(self, term: int, code: str, tier: str, is_covered: bool) -> float:
        """Share of notes with the term that have the code, as far as is known."""
        worth = self.worth.get(tier) or (STATED_WORTH[tier], STATED_WORTH[tier] * _COVERED)
        counts = self.counts.get(term)
        if counts is None:
            return worth[is_covered]
        held = counts.held.get(code, (0, 0))
        # what is known of the term wherever it stands, then where it stands as here
        all_notes, all_held = sum(counts.notes), sum(held)
        anywhere = (all_held + _TIER_WEIGHT * worth[is_covered]) / (all_notes + _TIER_WEIGHT)
        return (held[is_covered] + _TERM_WEIGHT * anywhere) / (counts.notes[is_covered] + _TERM_WEIGHT)

    def note_count_of(self, term: int) -> int:
        """Training notes that hold a term."""
        counts = self.counts.get(term)
        return sum(counts.notes) if counts else 0
