"""Meaning of a phrase, word by word, however it is written: ``Fx R distal tibia`` and ``fracture of lower end of right tibia``.

Only wordings that mean the same in every note stand here. An abbreviation of a title's own words (``LOC``, ``ACL``) needs no
entry: see :func:`words_said`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ccl_assets.text.content_words import singular
from ccl_assets.text.plain_titles import plain_title

_PHRASES: list[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern), word)
    for pattern, word in (
        (r"['’]s?\b", ""),
        (r"\bw/o\b|\bno (?:evidence|signs?) of\b|\bneg(?:ative)? for\b|\bdenie[sd]\b|\bfree of\b", " without "),
        (r"\bw/", " with "),
        (r"\bb/l\b", " bilateral "),
        (r"\b(?:d/t|2/2|due to|secondary to)", " due "),
        (r"\bwith or without \w+(?: \w+)?", " "),
        (r"\bnot elsewhere classified\b|\bnot otherwise specified\b", " "),
        (r"\btoxic effects?\b|\btoxicity\b|\bintoxication\b|\boverdose[ds]?\b|\bpoisoned\b", " poisoning "),
        (r"\bself[- ]?(?:harm|inflicted)\b|\bsuicid(?:e|al)(?: attempt)?\b", " selfharm "),
        (r"\b(?:unknown|unclear|undetermined) intent\b|\bintent (?:unknown|unclear|undetermined)\b", " undetermined "),
        (r"\bpick[- ]?up\b", " pickup "),
        (r"\b(?:non|un)[- ]?disp(?:l(?:aced)?)?\b", " nondisplaced "),
        (r"\bnon-?traffic\b", " nontraffic "),
        (r"\bmotor-vehicle\b", " motor vehicle "),
        (r"\b(?:mv[ac]|rta)\b", " accident "),
        (r"\bheat stroke\b", " heatstroke "),
        (r"\b(?:bi)?cyclist\b|\bbicycl(?:e|ing)\b", " pedal cycle "),
        (r"\bshoulder blade\b", " scapula "),
        (r"\bshin[- ]?bone\b", " tibia "),
        (r"\bthigh[- ]?bone\b", " femur "),
        (r"\bheel[- ]?bone\b", " calcaneus "),
    )
]
_SAME = {
    "right": "r rt",
    "left": "l lt",
    "bilateral": "bilat bilaterally",
    "right eye": "od",
    "left eye": "os",
    "bilateral eye": "ou",
    "fracture": "fx fxs frx fractured broken",
    "laceration": "lac lacs lacerated",
    "dislocation": "disloc dislocated",
    "subluxation": "sublux subluxed",
    "displaced": "displ",
    "comminuted": "comm",
    "contusion": "bruise bruised bruising contused",
    "burn": "burned burnt",
    "sprain": "sprained",
    "strain": "strained",
    "tear": "torn",
    "rupture": "ruptured",
    "crush": "crushing crushed",
    "bite": "bitten",
    "abrasion": "abraded scrape scraped",
    "amputation": "amputated",
    "avulsion": "avulsed",
    "infection": "infected",
    "hemorrhage": "bleed bleeding hemorrhagic",
    "accidental": "unintentional accidentally unintentionally",
    "poisoning venom": "envenomation",
    "collision": "collided colliding",
    "struck": "hit striking",
    "traffic": "road highway street",
    "lower end": "distal",
    "upper end": "proximal",
    "little": "pinky",
    "prosthesis": "prosthetic",
    "leakage": "leak leaking leaked",
    "clavicle": "collarbone clavicular",
    "patella": "kneecap patellar",
    "coccyx": "tailbone coccygeal",
    "tibia": "tibial tib",
    "femur": "femoral",
    "fibula": "fibular fib",
    "humerus": "humeral",
    "radius": "radial",
    "ulna": "ulnar",
    "scapula": "scapular",
    "pelvis": "pelvic",
    "vertebra": "vertebrae vertebral",
    "phalanx": "phalanges phalangeal",
    "calcaneus": "calcaneal",
    "talus": "talar",
    "mandible": "mandibular",
    "sternum": "sternal",
    "acetabulum": "acetabular",
    "malleolus": "malleolar malleoli",
    "condyle": "condylar",
    "trochanter": "trochanteric",
    "sacrum": "sacral",
    "thorax": "thoracic chest",
    "abdomen": "abdominal abd",
    "kidney": "renal",
    "liver": "hepatic",
    "spleen": "splenic",
    "heart": "cardiac",
    "lung": "pulmonary",
    "cerebrum": "cerebral",
    "stomach": "gastric",
    "pancreas": "pancreatic",
    "esophagus": "esophageal",
    "trachea": "tracheal",
    "bronchus": "bronchial bronchi",
    "nose": "nasal",
    "eye": "ocular",
    "cornea": "corneal",
    "retina": "retinal",
    "aorta": "aortic",
    "vein": "venous",
    "artery": "arterial",
    "colon": "colonic",
    "ureter": "ureteral ureteric",
    "uterus": "uterine",
    "ovary": "ovarian",
    "testis": "testes testicular",
    "penis": "penile",
    "rectum": "rectal",
    "axilla": "axillary",
    "degree": "deg",
    "foot": "feet",
    "tooth": "teeth",
}
_MEANT = {word: meaning.split() for meaning, words in _SAME.items() for word in words.split()}
_ORDINALS = dict(
    zip(
        ("1st", "2nd", "3rd", *(f"{number}th" for number in range(4, 13))),
        [
            "first",
            "second",
            "third",
            "fourth",
            "fifth",
            "sixth",
            "seventh",
            "eighth",
            "ninth",
            "tenth",
            "eleventh",
            "twelfth",
        ],
        strict=True,
    )
)
_TOKEN = re.compile(r"\d+(?:st|nd|rd|th)\b|\d+(?:\.\d+)?|[^\W\d_]+\d*|[,;:.()]")
_NEGATION = frozenset({"no", "not", "without"})
_ENDS_NEGATION = frozenset({"of", "to", "into", "at", "in", "on", "and", "with", "due", "but", "by", "from"})
FUNCTION_WORDS = frozenset(
    {
        "a",
        "an",
        "and",
        "any",
        "as",
        "at",
        "by",
        "due",
        "for",
        "from",
        "in",
        "into",
        "is",
        "its",
        "of",
        "off",
        "on",
        "or",
        "out",
        "than",
        "that",
        "the",
        "this",
        "to",
        "was",
        "which",
        "while",
        "with",
    }
)
SILENT_WORDS = frozenset({"unspecified", "specified", "classified", "elsewhere", "nec", "nos", "nonvenomous"})
"""Words of the classification that a note leaves out."""
NEGATED = "no:"


@lru_cache(maxsize=65_536)
def clinical_words(text: str) -> frozenset[str]:
    """The words of meaning of a phrase, spellings, word forms and abbreviations made equal; negated ones are marked ``no:``.

    Function words and the words of the classification (``unspecified``, ``NEC``) are left out.
    """
    text = text.lower()
    for pattern, word in _PHRASES:
        text = pattern.sub(word, text)
    found: set[str] = set()
    is_negated = False
    for token in _TOKEN.findall(text):
        if token in _NEGATION:
            is_negated = True
        elif token in _ENDS_NEGATION or not token[0].isalnum():
            is_negated = False
        if token[0].isalnum() and token not in FUNCTION_WORDS and token not in _NEGATION:
            for word in _MEANT.get(token) or _MEANT.get(_singular(token)) or [_singular(_ORDINALS.get(token, token))]:
                if word not in SILENT_WORDS:
                    found.add(NEGATED + word if is_negated else word)
    return frozenset(found)


def affirmed(words: frozenset[str]) -> frozenset[str]:
    """The same words, negated or not."""
    return frozenset(word.removeprefix(NEGATED) for word in words)


@lru_cache(maxsize=65_536)
def title_words(title: str) -> frozenset[str]:
    """The clinical words of a title or inclusion term, without those that only the classification has."""
    return clinical_words(plain_title(title))


def words_said(phrase: str, text: str) -> frozenset[str]:
    """The clinical words of a phrase, capitals that abbreviate words of ``text`` written out.

    ``ACL`` is found in "anterior cruciate ligament", ``LOC`` in "loss of consciousness".
    """
    said = clinical_words(phrase)
    words = re.findall(r"[a-z]+", text.lower())
    for short in set(re.findall(r"\b[A-Z]{2,5}\b", phrase)):
        for kept in (words, [word for word in words if word not in FUNCTION_WORDS]):
            begin = "".join(word[0] for word in kept).find(short.lower())
            if begin >= 0:
                meant = clinical_words(" ".join(kept[begin : begin + len(short)]))
                for prefix in ("", NEGATED):
                    written = prefix + _singular(short.lower())
                    if written in said:
                        said = said - {written} | {prefix + word for word in affirmed(meant)}
                break
    return said


def _singular(word: str) -> str:
    is_hissing = len(word) > 4 and word.endswith(("sses", "xes", "shes", "ches"))
    return word[:-2] if is_hissing else singular(word)
