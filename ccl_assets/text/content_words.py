"""The words of a phrase that say what it is about: function words left out, plural endings folded."""

from __future__ import annotations

# not "a", which names vitamins and hepatitis
FUNCTION_WORDS = frozenset(("an", "and", "as", "at", "by", "for", "in", "of", "on", "or", "s", "the", "to", "with"))


def content_words(folded: str) -> tuple[str, ...]:
    """The words of a folded phrase that count, in order: ``"fractures of the tibia"`` gives fracture, tibia."""
    return tuple(singular(word) for word in folded.split() if word not in FUNCTION_WORDS)


def singular(word: str) -> str:
    """A folded word without its plural ending: ``"fractures"`` becomes ``"fracture"``, ``"biopsies"`` ``"biopsy"``."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
