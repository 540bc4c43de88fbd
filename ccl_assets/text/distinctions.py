"""Words that turn a finding into another one although few letters, or little of a phrase's meaning, differ.

Neither a repair of a quote (``grounding``) nor a rewording (``rewording``) may touch them: sides, negations, numbers, stages,
acuity, severity, place, history. Edit distance and sentence embeddings both hardly see them.
"""

from __future__ import annotations

import re

_SAME = {
    "no": "no not non without denies denied negative absent",
    "left": "left l lt os lle lue lll lul",
    "right": "right r rt od rle rue rll rul rml",
    "bilateral": "bilateral bilaterally both b/l ou",
    "lower": "lower leg lle rle lll rll inferior",
    "upper": "upper arm lue rue lul rul superior",
    "anterior": "anterior",
    "posterior": "posterior",
    "proximal": "proximal",
    "distal": "distal",
    "medial": "medial inner",
    "lateral": "lateral outer",
    "acute": "acute acutely",
    "subacute": "subacute",
    "chronic": "chronic",
    "recurrent": "recurrent relapsed relapse",
    "paroxysmal": "paroxysmal",
    "persistent": "persistent",
    "permanent": "permanent",
    "intermittent": "intermittent",
    "mild": "mild",
    "moderate": "moderate",
    "severe": "severe severely",
    "morbid": "morbid morbidly",
    "systolic": "systolic hfref",
    "diastolic": "diastolic hfpef",
    "primary": "primary",
    "secondary": "secondary metastatic metastasis metastases mets",
    "benign": "benign",
    "malignant": "malignant cancer carcinoma malignancy",
    "history": "history hx h/o s/p former prior previous previously old remote quit ex",
    "family": "family familial fh fhx father mother brother sister",
    "uncertain": "suspected possible probable likely r/o questionable",
    "remission": "remission",
    "withdrawal": "withdrawal",
    "open": "open",
    "closed": "closed",
    "displaced": "displaced",
    "nondisplaced": "nondisplaced undisplaced",
    "sequela": "sequela sequelae",
    "subsequent": "subsequent",
    "1": "first",
    "2": "second",
    "3": "third",
    "4": "fourth",
    "5": "fifth",
    "6": "sixth",
    "7": "seventh",
    "8": "eighth",
    "9": "ninth",
    "10": "tenth",
    "11": "eleventh",
    "12": "twelfth",
}
_MARKS_OF = {
    word: [mark for mark, same in _SAME.items() if word in same.split()] for word in " ".join(_SAME.values()).split()
}
_ROMAN = dict(zip("i ii iii iv v vi vii viii ix x xi xii".split(), map(str, range(1, 13)), strict=True))  # noqa: SIM905
_NUMERAL = re.compile(r"([ivx]+)([abc]?)")
_WORD = re.compile(r"b/l|s/p|h/o|r/o|\d+(?:\.\d+)?(?:[abc](?![a-z]))?|[a-z]+")
_NEGATED = re.compile(r"(?:un|in|non)(?:stable|controlled|complicated|specified|competent|tractable|union|displaced)")
OPPOSITES = ("hypo", "hyper", "brady", "tachy")
"""Prefixes that only tell two phrases apart if each has one: "high blood pressure" is hypertension, and no hypotension."""


def distinctions(text: str) -> tuple[str, ...]:
    """The distinguishing words of a phrase in order, spellings made equal: ``R leg, stage IIIb`` -> right, lower, 3b."""
    found: list[str] = []
    for word in _WORD.findall(text.lower()):
        if word in _MARKS_OF:
            found += _MARKS_OF[word]
        elif word[0].isdigit():
            found.append(word)
        elif (numeral := _NUMERAL.fullmatch(word)) and numeral[1] in _ROMAN:
            found.append(_ROMAN[numeral[1]] + numeral[2])
        elif _NEGATED.match(word):
            found.append("no")
        else:
            found += [prefix for prefix in OPPOSITES if word.startswith(prefix)]
    return tuple(found)


def are_told_apart(one: str, other: str) -> bool:
    """Tell whether two phrases differ in a distinguishing word, order and repetition aside."""
    first, second = set(distinctions(one)), set(distinctions(other))
    opposites = first & set(OPPOSITES), second & set(OPPOSITES)
    if all(opposites) and opposites[0] != opposites[1]:
        return True
    return first - set(OPPOSITES) != second - set(OPPOSITES)
