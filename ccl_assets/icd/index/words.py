"""Words of Index titles and cross-references in a form that can be compared: number, accents, fillers, variants.

Nothing here knows of terms or of references.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

Words = tuple[str, ...]

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]*)?")
_PARENTHESES = re.compile(r"\([^()]*\)?")
_ALTERNATIVES = re.compile(r",|\bor\b|\band\b")
_NOT_ELSEWHERE = {"nec", "nos"}
_CONNECTORS = frozenset(
    {"of", "the", "a", "an", "in", "on", "due", "to", "with", "by", "and", "or", "from", "for", "at", "as", "into"}
    | {"associated", "involving", "including", "complicating"}
)
# words that say what kind of thing the word beside them is; "tarsal bone", "saphenous vein", "eye and adnexa"
_KINDS = frozenset(
    {"adnexa", "area", "artery", "bone", "gland", "graft", "joint", "ligament", "medicament", "muscle", "nerve"}
    | {"newborn", "organ", "region", "tract", "vein", "vessel"}
)
_IRREGULAR = {"teeth": "tooth", "feet": "foot", "vertebrae": "vertebra", "vertebral": "vertebra"}
_VARIANT_PREFIX = 3


@dataclass(frozen=True, slots=True)
class Wording:
    """A title or a part of one, in ever less literal forms.

    Attributes:
        printed: Parts between commas, lower case.
        plain: All words, singular, without accents, "NEC" and "NOS".
        core: ``plain`` without connectors such as "of" and "with".
        head: ``core`` of the part before the first comma.
        parts: ``core`` of all parts between commas.
        variants: ``core`` of parts that are other forms of the same word, "infarct, infarction", or alternatives, "a or b".
    """

    printed: Words
    plain: Words
    core: Words
    head: Words
    parts: tuple[Words, ...]
    variants: tuple[Words, ...]


@lru_cache(maxsize=200_000)
def wording(title: str) -> Wording:
    """The forms of a title."""
    if title.isalpha():
        word = _plain(title)
        only: Words = () if word in _NOT_ELSEWHERE else (word,)
        core = core_words(only)
        return Wording((title.lower(),), only, core, core, (core,), ())
    plain = plain_words(title)
    core = core_words(plain)
    if "," not in title:
        parts: tuple[Words, ...] = (core,)
    else:
        parts = tuple(part for text in title.split(",") if (part := core_words(plain_words(text))))
    return Wording(printed_parts(title), plain, core, parts[0] if parts else (), parts, _variants(title))


def without_parentheses(text: str) -> str:
    """Text without the words in parentheses."""
    return " ".join(_PARENTHESES.sub(" ", text).replace(" ,", ",").split())


def printed_parts(text: str) -> Words:
    """Parts between commas, lower case."""
    return tuple(" ".join(part.split()) for part in text.lower().split(",") if part.strip())


def plain_words(text: str) -> Words:
    """Words in their comparable form, without "NEC" and "NOS"."""
    found = _WORD.findall(text.replace("’", "'"))
    return tuple(word for each in found if (word := _plain(each)) not in _NOT_ELSEWHERE)


def core_words(words: Words) -> Words:
    """Words without connectors; "specified site" and "specified type" are "specified"."""
    dropped = _CONNECTORS | {"type", "site"} if "specified" in words else _CONNECTORS
    return tuple(word for word in words if word not in dropped)


@lru_cache(maxsize=100_000)
def stems(words: Words) -> Words:
    """Words with noun and adjective alike: "retina, retinal", "choroid, choroidal"."""
    return tuple(word.removesuffix("l").removesuffix("a") if len(word) > 5 else word for word in words)


@lru_cache(maxsize=100_000)
def without_kinds(words: Words) -> Words:
    """Words without the kind of thing that the others name: "saphenous" of "saphenous vein"."""
    return tuple(word for word in words if word not in _KINDS) or words


def forget_words() -> None:
    """Free the memory that the forms of all titles of a release hold."""
    for cached in (wording, stems, without_kinds, _plain):
        cached.cache_clear()


def one_edit_apart(one: str, other: str) -> bool:
    """Tell whether one letter more, less or other, or two neighbours exchanged, tell two words apart."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    a, b = one[start:], other[start:]
    return a[1:] == b or a == b[1:] or a[1:] == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


@lru_cache(maxsize=100_000)
def _plain(word: str) -> str:
    if not word.isascii():
        word = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    word = word.lower()
    if "'" in word:
        word = word.removesuffix("'s").replace("'", "")
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 5 and word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _variants(title: str) -> tuple[Words, ...]:
    """Forms of the same word, "disease, diseased", and alternatives, "a or b"; a qualifier, "wound, open", is neither."""
    parts = [part for text in _ALTERNATIVES.split(title) if (part := core_words(plain_words(text)))]
    same = [part for part in parts[1:] if len(part) == 1 and part[0][:_VARIANT_PREFIX] == parts[0][0][:_VARIANT_PREFIX]]
    return tuple(dict.fromkeys((parts[0], *same))) if same or (len(parts) > 1 and " or " in title) else ()
