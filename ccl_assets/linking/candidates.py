"""Candidate codes of a note: what its terms may mean, with where each is said and what speaks for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ccl_assets.linking.linker import Link, Neighbours, links
from ccl_assets.linking.near_terms import NearTerms
from ccl_assets.linking.read_note import ReadNote
from ccl_assets.linking.reliability import Reliability
from ccl_assets.linking.term_book import Match, longest
from ccl_assets.linking.terms import Terms
from ccl_assets.text.assertions import Assertion


@dataclass(frozen=True, slots=True)
class Said:
    """A term that states a candidate.

    Attributes:
        term: Number of the term.
        tier: Its tier for the code.
        reliability: How often it carried the code.
        is_covered: A longer term stands over it everywhere.
        places: First and last word of each place.
    """

    term: int
    tier: str
    reliability: float
    is_covered: bool
    places: tuple[tuple[int, int], ...]


@dataclass
class Candidate:
    """A code that a note may have.

    Attributes:
        code: The code.
        said: The terms found whole, the most reliable first.
        near: Best share of a term found in part, times its reliability.
        near_share: That share.
        near_reliability: That reliability.
        near_count: Terms found in part.
        near_place: First and last word of the best one.
        near_term: Its number.
        link: The stretch nearest to a term of the code.
        link_reliability: What that term is worth.
        link_count: Stretches near to a term of the code.
    """

    code: str
    said: list[Said] = field(default_factory=list)
    near: float = 0.0
    near_share: float = 0.0
    near_reliability: float = 0.0
    near_count: int = 0
    near_words: int = 0
    near_place: tuple[int, int] | None = None
    near_term: int | None = None
    link: Link | None = None
    link_reliability: float = 0.0
    link_count: int = 0

    @property
    def place(self) -> tuple[int, int]:
        """First and last word of the best place."""
        if self.said:
            return self.said[0].places[0]
        if self.near_place is not None:
            return self.near_place
        assert self.link is not None
        return self.link.first, self.link.last


def covered(matches: Iterable[Match]) -> dict[int, tuple[bool, tuple[Match, ...]]]:
    """For each term whether longer ones cover it everywhere, and its matches, uncovered ones first."""
    every = list(matches)
    kept = set(longest(every))
    found: dict[int, list[Match]] = defaultdict(list)
    for match in every:
        found[match.term].append(match)
    return {
        term: (kept.isdisjoint(of_term), tuple(sorted(of_term, key=lambda match: (match not in kept, match.first))))
        for term, of_term in found.items()
    }


def candidates(
    note: ReadNote,
    matches: Iterable[Match],
    terms: Terms,
    reliability: Reliability,
    near: NearTerms | None,
    is_stated: Callable[[int, str], bool],
    linked: Sequence[Neighbours] = (),
) -> dict[str, Candidate]:
    """Candidates by code.

    Args:
        note: The note.
        matches: Terms found in it; those that state no code pass for none.
        terms: The terms.
        reliability: What they are worth.
        near: Terms to find in part; ``None``: none.
        is_stated: Whether a term states a code, of what the linker may know.
        linked: Stretches with terms near them.
    """
    found: dict[str, Candidate] = {}

    def of(code: str) -> Candidate:
        if code not in found:
            found[code] = Candidate(code)
        return found[code]

    for term, (is_covered, of_term) in covered(matches).items():
        places = tuple((match.first, match.last) for match in of_term)
        for code, meaning in terms.meanings[term].items():
            if is_stated(term, code):
                tier = meaning.best_tier
                worth = reliability.of(term, code, tier, is_covered)
                of(code).said.append(Said(term, tier, worth, is_covered, places))
    for match in near.find(note) if near is not None else ():
        for code, meaning in terms.meanings[match.term].items():
            if not is_stated(match.term, code):
                continue
            worth = reliability.of(match.term, code, meaning.best_tier, False)
            candidate = of(code)
            candidate.near_count += 1
            if match.share * worth > candidate.near:
                candidate.near, candidate.near_share, candidate.near_reliability = (
                    match.share * worth,
                    match.share,
                    worth,
                )
                candidate.near_words, candidate.near_term = match.word_count, match.term
                candidate.near_place = (match.first, match.last)
    for link in links(linked, terms, is_stated):
        candidate = of(link.code)
        candidate.link_count += 1
        if candidate.link is None or link.similarity > candidate.link.similarity:
            tier = terms.meanings[link.term][link.code].best_tier
            candidate.link = link
            candidate.link_reliability = reliability.of(link.term, link.code, tier, False)
    for candidate in found.values():
        candidate.said.sort(key=lambda said: (-said.reliability, said.is_covered))
    return {
        code: candidate
        for code, candidate in found.items()
        if candidate.said or candidate.near_place is not None or candidate.link is not None
    }


def statuses(note: ReadNote, candidate: Candidate) -> list[Assertion]:
    """Statuses in the note at each place of the terms that state a candidate."""
    places = {place for said in candidate.said for place in said.places}
    if not places:
        places = {candidate.place}
    return [note.said.status_of_words(first, last + 1) for first, last in sorted(places)]


def by_category(found: Mapping[str, Candidate]) -> dict[str, list[Candidate]]:
    """Candidates by the category of their code."""
    groups: dict[str, list[Candidate]] = defaultdict(list)
    for code, candidate in found.items():
        groups[code[:3]].append(candidate)
    return groups
