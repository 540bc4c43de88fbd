"""Target of one printed cross-reference: its form is told, then its target sought step by step.

The rules of choice are here; comparing words is done in :mod:`ccl_assets.icd.index.tree`, whole tables in
:mod:`ccl_assets.icd.index.cross_references`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ccl_assets.icd.code import CATEGORY
from ccl_assets.icd.index.tree import STEPS, Term, TermTree
from ccl_assets.icd.index.words import core_words, plain_words, printed_parts, stems, without_parentheses

OUTCOMES = {
    "resolved": "leads to one term",
    "resolved_spelling": "leads to one term once a misspelt word, unknown to the index, is put right by one letter",
    "resolved_choice": "leads to one term below which the reader chooses by site, type or drug; the term's own code is not meant",
    "by_site_or_type": "leaves a choice by site or type in the middle of the path, so leads to many terms",
    "ambiguous": "fits several terms",
    "not_found": "fits no term of this release",
    "self_reference": "fits no term but itself, or one that makes the same reference",
    "instruction": "tells to look under the condition, names no term",
    "codes": "names codes or a category, no term",
    "table": "names the Table of Drugs and Chemicals as a whole",
}
RESOLVED = ("resolved", "resolved_spelling")
INDEX, NEOPLASM, DRUG, EXTERNAL = "alphabetic_index", "neoplasm_table", "drug_table", "external_cause_index"

_PREFIX = re.compile(r"^[\s-]*(?:see\b\s*)?(?:also\b\s*)?", re.IGNORECASE)
_ELSEWHERE = {
    re.compile(r"^index to external causes?(?: of injur(?:y|ies))?\s*,\s*", re.IGNORECASE): EXTERNAL,
    re.compile(r"^index to diseases?(?: and injur(?:y|ies))?\s*,\s*", re.IGNORECASE): INDEX,
}
_NEOPLASMS = re.compile(r"^(?:table of neoplasms|neoplasm(?: table)?)\s*(?=,|$)", re.IGNORECASE)
_DRUGS = re.compile(r"^table of drugs and (?:chemicals|biologicals)\s*,?\s*", re.IGNORECASE)
_CHOICES = re.compile(
    r"^by (?:body |name of |specified |specific )?"
    r"(?:agent|animal|cause|device|disease|drug|histology|object|region|site|specific|substance|type)\b"
    r"|^or the specifi(?:c|ed) "
)
_COMMA_LEFT_OUT = re.compile(r"(?<=[^\s,])\s+(?=by (?:site|type)\b)|(?<=by type)\s+(?=complicated|with)", re.IGNORECASE)
_INSTRUCTION = re.compile(
    r"^(?:conditions?\b|nature of injury|note at|specific type of injury|specified injury|specific (?:protein|substance)"
    r"|specified substance|substance specified)",
    re.IGNORECASE,
)
_CODES = re.compile(rf"^(?:{CATEGORY}\b|(?i:(?:sub)?categor(?:y|ies)\b|with 7th character))")
_CODE_AT_END = re.compile(rf"\s+{CATEGORY}(?:\.\w+)?$")
_CATEGORIES = re.compile(r"\bcategor(?:y|ies)\b", re.IGNORECASE)
_BEHAVIORS = {
    "malignant": "Malignant Primary",
    "malignant primary": "Malignant Primary",
    "primary": "Malignant Primary",
    "secondary": "Malignant Secondary",
    "malignant secondary": "Malignant Secondary",
    "in situ": "Ca in situ",
    "benign": "Benign",
    "uncertain behavior": "Uncertain Behavior",
    "unspecified behavior": "Unspecified Behavior",
}
_DRUG_COLUMNS = {"poisoning", "adverse effect", "accident", "underdosing"}


@dataclass(frozen=True, slots=True)
class Resolution:
    """Outcome of a cross-reference.

    Attributes:
        outcome: One of :data:`OUTCOMES`.
        target_ids: The term it leads to; several where the index prints the same term and code several times.
        step: The step of the search that settled it.
    """

    outcome: str
    target_ids: tuple[str, ...] = ()
    step: str | None = None


class CrossReferences:
    """The terms of all sources of a release, ready to be referred to."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Build from rows of ``icd/index_terms`` in their order."""
        by_source: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self._cells: dict[tuple[str, str], str] = {}
        for row in rows:
            if row["cell"] is None:
                by_source[row["source"]].append(row)
            else:
                self._cells[row["term_id"].partition("#")[0], row["cell"]] = row["term_id"]
        self._trees = {source: TermTree(terms) for source, terms in by_source.items()}

    def resolve(self, source: str, term_id: str, reference: str) -> Resolution:
        """Find the target of a printed reference.

        Args:
            source: Source of the term that makes it.
            term_id: Id of that term.
            reference: The text of ``see`` or ``see also``.
        """
        target = _CODE_AT_END.sub("", _PREFIX.sub("", reference).strip(" ,"))
        if _INSTRUCTION.match(target):
            return Resolution("instruction")
        if _DRUGS.match(target):
            return self._in_drug_table(term_id, target)
        if _CODES.match(target):
            return Resolution("codes")
        if _NEOPLASMS.match(target):
            return self._in_neoplasm_table(term_id, target)
        for prefix, elsewhere in _ELSEWHERE.items():
            if prefix.match(target):
                return self._with_choice((elsewhere,), term_id, prefix.sub("", target))
        fallback = {NEOPLASM: (INDEX,), INDEX: (EXTERNAL,)}.get(source, ())
        return self._with_choice((source, *fallback), term_id, target)

    def _with_choice(self, sources: Sequence[str], term_id: str, target: str) -> Resolution:
        parts = [part.strip() for part in _COMMA_LEFT_OUT.sub(", ", target).split(",") if part.strip()]
        named = [part for part in parts if not _CHOICES.match(part.lower())]
        if len(named) == len(parts):
            return self._search(sources, term_id, target)
        if not named or parts[: len(named)] != named:
            return Resolution("by_site_or_type" if named else "instruction")
        found = self._search(sources, term_id, ", ".join(named))
        return Resolution("resolved_choice", found.target_ids, found.step) if found.outcome in RESOLVED else found

    def _in_neoplasm_table(self, term_id: str, target: str) -> Resolution:
        """A site is a term, a behavior is a cell of it; without a site, or "by site", the choice is the reader's."""
        parts = printed_parts(without_parentheses(_NEOPLASMS.sub("neoplasm", target)))[1:]
        sites = [part for part in parts if part not in _BEHAVIORS and not _CHOICES.match(part)]
        behaviors = {_BEHAVIORS[part] for part in parts if part in _BEHAVIORS}
        found = self._search((NEOPLASM,), term_id, ", ".join(("neoplasm", *sites)))
        if found.outcome not in RESOLVED:
            return found
        if not sites or any(map(_CHOICES.match, parts)):
            return Resolution("resolved_choice", found.target_ids, found.step)
        if not behaviors:
            return found
        cells = [self._cells.get((target_id, behavior)) for target_id in found.target_ids for behavior in behaviors]
        filled = tuple(cell for cell in cells if cell)
        return Resolution(found.outcome, filled, found.step) if len(filled) == 1 else Resolution("not_found")

    def _in_drug_table(self, term_id: str, target: str) -> Resolution:
        """A substance is a term; "poisoning" leaves the intent open, so no cell is meant."""
        parts = printed_parts(_DRUGS.sub("", target))
        named = [part for part in parts if not _CHOICES.match(part) and part not in _DRUG_COLUMNS]
        if not named:
            return Resolution("table")
        if _CATEGORIES.search(target):
            return Resolution("codes")
        found = self._search((DRUG,), term_id, ", ".join(named))
        return Resolution("resolved_choice", found.target_ids, found.step) if found.outcome in RESOLVED else found

    def _search(self, sources: Sequence[str], term_id: str, target: str) -> Resolution:
        trees = [(source, self._trees[source]) for source in sources if source in self._trees]
        refers_to_itself = False
        for tried, (source, tree) in enumerate(trees):
            own = self._own(term_id, source)
            # in another index than its own a reference must be printed as the term is
            for step in STEPS if tried == 0 else ("printed", "words"):
                found = tree.find(target, step)
                others = [term for term in found if not _refers_like(own, term)]
                refers_to_itself |= len(others) < len(found)
                if others:
                    return _settled(own, others, "resolved", step)
        for source, tree in trees[:1]:
            respelt = tree.respelt(target)
            for step in STEPS if respelt else ():
                if found := tree.find(respelt or "", step):
                    return _settled(self._own(term_id, source), found, "resolved_spelling", step)
        return Resolution("self_reference" if refers_to_itself else "not_found")

    def _own(self, term_id: str, source: str) -> Term | None:
        return self._trees[source].terms.get(term_id)


def _refers_like(own: Term | None, found: Term) -> bool:
    """Whether the term found is the referring one, or sends on with the same words, so is not what these words mean."""
    return own is not None and (
        found is own or (bool(found.row["see"]) and _bag(own.row["see"]) == _bag(found.row["see"]))
    )


@lru_cache(maxsize=20_000)
def _bag(reference: str | None) -> frozenset[str]:
    return frozenset(stems(core_words(plain_words(reference or ""))))


def _settled(own: Term | None, found: Sequence[Term], outcome: str, step: str) -> Resolution:
    if len(found) > 1 and own is not None and len({term.main for term in found}) > 1:
        found = [term for term in found if term.main is own.main] or found
    first = found[0].row
    if len(found) == 1 or (
        first["code"] and all(term.row["path"] == first["path"] and term.row["code"] == first["code"] for term in found)
    ):
        return Resolution(outcome, tuple(term.term_id for term in found), step)
    return Resolution("ambiguous", (), step)
