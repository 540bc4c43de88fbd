"""Rules for written evidence, checked after it was written (METHOD: conservative evidence, paper section 3.3).

Every refusal has a reason, which is counted, and a sentence for the model, which is asked again with it. Rules look at words of
meaning (``clinical_words``), so that abbreviations and word order are free.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import permutations

from rapidfuzz import fuzz

from ccl_assets.evidence.synthetic.title_match import TitleMatch
from ccl_assets.icd.code import DOTTED
from ccl_assets.text.clinical_words import (
    FUNCTION_WORDS,
    NEGATED,
    affirmed,
    clinical_words,
    title_words,
    words_said,
)
from ccl_assets.text.distinctions import distinctions
from ccl_assets.text.folding import fold

SHORTEST, LONGEST = 4, 160
_MOST_WORDS = 20
_NEAR = 95.0
_CODE = re.compile(rf"\b{DOTTED}\b")  # "CAD" and "PAD" are words

REASONS = {
    "no_answer": "the model gave no list, or an error",
    "length": "not between four characters and 160, or more than 20 words",
    "code": "a code instead of words",
    "classification_wording": "words of the classification that no note has",
    "treatment": "treatment, procedures, devices or imaging",
    "encounter": "place of care, visit, or the patient",
    "mechanism": "how it happened or was intended, outside V00-Y99",
    "symptom": "a general symptom",
    "negation": "an absence the title does not state",
    "off_topic": "shares no word of meaning with title and inclusion terms",
    "invented_specificity": "side, acuity, number, site or kind that the title does not state",
    "not_told_apart": "would fit another title of the category as well",
    "near_duplicate": "says the same as evidence of another code",
    "not_variable": "cannot be said of the other members of the family",
    "repetition": "said before in the same answer, or says a word again and again",
}

_UNWANTED = {
    "classification_wording": r"unspecified|not elsewhere classified|not otherwise specified|nec|nos|specified",
    "treatment": r"treat\w*|surg\w*|therap\w*|prescri\w*|repair\w*|sutur\w*|stitch\w*|cast(?:s|ed|ing)?|splint\w*|orif|fixation|"
    r"fixed|immobili[sz]\w*|operat\w*|procedures?|antibiotics?|medications?|meds|drugs?|dos(?:e|es|ed|ing|age)|tablets?|"
    r"administ\w*|rehab\w*|debrid\w*|irrigat\w*|drain(?:ed|age)|transfus\w*|intubat\w*|mri|ct|scans?|x-?rays?|imaging|"
    r"radiograph\w*|ultrasound|graft\w*|bandag\w*|dress(?:ing|ed)|implant\w*|replac\w*|remov\w*|monitor\w*|manage\w*|healing",
    "encounter": r"admi(?:t\w*|ssion\w*)|hospital\w*|emergency|er|ed|icu|clinic\w*|encounters?|visits?|office|ward|in-?patients?|"
    r"out-?patients?|discharge[ds]?|present(?:s|ed|ing|ation)|seen|evaluat\w*|follow-?up|consult\w*|patients?|pts?|ambulance|"
    r"referr\w*|exam\w*|years?|yo|y/o|man|woman|boy|girl|his|her|he|she|doctors?|physicians?",
    "mechanism": r"falls?|fell|falling|slip\w*|tripp\w*|mv[ac]|rta|accident\w*|crash\w*|collision\w*|collid\w*|struck|hit|kick\w*|"
    r"punch\w*|assault\w*|attack\w*|gun\w*|gsw|shot|shoot\w*|stab\w*|kni(?:fe|ves)|suicid\w*|intention\w*|unintention\w*|"
    r"self-?(?:harm|inflicted)|explo\w*|fight\w*|sports?|playing|vehicles?|motorcycl\w*|bicycl\w*|cars?|trucks?|drown\w*|work|"
    r"after|following|while|during|bites?|bitten|stings?|stung|caused|cause|causing|lifting|running|jump\w*|throw\w*|thrown",
    "symptom": r"pains?|painful|ache\w*|aching|swell\w*|swollen|fever\w*|nausea|vomit\w*|weak\w*|dizz\w*|fatigue\w*|malaise|"
    r"tender\w*|headaches?|cough\w*|shortness|numb\w*|tingl\w*|discomfort|redness|stiff\w*|limp\w*|itch\w*|symptom\w*|difficulty|unable|"
    r"complain\w*|soreness|sore|inflam\w*|deform\w*",
}
_SENTENCES = {
    "classification_wording": "is wording of the classification; notes do not say it",
    "treatment": "is about treatment or tests",
    "encounter": "is about the visit or the patient",
    "mechanism": "is how it happened or was intended, which the title does not state",
    "symptom": "is a general symptom",
}
_PATTERNS = {reason: re.compile(rf"\b(?:{words})\b") for reason, words in _UNWANTED.items()}
_RESIDUAL = re.compile(r"\b(?:unspecified|other|not elsewhere classified|nec|nos)\b", re.IGNORECASE)
_CARRIERS = clinical_words(
    "injury injured wound area region site side type level status trauma traumatic part organ structure between accident transport "
    "involved involving versus vs"
)
_AXIS_WORDS = clinical_words(
    "right left bilateral both first second third trimester accidental intentional self-harm assault undetermined"
)


@dataclass(frozen=True)
class Refusal:
    """Reason to refuse a phrase: a key of ``REASONS``, and a sentence for the model."""

    reason: str
    sentence: str


@dataclass(frozen=True)
class Subject:
    """Subject that evidence is written for, with the codes it must be told from.

    Attributes:
        family_code: Of the family.
        title: The representative's title, as shown to the model.
        family_title: The same without side, trimester and 7th character.
        terms: Its inclusion terms.
        context: Titles above it.
        others: What other families of the category are called, titles and inclusion terms.
        evidence_of_others: Known evidence of codes near it that are not of the family.
        chapter: Titles and inclusion terms of the chapter's families; words of theirs tell codes apart.
        is_external_cause: In chapter V00-Y99, where the mechanism is the code.
    """

    family_code: str
    title: str
    family_title: str
    terms: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    evidence_of_others: tuple[str, ...] = ()
    chapter: TitleMatch = field(default_factory=lambda: TitleMatch({}), repr=False)
    is_external_cause: bool = False

    @cached_property
    def own_text(self) -> str:
        """Title and inclusion terms."""
        return "; ".join((self.title, *self.terms)).lower()

    @cached_property
    def own_words(self) -> frozenset[str]:
        """Words of title and inclusion terms, as they stand there and as they are meant."""
        return frozenset[str]().union(
            re.findall(r"[a-z]+", self.own_text), *map(clinical_words, (self.title, *self.terms))
        )

    @cached_property
    def allowed_words(self) -> frozenset[str]:
        """Words evidence may hold: its own, those above it that no other family has, and words that add nothing."""
        above = frozenset[str]().union(*(affirmed(clinical_words(text)) for text in self.context))
        return affirmed(self.own_words) | (above - self.words_of_others) | _CARRIERS

    @cached_property
    def words_of_others(self) -> frozenset[str]:
        """Words of the other families of the category."""
        return frozenset[str]().union(*(affirmed(clinical_words(text)) for text in self.others))

    @cached_property
    def distinctions(self) -> frozenset[str]:
        """Sides, stages, numbers and the like that title and inclusion terms state."""
        return frozenset(distinctions(self.own_text)).union(
            *(_distinctions(text) for text in (self.title, *self.terms))
        )

    @cached_property
    def axis(self) -> frozenset[str]:
        """Words of the representative's own side or trimester; they do not tell the family from others."""
        if clinical_words(self.title) == clinical_words(self.family_title):
            return frozenset()
        return _AXIS_WORDS - clinical_words(self.family_title)

    def key(self, text: str) -> frozenset[str]:
        """Words of a text, apart from the family's own axis and words that add nothing: equal for texts that say the same."""
        return words_said(text, self.own_text) - self.silent

    @cached_property
    def silent(self) -> frozenset[str]:
        """Words that make no difference between what two texts say of this subject."""
        return self.axis | (_CARRIERS - self.own_words)

    @cached_property
    def told_from(self) -> list[list[tuple[str, frozenset[str]]]]:
        """For each of the family's own texts: texts of other families, and the words of which one tells it from them."""
        found = []
        for own in dict.fromkeys((self.family_title, *self.terms)):
            words = title_words(own) - self.axis
            contrasts: dict[frozenset[str], str] = {}
            for other in self.others:
                if needed := _contrast(words, title_words(other)):
                    contrasts.setdefault(needed, other)
            found.append([(other, needed) for needed, other in contrasts.items()])
        return found

    @cached_property
    def keys_of_others(self) -> dict[frozenset[str], str]:
        """Keys of what other codes are called and of their evidence."""
        return {
            **{self.key(text): text for text in self.evidence_of_others},
            **{title_words(text) - self.silent: text for text in self.others},
        }


