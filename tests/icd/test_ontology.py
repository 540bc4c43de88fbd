"""Look-ups on the packaged release: what is above, what is below, how far apart."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.tables import CODES

POSITIONS = st.integers(0, 98_185)
ON_THE_RELEASE = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="session")
def all_codes(ontology: Ontology) -> list[str]:
    return [code.code for code in ontology]


def test_ancestors_go_up_to_the_category(ontology):
    assert ontology.ancestors("S82.201A") == ["S82.201", "S82.20", "S82.2", "S82"]
    assert ontology.ancestors("I10") == []


def test_the_path_goes_from_the_chapter_down_to_the_code(ontology):
    assert ontology.path("I11.0") == ("chapter 09_I00-I99", "block I10-I1A", "I11", "I11.0")


def test_billable_codes_below_a_header_are_its_leaves(ontology):
    assert ontology.billable_below("I11") == ["I11.0", "I11.9"]
    assert ontology.billable_below("I10") == ["I10"]
    below = ontology.billable_below("S82.201")
    assert below[0] == "S82.201A"
    assert all(ontology[code].stem_code == "S82.201" for code in below)


def test_descendants_are_everything_below_each_before_its_own(ontology):
    assert ontology.descendants("I11") == ["I11.0", "I11.9"]
    assert ontology.descendants("I10") == []
    below = ontology.descendants("S82")
    assert all(ontology[code].parent_code in {"S82", *below[:position]} for position, code in enumerate(below))
    assert {code for code in below if ontology[code].is_billable} == set(ontology.billable_below("S82"))


def test_chapter_and_category_of_a_code(ontology):
    assert (ontology.chapter("S82.201A"), ontology.category("S82.201A")) == ("19_S00-T88", "S82")
    assert (ontology.chapter("QA0.0131"), ontology.category("QA0")) == ("17_Q00-Q99", "QA0")


def test_the_order_of_the_table_does_not_matter(ontology):
    rows = list(reversed([code for code in ontology if code.code.startswith(("I11", "S82.20"))]))
    rows += [ontology["S82"], ontology["S82.2"]]
    shuffled = Ontology({code.code: code for code in rows})
    assert set(shuffled.descendants("S82.2")) == set(ontology.descendants("S82.20")) | {"S82.20"}
    assert shuffled.descendants("I11") == ["I11.9", "I11.0"]
    assert set(shuffled.billable_below("S82")) == set(ontology.billable_below("S82.20"))


def test_billable_codes_below_all_categories_are_the_whole_release(ontology):
    categories = [code.code for code in ontology if code.parent_code is None]
    found = [code for category in categories for code in ontology.billable_below(category)]
    assert len(found) == len(set(found)) == len(ontology.billable) == 74_719


def test_distances_count_the_steps_over_the_lowest_common_node(ontology):
    assert ontology.tree_distance("I10", "I10") == 0
    assert ontology.tree_distance("I11.0", "I11") == 1
    assert ontology.tree_distance("I11.0", "I11.9") == 2
    assert ontology.tree_distance("I10", "I11.9") == 3
    assert ontology.tree_distance("B20", "B19.9") == 5  # over the chapter: B20 is a block of its own
    assert ontology.tree_distance("I10", "E11.9") == 7  # over the root


@given(one=POSITIONS, other=POSITIONS)
@ON_THE_RELEASE
def test_distance_is_symmetric_and_zero_for_the_same_code_only(ontology, all_codes, one, other):
    first, second = all_codes[one], all_codes[other]
    distance = ontology.tree_distance(first, second)
    assert distance == ontology.tree_distance(second, first)
    assert (distance == 0) is (first == second)


@given(one=POSITIONS, other=POSITIONS, third=POSITIONS)
@ON_THE_RELEASE
def test_no_detour_is_shorter(ontology, all_codes, one, other, third):
    a, b, c = (all_codes[position] for position in (one, other, third))
    assert ontology.tree_distance(a, c) <= ontology.tree_distance(a, b) + ontology.tree_distance(b, c)


@given(position=POSITIONS)
@ON_THE_RELEASE
def test_each_ancestor_is_one_step_further(ontology, all_codes, position):
    code = all_codes[position]
    above = ontology.ancestors(code)
    assert [ontology.tree_distance(code, parent) for parent in above] == list(range(1, len(above) + 1))
    assert all(code.startswith(parent) for parent in above)
    assert set(ontology.billable_below(code)) <= ontology.billable
    assert all(code in ontology.descendants(parent) for parent in above)
    assert all(code in ontology.ancestors(below) for below in ontology.descendants(code))


def test_the_same_table_gives_the_same_ontology_and_another_table_another(ontology):
    rows = [
        {
            name: None if column.is_nullable else [] if name in ("inclusion_terms", "includes") else 0
            for name, column in columns().items()
        }
        | {"code": "A00", "release": "x", "chapter": "x", "chapter_title": "x", "block": "x", "block_title": "x"}
        | {"category": "A00", "title": "Cholera", "long_title": "Cholera", "is_billable": True, "is_expanded": False}
    ]
    table = CODES.table(rows)
    assert Ontology.from_table(table) is Ontology.from_table(table)
    assert len(list(Ontology.from_table(table))) == 1
    assert Ontology.from_table(CODES.table(rows)) is not Ontology.from_table(table)


def columns():
    return {column.name: column for column in CODES.columns}


def test_unknown_codes_are_no_members(ontology):
    assert "I10" in ontology and "I10.0" not in ontology
    for look_up in (
        ontology.__getitem__,
        ontology.ancestors,
        ontology.descendants,
        ontology.billable_below,
        ontology.chapter,
    ):
        with pytest.raises(KeyError):
            look_up("I10.0")
    assert ontology.titles["I10"] == "Essential (primary) hypertension"
