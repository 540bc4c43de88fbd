"""Nearest covered codes on handmade vectors and a real FAISS index."""

import numpy as np
import pytest

from ccl_assets.evidence.nearest import (
    CANDIDATES,
    NEIGHBOURS,
    TREE_PENALTY,
    Neighbour,
    code_text,
    nearest_covered,
    nearest_rows,
)
from ccl_assets.evidence.tables import NEAREST_CODES
from ccl_assets.io_managers.faiss_index import NearestCodeIndex


def at_similarity(*values: float) -> np.ndarray:
    """Unit vectors with these cosine similarities to the first axis."""
    return np.array([[value, (1 - value * value) ** 0.5] for value in values], dtype=np.float32)


QUERY = at_similarity(1.0)


def index_of(similarities: dict[str, float]) -> NearestCodeIndex:
    return NearestCodeIndex.build(list(similarities), at_similarity(*similarities.values()), "handmade", "FY2026")


def test_the_hierarchy_outweighs_a_little_similarity(small_ontology):
    index = index_of({"I10": 0.80, "S82.202A": 0.75})
    ((family, ranked),) = nearest_covered(small_ontology, ["S82.201"], QUERY, index)
    assert family == "S82.201"
    assert [neighbour.code for neighbour in ranked] == ["S82.202A", "I10"]
    assert ranked[0].similarity < ranked[1].similarity
    assert ranked[0].tree_distance == small_ontology.tree_distance("S82.201", "S82.202A") == 3
    assert ranked[0].score == pytest.approx(0.75 - 3 * TREE_PENALTY, abs=1e-6)


def test_a_lot_of_similarity_outweighs_the_hierarchy(small_ontology):
    index = index_of({"I10": 0.99, "S82.202A": 0.20})
    ((_, ranked),) = nearest_covered(small_ontology, ["S82.201"], QUERY, index)
    assert ranked[0].code == "I10"


def test_codes_of_the_same_category_are_candidates_however_unlike_they_are(small_ontology):
    strangers = {f"J{number:02d}": 0.5 for number in range(1, CANDIDATES + 5)}
    index = index_of({**strangers, "S82.202A": 0.45})
    _, positions = index.search(QUERY, CANDIDATES)
    assert len(strangers) not in positions[0]
    ((_, ranked),) = nearest_covered(small_ontology, ["S82.201"], QUERY, index)
    assert ranked[0].code == "S82.202A"
    assert ranked[0].similarity == pytest.approx(0.45, abs=1e-6)


def test_a_code_is_not_its_own_neighbour_and_few_codes_give_few_neighbours(small_ontology):
    index = index_of({"I10": 1.0, "I11.9": 0.5})
    ((_, ranked),) = nearest_covered(small_ontology, ["I10"], QUERY, index)
    assert [neighbour.code for neighbour in ranked] == ["I11.9"]


def test_ties_are_broken_by_code(small_ontology):
    index = index_of({"J03": 0.5, "J01": 0.5, "J04": 0.5, "J02": 0.5})
    ((_, ranked),) = nearest_covered(small_ontology, ["I10"], QUERY, index)
    assert [neighbour.code for neighbour in ranked] == ["J01", "J02", "J03"]
    assert len(ranked) == NEIGHBOURS


def test_each_family_is_ranked_by_its_own_vector(small_ontology):
    index = NearestCodeIndex.build(["J01", "J02"], np.eye(2, dtype=np.float32), "handmade", "FY2026")
    found = dict(nearest_covered(small_ontology, ["I10", "I11.9"], np.eye(2, dtype=np.float32), index))
    assert (found["I10"][0].code, found["I11.9"][0].code) == ("J01", "J02")


def test_without_uncovered_codes_there_is_nothing_to_rank(small_ontology):
    empty = np.empty((0, 2), dtype=np.float32)
    assert list(nearest_covered(small_ontology, [], empty, index_of({"I10": 1.0}))) == []


def test_members_share_their_family_s_neighbours_one_step_further(small_ontology):
    ranked = [
        ("S82.201", [Neighbour("S82.202A", 0.75, 3), Neighbour("I10", 0.8, 9)]),
        ("I10", [Neighbour("I11.9", 0.5, 3)]),
    ]
    members = {"S82.201": ["S82.201A", "S82.201S"], "I10": ["I10"]}
    rows = nearest_rows(small_ontology, members, iter(ranked), "19_S00-T88")
    assert [(row["code"], row["rank"], row["neighbour_code"], row["tree_distance"]) for row in rows] == [
        ("S82.201A", 1, "S82.202A", 4),
        ("S82.201A", 2, "I10", 10),
        ("S82.201S", 1, "S82.202A", 4),
        ("S82.201S", 2, "I10", 10),
        ("I10", 1, "I11.9", 3),
    ]
    for row in rows:
        assert row["tree_distance"] == small_ontology.tree_distance(row["code"], row["neighbour_code"])
        assert row["score"] == pytest.approx(row["similarity"] - TREE_PENALTY * row["tree_distance"])
    assert NEAREST_CODES.violations(NEAREST_CODES.table(rows)) == []


def test_title_and_inclusion_terms_are_what_is_embedded(small_ontology):
    assert code_text(small_ontology["I10"]) == "Essential (primary) hypertension; High blood pressure"


def test_an_index_needs_codes_as_many_vectors_and_finite_numbers():
    with pytest.raises(ValueError, match="no covered code to index"):
        NearestCodeIndex.build([], np.empty((0, 2), dtype=np.float32), "handmade", "FY2026")
    with pytest.raises(ValueError, match="2 codes but 1 vectors"):
        NearestCodeIndex.build(["I10", "I11.9"], QUERY, "handmade", "FY2026")
    with pytest.raises(ValueError, match="handmade gave vectors that are not finite"):
        NearestCodeIndex.build(["I10"], QUERY * np.nan, "handmade", "FY2026")
