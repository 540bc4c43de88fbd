"""Features of a candidate that a person can read: what the verifier weighs."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ccl_assets.icd.chapters import chapter_of
from ccl_assets.linking.candidates import Candidate, by_category, statuses
from ccl_assets.linking.read_note import ReadNote
from ccl_assets.linking.reliability import Reliability
from ccl_assets.linking.terms import HUMAN, LEARNED, TIERS, Terms
from ccl_assets.text.assertions import Assertion
from ccl_assets.text.sections import SectionKind

_SECTIONS = {
    "assessment": {SectionKind.ASSESSMENT, SectionKind.PLAN},
    "past": {SectionKind.PAST, SectionKind.SURGICAL},
    "present": {SectionKind.PRESENT},
    "findings": {SectionKind.EXAM, SectionKind.RESULTS, SectionKind.REVIEW},
    "background": {SectionKind.FAMILY, SectionKind.SOCIAL, SectionKind.ALLERGIES, SectionKind.MEDICATIONS},
}
_CHAPTER_GROUPS = {"symptom": {18}, "injury": {19}, "cause": {20}, "status": {21}, "neoplasm": {2}}
_STATUSES = tuple(status for status in Assertion if status is not Assertion.PRESENT)

FEATURES = (
    "reliability", "reliability squared", "found whole", "inside a longer term", "reliability inside a longer term",
    "reliability of one word", "words of the term", "notes with the term", "term never met",
    "reliability of a term met", "codes of the term", "better meaning of the term", "terms", "places", "places asserted",
    "found in part", "share found in part", "reliability found in part", "terms found in part", "words found in part",
    "found in part only", "share of part only", "reliability of part only",
    "notes with the code", "notes with the code, found whole", "notes with the code, found in part only",
    "reliability times notes with the code",
    "first place", "begins a line", "begins a line of the assessment",
    "best of its category", "others of its category", "reliability of the best other",
    *(f"tier {tier}" for tier in TIERS),
    *(f"said {status.value}" for status in _STATUSES),
    *(f"section {name}" for name in _SECTIONS),
    *(f"chapter {name}" for name in _CHAPTER_GROUPS),
    "note like those with the code",
    "near a term", "similarity", "margin to another code", "near a term only", "similarity only", "margin only",
    "reliability of the near term only", "near term of training notes only", "near title only", "places near a term",
    "notes with the code, near a term only", "note like those with the code, near a term only",
)  # fmt: skip


def logit(share: float) -> float:
    """Log odds of a share, within bounds."""
    share = min(max(share, 0.01), 0.99)
    return math.log(share / (1 - share))


def feature_rows(
    note: ReadNote,
    found: Mapping[str, Candidate],
    terms: Terms,
    reliability: Reliability,
    likeness: Mapping[str, float],
) -> dict[str, list[float]]:
    """Values of :data:`FEATURES` for each candidate of a note.

    Args:
        note: The note.
        found: Its candidates.
        terms: The terms.
        reliability: What they are worth.
        likeness: How much the note is like training notes with the code.
    """
    groups = by_category(found)
    length = max(1, len(note.stems))
    return {
        code: _values(note, candidate, groups[code[:3]], terms, reliability, length, likeness.get(code, 0.0))
        for code, candidate in found.items()
    }


def _values(
    note: ReadNote,
    candidate: Candidate,
    category: list[Candidate],
    terms: Terms,
    reliability: Reliability,
    length: int,
    likeness: float,
) -> list[float]:
    best = candidate.said[0] if candidate.said else None
    worth = best.reliability if best else 0.0
    odds = logit(worth) if best else 0.0
    near = candidate.near_place is not None
    only_near = near and best is None
    known = math.log1p(reliability.code_notes[candidate.code])
    word_count = len(terms.keys[best.term]) if best else 0
    met = reliability.note_count_of(best.term) if best else 0
    rival = _better_meaning(terms, reliability, candidate) if best else 0.0
    said = statuses(note, candidate)
    first, last = candidate.place
    offset = note.said.tokens.begins[first]
    kind = note.said.section_at(offset).kind
    begins_line = _begins_line(note.said.text, offset)
    others = [_strength(other) for other in category if other is not candidate]
    strongest = max(others, default=0.0)
    in_assessment = kind in _SECTIONS["assessment"]
    status = note.said.status_of_words(first, last + 1)
    chapter = chapter_of(candidate.code).number
    tier = best.tier if best else ""
    link = candidate.link
    only_link = link is not None and best is None and not near
    similar, margin = (link.similarity, link.margin) if link else (0.0, 0.0)
    link_tier = terms.meanings[link.term][link.code].best_tier if link else ""
    values = [
        odds, worth * worth, float(best is not None), float(bool(best and best.is_covered)),
        odds if best and best.is_covered else 0.0,
        odds if word_count == 1 else 0.0, float(word_count), math.log1p(met), float(best is not None and met == 0),
        odds if met else 0.0, math.log(len(terms.meanings[best.term])) if best else 0.0, rival,
        math.log1p(len(candidate.said)), math.log1p(len(said)),
        sum(one is Assertion.PRESENT for one in said) / len(said),
        candidate.near, candidate.near_share, logit(candidate.near_reliability) if near else 0.0,
        math.log1p(candidate.near_count), float(candidate.near_words),
        float(only_near), candidate.near_share if only_near else 0.0, logit(candidate.near) if only_near else 0.0,
        known, known if best else 0.0, known if only_near else 0.0, known * worth,
        first / length, float(begins_line), float(begins_line and in_assessment),
        float(_strength(candidate) >= strongest), math.log1p(len(others)), strongest,
        *(float(tier == one) for one in TIERS),
        *(float(status is one) for one in _STATUSES),
        *(float(kind in kinds) for kinds in _SECTIONS.values()),
        *(float(chapter in numbers) for numbers in _CHAPTER_GROUPS.values()),
        likeness,
        float(link is not None), similar, margin, float(only_link), similar * only_link, margin * only_link,
        logit(candidate.link_reliability) if only_link else 0.0, float(only_link and link_tier in (HUMAN, LEARNED)),
        float(only_link and link_tier == "title"), math.log1p(candidate.link_count),
        known * only_link, likeness * only_link,
    ]  # fmt: skip
    return values


def _strength(candidate: Candidate) -> float:
    return max(candidate.said[0].reliability if candidate.said else 0.0, candidate.near)


def _better_meaning(terms: Terms, reliability: Reliability, candidate: Candidate) -> float:
    """How much more reliable another code of the same term is."""
    best = candidate.said[0]
    meanings = terms.meanings[best.term]
    if len(meanings) == 1:
        return 0.0
    others = (
        reliability.of(best.term, code, meaning.best_tier, best.is_covered)
        for code, meaning in meanings.items()
        if code != candidate.code
    )
    return max(0.0, max(others) - best.reliability)


def _begins_line(text: str, offset: int) -> bool:
    start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    return not text[start:offset].strip(" \t-*•#.0123456789)")
