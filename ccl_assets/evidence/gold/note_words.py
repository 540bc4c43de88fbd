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
    """Short forms, lay words and their long forms by code; an ambiguous short form is left to the words around it.

    The table names codes of one release. Where another has not split or not yet added the code, the one above it stands for it.
    """
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for form in load_short_forms():
        if form.language != "en" or not form.is_condition or not (code := _code(form.code, ontology)):
            continue
        if not is_ambiguous(form.short):
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
