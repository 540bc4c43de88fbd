"""The span coder of a language: terms found in a note, weighed by what they were worth, kept if an annotator would keep them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ccl_assets.linking.candidates import Candidate, candidates
from ccl_assets.linking.features import feature_rows
from ccl_assets.linking.likeness import Likeness
from ccl_assets.linking.linker import Linker, Neighbours
from ccl_assets.linking.near_terms import NearTerms
from ccl_assets.linking.read_note import ReadNote, read_note
from ccl_assets.linking.reliability import Reliability
from ccl_assets.linking.term_book import Match, TermBook
from ccl_assets.linking.terms import Terms
from ccl_assets.linking.verifier import Verifier

NEAR = "near"
LIKENESS = "likeness"
LINKER = "linker"
VERIFIER = "verifier"
_MOST_LINKED = 0.999  # 1 is said of terms found whole
PARTS = frozenset({NEAR, LIKENESS, VERIFIER})


@dataclass(frozen=True)
class FoundCode:
    """A code of a note.

    Attributes:
        code: The code.
        probability: That an annotator would give it.
        place: Offsets of the best place where it is said.
        places: Offsets of all of them, in note order.
        tier: Tier of the best term.
        term: Stems of that term.
        similarity: 1 where the term is found whole, else the share of it that is there.
        reasons: Features that speak most for it or against it.
    """

    code: str
    probability: float
    place: tuple[int, int]
    places: tuple[tuple[int, int], ...]
    tier: str
    term: str
    similarity: float
    reasons: tuple[tuple[str, float], ...]

    def as_code(self, code: str) -> FoundCode:
        """The same finding under another code."""
        return replace(self, code=code)


@dataclass(frozen=True)
class SpanCoder:
    """Terms of a language, what they are worth, and the verifier.

    Attributes:
        terms: The terms.
        reliability: What they were worth in training notes.
        verifier: Keeps candidates or drops them.
        near: Terms of training notes, to find in part.
        likeness: Training notes, to compare a note with.
        release: The release whose codes it gives.
        linker: Finds terms near to what no term says.
    """

    terms: Terms
    reliability: Reliability
    verifier: Verifier
    near: NearTerms | None = None
    likeness: Likeness | None = None
    release: str = ""
    linker: Linker | None = None

    @cached_property
    def book(self) -> TermBook:
        """The terms, to be found."""
        return TermBook(self.terms.keys)

    def read(self, text: str) -> ReadNote:
        """A note made ready."""
        return read_note(text, self.terms.stems, self.terms.language)

    def without(self, *parts: str) -> SpanCoder:
        """The coder without some of its parts; the verifier then goes by stated priors or by what is left."""
        coder = self
        if VERIFIER in parts:
            coder = replace(coder, verifier=Verifier.stated())
        if NEAR in parts:
            coder = replace(coder, near=None)
        if LIKENESS in parts:
            coder = replace(coder, likeness=None)
        if LINKER in parts:
            coder = replace(coder, linker=None)
        return coder

    def rank(self, text: str) -> list[FoundCode]:
        """All candidates of a text, the most probable first."""
        note = self.read(text)
        matches = list(self.book.find(note.stems, note.statement_ends))
        linked = self.linker.near(note, matches) if self.linker else ()
        found, rows = self.weigh(note, matches, lambda term, code: True, linked)
        order = list(found)
        probabilities = self.verifier.probabilities([rows[code] for code in order])
        ranked = [
            self._found(note, found[code], float(probability), rows[code])
            for code, probability in zip(order, probabilities, strict=True)
        ]
        return sorted(ranked, key=lambda one: (-one.probability, one.place, one.code))

    def code(self, text: str) -> list[FoundCode]:
        """The codes of a text, the most probable first."""
        return [found for found in self.rank(text) if found.probability >= self.verifier.threshold]

    def weigh(
        self,
        note: ReadNote,
        matches: Iterable[Match],
        is_stated: Callable[[int, str], bool],
        linked: Sequence[Neighbours] = (),
    ) -> tuple[dict[str, Candidate], dict[str, list[float]]]:
        """Candidates of a note and their features."""
        found = candidates(note, matches, self.terms, self.reliability, self.near, is_stated, linked)
        likeness = self.likeness.of(note.stems, found) if self.likeness else {}
        return found, feature_rows(note, found, self.terms, self.reliability, likeness)

    def _found(self, note: ReadNote, candidate: Candidate, probability: float, row: Sequence[float]) -> FoundCode:
        places = {place for said in candidate.said for place in said.places} or {candidate.place}
        best = candidate.said[0].term if candidate.said else candidate.near_term
        similarity = 1.0 if candidate.said else round(candidate.near_share, 3)
        if best is None:
            assert candidate.link is not None
            best, similarity = candidate.link.term, round(min(candidate.link.similarity, _MOST_LINKED), 3)
        return FoundCode(
            candidate.code,
            probability,
            note.offsets(*candidate.place),
            tuple(sorted(note.offsets(*place) for place in places)),
            self.terms.meanings[best][candidate.code].best_tier,
            " ".join(self.terms.keys[best]),
            similarity,
            tuple(self.verifier.reasons(row)),
        )


def pair_rows(pairs: Iterable[Mapping[str, Any]], tiers: Iterable[str]) -> list[Mapping[str, Any]]:
    """Rows of ``knowledge_base/pairs`` of some tiers."""
    wanted = frozenset(tiers)
    return [row for row in pairs if row["tier"] in wanted]
