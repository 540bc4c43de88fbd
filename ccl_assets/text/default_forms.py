"""Titles and terms read as a note says them: what is denied or unspecified by default goes without saying.

``Type 2 diabetes mellitus without complications`` is what a note calls type 2 diabetes; ``Migraine, unspecified, not intractable,
without status migrainosus`` is a migraine. The classification writes these words to tell the code from its siblings.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ccl_assets.text.folding import fold

_KINDS = (
    "cause|chronicity|control|degree|depth|eye|ear|episode|foot|hand|hip|knee|knees|laterality|layer|limb|location|nature|organism|origin|ligament|"
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
        r",?\s*(?:\bbut )?\bwithout\b(?!.*\b(?:with|in remission|of (?:left|right))\b).*$",
        r"\s*\bwith loss of consciousness status unknown\b",
        r"\b(?:unilateral )?primary (?=osteoarthritis)",
        r"(?<=with )diabetic (?=\w+(?:$|,))",
        r"(?<=gestational diabetes mellitus) in pregnancy\b",
        r",?\s*\bwith (?:no|routine) [^,]*$",
    )
]
_MAY_HOLD_UNSAID = re.compile(
    r"specified|without|uncomplicated|\bnot |\b(?:NOS|NEC)\b|single episode|primary osteo|status unknown|"
    r"with (?:no|routine|diabetic) |"
    r"diabetes mellitus in pregnancy",
    re.IGNORECASE,
)
_PARENTHESES = re.compile(r"\s*\([^()]*\)|\s*\[[^\[\]]*\]")
_UNSAID_WORDS = re.compile(r"(?<=diabetes) mellitus\b", re.IGNORECASE)
_TWO_NOUNS = re.compile(r"^([A-Za-z][\w-]{4,}) and ([a-z][\w-]{4,})$")
_SIDE = r"(?P<side>(?:right |left |bilateral |))"
_SAID_OTHERWISE = [
    (re.compile(pattern, re.IGNORECASE), ways)
    for pattern, ways in (
        (r"^(?:Encounter for|Presence of(?: an?)?|Patient's)\s+(?P<what>\w.*)$", (r"\g<what>",)),
        (r"^(?:Encounter for )?screening for malignant neoplasm of (?P<what>[\w ]+)$",
         (r"\g<what> cancer screening", r"screening for \g<what> cancer")),
        (r"^Allergy status to (?P<what>[\w ]+)$", (r"\g<what> allergy", r"allergic to \g<what>", r"allergy to \g<what>")),
        (r"^(?P<what>[\w ,-]+) with (?:acute )?exacerbation$", (r"\g<what> exacerbation", r"acute exacerbation of \g<what>")),
        (rf"^(?P<what>[\w-]+(?: [\w-]+)?) (?:in|of) (?:the )?{_SIDE}(?P<site>[\w-]+(?: [\w-]+)?)$",
         (r"\g<side>\g<site> \g<what>", r"\g<what> of the \g<side>\g<site>", r"\g<what> of \g<side>\g<site>")),
        (r"^(?P<what>[\w -]+), (?P<side>right|left|bilateral) (?P<site>[\w-]+)$",
         (r"\g<side> \g<site> \g<what>", r"\g<what> of the \g<side> \g<site>", r"\g<what> of \g<side> \g<site>")),
        (r"^(?P<what>[\w -]+), (?P<site>[a-z]+) region$", (r"\g<site> \g<what>",)),
    )
]  # fmt: skip
_LIMBS = [
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"\blower limb\b", ("leg", "lower extremity")),
        (r"\bupper limb\b", ("arm", "upper extremity")),
    )
]
_NO_DEFAULT = re.compile(r"^other\b|\bother specified\b|classified elsewhere$", re.IGNORECASE)


@lru_cache(maxsize=1 << 16)
def default_form(text: str) -> str:
    """A title or term without the words that say that nothing more is known or present."""
    if _MAY_HOLD_UNSAID.search(text):
        for pattern in _UNSAID:
            text = pattern.sub("", text)
    return " ".join(text.split()).strip(" ,;")


@lru_cache(maxsize=1 << 16)
def default_forms(text: str) -> tuple[str, ...]:
    """The ways a note says a title or term, best first, the text itself left out; none for residual codes ("Other ...").

    Words in parentheses or brackets go, what goes without saying goes, and of two nouns joined by "and", which is "and/or" in the
    classification, each stands alone.
    """
    if _NO_DEFAULT.search(text):
        return ()
    plain = " ".join(_PARENTHESES.sub("", text).split())
    bare = default_form(plain)
    found = [bare, _UNSAID_WORDS.sub("", bare), plain]
    if nouns := _TWO_NOUNS.match(bare):
        found += nouns.groups()
    found += [pattern.sub(word, form) for form in found for pattern, words in _LIMBS for word in words]
    found += [way for form in dict.fromkeys(found) for way in _said_otherwise(form)]
    forms: dict[str, str] = {}
    for form in found:
        if len(fold(form)) > 2:
            forms.setdefault(fold(form), form)
    forms.pop(fold(text), None)
    return tuple(forms.values())


def _said_otherwise(form: str) -> list[str]:
    """Other orders of the same words: "Pain in right shoulder" as "right shoulder pain"."""
    ways = []
    for pattern, templates in _SAID_OTHERWISE:
        if found := pattern.match(form):
            ways += [_small_inside(found.expand(template)) for template in templates]
    return ways


def _small_inside(text: str) -> str:
    """Words behind the first with a small letter, if they are no names or abbreviations but a phrase's former first word."""
    first, *rest = text.split(" ")
    small = [word[0].lower() + word[1:] if word[1:].islower() and word[:1].isupper() else word for word in rest]
    return " ".join([first, *small])
