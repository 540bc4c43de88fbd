"""Titles of a category that differ in side only.

A title with *right* and its like with *left* make a group: there the word is a side. In "left in body" or "left bundle-branch
block" it is none, since no title says the same of the right. What says *bilateral* or *unspecified* joins a group

* if it does so where the group's titles have the side: "Unspecified fracture of shaft of unspecified tibia", of which the first
  *unspecified* is no side;
* under the same parent also if it has the same words in another order, leaves out the eye or ear, or names the organ twice:
  "Otitis media, bilateral" beside "Otitis media, right ear", "Abscess of external ear, unspecified ear" beside "Abscess of
  right external ear".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import pairwise

from ccl_assets.icd.ontology import Code
from ccl_assets.text.content_words import singular
from ccl_assets.text.folding import fold

_Words = tuple[str, ...]
_Key = tuple[str, _Words]
_Groups = dict[_Key, dict[str, Code]]
_Titles = list[tuple[Code, _Words]]

_SLOT = "*"
_MAY_BE_SIDED = re.compile(r"\b(?:right|left|bilateral|both|unspecified)\b", re.IGNORECASE)
_NOT_ONE_SIDE = {"bilateral": "bilateral", "both": "bilateral", "unspecified": "unspecified"}
_CHAMBERS = frozenset({"heart", "ventricle", "ventricular", "atrium", "atrial", "bundle"})
"""Right and left of these are two organs and not two sides of a body."""


def sided_groups(codes: Iterable[Code]) -> list[dict[str, str]]:
    """Codes that differ in side only, by side: ``right`` and ``left``, ``bilateral`` and ``unspecified`` where there are such."""
    groups, others = _pairs(codes)
    others = _join(groups, others, _in_place)
    _join(groups, others, _beside(groups))
    return [{side: code.code for side, code in group.items()} for group in groups.values()]


def _pairs(codes: Iterable[Code]) -> tuple[_Groups, _Titles]:
    """Groups of one right and one left title by category and words, and the titles that have neither side."""
    found: dict[_Key, dict[str, list[Code]]] = {}
    others: _Titles = []
    for code in codes:
        if not _MAY_BE_SIDED.search(code.title):
            continue
        words = _words(code.title)
        sides = {"right", "left"}.intersection(words)
        if not sides:
            others.append((code, words))
        elif len(sides) == 1 and "bilateral" not in words:  # not "Homonymous bilateral field defects, right side"
            slotted = tuple(_SLOT if word in sides else word for word in words)
            found.setdefault((code.code[:3], slotted), {}).setdefault(sides.pop(), []).append(code)
    return {
        key: {side: titles[0] for side, titles in by_side.items()}
        for key, by_side in found.items()
        if [len(titles) for titles in by_side.values()] == [1, 1] and not _is_chamber(key[1])
    }, others


@cache
def _words(title: str) -> _Words:
    """Folded, singular, without the small words that titles of one group are not at one about, nor the s of "toe(s)"."""
    return tuple(singular(word) for word in fold(title).split() if word not in ("of", "the", "s"))


def _is_chamber(words: _Words) -> bool:
    return any(one == _SLOT and other in _CHAMBERS for one, other in pairwise(words))


def _join(groups: _Groups, titles: _Titles, places: Callable[[Code, _Words], Iterator[tuple[_Key, str]]]) -> _Titles:
    """Put titles into the one group that has room for them; returns those without one, or with several."""
    left_over = []
    for code, words in titles:
        found = {(key, side) for key, side in places(code, words) if key in groups and side not in groups[key]}
        if len(found) == 1:
            key, side = found.pop()
            groups[key][side] = code
        else:
            left_over.append((code, words))
    return left_over


def _in_place(code: Code, words: _Words) -> Iterator[tuple[_Key, str]]:
    for place, word in enumerate(words):
        if word in _NOT_ONE_SIDE:
            yield (code.code[:3], (*words[:place], _SLOT, *words[place + 1 :])), _NOT_ONE_SIDE[word]
            # "unspecified ankle and joints of unspecified foot"
            yield (code.code[:3], tuple(_SLOT if other == word else other for other in words)), _NOT_ONE_SIDE[word]


def _beside(groups: _Groups) -> Callable[[Code, _Words], Iterator[tuple[_Key, str]]]:
    known: dict[tuple[str | None, _Words], list[_Key]] = {}
    for key, group in groups.items():
        if group["right"].parent_code == group["left"].parent_code:
            for words in _sideless(key[1]):
                known.setdefault((group["right"].parent_code, words), []).append(key)

    def places(code: Code, words: _Words) -> Iterator[tuple[_Key, str]]:
        for place, word in enumerate(words):
            if word in _NOT_ONE_SIDE and (place or word != "unspecified"):  # "Unspecified fracture" is no side
                before, after = words[:place], words[place + 1 :]
                forms = [before + after]
                if after and (after[0] == "side" or after[0] in (*before, *after[1:])):
                    forms.append(before + after[1:])
                for form in forms:
                    for key in known.get((code.parent_code, tuple(sorted(form))), ()):
                        yield key, _NOT_ONE_SIDE[word]

    return places


def _sideless(words: _Words) -> Iterator[_Words]:
    """The words without the side, sorted; if it is that of an eye or ear, also without this."""
    place = words.index(_SLOT) + 1
    rest = tuple(word for word in words if word != _SLOT)
    yield tuple(sorted(rest))
    if words[place : place + 1] in (("eye",), ("ear",)):
        yield tuple(sorted((*rest[: place - 1], *rest[place:])))
