"""Nearest covered codes: embedding similarity re-ranked by how two codes stand in the hierarchy.

A general sentence encoder is weak on medical terms, and the hierarchy cannot choose among the hundred codes of a category. So both
name candidates, and what ranks them is cosine similarity plus the worth of the nearest thing two codes share. Families are compared
rather than codes: one text each, and one code of a family among the neighbours.

Share of 50 hand-judged families (``tests/golden/nearest_codes.json``) with an acceptable code first, or among the first three, and
mean reciprocal rank in these; the encoder is all-MiniLM-L6-v2:

===============================  =====  =====  =====
embedding alone                   0.74   0.90   0.82
fewest steps in the hierarchy     0.70   0.84   0.76
most nodes of the path shared     0.82   0.88   0.85
both, as below                    0.84   1.00   0.91
===============================  =====  =====  =====

Texts of titles alone, of more inclusion terms, or with Index phrases besides ranked the development families no better.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ccl_assets.evidence.synthetic.families import Family, Variation
from ccl_assets.icd.ontology import Ontology

NEIGHBOURS = 3
CANDIDATES = 60
WORTH = {"none": 0.0, "chapter": 0.0, "block": 0.05, "category": 0.10, "subcategory": 0.20, "family": 3.0}
"""What a relation adds to the similarity, chosen on 35 other families; neighbouring values do as well. No similarity makes up for a
covered code of the same family. A chapter is worth nothing: what gold covers among injuries are transplants and amputations."""
AGREEMENT = 0.001
"""What a side, trimester or 7th character adds that two codes state alike: it chooses within a family and not among them."""

Vectors = NDArray[np.float32]
Places = NDArray[np.int32]
_RELATIONS = tuple(WORTH)
_WORTHS = np.array(list(WORTH.values()), dtype=np.float32)
_FAMILY = _RELATIONS.index("family")
_FEW = 200
_MOST_TERMS = 2
_DEPTH = 9  # chapter, block, codes of three to seven characters, two to spare
_DECIMALS = 5  # an encoder's last digits differ with the batch a text was in, and the table's content hash must not
_REMEDY = "materialize synthetic/nearest_code_index again"


class VectorIndex(Protocol):
    """Interface of an index: search by inner product, and vectors back by position."""

    @property
    def codes(self) -> Sequence[str]:
        """Code at each position."""
        ...

    def search(self, queries: Vectors, count: int) -> tuple[Vectors, NDArray[np.int64]]:
        """Similarities and positions, both of shape (queries, count); position -1 where there is none."""
        ...

    def vectors(self, positions: Sequence[int]) -> Vectors:
        """Vectors at positions, shape (positions, dimension)."""
        ...


@dataclass(frozen=True)
class Neighbour:
    """A covered code near an uncovered one."""

    code: str
    relation: str
    similarity: float
    tree_distance: int
    score: float


def family_text(family: Family, ontology: Ontology) -> str:
    """Text embedded for every code of a family, covered or not: its title and first inclusion terms."""
    stems = dict.fromkeys(ontology[code].stem_code or code for code in family.variations)
    terms = dict.fromkeys(term for stem in stems for term in ontology[stem].inclusion_terms)
    return "; ".join((family.title, *list(terms)[:_MOST_TERMS]))


def covered_texts(codes: Iterable[str], ontology: Ontology, families: Mapping[str, Family]) -> list[str]:
    """Texts embedded for covered codes: the text of each one's family."""
    family_of = {code: family for family in families.values() for code in family.variations}
    texts: dict[str, str] = {}
    found = []
    for code in codes:
        family = family_of[code]
        if family.family_code not in texts:
            texts[family.family_code] = family_text(family, ontology)
        found.append(texts[family.family_code])
    return found


