"""Titles and terms read as a note says them: what is denied or unspecified by default goes without saying.

``Type 2 diabetes mellitus without complications`` is what a note calls type 2 diabetes; ``Migraine, unspecified, not intractable,
without status migrainosus`` is a migraine. The classification writes these words to tell the code from its siblings.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ccl_assets.text.folding import fold

_KINDS = (
    "cause|chronicity|degree|depth|eye|ear|episode|foot|hand|hip|knee|knees|laterality|layer|limb|location|nature|organism|origin|"
    "parts?|region|severity|shoulder|side|sites?|stage|substance|trimester|type"
)
_UNSAID = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r",?\s*\bunspecified (?:whether|as to)\b[^,]*",
        rf",?\s*\b(?:(?:{_KINDS}) )?not specified\b(?: as [^,]*)?",
        rf",?\s*(?:\b(?:of|with|in|at|to) )?\bunspecified (?:{_KINDS})\b",
        rf",\s*(?:{_KINDS}) unspecified\b",
        r",?\s*\b(?:unspecified|not otherwise specified|NOS|NEC|not elsewhere classified|uncomplicated)\b",
        r",?\s*\bnot intractable\b",
        r",?\s*\bsingle episode(?=$|,)",
        r"\s*\bwithout foreign body(?= of\b)",
        r",?\s*(?:\bbut )?\bwithout\b(?!.*\bwith\b).*$",
        r",?\s*\bwith (?:no|routine) [^,]*$",
    )
]
_PARENTHESES = re.compile(r"\s*\([^()]*\)|\s*\[[^\[\]]*\]")
_UNSAID_WORDS = re.compile(r"(?<=diabetes) mellitus\b", re.IGNORECASE)
_TWO_NOUNS = re.compile(r"^([A-Za-z][\w-]{4,}) and ([a-z][\w-]{4,})$")
_FOR_ENCOUNTER = re.compile(r"^(?:Encounter for|Presence of|Patient's)\s+", re.IGNORECASE)
_NO_DEFAULT = re.compile(r"^other\b|\bother specified\b|classified elsewhere$", re.IGNORECASE)


@lru_cache(maxsize=1 << 16)
def default_form(text: str) -> str:
    """A title or term without the words that say that nothing more is known or present."""
    for pattern in _UNSAID:
        text = pattern.sub("", text)
    return " ".join(text.split()).strip(" ,;")


def default_forms(text: str) -> tuple[str, ...]:
    """The ways a note says a title or term, best first, the text itself left out; none for residual codes ("Other ...").

    Words in parentheses or brackets go, what goes without saying goes, and of two nouns joined by "and", which is "and/or" in the
    classification, each stands alone.
    """
    if _NO_DEFAULT.search(text):
        return ()
    plain = " ".join(_PARENTHESES.sub("", text).split())
    bare = default_form(plain)
    found = [bare, _UNSAID_WORDS.sub("", bare), plain, _FOR_ENCOUNTER.sub("", bare)]
    if nouns := _TWO_NOUNS.match(bare):
        found += nouns.groups()
    forms: dict[str, str] = {}
    for form in found:
        if len(fold(form)) > 2:
            forms.setdefault(fold(form), form)
    forms.pop(fold(text), None)
    return tuple(forms.values())
