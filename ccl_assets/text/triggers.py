"""Trigger phrases found in the words of a note, the longest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from ccl_assets.text.note_tokens import fold_words
from ccl_assets.text.rule_files import triggers, word_groups, word_set


class Assertion(StrEnum):
    """Assertion of a note about a condition it names."""

    PRESENT = "present"
    NEGATED = "negated"
    FAMILY = "family"
    OTHER_PERSON = "other_person"
    HYPOTHETICAL = "hypothetical"
    RESOLVED = "resolved"
    HISTORICAL = "historical"
    UNCERTAIN = "uncertain"


class Direction(StrEnum):
    """Side on which a trigger's condition stands."""

    FORWARD = "forward"  # behind it, up to the end of the scope
    NEAR = "near"  # the next words only
    BACKWARD = "backward"  # before it
    TAIL = "tail"  # before it, where it ends its part of the sentence
    NEAR_BACK = "near-back"  # the words just before it
    BOTH = "both"
    VALUE = "value"  # before the colon, where it is all that stands behind


@dataclass(frozen=True, slots=True)
class Found:
    """A trigger in a note: its word range (end-exclusive) and what it may say, one entry for each direction."""

    begin: int
    end: int
    says: tuple[tuple[Assertion, Direction], ...]


@dataclass(frozen=True)
class Rules:
    """The trigger rules of a language, words folded as those of a note.

    Attributes:
        phrases: By first word the other words of each phrase, longest first, with what it says; nothing for a phrase that only
            looks like a trigger.
        values: What the whole value of "X: value" says.
        scope_ends: Words at which a scope ends.
        verbs: Finite verbs.
        predicates: Words that say how something is, without a verb.
        passives: Participles that report a finding after "to be".
        relatives: Groups of words around a relative.
    """

    phrases: dict[str, list[tuple[tuple[str, ...], tuple[tuple[Assertion, Direction], ...]]]]
    values: dict[tuple[str, ...], Assertion]
    scope_ends: frozenset[str]
    verbs: frozenset[str]
    predicates: frozenset[str]
    passives: frozenset[str]
    relatives: dict[str, frozenset[str]]


@lru_cache(maxsize=4)
def rules(language: str) -> Rules:
    """The rules of a language."""
    phrases: dict[tuple[str, ...], dict[Direction, Assertion]] = {}
    values: dict[tuple[str, ...], Assertion] = {}
    for trigger in triggers(language):
        words = tuple(fold_words(trigger.phrase))
        if not words:
            continue
        if trigger.direction == "skip":
            phrases.setdefault(words, {})
        elif trigger.direction == Direction.VALUE:
            values[words] = Assertion(trigger.status)
        else:
            phrases.setdefault(words, {}).setdefault(Direction(trigger.direction), Assertion(trigger.status))
    table: dict[str, list[tuple[tuple[str, ...], tuple[tuple[Assertion, Direction], ...]]]] = {}
    for words in sorted(phrases, key=len, reverse=True):
        says = tuple((status, direction) for direction, status in phrases[words].items())
        table.setdefault(words[0], []).append((words[1:], says))
    relatives = {
        kind: frozenset(word for phrase in found for word in (" ".join(fold_words(phrase)),))
        for kind, found in word_groups("relatives", language).items()
    }
    return Rules(
        table,
        values,
        word_set("scope_ends", language),
        word_set("verbs", language),
        word_set("predicates", language),
        word_set("passives", language),
        relatives,
    )


def find_triggers(words: Sequence[str], begin: int, end: int, given: Rules) -> Iterator[Found]:
    """The triggers among the words of a statement, from left to right, none overlapping.

    Of two that overlap the first is taken, unless it looks back and the other ends later: "has been ruled out" gives way to
    "been ruled out for".
    """
    kept: Found | None = None
    for position in range(begin, end):
        if words[position] not in given.phrases:
            continue
        for rest, says in given.phrases[words[position]]:
            stop = position + 1 + len(rest)
            if stop <= end and (not rest or tuple(words[position + 1 : stop]) == rest):
                if kept is not None and position < kept.end:
                    if stop > kept.end and not _looks_forward(kept):
                        kept = Found(kept.begin if says else position, stop, says)
                    break
                if kept is not None and kept.says:
                    yield kept
                kept = Found(position, stop, says)
                break
    if kept is not None and kept.says:
        yield kept


def _looks_forward(found: Found) -> bool:
    return not found.says or any(direction in {Direction.FORWARD, Direction.NEAR} for _, direction in found.says)
