"""Evidence without a model: title and inclusion terms, without the words that only the classification has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ccl_assets.text.plain_titles import plain_title

_LONGEST_TERM_WORDS = 14
_NO_PHRASE = re.compile(r"classif|laterality|:$|\b(?:in|to|of) [A-Z]\d")


def fallback_phrases(title: str, terms: Sequence[str]) -> Iterator[str]:
    """What may stand for a code, best first: the plain title, plain inclusion terms."""
    yield plain_title(title)
    for term in terms:
        if len(term.split()) <= _LONGEST_TERM_WORDS and not _NO_PHRASE.search(term):
            yield plain_title(term)
