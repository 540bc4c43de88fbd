"""A title of the classification as a note would say it."""

from __future__ import annotations

import re

_BRACKETS = re.compile(r" ?\[[^\]]*\]| ?\((?!suspected)[^)]*\)")
_CLASSIFICATION = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r",? not elsewhere classified|,? not otherwise specified|,? \b(?:NOS|NEC)\b",
        r",? unspecified(?= with or without)",
        r",? with or without [\w ]+$",
        r"\bother and unspecified (?=\w)",
        r" of unspecified duration\b",
        r",? of unspecified (?:sites?|parts?|degree|region)\b",
        r",? unspecified (?:sites?|parts?|degree|depth|trimester|quadrant|whether traffic or nontraffic accident)\b",
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
