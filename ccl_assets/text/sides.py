"""Right and left as notes write them: found in a phrase, exchanged, or left out."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class _Form:
    """One way to write a side, and what takes its place where both sides or none is meant."""

    pattern: str
    bilateral: str = "bilateral"
    unspecified: str = ""


_END = r"(?=\s*(?:$|[,;.()]|(?:with|and|after|since)\b))"
_LIMBS = {"UE": ("BUE", "upper extremity"), "LE": ("BLE", "lower extremity")}
_PARTS = {"UQ": "upper quadrant", "LQ": "lower quadrant", "UL": "upper lobe", "LL": "lower lobe"}
_PARTS |= {vessel: vessel for vessel in ("IJ", "MCA", "ACA", "PCA", "ICA", "CCA")}
_FORMS = (
    _Form(rf"\b(?:on|to|at) (?:the )?(?:right|left){_END}", "bilaterally"),
    _Form(r"\b(?:of|on|in|at|to) (?:the )?(?:right|left)(?: hand)? side\b", "on both sides"),
    _Form(r"\b(?:right|left)(?: hand)? side\b", "both sides"),
    _Form(r"\b(?:right|left)[- ]sided\b"),
    _Form(r"\b(?:right|left)\b"),
    _Form(r"\((?:R|L)\)"),
    _Form(r"(?<![\w'’/-])(?:rt|lt|r|l)(?:\b\.|\b)(?![-/'’\d]| \d|[a-z])"),  # not "r/o", "L4", "L-spine"
    *(_Form(rf"\b[RL]{short}\b", both, one) for short, (both, one) in _LIMBS.items()),
    *(_Form(rf"(?-i:\b[RL]{short}\b)", f"bilateral {words}", words) for short, words in _PARTS.items()),
    _Form(r"(?-i:\bO[DS]\b)", "OU", "eye"),
    _Form(r"(?-i:\bA[DS]\b)", "AU", "ear"),
)
_ONE_SIDE = re.compile("|".join(f"(?P<_{place}>{form.pattern})" for place, form in enumerate(_FORMS)), re.IGNORECASE)
_RIGHT = re.compile(r"right|^\(?R|^[OA]D$", re.IGNORECASE)
_SWAPPED = re.compile(r"right|left|(?<![a-z])[RL]|(?<=^[OA])[DS]$", re.IGNORECASE)
_OTHER = {"right": "left", "left": "right", "r": "l", "l": "r", "d": "s", "s": "d"}
_PLURALS = r"(?:(?:upper|lower) )?(?:sides|extremities|limbs|eyes|ears|arms|hands|legs|feet|knees|hips|ankles|breasts)"
_BOTH_SIDES = re.compile(
    rf"\bbilat(?:eral(?:ly)?)?\b|\bb/l\b|(?-i:\b(?:OU|AU|BUE|BLE)\b)|\bboth (?={_PLURALS})", re.IGNORECASE
)
_BOUND = re.compile(
    r"\b(?:right|left)[- ](?:heart|ventric\w+|atri\w+|bundle|main (?!bronch)|middle lobe|lingul\w+|hand(?:ed)?[- ]domina\w+|handed)"
    r"|\b(?:RML|midline)\b",
    re.IGNORECASE,
)
_IRREGULAR = {"foot": "feet", "testis": "testes"}
_ORGANS = (
    "eye|ear|eyelid|orbit|breast|ovary|testis|kidney|lung|arm|hand|wrist|elbow|forearm|shoulder|finger|thumb|leg|foot|ankle|knee|"
    "thigh|hip|toe|heel|limb|extremity|quadrant|lobe|tube|artery|vein"
)
_PAIRED = re.compile(
    rf"\bbilateral((?: [\w-]+){{0,2}}? )({_ORGANS})\b"
    r"(?=\s*(?:$|[,;.()]|(?:with|due|following|from|after|secondary|without|in|of|on|at|involving)\b))",
    re.IGNORECASE,
)


def sides(phrase: str) -> list[str]:
    """Every side that a phrase states, in order: ``right``, ``left`` or ``bilateral``."""
    found = [(one.start(), "right" if _RIGHT.search(one[0]) else "left") for one in _ONE_SIDE.finditer(phrase)]
    found += [(one.start(), "bilateral") for one in _BOTH_SIDES.finditer(phrase)]
    return [side for _, side in sorted(found)]


def is_bound_to_side(phrase: str) -> bool:
    """Tell whether the other side of a thing is another thing or none: heart chambers, the middle lobe, handedness."""
    return _BOUND.search(phrase) is not None


def with_side(phrase: str, side: str) -> str:
    """Write ``side`` wherever the phrase states the right or the left; ``unspecified`` leaves it out."""

    def written(found: re.Match[str]) -> str:
        form = _FORMS[int((found.lastgroup or "_0")[1:])]
        if side == "bilateral":
            return _cased(form.bilateral, found[0])
        if side == "unspecified":
            return form.unspecified
        is_same = ("right" if _RIGHT.search(found[0]) else "left") == side
        return found[0] if is_same else _SWAPPED.sub(_swapped, found[0], count=1)

    text = _ONE_SIDE.sub(written, phrase)
    if side == "bilateral":
        text = _PAIRED.sub(_plural, re.sub(r"(?i)\b(?:the|an?) (?=bilateral\b)", "", text))
    if side == "unspecified":
        text = re.sub(r"\ba\s+(?=[aeiou])", "an ", text)
    return text


def _swapped(found: re.Match[str]) -> str:
    other = _OTHER[found[0].lower()]
    return other.upper() if found[0].isupper() else _cased(other, found[0])


def _cased(text: str, model: str) -> str:
    """``text`` with a capital where ``model`` is a word with one."""
    return text[:1].upper() + text[1:] if model[:1].isupper() and model[1:2].islower() else text


def _plural(found: re.Match[str]) -> str:
    noun = found[2].lower()
    many = _IRREGULAR.get(noun) or (f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s")
    return f"{found[0][:9]}{found[1]}{many}"
