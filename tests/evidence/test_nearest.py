"""Nearest covered codes on handmade vectors: what becomes a candidate, what ranks it, and what is refused."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pytest

from ccl_assets.evidence.synthetic import nearest
from ccl_assets.evidence.synthetic.families import families
from ccl_assets.evidence.synthetic.nearest import (
    AGREEMENT,
    NEIGHBOURS,
    WORTH,
    CoveredCodes,
    Neighbour,
    covered_texts,
    family_text,
    nearest_rows,
)
from ccl_assets.evidence.tables import NEAREST_CODES


class HandmadeIndex:
    """Codes at given cosine similarities to the first axis."""

    def __init__(self, similarities: Mapping[str, float]) -> None:
        self.codes = tuple(similarities)
        self.matrix = at_similarity(*similarities.values())

    def search(self, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        similarities = queries @ self.matrix.T
        positions = np.argsort(-similarities, axis=1, kind="stable")[:, :count]
        return np.take_along_axis(similarities, positions, axis=1), positions

    def vectors(self, positions: Sequence[int]) -> np.ndarray:
        return self.matrix[np.asarray(positions, dtype=np.int64)]


def at_similarity(*values: float) -> np.ndarray:
    return np.array([[value, (1 - value * value) ** 0.5] for value in values], dtype=np.float32)


QUERY = at_similarity(1.0)
TIBIA, INJURY = "S82.201", "19_S00-T88"


@pytest.fixture(scope="session")
def small_families(small_ontology):
    return families(small_ontology)


@pytest.fixture
def ranked(small_ontology, small_families):
    def rank(uncovered: str, similarities: Mapping[str, float]) -> list[Neighbour]:
        (family,) = (family for family in small_families.values() if uncovered in family.variations)
        covered = CoveredCodes(small_ontology, small_families, HandmadeIndex(similarities))
        ((code, neighbours),) = covered.rank({family.family_code: [uncovered]}, QUERY)
        assert code == uncovered
        return neighbours

    return rank


def codes_of(neighbours: Iterable[Neighbour]) -> list[str]:
    return [neighbour.code for neighbour in neighbours]


def test_the_hierarchy_outweighs_a_little_similarity(ranked):
    found = ranked("I11.9", {"I10": 0.70, "J01": 0.74, "I11.0": 0.68})
    assert [(it.code, it.relation) for it in found] == [("I11.0", "category"), ("I10", "block"), ("J01", "none")]
    for neighbour in found:
        assert neighbour.score == pytest.approx(neighbour.similarity + WORTH[neighbour.relation])


def test_a_lot_of_similarity_outweighs_the_hierarchy(ranked):
    assert codes_of(ranked("I11.9", {"I11.0": 0.20, "I10": 0.30, "J01": 0.90})) == ["J01", "I10", "I11.0"]


def test_a_covered_code_of_the_family_is_nearest_however_unlike_the_words(ranked):
    (first, second) = ranked("S82.201A", {"I10": 0.99, "S82.202S": -0.5})
    assert (first.code, first.relation, second.relation) == ("S82.202S", "family", "none")


def test_of_a_family_the_code_that_agrees_most_stands_for_it(ranked):
    covered = {"S82.201S": 0.5, "S82.202A": 0.5, "S82.202S": 0.5}
    (only,) = ranked("S82.201A", {code: covered[code] for code in ("S82.202S", "S82.202A")})
    assert only.code == "S82.202A"
    assert only.score == pytest.approx(0.5 + WORTH["family"] + AGREEMENT)
    assert codes_of(ranked("S82.202A", covered)) == ["S82.202S"]  # S82.202A itself is none of its neighbours


def test_relatives_are_candidates_although_the_search_finds_others(small_ontology, small_families):
    index = HandmadeIndex({"J01": 0.50, "J02": 0.49, "I10": 0.48, "I11.0": 0.42})
    index.search = lambda queries, count: (np.array([[0.50, 0.49]]), np.array([[0, 1]]))
    ((_, found),) = CoveredCodes(small_ontology, small_families, index).rank({"I11.9": ["I11.9"]}, QUERY)
    assert codes_of(found) == ["I10", "I11.0", "J01"]
    assert found[1].similarity == pytest.approx(0.42, abs=1e-6)


def test_a_large_block_is_left_to_the_search(small_ontology, small_families, monkeypatch):
    monkeypatch.setattr(nearest, "_FEW", 1)
    index = HandmadeIndex({"J01": 0.50, "I10": 0.48, "I11.0": 0.42})
    index.search = lambda queries, count: (np.array([[0.50]]), np.array([[0]]))
    ((_, found),) = CoveredCodes(small_ontology, small_families, index).rank({"I11.9": ["I11.9"]}, QUERY)
    assert codes_of(found) == ["I11.0", "J01"]


def test_distances_are_those_of_the_ontology(ranked, small_ontology):
    for code in ("S82.201A", "I11.9"):
        for neighbour in ranked(code, {"S82.202S": 0.5, "I10": 0.5, "I11.0": 0.5, "J07": 0.5}):
            assert neighbour.tree_distance == small_ontology.tree_distance(code, neighbour.code)


def test_ties_are_broken_by_place_in_the_index_and_only_so_many_are_kept(ranked):
    assert codes_of(ranked("I10", {"J03": 0.5, "J01": 0.5, "J04": 0.5, "J02": 0.5})) == ["J03", "J01", "J04"]
    assert NEIGHBOURS == 3


def test_few_covered_families_give_few_neighbours(ranked):
    assert codes_of(ranked("I10", {"S82.201A": 0.5, "S82.201S": 0.5, "S82.202S": 0.4})) == ["S82.201A"]
    assert codes_of(ranked("I10", {"I10": 1.0})) == []


def test_a_code_whose_category_and_chapter_have_nothing_gets_the_most_alike(ranked):
    (first, *_) = ranked("S82.201A", {"I10": 0.1, "J05": 0.3, "I11.0": 0.2})
    assert (first.code, first.relation) == ("J05", "none")


def test_positions_an_index_did_not_fill_are_no_candidates(small_ontology, small_families):
    index = HandmadeIndex({"J05": 0.3, "J06": 0.2})
    index.search = lambda queries, count: (np.array([[0.2, -np.inf]]), np.array([[1, -1]]))
    ((_, found),) = CoveredCodes(small_ontology, small_families, index).rank({"I10": ["I10"]}, QUERY)
    assert codes_of(found) == ["J06"]


def test_each_family_is_ranked_by_its_own_vector(small_ontology, small_families):
    index = HandmadeIndex({"J01": 1.0, "J02": 0.0})
    covered = CoveredCodes(small_ontology, small_families, index)
    found = dict(covered.rank({"I10": ["I10"], "I11.9": ["I11.9"]}, at_similarity(1.0, 0.0)))
    assert (found["I10"][0].code, found["I11.9"][0].code) == ("J01", "J02")


def test_vectors_that_are_not_finite_are_refused(small_ontology, small_families):
    damaged = HandmadeIndex({"I10": 0.5, "J01": float("nan")})
    with pytest.raises(
        ValueError, match=r"1 vectors of the index are not finite, the first is that of J01: materialize"
    ):
        CoveredCodes(small_ontology, small_families, damaged)
    covered = CoveredCodes(small_ontology, small_families, HandmadeIndex({"I10": 0.5}))
    with pytest.raises(ValueError, match="the encoder gave 1 vectors that are not finite"):
        list(covered.rank({"I11.9": ["I11.9"]}, QUERY * np.nan))
    with pytest.raises(ValueError, match="1 families but 2 vectors"):
        list(covered.rank({"I11.9": ["I11.9"]}, at_similarity(1.0, 0.5)))


def test_an_index_of_another_release_is_refused(small_ontology, small_families):
    with pytest.raises(
        ValueError, match=r"2 codes of the index are not billable here, the first is X99\.9: materialize"
    ):
        CoveredCodes(small_ontology, small_families, HandmadeIndex({"I10": 0.5, "X99.9": 0.5, "I11": 0.5}))


def test_every_uncovered_code_gets_rows_and_a_family_is_embedded_once(small_ontology, small_families):
    asked: list[str] = []

    def encode(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return at_similarity(*[1.0] * len(texts))

    index = HandmadeIndex({"I10": 0.8, "S82.202S": 0.5, "J01": 0.1, "J02": 0.3})
    uncovered = ["S82.201A", "S82.201S", "S82.202A", "I11.9"]
    rows = nearest_rows(uncovered, small_ontology, small_families, index, encode, INJURY)
    assert len(asked) == 2
    assert [(row["code"], row["rank"]) for row in rows] == [(code, rank) for code in uncovered for rank in (1, 2, 3)]
    assert [row["neighbour_code"] for row in rows[:3]] == ["S82.202S", "I10", "J02"]
    assert NEAREST_CODES.violations(NEAREST_CODES.table(rows)) == []


def test_without_uncovered_codes_nothing_is_embedded(small_ontology, small_families):
    def encode(texts: Sequence[str]) -> np.ndarray:
        raise AssertionError("the encoder is not needed")

    assert nearest_rows([], small_ontology, small_families, HandmadeIndex({"I10": 1.0}), encode, INJURY) == []


def test_a_family_s_codes_share_one_text_of_title_and_inclusion_terms(small_ontology, small_families):
    text = "Unspecified fracture of shaft of tibia; Fracture of right tibia NOS"
    assert family_text(small_families[TIBIA], small_ontology) == text
    covered = ["S82.202S", "I10", "S82.201A"]
    assert covered_texts(covered, small_ontology, small_families) == [
        text,
        "Essential (primary) hypertension; High blood pressure",
        text,
    ]
