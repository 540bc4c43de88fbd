"""Which words of a note do not speak of the patient's condition: negated, ruled out, of a relative, hypothetical.

Rules after NegEx (Chapman et al. 2001) and ConText (Harkema et al. 2009), reduced to what a look-up needs: trigger
phrases that look forward or backward within their statement, words that end their scope, sections left out as a whole.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from ccl_assets.text.note_tokens import Break, NoteTokens, fold_words

FORWARD_REACH = 12
BACKWARD_REACH = 8

_RELATIVES = (
    "mother", "father", "brother", "sister", "sibling", "aunt", "uncle", "grandmother", "grandfather", "grandparent",
    "cousin", "mom", "dad", "mgm", "mgf", "pgm", "pgf",
)  # fmt: skip
_OF_RELATIVES = ("with", "w", "had", "has", "died", "diagnosed", "who", "history", "hx", "h")

FORWARD_TRIGGERS = (
    "no", "not", "nor", "never had", "neither", "without", "w/o", "denies", "denied", "denying",
    "negative for", "neg for", "no evidence of", "absence of", "absent", "free of", "fails to reveal",
    "rather than", "unlikely to have", "r/o", "rule out", "ruled out for", "ruled out", "to exclude",
    "excluded", "evaluate for", "eval for", "concern for", "risk of", "risk for", "prevent", "prevention of",
    "prophylaxis against", "screening for", "return for", "return if", "call if", "call for", "watch for",
    "monitor for", "if", "should she develop", "should he develop", "family history of", "family history",
    "family hx", "fh", "fhx", "fam hx",
    *(f"{relative} {word}" for relative in _RELATIVES for word in _OF_RELATIVES),
)  # fmt: skip
BACKWARD_TRIGGERS = (
    "was ruled out", "were ruled out", "is ruled out", "been ruled out", "ruled out", "excluded", "unlikely",
    "was negative", "were negative", "is negative", "negative", "not seen", "not identified", "not present",
    "was not found", "absent", "denied", "in mother", "in father", "in brother", "in sister",
)  # fmt: skip
# Look like triggers and are none.
PSEUDO_TRIGGERS = ("no change", "no increase", "no further", "not only", "no longer on", "not taking", "gram negative")
SCOPE_ENDS = frozenset({
    "but", "however", "except", "although", "though", "yet", "nevertheless", "aside", "besides", "which",
    "presents", "presented", "presenting", "reports", "reported", "complains", "complaining", "secondary",
    "because", "since",
})  # fmt: skip

_HEAD_END = r"\s*(?::|-|$)"
_EXCLUDED_HEADS = (
    rf"(?:(?:pertinent |significant )?family(?: medical)?(?: history| hx)?|fam hx|fhx?){_HEAD_END}"
    rf"|(?:discharge |followup |follow-up |patient )?instructions{_HEAD_END}|return precautions{_HEAD_END}"
)
_EXCLUDED_HEAD = re.compile(rf"^[ \t*#]*(?:{_EXCLUDED_HEADS})", re.IGNORECASE | re.MULTILINE)
_ANY_HEAD = re.compile(
    rf"^[ \t*#]*(?!(?i:(?:maternal |paternal )?(?:{'|'.join(_RELATIVES)}|son|daughter|child|parent)s?\b))"
    r"(?:[A-Z][A-Za-z/&()' -]{1,50}:|[A-Z][A-Z/&() -]{3,50}$)",
    re.MULTILINE,
)


def excluded_words(text: str, tokens: NoteTokens, found: Iterable[tuple[int, int]] = ()) -> list[bool]:
    """Mark the words that do not speak of the patient's present condition.

    Args:
        text: The note.
        tokens: Its words.
        found: Word ranges that are terms: a trigger within one is part of the term ("diabetes without complications").

    Returns:
        One flag per word.
    """
    words = tokens.words
    excluded = [False] * len(words)
    in_term = [False] * len(words)
    for begin, end in found:
        in_term[begin:end] = [True] * (end - begin)
    for begin, end, direction in _triggers(words):
        if any(in_term[begin:end]):
            continue
        if direction >= 0:
            for position in _forward_scope(tokens, end):
                excluded[position] = True
        if direction <= 0:
            for position in _backward_scope(tokens, begin):
                excluded[position] = True
    for first, last in _excluded_sections(text):
        for position in range(bisect_left(tokens.begins, first), bisect_left(tokens.begins, last)):
            excluded[position] = True
    return excluded


def _phrase_table() -> dict[str, list[tuple[tuple[str, ...], int | None]]]:
    """Phrases by first word, longest first; 1 forward, -1 backward, 0 both, ``None`` neither."""
    directions: dict[tuple[str, ...], int | None] = {tuple(fold_words(phrase)): 1 for phrase in FORWARD_TRIGGERS}
    for phrase in BACKWARD_TRIGGERS:
        words = tuple(fold_words(phrase))
        directions[words] = 0 if words in directions else -1
    directions |= {tuple(fold_words(phrase)): None for phrase in PSEUDO_TRIGGERS}
    table: dict[str, list[tuple[tuple[str, ...], int | None]]] = {}
    for words in sorted(directions, key=len, reverse=True):
        table.setdefault(words[0], []).append((words, directions[words]))
    return table


_PHRASES = _phrase_table()


def _triggers(words: list[str]) -> Iterator[tuple[int, int, int]]:
    position = 0
    while position < len(words):
        for phrase, direction in _PHRASES.get(words[position], ()):
            end = position + len(phrase)
            if tuple(words[position:end]) == phrase:
                if direction is not None:
                    yield position, end, direction
                position = end - 1
                break
        position += 1


def _forward_scope(tokens: NoteTokens, begin: int) -> Iterator[int]:
    for position in range(begin, min(len(tokens.words), begin + FORWARD_REACH)):
        if tokens.breaks[position] is Break.STATEMENT or tokens.words[position] in SCOPE_ENDS:
            return
        yield position


def _backward_scope(tokens: NoteTokens, end: int) -> Iterator[int]:
    if tokens.breaks[end] is Break.STATEMENT:
        return
    for position in range(end - 1, max(-1, end - 1 - BACKWARD_REACH), -1):
        if tokens.words[position] in SCOPE_ENDS:
            return
        yield position
        if tokens.breaks[position] is Break.STATEMENT:
            return


def _excluded_sections(text: str) -> Iterator[tuple[int, int]]:
    """From an excluded head to the next head of any kind."""
    for head in _EXCLUDED_HEAD.finditer(text):
        after = _ANY_HEAD.search(text, head.end())
        yield head.start(), after.start() if after else len(text)
