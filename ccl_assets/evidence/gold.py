"""Gold pairs: what the release itself says of a code (paper section 3.3, human knowledge bases).

With a full release these are Alphabetic Index terms with their default codes. A release without an Index, such as the
packaged one, gives titles and inclusion terms instead. How a pair was reached is kept, since a term claims no more than it says:
one printed at a stem says nothing of the 7th character.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ccl_assets.evidence.folding import fold, pair_id
from ccl_assets.icd.ontology import Code, Ontology

Row = dict[str, Any]


def gold_pairs(ontology: Ontology, index_terms: Iterable[Mapping[str, Any]], chapter: str, release: str) -> list[Row]:
    """All gold pairs of a chapter, without repetitions.

    Args:
        ontology: The release's codes.
        index_terms: Rows of ``icd/index_terms`` (path, code, manifestation_code, source, term_id); may be empty.
        chapter: Chapter key.
        release: Release label.

    Returns:
        Rows of ``gold/pairs``, in release order of their origin.
    """
    found: dict[tuple[str, str, str], Row] = {}
    in_chapter = [code for code in ontology if code.chapter == chapter]
    for code, evidence, source, term_id, expansion in (
        *_from_tabular(ontology, in_chapter),
        *_from_index(ontology, index_terms, chapter),
    ):
        if not fold(evidence):
            continue
        row = {
            "release": release,
            "chapter": chapter,
            "pair_id": pair_id("gold", code, evidence),
            "code": code,
            "evidence": evidence,
            "source": source,
            "term_id": term_id,
            "expansion": expansion,
        }
        found.setdefault((row["pair_id"], source, expansion), row)
    return list(found.values())


def _from_tabular(ontology: Ontology, codes: Iterable[Code]) -> Iterator[tuple[str, str, str, str, str]]:
    for code in codes:
        if not code.is_billable:
            continue
        origin = ontology[code.stem_code] if code.stem_code else code
        expansion = "seventh_character" if code.stem_code else "direct"
        yield code.code, origin.title, "title", f"{origin.code}/title", expansion
        for number, term in enumerate(origin.inclusion_terms):
            yield code.code, term, "inclusion_term", f"{origin.code}/inclusion_term/{number}", expansion


def _from_index(
    ontology: Ontology, index_terms: Iterable[Mapping[str, Any]], chapter: str
) -> Iterator[tuple[str, str, str, str, str]]:
    for term in index_terms:
        printed = term["code"]
        if not printed:
            continue
        stem = printed.rstrip("-").rstrip(".")
        if stem not in ontology or ontology[stem].chapter != chapter:
            continue
        evidence = ", ".join(part for part in (*term["path"], term["cell"]) if part)
        entry = ontology[stem]
        for code in ontology.billable_below(stem):
            if entry.is_billable:
                expansion = "direct"
            elif ontology[code].stem_code == stem:
                expansion = "seventh_character"
            else:
                expansion = "dash_subtree"
            yield code, evidence, term["source"], term["term_id"], expansion
