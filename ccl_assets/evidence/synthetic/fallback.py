"""Evidence without a model: title and inclusion terms without words of the classification, and in the style of notes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ccl_assets.evidence.synthetic.note_style import note_style
from ccl_assets.text.plain_titles import plain_title

_LONGEST_TERM_WORDS = 14
_NO_PHRASE = re.compile(r"classif|laterality|:$|\b(?:in|to|of) [A-Z]\d")


def fallback_phrases(title: str, terms: Sequence[str]) -> Iterator[str]:
    """Phrases that may stand for a code, best first: the plain title and plain inclusion terms, each also in the style of notes."""
    usable = [term for term in terms if len(term.split()) <= _LONGEST_TERM_WORDS and not _NO_PHRASE.search(term)]
    for text in (title, *usable):
        plain = plain_title(text)
        yield plain
        if (noted := note_style(plain)) != plain:
            yield noted
