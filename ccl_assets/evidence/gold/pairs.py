"""Gold pairs: what the release itself says of a code (paper section 3.3, human knowledge bases).

With a full release these are the terms of the Alphabetic Index and its tables with their codes, written as phrases. A release
without an Index, such as the packaged one, gives titles, inclusion terms and includes notes only. A term claims no more than it
says, so the steps that led from it to a code are kept, and the least certain of them is the pair's ``expansion``. Titles and
terms also stand in their default form ("type 2 diabetes"), and the project's own table gives short forms and lay words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ccl_assets.evidence.gold.defaults import default_codes
from ccl_assets.evidence.gold.index_phrases import index_phrase, is_phrase_modifier
from ccl_assets.evidence.gold.note_words import note_words, with_short_forms
from ccl_assets.icd.index.cross_references import follow
from ccl_assets.icd.ontology import Code, Ontology
from ccl_assets.tables.last_built import LastBuilt
from ccl_assets.text.default_forms import default_forms
from ccl_assets.text.folding import fold, pair_id

Row = dict[str, Any]
EXPANSIONS = {
    "direct": "the term stands at this code",
    "see": "the term refers to one that does",
    "default": "the term stands at a header whose default the code is",
    "manifestation": "the code is the bracketed one, never coded alone",
    "seventh_character": "the term stands at the code's stem",
    "dash_subtree": "the term's code ends in a dash, a choice below it is open",
    "header_subtree": "the term's code is a header without a dash, or a category it says to see",
}
_SUREST_FIRST = tuple(EXPANSIONS)
# "Conditions classifiable to C50.-" is an instruction to coders, which no note says; "vitamin B12 deficiency" is not one.
_REFERS_TO_CODES = re.compile(
    r"(?i:classifi|categor|conditions? (?:in|listed)|listed (?:in|under)|as in|included in).*\b[A-Z]\d[0-9A-Z]"
)
_MODIFIERS = re.compile(r"\s*\([a-z][a-z -]*\)")
MOST_BELOW = 100
"""Codes below a header that its own terms are said of, as far as they reach; "fracture" says little of 5,000 codes."""
INDEX_SOURCES = ("alphabetic_index", "neoplasm_table", "drug_table", "external_cause_index")


@dataclass(frozen=True, slots=True)
class Reference:
    """An Index term that leads to a code or to a header above it, and the steps there."""

    term: Mapping[str, Any]
    code: str
    steps: tuple[str, ...]
    has_dash: bool


class IndexReferences:
    """Every reference of the Index by the chapter of the code it leads to. About 3 s for a release of 143,000 terms."""

    def __init__(self, ontology: Ontology, index_terms: Iterable[Mapping[str, Any]]) -> None:
        """Collect the references; codes the release does not have are left out (``icd/index_terms`` reports them)."""
        terms = {term["term_id"]: term for term in index_terms}
        self._by_chapter: dict[str, list[Reference]] = {}
        for term in terms.values():
            for printed, steps in _printed_codes(term, terms):
                stem = printed.rstrip("-").rstrip(".")
                if stem in ontology:
                    reference = Reference(term, stem, steps, printed.endswith("-"))
                    self._by_chapter.setdefault(ontology[stem].chapter, []).append(reference)

    @classmethod
    def from_table(cls, ontology: Ontology, table: pa.Table) -> IndexReferences:
        """Build from rows of ``icd/index_terms``; the last one built is kept, since every chapter needs it."""
        return _LAST.get((ontology, table), lambda: cls(ontology, table.to_pylist()))

    def __getitem__(self, chapter: str) -> Sequence[Reference]:
        return self._by_chapter.get(chapter, ())


_LAST: LastBuilt[IndexReferences] = LastBuilt()


def gold_pairs(ontology: Ontology, references: IndexReferences, chapter: str, release: str) -> list[Row]:
    """All gold pairs of a chapter, without repetitions.

    Args:
        ontology: The release's codes.
        references: What its Index refers to; may be empty.
        chapter: Chapter key.
        release: Release label.

    Returns:
        Rows of ``gold/pairs``, in release order of their origin; a pair that a source states several times is kept once, by
        its surest statement.
    """
    found: dict[tuple[str, str], Row] = {}
    in_chapter = [code for code in ontology if code.chapter == chapter]
    stated = (
        *_from_tabular(ontology, in_chapter),
        *_from_index(ontology, references[chapter]),
        *_from_headers(ontology, in_chapter),
        *_in_words_of_notes(ontology, in_chapter),
    )
    for row in stated:
        if not fold(row["evidence"]):
            continue
        row |= {"release": release, "chapter": chapter, "pair_id": pair_id("gold", row["code"], row["evidence"])}
        key = (row["pair_id"], row["source"])
        if key not in found or _certainty(row["expansion"]) < _certainty(found[key]["expansion"]):
            found[key] = row
    set_ranks(found.values())
    return list(found.values())


def coverage_by_step(rows: Iterable[Mapping[str, Any]], sources: Iterable[str] = INDEX_SOURCES) -> dict[str, int]:
    """Codes reached when pairs of ever less certain expansion are admitted, by expansion, from pairs of these sources."""
    surest: dict[str, int] = {}
    wanted = set(sources)
    for row in rows:
        if row["source"] in wanted:
            certainty = _certainty(row["expansion"])
            surest[row["code"]] = min(certainty, surest.get(row["code"], certainty))
    return {
        expansion: sum(found <= certainty for found in surest.values())
        for certainty, expansion in enumerate(_SUREST_FIRST)
    }


def _certainty(expansion: str) -> int:
    return _SUREST_FIRST.index(expansion)


def _from_tabular(ontology: Ontology, codes: Iterable[Code]) -> Iterator[Row]:
    for code in codes:
        if not code.is_billable:
            continue
        origin = ontology[code.stem_code] if code.stem_code else code
        is_default = default_codes(ontology).get(code.stem_code or "") == code.code
        steps = () if code.stem_code is None else ("default",) if is_default else ("seventh_character",)
        stated = [("title", f"{origin.code}/title", origin.title), *_terms(origin)]
        for source, term_id, text in stated:
            yield _row(code.code, text, source, term_id, steps)
        if code.stem_code and not is_default:
            continue
        for _, term_id, text in stated:
            for form in default_forms(text):
                yield _row(code.code, form, "default_form", term_id, steps)
                short = with_short_forms(form)
                if short != form:
                    yield _row(code.code, short, "default_form", term_id, steps)


def _from_headers(ontology: Ontology, codes: Iterable[Code]) -> Iterator[Row]:
    """Inclusion terms and includes notes of headers, said of the default below and, with less certainty, of its other codes."""
    defaults = default_codes(ontology)
    for header in codes:
        if header.is_billable or defaults.get(header.code, "")[:-1] == header.code:  # a stem: its terms are its codes'
            continue
        terms = list(_terms(header))
        below = ontology.billable_below(header.code) if terms else []
        default = defaults.get(header.code)
        if len(below) > MOST_BELOW or (below and ontology[below[0]].stem_code == header.code):
            below = [default] if default else []
        for source, term_id, term in terms:
            for code in below:
                is_default = code == default
                steps = ["default" if is_default else "header_subtree"]
                if ontology[code].is_expanded and not is_default:
                    steps.append("seventh_character")
                yield _row(code, term, source, term_id, steps)
                if code == default:
                    for form in default_forms(term):
                        yield _row(code, form, "default_form", term_id, steps)


def _in_words_of_notes(ontology: Ontology, codes: Iterable[Code]) -> Iterator[Row]:
    words = note_words(ontology)
    for code in codes:
        if code.is_billable:
            for number, phrase in enumerate(words.get(code.code, ())):
                yield _row(code.code, phrase, "short_form", f"{code.code}/short_form/{number}", ())


def _terms(code: Code) -> Iterator[tuple[str, str, str]]:
    """Source, id and text of the terms printed at a code, without instructions to coders."""
    for source, texts in (("inclusion_term", code.inclusion_terms), ("includes", code.includes)):
        for number, text in enumerate(texts):
            if not _REFERS_TO_CODES.search(text) and not text.endswith(":"):
                yield (
                    source,
                    f"{code.code}/{source}/{number}",
                    _without_many_modifiers(text),
                )


def _without_many_modifiers(text: str) -> str:
    """A note that lists nonessential modifiers in parentheses, "hypertension (arterial) (benign)", is said without them."""
    return _MODIFIERS.sub("", text) if len(_MODIFIERS.findall(text)) > 1 else text


def set_ranks(rows: Iterable[Row]) -> None:
    """Number each code's rows from the best on: title, default form, lead terms, longer paths, one more modifier last."""
    by_code: dict[str, list[Row]] = {}
    for row in rows:
        by_code.setdefault(row["code"], []).append(row)
    for members in by_code.values():
        members.sort(key=_quality)
        for rank, row in enumerate(members, start=1):
            row["rank"] = rank