def _contrast(own: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """Words of ``own`` that ``other`` lacks. What is stated as absent need be said only where silence would mean ``other``."""
    lacking = own - other
    stated = frozenset(word for word in lacking if not word.startswith(NEGATED))
    if stated - {"other"}:
        return stated - {"other"}
    if stated:
        return stated
    return lacking if not other - own else frozenset()


def _distinctions(text: str) -> frozenset[str]:
    return frozenset(distinctions(" ".join(sorted(affirmed(clinical_words(text)))))) - {"no"}


def refusal(phrase: str, subject: Subject, taken: Mapping[frozenset[str], str] | None = None) -> Refusal | None:
    """Return the reason to refuse a phrase as evidence of a subject, ``None`` if it may stand.

    Args:
        phrase: Any text.
        subject: What it was written for.
        taken: Keys of evidence accepted for other families of the chapter.
    """
    return (
        _form(phrase, subject)
        or _unwanted(phrase, subject)
        or _meaning(phrase, subject)
        or _duplicate(phrase, subject, taken or {})
    )


def _form(phrase: str, subject: Subject) -> Refusal | None:
    if not SHORTEST <= len(phrase) <= LONGEST or len(phrase.split()) > _MOST_WORDS:
        return Refusal("length", "write a short phrase of words")
    if any(found.lower() not in subject.own_text for found in _CODE.findall(phrase)):  # titles name vertebra T12
        return Refusal("code", "write words, not a code")
    counts = Counter(word for word in fold(phrase).split() if word not in FUNCTION_WORDS)
    for word, count in counts.items():
        if count > max(1, fold(subject.title).split().count(word)):
            return Refusal("repetition", f'it says "{word}" {count} times')
    parts = [words for part in phrase.split(",") if (words := frozenset(fold(part).split()) - FUNCTION_WORDS)]
    if any(one <= other for one, other in permutations(parts, 2)):
        return Refusal("repetition", "it says the same twice")
    return None


def _unwanted(phrase: str, subject: Subject) -> Refusal | None:
    for reason, pattern in _PATTERNS.items():
        if reason == "mechanism" and subject.is_external_cause:
            continue
        for found in pattern.findall(phrase.lower()):
            is_titled = re.search(rf"\b{re.escape(found)}", subject.own_text) is not None
            meant = clinical_words(found)
            if reason == "classification_wording" or not (
                is_titled or (meant and meant <= affirmed(subject.own_words))
            ):
                return Refusal(reason, f'"{found}" {_SENTENCES[reason]}')
    return None


def _meaning(phrase: str, subject: Subject) -> Refusal | None:
    said = words_said(phrase, subject.own_text)
    negated = sorted(word for word in said if word.startswith(NEGATED))
    if (
        negated
        and not subject.own_words.issuperset(negated)
        and (subject.own_words.isdisjoint(negated) or not affirmed(frozenset(negated)) <= affirmed(subject.own_words))
    ):
        return Refusal("negation", f'the title does not say "no {negated[0].removeprefix(NEGATED)}"')
    if not (affirmed(said) & affirmed(subject.own_words)) - subject.axis - _CARRIERS:
        return Refusal("off_topic", f'it is not about "{subject.title}"')
    return _invented(said, subject) or _not_told_apart(said, subject)


def _invented(said: frozenset[str], subject: Subject) -> Refusal | None:
    stated = frozenset(distinctions(" ".join(sorted(affirmed(said))))) - {"no"}
    if added := sorted(stated - subject.distinctions):
        return Refusal("invented_specificity", f'the title does not say "{added[0]}"')
    extra = sorted(word for word in affirmed(said) - subject.allowed_words if not word.isdigit())
    known = [word for word in extra if word in subject.chapter.words or word in subject.words_of_others]
    if known or len(extra) > (0 if _RESIDUAL.search(subject.title) else 1):
        return Refusal("invented_specificity", f'the title does not say "{(known or extra)[0]}"')
    return None


def _not_told_apart(said: frozenset[str], subject: Subject) -> Refusal | None:
    if better := subject.chapter.better(said - subject.axis, subject.family_code):
        return Refusal("not_told_apart", f'it fits "{better}" better; say more of the title')
    first: Refusal | None = None
    for contrasts in subject.told_from:
        missing = next(((other, needed) for other, needed in contrasts if not needed & said), None)
        if missing is None:
            return None
        words = " or ".join(f'"{word.replace(NEGATED, "no ")}"' for word in sorted(missing[1]))
        first = first or Refusal("not_told_apart", f'it would fit "{missing[0]}" as well; say {words}')
    return first


def _duplicate(phrase: str, subject: Subject, taken: Mapping[frozenset[str], str]) -> Refusal | None:
    key, folded = subject.key(phrase), fold(phrase)
    other = subject.keys_of_others.get(key) or taken.get(key)
    if other is None:
        other = next((text for text in subject.evidence_of_others if _is_near(folded, text)), None)
    return Refusal("near_duplicate", f'it says the same as "{other}"') if other else None


def _is_near(folded: str, other: str) -> bool:
    return fuzz.ratio(folded, fold(other), score_cutoff=_NEAR) > 0 and _distinctions(folded) == _distinctions(other)
