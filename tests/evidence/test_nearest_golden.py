"""Nearest covered codes against hand-judged ones, with the packaged encoder and release.

Of 50 families in 20 chapters, which covered codes a coder would borrow evidence from (``tests/golden/nearest_codes.json``). Only
what some ranking puts first in the whole release is embedded, some 400 codes instead of 23,497, so that this takes seconds.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ccl_assets.evidence.synthetic.families import families
from ccl_assets.evidence.synthetic.nearest import NEIGHBOURS, CoveredCodes, covered_texts, family_text
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tables import CODES
from ccl_assets.icd.tabular.tabular_list import TabularReader
from ccl_assets.resources.embedding.embedder import Embedder

pytestmark = pytest.mark.slow
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "nearest_codes.json").read_text(encoding="utf-8"))
Ranking = Callable[[str], Iterable[str]]


class PoolIndex:
    """Exact search over the pooled codes."""

    def __init__(self, codes: Sequence[str], matrix: np.ndarray) -> None:
        self.codes, self.matrix = codes, matrix

    def search(self, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        similarities = queries @ self.matrix.T
        positions = np.argsort(-similarities, axis=1, kind="stable")[:, :count]
        return np.take_along_axis(similarities, positions, axis=1), positions

    def vectors(self, positions: Sequence[int]) -> np.ndarray:
        return self.matrix[np.asarray(positions, dtype=np.int64)]


@dataclass(frozen=True)
class Figures:
    """Shares of families whose first, or one of whose first three neighbours is acceptable, and mean reciprocal rank in these."""

    hit_at_1: float
    hit_at_3: float
    mrr: float


class Release:
    """The packaged release with the pooled codes covered."""

    def __init__(self) -> None:
        release = open_release(None)
        self.ontology = Ontology.from_table(CODES.table(list(TabularReader(release.tabular, release.label).codes())))
        self.families = families(self.ontology)
        self.family_of = {code: family for family in self.families.values() for code in family.variations}
        self.covered: list[str] = " ".join(GOLDEN["pool"]).split()
        texts = covered_texts(self.covered, self.ontology, self.families)
        codes = [case["code"] for case in GOLDEN["families"]]
        asked = [family_text(self.family_of[code], self.ontology) for code in codes]
        vectors = Embedder("packaged").encode([*texts, *asked])
        self.matrix = vectors[: len(texts)]
        self.query = dict(zip(codes, vectors[len(texts) :], strict=True))

    def by_embedding(self, code: str) -> Iterable[str]:
        return (self.covered[position] for position in np.argsort(-(self.matrix @ self.query[code]), kind="stable"))

    def by_distance(self, code: str) -> Iterable[str]:
        return sorted(self.covered, key=lambda other: self.ontology.tree_distance(code, other))

    def by_shared_nodes(self, code: str) -> Iterable[str]:
        def shared(other: str) -> int:
            pairs = zip(self.ontology.path(code), self.ontology.path(other), strict=False)
            return sum(np.logical_and.accumulate([one == two for one, two in pairs]))

        return sorted(self.covered, key=shared, reverse=True)

    def combined(self, code: str) -> Iterable[str]:
        index = PoolIndex(self.covered, self.matrix)
        ranked = CoveredCodes(self.ontology, self.families, index).rank(
            {self.family_of[code].family_code: [code]}, self.query[code][None]
        )
        return [neighbour.code for _, neighbours in ranked for neighbour in neighbours]

    def figures(self, ranking: Ranking) -> Figures:
        """Every ranking may name one code of a family, as the neighbours do."""
        ranks = []
        for case in GOLDEN["families"]:
            acceptable = {self.family_of[code].family_code for code in case["acceptable"]}
            first: dict[str, None] = {}
            for code in ranking(case["code"]):
                first.setdefault(self.family_of[code].family_code)
                if len(first) == NEIGHBOURS:
                    break
            ranks.append(next((rank for rank, family in enumerate(first, 1) if family in acceptable), None))
        shares = [sum(rank in wanted for rank in ranks) for wanted in ({1}, {1, 2, 3})]
        reciprocal = sum(1 / rank for rank in ranks if rank)
        return Figures(*(round(value / len(ranks), 3) for value in (*shares, reciprocal)))


@pytest.fixture(scope="module")
def release() -> Release:
    return Release()


def test_the_golden_families_are_50_in_20_chapters_apart_from_those_the_weights_were_chosen_on(release):
    golden, development = (
        [release.family_of[case["code"]].family_code for case in GOLDEN[name]] for name in ("families", "development")
    )
    assert len(set(golden)) == len(golden) == 50
    assert len({release.ontology.chapter(code) for code in golden}) == 20
    assert not set(golden) & set(development)
    assert {code for case in GOLDEN["families"] for code in case["acceptable"]} <= set(release.covered)


def test_no_golden_family_is_covered_except_as_a_silver_tier_would(release):
    silver = set(GOLDEN["covered_besides"].split())
    golden = {case["code"] for case in GOLDEN["families"]}
    families_asked = {release.family_of[code].family_code for code in golden}
    assert {code for code in release.covered if release.family_of[code].family_code in families_asked} <= silver
    assert not silver & golden


def test_both_together_find_more_than_embedding_or_hierarchy_alone(release):
    found = {
        name: release.figures(ranking)
        for name, ranking in {
            "embedding": release.by_embedding,
            "distance": release.by_distance,
            "shared nodes": release.by_shared_nodes,
            "combined": release.combined,
        }.items()
    }
    combined = found.pop("combined")
    assert combined.hit_at_3 == 1.0
    for name, alone in found.items():
        assert combined.hit_at_1 > alone.hit_at_1, (name, combined, alone)
        assert combined.hit_at_3 > alone.hit_at_3, (name, combined, alone)
        assert combined.mrr > alone.mrr, (name, combined, alone)
