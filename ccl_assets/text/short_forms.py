"""Short forms and lay words of US notes with what they stand for: ``HTN``, ``s/p``, ``sugar diabetes``.

The table, ``short_forms.tsv``, is the project's own. A short form with several long forms has a row for each, with the words
near it that decide. Where a short form stands in a note is the work of ``short_form_mentions.py``.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from ccl_assets.text.content_words import singular
from ccl_assets.text.note_tokens import fold_word

TABLE = Path(__file__).with_name("short_forms.tsv")
USUAL = "*"
"""Stands among the context words of a meaning that is taken where no context word of any meaning is near."""
_PIECE = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[/&+°]")


class Kind(StrEnum):
    """The way a short form comes about."""

    ABBREVIATION = "abbreviation"
    LAY = "lay"
    MODIFIER = "modifier"


class Topic(StrEnum):
    """The kind of thing a long form names. Only conditions and statuses lead to codes; a coder can mask the others."""

    CONDITION = "condition"
    STATUS = "status"
    DRUG = "drug"
    PROCEDURE = "procedure"
    TEST = "test"
    ANATOMY = "anatomy"
    ORGANISM = "organism"
    PLACE_OR_PERSON = "place_or_person"
    TIME_OR_ROUTE = "time_or_route"
    MODIFIER = "modifier"
    OTHER = "other"


@dataclass(frozen=True)
class ShortForm:
    """One meaning of a short form.

    Attributes:
        short: The short form as notes write it.
        long: The long form; several rows with one ``short`` are an ambiguous short form.
        language: ``en`` or ``es``.
        kind: The way it comes about.
        topic: The kind of thing the long form names.
        code: The billable FY2026 code that the long form alone leads to; empty where it leads to none.
        is_case_sensitive: Whether only this spelling, capitals as they stand, is meant (``AS``, ``OR``).
        is_word: Whether it spells an ordinary word, so that it says nothing where everything is in capitals (``ALL``, ``OR``).
        context: Folded words near an ambiguous short form that speak for this long form.
        is_usual: Whether it is taken where nothing near decides.
        why: The reason of the code where its titles and inclusion terms do not say the long form.
    """

    short: str
    long: str
    language: str
    kind: Kind
    topic: Topic
    code: str
    is_case_sensitive: bool
    is_word: bool
    context: frozenset[str]
    is_usual: bool
    why: str

    @property
    def key(self) -> str:
        """The short form folded, as :func:`short_form_key` gives it."""
        return short_form_key(self.short)

    @property
    def is_condition(self) -> bool:
        """True for a disease, a finding or a status: what a code may be given for."""
        return self.topic in (Topic.CONDITION, Topic.STATUS)


def pieces(text: str) -> list[re.Match[str]]:
    """The words and marks (``/ & + °``) that short forms are made of, with their places."""
    return list(_PIECE.finditer(text))


def short_form_key(text: str) -> str:
    """Fold a short form: case, hyphens, periods and blanks do not count: ``A-fib`` -> ``a fib``, ``S/P`` -> ``s / p``."""
    return " ".join(piece[0].casefold().replace("’", "'") for piece in pieces(text))


@lru_cache(maxsize=1)
def load_short_forms() -> tuple[ShortForm, ...]:
    """Read the table, in its order: by short form, the meanings of one short form side by side."""
    with TABLE.open(encoding="utf-8", newline="") as lines:
        return tuple(_short_form(row) for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


@lru_cache(maxsize=4)
def meanings_by_key(language: str = "en") -> dict[str, tuple[ShortForm, ...]]:
    """All meanings of each folded short form of a language."""
    found: dict[str, list[ShortForm]] = {}
    for form in load_short_forms():
        if form.language == language:
            found.setdefault(form.key, []).append(form)
    return {key: tuple(forms) for key, forms in found.items()}


def possible_meanings(short: str, language: str = "en") -> tuple[ShortForm, ...]:
    """All meanings of a short form as it is written; those that want other capitals are left out."""
    written = _written(short)
    return tuple(
        form
        for form in meanings_by_key(language).get(short_form_key(short), ())
        if not form.is_case_sensitive or _written(form.short) == written
    )


def decide(possible: tuple[ShortForm, ...], context_words: Collection[str]) -> tuple[ShortForm, ...]:
    """Decide between the meanings of a short form by the words near it.

    The one with the most context words near is meant; with none near, the usual one. Without a decision all are left.

    Args:
        possible: Meanings of one short form.
        context_words: Words of the statement, folded by ``fold_word``, or those of the section's heading.
    """
    if len(possible) < 2:
        return possible
    near = {form for word in context_words for form in (word, singular(word))}
    counts = [len(form.context & near) for form in possible]
    best = max(counts)
    chosen = [form for form, count in zip(possible, counts, strict=True) if count == best and (best or form.is_usual)]
    return (chosen[0],) if len(chosen) == 1 else possible


def long_forms(short: str, context_words: Collection[str] = ()) -> tuple[str, ...]:
    """The long forms that an English short form has beside these words: none, the decided one, or all that are possible."""
    return tuple(form.long for form in decide(possible_meanings(short), context_words))


def is_ambiguous(short: str) -> bool:
    """Test that an English short form, so written, has several long forms."""
    return len(possible_meanings(short)) > 1


def _written(text: str) -> str:
    return " ".join(piece[0] for piece in pieces(text))


def _short_form(row: dict[str, str]) -> ShortForm:
    context = row["context"].split()
    return ShortForm(
        short=row["short_form"],
        long=row["long_form"],
        language=row["language"],
        kind=Kind(row["kind"]),
        topic=Topic(row["topic"]),
        code=row["code"],
        is_case_sensitive=row["case_sensitive"] != "",
        is_word=row["case_sensitive"] == "mixed",
        context=frozenset(fold_word(word) for word in context if word != USUAL),
        is_usual=USUAL in context,
        why=row["why"],
    )
