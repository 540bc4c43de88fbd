"""Families: billable codes of a category that differ in side, trimester, intent of a poisoning or 7th character only.

They share one request for evidence, and ``vary`` says of each member what was written for one. Read off the titles; what is no
side although it is called right or left is told in :mod:`~ccl_assets.evidence.synthetic.sided_titles`.
Dominant and other side, quadrants,
upper and lower eyelid, childbirth and puerperium are no axes: such codes are families of their own, right beside left.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from ccl_assets.evidence.synthetic.sided_titles import sided_groups
from ccl_assets.evidence.synthetic.variation import Variation, vary
from ccl_assets.icd.ontology import Code, Ontology
from ccl_assets.text.folding import fold

__all__ = ["Family", "Variation", "families", "family_codes", "vary"]


@dataclass(frozen=True)
class Family:
    """Codes that share one request.

    Attributes:
        family_code: First stem or code in release order; the family's id.
        title: Title without side, trimester, intent and 7th character, as far as the family varies in them.
        representative_code: The stem or code whose title a model is shown: right, first trimester, accidental.
        shown: What that title states.
        variations: What each billable code states, in release order.
    """

    family_code: str
    title: str
    representative_code: str
    shown: Variation
    variations: Mapping[str, Variation]


@lru_cache(maxsize=1)
def families(ontology: Ontology) -> Mapping[str, Family]:
    """All families of a release by family code, in release order; every billable code is in exactly one.

    Takes about a second for 75,000 codes; those of the last ontology are kept, since every chapter needs them.
    """
    members: dict[str, list[Code]] = {}
    for code in ontology:
        if code.is_billable:
            members.setdefault(code.stem_code or code.code, []).append(code)
    groups = _groups([ontology[stem] for stem in members])
    grouped = {stem: group for group in groups for stem in group}
    found = {}
    for stem in members:
        group = grouped.get(stem) or {stem: _ALONE}
        if stem == next(iter(group)):
            found[stem] = _family(group, members, ontology)
    return found


def family_codes(ontology: Ontology) -> dict[str, str]:
    """Family code of each billable code."""
    return {code: family.family_code for family in families(ontology).values() for code in family.variations}


_variation = cache(Variation)  # a release has 75,000 codes and 200 variations
_ALONE = _variation()
_SHOWN = ("right", "first", "second", "accidental")


def _family(group: Mapping[str, Variation], members: Mapping[str, list[Code]], ontology: Ontology) -> Family:
    """The family of these stems, given in release order with what tells them apart."""
    by_value = {each.side or each.trimester or each.intent: stem for stem, each in group.items()}
    first = next(iter(group))
    representative = next((by_value[value] for value in _SHOWN if value in by_value), first)
    shown = group[representative]
    variations = {
        code.code: _variation(each.side, each.trimester, _seventh_character(code), each.intent)
        for stem, each in group.items()
        for code in members[stem]
    }
    return Family(first, _title_without(ontology[representative].title, shown), representative, shown, variations)


def _seventh_character(code: Code) -> str | None:
    return code.long_title[len(code.title) :].lstrip(", ") if code.stem_code else None


def _groups(stems: list[Code]) -> list[dict[str, Variation]]:
    """Stems that share a family with others, in release order with what tells them apart."""
    place = {stem.code: position for position, stem in enumerate(stems)}
    groups = [("side", group) for group in sided_groups(stems)]
    groups += [("trimester", group) for group in _alike(_TRIMESTER, stems)]
    groups += [("intent", group) for group in _alike(_INTENT, stems)]
    found, taken = [], set[str]()
    for axis, by_value in groups:
        if taken.isdisjoint(by_value.values()):
            taken.update(by_value.values())
            in_order = sorted(by_value.items(), key=lambda item: place[item[1]])
            found.append({stem: _variation(**{axis: value}) for value, stem in in_order})
    return found


_TRIMESTER = re.compile(r"\b(first|second|third|unspecified) trimester\b", re.IGNORECASE)
_INTENT = re.compile(
    r"\b(accidental|intentional self-harm|assault|undetermined)(?: \(unintentional\))?$", re.IGNORECASE
)
_SIDE = re.compile(r"\b(?:right|left)\b(?: side\b)?", re.IGNORECASE)


def _alike(pattern: re.Pattern[str], codes: Iterable[Code]) -> Iterator[dict[str, str]]:
    """Codes of a category whose titles differ only in what the pattern finds once in each, by what it finds."""
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for code in codes:
        found = pattern.findall(code.title)
        if len(found) == 1:
            key = code.code[:3], fold(pattern.sub(" _ ", code.title))
            groups.setdefault(key, []).append((found[0].lower(), code.code))
    return (dict(group) for group in groups.values() if 1 < len(group) == len(dict(group)))


def _title_without(title: str, shown: Variation) -> str:
    if shown == _ALONE:
        return title
    for value, pattern in ((shown.side, _SIDE), (shown.trimester, _TRIMESTER), (shown.intent, _INTENT)):
        if value is not None:
            title = pattern.sub("", title)
    title = re.sub(r"\s+(?=[,;) ])|,(?=\s*(?:,|$))", "", title).strip()
    return title[:1].upper() + title[1:]
