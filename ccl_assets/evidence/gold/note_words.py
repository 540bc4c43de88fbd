"""Gold phrases in the words of notes: short forms and lay words of the project's own table, by the code of the release."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

from ccl_assets.evidence.gold.defaults import default_codes
from ccl_assets.icd.ontology import Ontology
from ccl_assets.text.folding import fold
from ccl_assets.text.short_forms import Kind, is_ambiguous, load_short_forms


@lru_cache(maxsize=2)
def note_words(ontology: Ontology) -> Mapping[str, tuple[str, ...]]:
    """Short forms, lay words and their long forms by code.

    An ambiguous short form stands only for the meaning that is taken where nothing near decides. The table names codes of one
    release; where another has not yet split the code or has it not, the one above it stands for it.
    """
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for form in load_short_forms():
        if form.language != "en" or not form.is_condition or not (code := _code(form.code, ontology)):
            continue
        if not is_ambiguous(form.short) or (form.is_usual and not form.is_case_sensitive):
            found[code].setdefault(fold(form.short), form.short)
        if form.kind is not Kind.LAY or not form.why:
            found[code].setdefault(fold(form.long), form.long)
    return {code: tuple(phrases.values()) for code, phrases in found.items()}


def _code(code: str, ontology: Ontology) -> str | None:
    """The billable, printed code of the release that the table's code is, or is a part of."""
    if code in ontology:
        return code if ontology[code].is_billable else None
    above = code[:-1].rstrip(".")
    if above not in ontology:
        return None
    return above if ontology[above].is_billable else default_codes(ontology).get(above)


def with_short_forms(phrase: str) -> str:
    """A phrase with the first condition in it that has a usual abbreviation abbreviated: ``COPD exacerbation``."""
    words = phrase.split()
    folded = [word.casefold() for word in words]
    known, longest = _shorts()
    for begin, first in enumerate(folded):
        for length in longest.get(first, ()):
            short = known.get(" ".join(folded[begin : begin + length]))
            if short is not None:
                return " ".join([*words[:begin], short, *words[begin + length :]])
    return phrase


@lru_cache(maxsize=1)
def _shorts() -> tuple[Mapping[str, str], Mapping[str, tuple[int, ...]]]:
    """The first unambiguous abbreviation of each long form of several words, and their lengths by the first word."""
    found: dict[str, str] = {}
    for form in load_short_forms():
        is_usual = form.language == "en" and form.kind is Kind.ABBREVIATION and form.is_condition
        if is_usual and len(form.long.split()) > 1 and form.short.isupper() and not is_ambiguous(form.short):
            found.setdefault(form.long.casefold(), form.short)
    lengths: dict[str, set[int]] = defaultdict(set)
    for long in found:
        lengths[long.split()[0]].add(len(long.split()))
    return found, {first: tuple(sorted(some, reverse=True)) for first, some in lengths.items()}