_DEEP = 3  # slashes in the id of an Index term: two at a lead term, one more for each level
_SOURCE_ORDER = {
    "title": 0,
    "default_form": 1,
    "alphabetic_index": 2,
    "short_form": 2,
    "inclusion_term": 3,
    "includes": 3,
}


def _quality(row: Row) -> tuple[int, bool, int, int, bool, int, str]:
    source = row["source"]
    depth = row["term_id"].count("/") if source in INDEX_SOURCES else 1
    words = len(row["evidence"].split())
    return (
        _certainty(row["expansion"]),
        row["modifier"] is not None,
        min(_SOURCE_ORDER.get(source, 3), 2 if depth < _DEEP else 3),
        depth,
        row["evidence"].isupper(),
        words,
        row["evidence"],
    )


def _from_index(ontology: Ontology, references: Iterable[Reference]) -> Iterator[Row]:
    for reference in references:
        term = reference.term
        evidence = index_phrase(term["path"], term["source"], term["cell"])
        entry = ontology[reference.code]
        default = default_codes(ontology).get(reference.code)
        for code in ontology.billable_below(reference.code):
            steps = list(reference.steps)
            is_header = not entry.is_billable and ontology[code].stem_code != reference.code
            if is_header and "header_subtree" not in steps:
                steps.append("dash_subtree" if reference.has_dash else "header_subtree")
            if ontology[code].is_expanded and code != reference.code:
                steps.append("seventh_character")
            if code == default:
                steps = [*reference.steps, "default"]
            yield _row(code, evidence, term["source"], term["term_id"], steps)
            if not steps:
                for modifier in filter(is_phrase_modifier, term["nonessential_modifiers"]):
                    varied = index_phrase(term["path"], term["source"], term["cell"], modifier)
                    yield _row(code, varied, term["source"], term["term_id"], steps, modifier)


def _row(code: str, evidence: str, source: str, term_id: str, steps: Sequence[str], modifier: str | None = None) -> Row:
    return {
        "code": code,
        "evidence": evidence,
        "source": source,
        "term_id": term_id,
        "expansion": max(steps, key=_certainty, default="direct"),
        "steps": list(steps) or ["direct"],
        "modifier": modifier,
        "rank": 0,
    }


def _printed_codes(
    term: Mapping[str, Any], terms: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The codes a term leads to as printed, with the steps from it; what it refers to counts only if that is one code."""
    if term["code"]:
        yield term["code"], ()
    if term["manifestation_code"]:
        yield term["manifestation_code"], ("manifestation",)
    if term["see_category"]:
        yield term["see_category"], ("header_subtree",)
    if not term["code"]:
        reached = {terms[found]["code"] for found in follow(terms, term["term_id"])}
        if len(reached) == 1 and (code := reached.pop()):
            yield code, ("see",)