class CoveredCodes:
    """The codes of an index, their places in the hierarchy and their families.

    Ranking the 51,305 codes that titles and inclusion terms of FY2026 leave uncovered takes some 10 s on one core, search included.
    """

    def __init__(self, ontology: Ontology, families: Mapping[str, Family], index: VectorIndex) -> None:
        """Look every code of the index up.

        Args:
            ontology: The release's codes.
            families: Its families.
            index: Covered codes with unit vectors.

        Raises:
            ValueError: The index has codes that are not billable in the release, or vectors that are not finite.
        """
        self._ontology, self._index = ontology, index
        self._family_of = {code: family for family in families.values() for code in family.variations}
        self._codes = list(index.codes)
        foreign = [code for code in self._codes if code not in self._family_of]
        if foreign:
            raise ValueError(
                f"{len(foreign)} codes of the index are not billable here, the first is {foreign[0]}: {_REMEDY}"
            )
        self._vectors = index.vectors(range(len(self._codes)))
        damaged = np.flatnonzero(~np.isfinite(self._vectors).all(axis=1))
        if damaged.size:
            first = self._codes[damaged[0]]
            raise ValueError(
                f"{damaged.size} vectors of the index are not finite, the first is that of {first}: {_REMEDY}"
            )
        self._numbers: dict[str | None, int] = {None: -1}
        self._paths, self._axes = self._paths_of(self._codes), self._axes_of(self._codes)
        self._family_codes = [self._family_of[code].family_code for code in self._codes]
        self._below: dict[tuple[str, str], list[int]] = defaultdict(list)
        for position, code in enumerate(self._codes):
            self._below["family", self._family_codes[position]].append(position)
            self._below["category", code[:3]].append(position)
            self._below["block", ontology[code].block].append(position)

    def rank(self, uncovered: Mapping[str, Sequence[str]], queries: Vectors) -> Iterator[tuple[str, list[Neighbour]]]:
        """Rank covered codes for uncovered ones.

        Args:
            uncovered: Uncovered codes by family code.
            queries: Unit vectors of the families' texts in the same order, shape (families, dimension).

        Yields:
            An uncovered code and its neighbours, best first, no two of a family; fewer than ``NEIGHBOURS`` if fewer families
            are covered.

        Raises:
            ValueError: Another number of vectors than families, or some that are not finite.
        """
        if len(queries) != len(uncovered):
            raise ValueError(f"{len(uncovered)} families but {len(queries)} vectors")
        if not np.isfinite(queries).all():
            damaged = int((~np.isfinite(queries).all(axis=1)).sum())
            raise ValueError(f"the encoder gave {damaged} vectors that are not finite")
        if not uncovered:
            return
        _, found = self._index.search(queries, min(CANDIDATES, len(self._codes)))
        for (family_code, codes), query, positions in zip(uncovered.items(), queries, found, strict=True):
            candidates = np.union1d(positions[positions >= 0], self._relatives(family_code, codes[0]))
            similarities = self._vectors[candidates] @ query
            yield from self._rank_family(family_code, codes, candidates, similarities)

    def _relatives(self, family_code: str, code: str) -> NDArray[np.int64]:
        """Positions of the family, the category and, unless there are many, the block."""
        of_block = self._below.get(("block", self._ontology[code].block), ())
        relatives = [
            *self._below.get(("family", family_code), ()),
            *self._below.get(("category", code[:3]), ()),
            *(of_block if len(of_block) <= _FEW else ()),
        ]
        return np.array(relatives, dtype=np.int64)

    def _rank_family(
        self, family_code: str, codes: Sequence[str], candidates: NDArray[np.int64], similarities: Vectors
    ) -> Iterator[tuple[str, list[Neighbour]]]:
        """Rank the same candidates for every code of a family: matrices of shape (codes, candidates)."""
        paths, near_paths = self._paths_of(codes)[:, None], self._paths[candidates]
        shared = np.logical_and.accumulate((paths == near_paths) & (paths >= 0), axis=2).sum(axis=2)
        distances = (paths >= 0).sum(axis=2) + (near_paths >= 0).sum(axis=1) - 2 * shared
        relations = np.minimum(shared, _FAMILY - 1)
        relations[:, [self._family_codes[candidate] == family_code for candidate in candidates]] = _FAMILY
        axes = self._axes_of(codes)[:, None]
        agreements = ((axes == self._axes[candidates]) & (axes >= 0)).sum(axis=2)
        scores = similarities + _WORTHS[relations] + AGREEMENT * agreements
        for row, (code, order) in enumerate(zip(codes, np.argsort(-scores, axis=1, kind="stable"), strict=True)):
            best: dict[str, int] = {}
            for column in order:
                candidate = candidates[column]
                if self._codes[candidate] != code:
                    best.setdefault(self._family_codes[candidate], int(column))
                if len(best) == NEIGHBOURS:
                    break
            yield (
                code,
                [
                    Neighbour(
                        self._codes[candidates[column]],
                        _RELATIONS[relations[row, column]],
                        float(similarities[column]),
                        int(distances[row, column]),
                        float(scores[row, column]),
                    )
                    for column in best.values()
                ],
            )

    def _paths_of(self, codes: Iterable[str]) -> Places:
        """Numbers of the nodes from the chapter down, -1 below the code itself; shape (codes, depth)."""
        return self._numbered((self._ontology.path(code) for code in codes), _DEPTH)

    def _axes_of(self, codes: Iterable[str]) -> Places:
        """Numbers of side, trimester and so on, -1 where the family does not vary in it; shape (codes, axes)."""
        stated = (astuple(self._family_of[code].variations[code]) for code in codes)
        return self._numbered(stated, len(fields(Variation)))

    def _numbered(self, rows: Iterable[Sequence[str | None]], width: int) -> Places:
        number = self._numbers
        numbered = [[number.setdefault(name, len(number)) for name in row] + [-1] * (width - len(row)) for row in rows]
        return np.array(numbered, dtype=np.int32).reshape(len(numbered), width)


def nearest_rows(
    uncovered: Iterable[str],
    ontology: Ontology,
    families: Mapping[str, Family],
    index: VectorIndex,
    encode: Callable[[Sequence[str]], Vectors],
    chapter: str,
) -> list[dict[str, Any]]:
    """Rows of ``synthetic/nearest_codes`` for uncovered codes of a chapter.

    Args:
        uncovered: Codes without direct evidence.
        ontology: The release's codes.
        families: Its families.
        index: Covered codes, embedded by their :func:`covered_texts`.
        encode: Texts to unit vectors, by the encoder the index was built with.
        chapter: Chapter key.

    Raises:
        ValueError: The index does not fit the release, or a vector is not finite.
    """
    family_of = {code: family.family_code for family in families.values() for code in family.variations}
    by_family: dict[str, list[str]] = defaultdict(list)
    for code in uncovered:
        by_family[family_of[code]].append(code)
    if not by_family:
        return []
    covered = CoveredCodes(ontology, families, index)
    queries = encode([family_text(families[family_code], ontology) for family_code in by_family])
    return [
        {
            "chapter": chapter,
            "code": code,
            "rank": rank,
            "neighbour_code": neighbour.code,
            "relation": neighbour.relation,
            "similarity": round(neighbour.similarity, _DECIMALS),
            "tree_distance": neighbour.tree_distance,
            "score": round(neighbour.score, _DECIMALS),
        }
        for code, neighbours in covered.rank(by_family, queries)
        for rank, neighbour in enumerate(neighbours, start=1)
    ]
