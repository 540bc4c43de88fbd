"""One text, several codes: which of them it means, if it says so.

What a coder does is followed, in this order:

1. ``title``: the text is the full title of one of the codes.
2. ``release``: the Index or a table, the default form of a title, or an inclusion term or includes note gives the text to one
   of them, in this order; a phrase made with a nonessential modifier counts less than a printed term. Inclusion terms of codes
   for manifestations do not count, since they leave out the disease that the code presupposes. What only notes or models said
   of other codes gives way to the release.
3. ``bare_title``: it is the title of one of them without the words that say that something is unspecified ("heart failure"),
   or the initials of such a title ("CKD").
4. ``specificity``: it says everything that tells one of the codes from the others, and nothing that its title does not say.
5. ``frequency``: notes say it of one code at least half of the time, each code counted by the notes that have it (``shares``).

Where none decides, the text is ambiguous. The rules were measured on texts whose code the Index gives and that were put to
sibling codes as if notes had them: see ``tests/evidence/test_ambiguity.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from ccl_assets.evidence.knowledge_base.shares import (
    OBSERVED,
    TITLE,
    Claim,
    firmest,
    most_said,
    term_firmness,
)
from ccl_assets.icd.ontology import Code, Ontology
from ccl_assets.text.content_words import FUNCTION_WORDS, content_words
from ccl_assets.text.distinctions import distinctions
from ccl_assets.text.folding import fold

_BOTH_SIDES = frozenset({"left", "right"})
_NEGATIONS = frozenset({"no", "non", "not", "without"})
_KINDS = "cause|degree|depth|laterality|layer|location|nature|organism|origin|parts?|severity|side|sites?|stage|trimester|type"
_UNSPECIFIED = re.compile(
    r",?\s*\bunspecified (?:whether|as to)\b[^,]*"
    r"|,\s*(?:site|part|trimester|severity)? ?not specified\b[^,]*"
    r"|,\s*unspecified (?:eye|ear)\b"
    rf"|,?\s*(?:\b(?:of|with|in|at|to) )?\bunspecified (?:{_KINDS})\b"
    r"|,?\s*\b(?:unspecified|not otherwise specified|nos|uncomplicated|without complications?)\b",
    re.IGNORECASE,
)
_NONESSENTIAL = re.compile(r"\([^)]*\)")
_ELSEWHERE = re.compile(r"classified elsewhere$", re.IGNORECASE)
_CLAUSE = re.compile(r"[,;:()]|\bwith\b", re.IGNORECASE)


class Resolution(NamedTuple):
    """The code that a text was given to, and by which rule."""

    code: str
    rule: str


def firmness(pair: Mapping[str, object], ontology: Ontology) -> int:
    """Firmness of a gold pair; an inclusion term that lacks its context counts no more than an observation."""
    source = str(pair["source"])
    code = ontology.codes.get(str(pair["code"]))
    if source in ("inclusion_term", "includes") and code is not None and _ELSEWHERE.search(code.title):
        return OBSERVED
    modifier = pair.get("modifier")
    return term_firmness(source, str(modifier) if modifier else None)


def resolve(text: str, stated: Mapping[str, Claim], ontology: Ontology) -> Resolution | None:
    """Choose the code that a text means.

    Args:
        text: The evidence.
        stated: How firmly and how often it is stated, by code; two or more codes.
        ontology: The release's codes.

    Returns:
        Code and rule, or ``None`` where the text is ambiguous.
    """
    titled = [code for code in stated if fold(ontology[code].long_title) == fold(text)]
    if len(titled) == 1:
        return Resolution(titled[0], "title")
    codes = firmest(stated)
    if len(codes) == 1:
        return Resolution(codes[0], "title" if stated[codes[0]].firmness == TITLE else "release")
    bare = [code for code in codes if _is_bare(text, ontology[code])]
    if len(bare) == 1:
        return Resolution(bare[0], "bare_title")
    if not bare and (fitting := _most_specific(text, {code: ontology[code].long_title for code in codes})):
        return Resolution(fitting, "specificity")
    said = most_said({code: stated[code] for code in bare or codes})
    return Resolution(said, "frequency") if said else None


@lru_cache(maxsize=1 << 14)
def bare_title(title: str) -> str:
    """A title or term without the words that say that something is unspecified: ``"Heart failure, unspecified"``."""
    return " ".join(_UNSPECIFIED.sub("", title).split()).strip(" ,")


def _is_bare(text: str, code: Code) -> bool:
    terms = [code.long_title]
    if not (code.is_expanded or _ELSEWHERE.search(code.title)):
        terms += [
            term for term in code.inclusion_terms if fold(term) != fold(text)
        ]  # as printed, it was looked at before
    words, letters = _tokens(text), fold(text).replace(" ", "")
    for term in terms:
        bare = bare_title(term)
        for form in (bare, _NONESSENTIAL.sub(" ", bare)):
            if words == _tokens(form) and not words >= _BOTH_SIDES:  # order tells which side has what
                return True
            if len(letters) > 1 and letters == _initials(form):
                return True
    return False


def _most_specific(text: str, titles: Mapping[str, str]) -> str | None:
    if not (said := _tokens(text)):
        return None
    bare = {code: _NONESSENTIAL.sub(" ", bare_title(title)) for code, title in titles.items()}
    tokens = {code: _tokens(title) for code, title in bare.items()}
    common = frozenset.intersection(*tokens.values())
    own = {code: found - common for code, found in tokens.items()}
    for code in titles:
        demanded = own[code] | set(distinctions(bare[code])) | _complications(bare[code])
        if not demanded <= said or not said <= _tokens(titles[code]) | tokens[code] or "other" in tokens[code]:
            continue
        if not own[code] and bare_title(titles[code]) == titles[code]:
            continue
        rivals = [found for other, found in own.items() if other != code]
        if all(not found <= said or found < own[code] for found in rivals):
            return code
    return None


@lru_cache(maxsize=1 << 14)  # a code has many texts
def _tokens(text: str) -> frozenset[str]:
    """Words that count, inflections folded and denied ones marked, and the distinctions they stand for."""
    found: set[str] = set()
    for clause in _CLAUSE.split(text):
        denial = ""
        for written in clause.split():
            words = fold(written).split()
            if _NEGATIONS.intersection(words):
                denial = "not "
            found.update(denial + said for said in (*distinctions(written), *content_words(" ".join(words))))
    return frozenset(found)


def _complications(title: str) -> frozenset[str]:
    """What a title adds behind "with" and "without"."""
    _, *added = re.split(r"\b(?=with(?:out)?\b)", title, flags=re.IGNORECASE)
    return _tokens(" ".join(added))


def _initials(text: str) -> str:
    return "".join(word[0] for word in fold(text).split() if word not in FUNCTION_WORDS)
