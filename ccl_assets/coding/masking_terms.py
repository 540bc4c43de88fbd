"""Phrases that take their words from the terms inside them: "osteoarthritis of knee" is no "osteoarthritis" of an unspecified site.

Every term of the release is one that yields no code of its own: titles of headers, terms reached in steps, terms that several
codes share. So are the phrases of the field in ``masks.txt``, in which a term means something else ("ST depression").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from ccl_assets.evidence.gold.expansions import STATED
from ccl_assets.text.note_tokens import fold_words

SKIPPED_WORDS = frozenset(
    {
        "left",
        "right",
        "bilateral",
        "both",
        "l",
        "r",
        "lt",
        "rt",
        "the",
        "a",
        "an",
        "his",
        "her",
        "their",
        "this",
        "your",
        "my",
    }
)
"""Words that may stand within a term in a note, and say nothing of what kind of condition it is."""

_MOST_WORDS = 8
_REMARK = re.compile(r"\s*\([^()]*\)|\s*\[[^\[\]]*\]")
_SITE = re.compile(r"^(.*\S) of (?:the )?(\S+)$")
_LISTED_SITE = re.compile(r"^([^,]+), (?:left |right |bilateral |unspecified )?([^\W\d_]+)$")
_TYPED = re.compile(
    r"\b((?:type|stage|class|grade) \w+) (.+)$|^(.+?),? ((?:type|stage|class|grade) \w+)$", re.IGNORECASE
)


def masking_terms(pairs: Iterable[Mapping[str, Any]], titles: Mapping[str, str]) -> dict[str, str]:
    """Masking terms with the beginning that the codes they may lead to have in common.

    A term inside one keeps its code where that begins so: "type 1 diabetes mellitus" is E10, so it says nothing against E10.9.

    Args:
        pairs: Rows of ``gold/pairs``; those that say the code itself have codes of their own and count only cut short.
        titles: Title per code, headers included.
    """
    stems: dict[str, str] = {}
    for code, phrase in _phrases(pairs, titles):
        stem = stems.get(phrase)
        if stem is None or not code.startswith(stem):
            stems[phrase] = code if stem is None else common_beginning(code, stem)
    masks: dict[str, str] = {}
    for phrase, stem in stems.items():
        for form in _forms(phrase) if phrase.count(" ") < 2 * _MOST_WORDS else ():
            words = fold_words(form)
            if 1 < len(words) <= _MOST_WORDS:
                term = " ".join(words)
                masks[term] = common_beginning(masks.get(term, stem), stem)
    for phrase in field_phrases():
        masks[phrase] = ""
    return masks


def common_beginning(one: str, other: str) -> str:
    """Common beginning of two codes."""
    length = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        length += 1
    return one[:length]


@lru_cache(maxsize=1)
def field_phrases() -> tuple[str, ...]:
    """The folded phrases of ``masks.txt``."""
    lines = files("ccl_assets.coding").joinpath("masks.txt").read_text(encoding="utf-8").splitlines()
    return tuple(" ".join(fold_words(line)) for line in lines if line and not line.startswith("#"))


def _phrases(pairs: Iterable[Mapping[str, Any]], titles: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for row in pairs:
        phrase = row["evidence"]
        if row["expansion"] not in STATED:
            yield row["code"], phrase
        elif "," in phrase:
            yield row["code"], phrase.partition(",")[0]
    for code, title in titles.items():
        if "encounter" not in title and "sequela" not in title:
            yield code, title
            if "," in title:
                yield code, title.partition(",")[0]


def _forms(phrase: str) -> Iterator[str]:
    bare = _REMARK.sub("", phrase).strip()
    yield phrase
    if bare != phrase:
        yield bare
    for cut in (" without ", " with ", " and other ", " due to "):
        if cut in bare:
            yield bare.partition(cut)[0].removesuffix("s")
    if (site := _SITE.match(bare)) is not None and "," not in bare:
        yield f"{site[2]} {site[1]}"
        yield f"{site[1]} {site[2]}"
        yield f"{site[1]} of {site[2]}s"
    elif (site := _LISTED_SITE.match(bare)) is not None:
        yield f"{site[1]} of {site[2]}"
        yield f"{site[2]} {site[1]}"
    if (typed := _TYPED.search(bare)) is not None:
        yield f"{typed[2]} {typed[1]}" if typed[1] else f"{typed[4]} {typed[3]}"
