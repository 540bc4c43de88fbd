"""Nearest covered codes: embedding similarity re-ranked by distance in the hierarchy.

General sentence encoders are weak on medical terms, so the hierarchy has a say: every step in the tree costs as much as
``TREE_PENALTY`` of cosine similarity, and covered codes of the same category are always among the candidates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ccl_assets.icd.ontology import Code, Ontology

TREE_PENALTY = 0.03
CANDIDATES = 40
NEIGHBOURS = 3
_MOST_TERMS = 2
Vectors = NDArray[np.float32]


class VectorIndex(Protocol):
    """What is needed of an index: search by inner product, and vectors back by position."""

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
    similarity: float
    tree_distance: int

    @property
    def score(self) -> float:
        """Similarity less the tree penalty."""
        return self.similarity - TREE_PENALTY * self.tree_distance


def code_text(code: Code) -> str:
    """What of a code is embedded: its title and first inclusion terms."""
    return "; ".join((code.title, *code.inclusion_terms[:_MOST_TERMS]))


def nearest_covered(
    ontology: Ontology, families: Sequence[str], queries: Vectors, index: VectorIndex
) -> Iterator[tuple[str, list[Neighbour]]]:
    """Rank covered codes for each uncovered family.

    Args:
        ontology: The release's codes.
        families: Family codes (stems, or codes without a 7th-character family).
        queries: Unit vectors of the families' texts, shape (families, dimension).
        index: Covered codes with unit vectors.

    Yields:
        Family code and its neighbours, best first; fewer than ``NEIGHBOURS`` if fewer codes are covered.
    """
    if not families:
        return
    by_category: dict[str, list[int]] = defaultdict(list)
    for position, code in enumerate(index.codes):
        by_category[code[:3]].append(position)
    similarities, positions = index.search(queries, min(CANDIDATES, len(index.codes)))
    for row, family in enumerate(families):
        found = {int(p): float(s) for s, p in zip(similarities[row], positions[row], strict=True) if p >= 0}
        relatives = [p for p in by_category.get(family[:3], ()) if p not in found]
        if relatives:
            values = index.vectors(relatives) @ queries[row]
            found.update(zip(relatives, values.tolist(), strict=True))
        ranked = sorted(
            (
                Neighbour(index.codes[p], similarity, ontology.tree_distance(family, index.codes[p]))
                for p, similarity in found.items()
                if index.codes[p] != family
            ),
            key=lambda neighbour: (-neighbour.score, neighbour.code),
        )
        yield family, ranked[:NEIGHBOURS]


def nearest_rows(
    ontology: Ontology,
    members: Mapping[str, Sequence[str]],
    ranked: Iterator[tuple[str, list[Neighbour]]],
    chapter: str,
) -> list[dict[str, Any]]:
    """Rows of ``synthetic/nearest_codes``: every member of a family shares the family's neighbours.

    Args:
        ontology: The release's codes.
        members: Uncovered codes by family code.
        ranked: Output of :func:`nearest_covered`.
        chapter: Chapter key.
    """
    rows = []
    for family, neighbours in ranked:
        for code in members[family]:
            step = 0 if code == family else 1
            rows += [
                {
                    "chapter": chapter,
                    "code": code,
                    "rank": rank,
                    "neighbour_code": neighbour.code,
                    "similarity": neighbour.similarity,
                    "tree_distance": neighbour.tree_distance + step,
                    "score": neighbour.score - TREE_PENALTY * step,
                }
                for rank, neighbour in enumerate(neighbours, start=1)
            ]
    return rows
