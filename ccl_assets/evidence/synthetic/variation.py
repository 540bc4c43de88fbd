"""Differences between the codes of a family, and a phrase for one of them said of another.

Sides, trimesters and intents are exchanged where the phrase states them, added where it does not, and left out for codes that
leave them open. A phrase that states something else than the code it was written for is not varied at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ccl_assets.evidence.synthetic.encounter_words import said_of_encounter
from ccl_assets.text.sides import is_bound_to_side, sides, with_side

OPEN = "unspecified"
_for_all_members = lru_cache(maxsize=1024)  # a family of 48 asks the same of a phrase again and again


@dataclass(frozen=True)
class Variation:
    """Values that tell a code from the others of its family; an axis that the family does not vary in is ``None``.

    Attributes:
        side: ``right``, ``left``, ``bilateral`` or ``unspecified``.
        trimester: ``first``, ``second``, ``third`` or ``unspecified``.
        seventh_character: The release's words for it, e.g. ``initial encounter for closed fracture``.
        intent: Of a poisoning or asphyxiation: ``accidental``, ``intentional self-harm``, ``assault`` or ``undetermined``.
    """

    side: str | None = None
    trimester: str | None = None
    seventh_character: str | None = None
    intent: str | None = None


def vary(phrase: str, shown: Variation, wanted: Variation) -> str | None:
    """Say of ``wanted`` what ``phrase`` says of ``shown``.

    Args:
        phrase: Written for the code that ``shown`` describes, e.g. ``fx R tibia shaft``.
        shown: What the writer saw: ``Family.shown``.
        wanted: A member of the same family, e.g. left, subsequent encounter.

    Returns:
        E.g. ``fx L tibia shaft, healing``; what members of a family get is pairwise different. ``None`` where the
        phrase states something that the member is not, or holds of ``shown`` only.
    """
    text, added = phrase.strip(), []
    for written, stated, asked in (
        (_with_side, shown.side, wanted.side),
        (_with_trimester, shown.trimester, wanted.trimester),
        (_with_intent, shown.intent, wanted.intent),
    ):
        if stated is not None and asked is not None:
            exchanged = written(text, stated, asked)
            if not exchanged:
                return None
            text, *more = exchanged
            added += more
    seventh = wanted.seventh_character
    if not text or (seventh is not None and _contradicts(text, seventh)):
        return None
    return said_of_encounter(", ".join([text, *added]), seventh)


@_for_all_members
def _with_side(phrase: str, stated: str, asked: str) -> list[str]:
    """The phrase and what is to be added to it; empty where it cannot be said of that side."""
    found = sides(phrase)
    if any(side != stated for side in found):
        return []
    if asked == stated:
        return [phrase] if found else [phrase, _NOTED.get(stated, stated)]
    is_one_sided = asked == "bilateral" and "unilateral" in phrase.lower()
    if stated == "bilateral" or is_one_sided or is_bound_to_side(phrase):
        return []
    if found:
        text = with_side(phrase, asked)
        if asked == OPEN and any(letter.isalpha() for letter in _NO_SITE.sub("", text)):
            text = _NO_SITE.sub("", text)
        return _rest(text, phrase)
    return [phrase] if asked == OPEN else [phrase, _NOTED[asked]]


_NOTED = {"right": "R", "left": "L", "bilateral": "b/l", OPEN: OPEN}
"""Sides as notes write them where a phrase has none yet."""
_NO_SITE = re.compile(r"(?:^|(?<=,))\s*(?:eyes?|sides?)\s*(?:,|$)", re.IGNORECASE)
"""What "right eye" between commas leaves when the side goes: in "glaucoma, right eye" the eye was there for the side only."""
_ORDINALS = {"first": "1st", "second": "2nd", "third": "3rd"}
_VALUES = {word: value for value, ordinal in _ORDINALS.items() for word in (value, ordinal, ordinal[0])}
_TRIMESTER = re.compile(
    r"(?P<before>\b(?:in|during) (?:the |her )?)?\b(?P<number>first|second|third|1st|2nd|3rd)(?P<noun>[- ]tri(?:mester)?)\b"
    r"(?P<pregnancy>(?: of)? pregnancy\b)?|(?<=\btrimester )(?P<digit>[123])\b",
    re.IGNORECASE,
)
_GESTATION = re.compile(
    r"\b\d{1,2}(?:[ +]?\d(?:/7)?)?[ -]?(?:weeks?|wks?|wga)\b|\b(?:early|late|mid)[- ]?(?:pregnancy|trimester|gestation)\b",
    re.IGNORECASE,
)
_PREGNANT = re.compile(
    r"pregnan|gestat|gravid|obstet|partum|matern|fet(?:al|us)|labou?r\b|placent|amnio", re.IGNORECASE
)


@_for_all_members
def _with_trimester(phrase: str, stated: str, asked: str) -> list[str]:
    found = [_VALUES[(one["number"] or one["digit"]).lower()] for one in _TRIMESTER.finditer(phrase)]
    if any(trimester != stated for trimester in found) or (asked != stated and _GESTATION.search(phrase)):
        return []
    if not found:
        return [phrase] if asked == OPEN else [phrase, f"{asked} trimester"]
    if asked == stated:
        return [phrase]
    if asked != OPEN:
        return [_TRIMESTER.sub(lambda one: _other_trimester(one, asked), phrase)]
    kept = _TRIMESTER.sub(lambda one: f"{one['before'] or ''}pregnancy" if one["pregnancy"] else "", phrase)
    rest = _rest(re.sub(r"(?i)\btrimester\b", "", kept), phrase)
    return [f"{rest[0]} in pregnancy"] if rest and not _PREGNANT.search(rest[0]) else rest


def _other_trimester(found: re.Match[str], trimester: str) -> str:
    if found["digit"]:
        return _ORDINALS[trimester][0]
    number = trimester if found["number"][0].isalpha() else _ORDINALS[trimester]
    if found["number"][0].isupper():
        number = number.capitalize()
    return f"{found['before'] or ''}{number}{found['noun']}{found['pregnancy'] or ''}"


_INTENT = re.compile(
    r"(?P<accidental>\b(?:by )?accident(?:al|ally)?\b|\bunintentional(?:ly)?\b|\binadvertent(?:ly)?\b)"
    r"|(?P<harm>\bself[- ](?:harm|inflicted|poisoning)\b|\bsuicid\w*|\b(?:intentional|deliberate)(?:ly)?\b|\bon purpose\b)"
    r"|(?P<assault>\bassault\w*|\bhomicid\w*)"
    r"|(?P<undetermined>\bundetermined(?: intent)?\b|\b(?:unknown|unclear) intent\b)",
    re.IGNORECASE,
)
_INTENTS = {"harm": "intentional self-harm"}
_INTENT_WORDS = {"undetermined": "undetermined intent"}


@_for_all_members
def _with_intent(phrase: str, stated: str, asked: str) -> list[str]:
    found = [_INTENTS.get(kind, kind) for one in _INTENT.finditer(phrase) if (kind := one.lastgroup) is not None]
    if any(intent != stated for intent in found):
        return []
    if found and asked == stated:
        return [phrase]
    rest = _rest(_INTENT.sub("", phrase), phrase) if found else [phrase]
    return [*rest, _INTENT_WORDS.get(asked, asked)] if rest else []


def _rest(text: str, original: str) -> list[str]:
    """What is left of a phrase, without the brackets, blanks and commas that words left out leave behind; or nothing."""
    text = re.sub(r"\s+(?=[,;.)])|(?<=\()\s+", "", " ".join(re.sub(r"\(\s*\)", "", text).split()))
    text = re.sub(r"(?:,\s*){2,}", ", ", text).strip(" ,;-")
    if not original[:3].lower().startswith("of "):
        text = re.sub(r"^of (?:the )?", "", text)
    if not any(letter.isalpha() for letter in text):
        return []
    return [text[:1].upper() + text[1:] if original[:1].isupper() else text]


_SEVENTH = re.compile(
    r"\b(?:initial encounter|subsequent encounter|sequela|late effect|non-?union|malunion|delayed healing|routine healing|"
    r"fetus \d|(?:mild|moderate|severe|indeterminate) stage|with(?:out)? toph(?:us|i)|tophaceous)",
    re.IGNORECASE,
)
_OPEN_FRACTURE = re.compile(r"\b(?:open|compound)\b", re.IGNORECASE)
_CLOSED_FRACTURE = re.compile(r"\bclosed\b", re.IGNORECASE)
_IS_SIDE = re.compile(r"\beye\b|^bilateral$")  # in diabetic retinopathy the 7th character is a side


@_for_all_members
def _contradicts(phrase: str, seventh: str) -> bool:
    """Whether the phrase states another 7th character."""
    if any(one.lower().replace("-", "") not in seventh for one in _SEVENTH.findall(phrase)):
        return True
    if "closed fracture" in seventh:
        return _OPEN_FRACTURE.search(phrase) is not None
    if "open fracture" in seventh:
        return _CLOSED_FRACTURE.search(phrase) is not None
    return _IS_SIDE.search(seventh) is not None and not set(sides(phrase)) <= set(sides(seventh))
