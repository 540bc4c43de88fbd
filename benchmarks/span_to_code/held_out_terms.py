"""Index terms kept out of training, to ask whether training on spans teaches codes of phrases that were not in it.

Held out is the term, not the pair: all its wordings leave the training pairs together, and so does every term of the same
code that has one of them or nearly so. A term with a wording like its code's title is never held out, since the title is part
of what training makes the model write.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rapidfuzz.fuzz import token_sort_ratio

from ccl_assets.text.folding import fold

NEAR = 90.0
"""Similarity of two phrases, word order aside, in percent: from here on the one gives the other away."""
MOST_PER_CODE = 3
_SMALL_WORDS = frozenset({"a", "an", "and", "by", "due", "in", "of", "or", "the", "to"})

Row = Mapping[str, Any]


@dataclass(frozen=True)
class HeldOutTerm:
    """A phrase to be coded and its code."""

    term_id: str
    code: str
    phrase: str


@dataclass(frozen=True)
class HoldOut:
    """The terms held out, and the gold pairs left to train on in the order given."""

    terms: tuple[HeldOutTerm, ...]
    training: tuple[Row, ...]


@dataclass(frozen=True)
class _Candidate:
    term: HeldOutTerm
    rows: tuple[Row, ...]


def is_near(one: str, other: str) -> bool:
    """Whether two phrases of a code are the same but for order, plurals, small words or a few letters."""
    if _words(one) == _words(other):
        return True
    return token_sort_ratio(_folded(one), _folded(other), score_cutoff=NEAR) > 0


def hold_out(
    pairs: Iterable[Row],
    titles: Mapping[str, str],
    sources: Collection[str],
    count: int,
    *,
    unseen_share: float = 0.33,
    seed: int = 20,
    elsewhere: Iterable[tuple[str, str]] = (),
) -> HoldOut:
    """Choose terms of codes that stay in training with other phrases, and terms of codes that leave it altogether.

    Of a code at most three terms are taken, and one of every code before a second of any. The choice depends on seed and
    content, not on the order of rows.

    Args:
        pairs: Direct, unambiguous rows of ``gold/pairs``.
        titles: Title by code.
        sources: Sources whose terms may be held out.
        count: Terms wanted; there may be fewer.
        unseen_share: Share of them whose code is to have no pair left.
        seed: Another seed is another choice.
        elsewhere: ``(code, phrase)`` of what else is trained on, such as the spans of annotated notes: these phrases are not
            held out, and these codes count as seen.
    """
    rows_of: dict[str, list[Row]] = defaultdict(list)
    for row in pairs:
        rows_of[row["code"]].append(row)
    phrases_of: dict[str, list[str]] = defaultdict(list)
    for code, phrase in elsewhere:
        phrases_of[code].append(phrase)
    trained_anyway = {fold(phrase) for phrases in phrases_of.values() for phrase in phrases}

    waiting: dict[str, list[_Candidate]] = {}
    for code in sorted(rows_of, key=lambda code: _draw(seed, code)):
        known = [titles[code], *phrases_of.get(code, ())]
        found = [
            candidate
            for candidate in _candidates(code, rows_of[code], sources)
            if not any(fold(row["evidence"]) in trained_anyway for row in candidate.rows)
            and not any(is_near(row["evidence"], other) for row in candidate.rows for other in known)
        ]
        if found:
            waiting[code] = sorted(found, key=lambda candidate: _draw(seed, candidate.term.term_id))

    terms: list[HeldOutTerm] = []
    removed: set[int] = set()
    unseen_wanted = round(count * unseen_share)
    for code in [code for code in waiting if code not in phrases_of]:
        if len(terms) >= unseen_wanted:
            break
        room = min(MOST_PER_CODE, unseen_wanted - len(terms))
        terms += [candidate.term for candidate in waiting.pop(code)[:room]]
        removed.update(id(row) for row in rows_of[code])
    for _ in range(MOST_PER_CODE):
        for code, found in waiting.items():
            while found and len(terms) < count:
                candidate = found.pop(0)
                if sum(id(row) not in removed for row in rows_of[code]) > len(candidate.rows):
                    removed.update(id(row) for row in candidate.rows)
                    terms.append(candidate.term)
                    break
    training = tuple(row for rows in rows_of.values() for row in rows if id(row) not in removed)
    return HoldOut(tuple(terms), training)


def _candidates(code: str, rows: Iterable[Row], sources: Collection[str]) -> list[_Candidate]:
    """The code's terms; those with a wording in common, or nearly so, are one."""
    groups: list[list[Row]] = []
    for row in sorted(rows, key=lambda row: (row["term_id"], row["evidence"])):
        apart, joined = [], [row]
        for group in groups:
            if any(_belong_together(row, member) for member in group):
                joined += group
            else:
                apart.append(group)
        groups = [*apart, joined]
    found = []
    for members in groups:
        named = [row for row in members if row["source"] in sources]
        if named:
            plain = min(named, key=lambda row: (row["modifier"] is not None, row["term_id"], row["evidence"]))
            found.append(_Candidate(HeldOutTerm(plain["term_id"], code, plain["evidence"]), tuple(members)))
    return found


def _belong_together(one: Row, other: Row) -> bool:
    return one["term_id"] == other["term_id"] or is_near(one["evidence"], other["evidence"])


_folded = lru_cache(maxsize=2**16)(fold)


@lru_cache(maxsize=2**16)
def _words(text: str) -> frozenset[str]:
    words = (word for word in _folded(text).split() if word not in _SMALL_WORDS)
    return frozenset(word[:-1] if len(word) > 3 and word.endswith("s") else word for word in words)


def _draw(seed: int, key: str) -> bytes:
    return hashlib.sha256(f"{seed}/{key}".encode()).digest()
