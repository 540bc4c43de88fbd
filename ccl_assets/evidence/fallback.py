"""Evidence without a model: title and inclusion terms, without the words that only the classification has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_LONGEST_TERM_WORDS = 14
_BRACKETS = re.compile(r" ?\[[^\]]*\]| ?\((?!suspected)[^)]*\)")
_NO_PHRASE = re.compile(r"classif|laterality|:$|\b(?:in|to|of) [A-Z]\d")
_CLASSIFICATION = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r",? not elsewhere classified|,? not otherwise specified|,? \b(?:NOS|NEC)\b",
        r",? unspecified(?= with or without)",
        r",? with or without [\w ]+$",
        r"\bother and unspecified (?=\w)",
        r",? of unspecified (?:sites?|parts?|degree|region)\b",
        r",? unspecified (?:sites?|parts?|degree|trimester|quadrant|whether traffic or nontraffic accident)\b",
        r",? (?:(?:site|level|degree|type|part|means|severity|stage)s? )?\bunspecified(?=$|,)",
        r"\bunspecified (?=\w)",
        r"(?<=other )specified (?=\w)",
    )
]


def plain_title(title: str) -> str:
    """A title as a note would have it: ``Unspecified fracture of navicular [scaphoid] bone`` -> ``Fracture of navicular bone``."""
    text = _BRACKETS.sub("", title)
    for pattern in _CLASSIFICATION:
        text = pattern.sub("", text)
    text = re.sub(r"\s+", " ", re.sub(r"\s+,", ",", text)).strip(" ,;")
    return text[:1].upper() + text[1:] if title[:1].isupper() else text


def fallback_phrases(title: str, terms: Sequence[str]) -> Iterator[str]:
    """What may stand for a code, best first: the plain title, plain inclusion terms."""
    yield plain_title(title)
    for term in terms:
        if len(term.split()) <= _LONGEST_TERM_WORDS and not _NO_PHRASE.search(term):
            yield plain_title(term)
