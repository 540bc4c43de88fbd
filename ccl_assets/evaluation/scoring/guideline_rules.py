"""Rules of the Official Guidelines that a set of codes shows to be broken by itself, each by its section.

- I.C.9.a: the guidelines presume that hypertension and heart failure, or chronic kidney disease, belong together: I11, I12 or I13
  stands for both, and I10 beside them is an error unless the note says that they are unrelated. Heart failure is I50; I51.4-I51.7,
  I51.89 and I51.9 are heart disease that is presumed likewise. Hypertensive heart disease beside CKD, or the reverse, is I13.
- I.C.15.n: an outcome of delivery (Z37) is assigned on every maternal record when a delivery has occurred: O80, O82, and what names
  itself a delivery or a complication of one. Conditions of pregnancy, childbirth and the puerperium alike (O99) do not tell.

A code that the release does not have takes part in no rule, so that a release without a combination code does not demand it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ccl_assets.icd.ontology import Ontology

_OUTCOME = "Z37"
_DELIVERY_CATEGORIES = ("O80", "O82")
_HEART = ("I50", "I51.4", "I51.5", "I51.6", "I51.7", "I51.89", "I51.9")
_DELIVERED = re.compile(
    r"\b(?:complicating|in) childbirth\b|\blabor and delivery complicated by\b|\bcomplicating (?:labor and )?delivery\b"
    r"|\bduring (?:labor and )?delivery\b|\bwith (?:\w+ ){0,3}delivery\b|\bterm delivery with\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Broken:
    """A broken rule: the code at fault, the other one if there is one, and a sentence for a coder."""

    code: str
    other: str | None
    sentence: str


@dataclass(frozen=True)
class GuidelineRule:
    """One rule: the section of the guidelines, and what finds out whether codes break it."""

    section: str
    broken: Callable[[Sequence[str], Ontology], Broken | None]


def _first(codes: Sequence[str], *heads: str) -> str | None:
    return next((code for code in codes if code.startswith(heads)), None)


def _hypertension(codes: Sequence[str], ontology: Ontology) -> Broken | None:
    failure, kidney = _first(codes, *_HEART), _first(codes, "N18")
    plain, heart, renal = _first(codes, "I10"), _first(codes, "I11"), _first(codes, "I12")
    if plain is not None and (failure or kidney):
        wanted = "I13" if failure and kidney else "I11" if failure else "I12"
        heart_words = "heart failure" if failure and failure.startswith("I50") else "heart disease"
        what = " and ".join(
            words for words, there in ((heart_words, failure), ("chronic kidney disease", kidney)) if there
        )
        return _combination(plain, failure or kidney, what, wanted, ontology)
    if heart is not None and (kidney or renal):
        return _combination(heart, kidney or renal, "chronic kidney disease", "I13", ontology)
    if renal is not None and failure:
        return _combination(renal, failure, "heart disease", "I13", ontology)
    return None


def _combination(code: str, other: str | None, what: str, wanted: str, ontology: Ontology) -> Broken | None:
    if wanted not in ontology:
        return None
    return Broken(
        code,
        other,
        f"{code} with {other}: guideline I.C.9.a presumes that hypertension and {what} are related; a code of {wanted} stands for "
        "both, unless the record says that they are not.",
    )


def _outcome(codes: Sequence[str], ontology: Ontology) -> Broken | None:
    if _first(codes, _OUTCOME) is not None or _OUTCOME not in ontology:
        return None
    delivery = next((code for code in codes if _is_delivery(code, ontology)), None)
    if delivery is None:
        return None
    return Broken(
        delivery,
        None,
        f"{delivery} is a delivery: guideline I.C.15.n asks for its outcome on the mother's record, a code of {_OUTCOME}.",
    )


def _is_delivery(code: str, ontology: Ontology) -> bool:
    """Whether a code says that a delivery took place in this encounter."""
    if code.startswith(_DELIVERY_CATEGORIES):
        return True
    return code.startswith("O") and _DELIVERED.search(ontology[code].long_title) is not None


RULES: tuple[GuidelineRule, ...] = (
    GuidelineRule("I.C.9.a", _hypertension),
    GuidelineRule("I.C.15.n", _outcome),
)
