"""What the release itself says of a code, and how far each statement reaches."""

import pytest

from ccl_assets.evidence.gold.pairs import EXPANSIONS, IndexReferences, coverage_by_step, gold_pairs
from ccl_assets.evidence.tables import GOLD_PAIRS
from ccl_assets.icd.ontology import Ontology

CIRCULATORY, INJURY = "09_I00-I99", "19_S00-T88"


def index_term(path: list[str], code: str | None = None, **others) -> dict:
    return {
        "path": path,
        "nonessential_modifiers": [],
        "code": code,
        "cell": None,
        "source": "alphabetic_index",
        "term_id": "/".join(path),
        "manifestation_code": None,
        "see_category": None,
        "see": "as printed" if others.get("see_target_ids") else None,
        "see_target_ids": [],
        "see_outcome": "resolved" if others.get("see_target_ids") else None,
    } | others


@pytest.fixture
def pairs(small_ontology):
    def build(index: list[dict], chapter: str) -> list[dict]:
        return gold_pairs(small_ontology, IndexReferences(small_ontology, index), chapter, "FY2026")

    return build


OTHER_WORDS = ("default_form", "short_form")


def statements(rows: list[dict]) -> set[tuple[str, str, str, str]]:
    """What the release prints, without other forms of it."""
    return {
        (row["code"], row["evidence"], row["source"], row["expansion"])
        for row in rows
        if row["source"] not in OTHER_WORDS
    }


def from_index(rows: list[dict]) -> set[tuple[str, str, str]]:
    return {
        (row["code"], row["evidence"], row["expansion"])
        for row in rows
        if row["source"] not in ("title", "inclusion_term", *OTHER_WORDS)
    }


def test_titles_and_inclusion_terms_stand_for_printed_codes(pairs):
    found = pairs([], CIRCULATORY)
    assert statements(found) == {
        ("I10", "Essential (primary) hypertension", "title", "direct"),
        ("I10", "High blood pressure", "inclusion_term", "direct"),
        ("I11.0", "Hypertensive heart disease with heart failure", "title", "direct"),
        ("I11.9", "Hypertensive heart disease without heart failure", "title", "direct"),
        ("I11.9", "Hypertensive heart disease NOS", "inclusion_term", "direct"),
    }
    assert GOLD_PAIRS.violations(GOLD_PAIRS.table(found)) == []


def test_what_stands_at_a_stem_is_not_direct_evidence_of_its_7th_character_codes(pairs):
    found = pairs([], INJURY)
    # without more said, active care is meant
    assert {(row["code"][-1], row["expansion"]) for row in found} == {("A", "default"), ("S", "seventh_character")}
    assert {row["code"] for row in found} == {"S82.201A", "S82.201S", "S82.202A", "S82.202S"}
    row = next(row for row in found if row["code"] == "S82.201S" and row["source"] == "inclusion_term")
    assert (row["evidence"], row["term_id"]) == ("Fracture of right tibia NOS", "S82.201/inclusion_term/0")


def test_an_index_term_reaches_as_far_as_its_code(pairs):
    index = [
        index_term(["Hypertension"], "I10"),
        index_term(["Disease", "heart", "hypertensive"], "I11.-"),
        index_term(["Disease", "heart"], "I11"),
        index_term(["Fracture", "tibia", "shaft", "right"], "S82.201-"),
        index_term(["Fracture", "tibia", "shaft"], "S82.20"),
    ]
    assert from_index(pairs(index, CIRCULATORY)) == {
        ("I10", "Hypertension", "direct"),
        ("I11.0", "hypertensive heart disease", "dash_subtree"),
        ("I11.9", "hypertensive heart disease", "default"),
        ("I11.0", "heart disease", "header_subtree"),
        ("I11.9", "heart disease", "default"),
    }
    injury = pairs(index, INJURY)
    assert ("S82.201S", "right shaft tibia fracture", "seventh_character") in from_index(injury)
    assert ("S82.202A", "shaft tibia fracture", "header_subtree") in from_index(injury)
    steps = {tuple(row["steps"]) for row in injury if row["evidence"] == "shaft tibia fracture"}
    assert steps == {("header_subtree", "seventh_character")}


def test_a_full_7th_character_code_in_the_index_is_direct(pairs):
    found = pairs([index_term(["Shin", "broken"], "S82.201A")], INJURY)
    assert ("S82.201A", "broken shin", "direct") in from_index(found)


def test_bracketed_codes_and_categories_to_see_are_never_direct(pairs):
    index = [
        index_term(["Gout", "with", "high pressure"], "M10.9", manifestation_code="I10"),
        index_term(["Heart", "trouble"], None, see_category="I11"),
    ]
    assert from_index(pairs(index, CIRCULATORY)) == {
        ("I10", "Gout with high pressure", "manifestation"),
        ("I11.0", "trouble heart", "header_subtree"),
        ("I11.9", "trouble heart", "header_subtree"),
    }


def test_a_reference_to_one_code_is_followed_and_one_to_several_is_not(pairs):
    index = [
        index_term(["Hypertension"], "I10"),
        index_term(["Pressure", "high"], see_target_ids=["Tension/high"]),
        index_term(["Tension", "high"], see_target_ids=["Hypertension"]),
        index_term(["Heart", "one"], "I11.0"),
        index_term(["Heart", "two"], "I11.9"),
        index_term(["Heart", "which"], see_target_ids=["Heart/one", "Heart/two"]),
        index_term(["Round"], see_target_ids=["About"]),
        index_term(["About"], see_target_ids=["Round"]),
        index_term(["Stroke", "by type"], see_target_ids=["Hypertension"], see_outcome="resolved_choice"),
        index_term(["Leg", "broken"], see_target_ids=["Fracture/tibia"]),
        index_term(["Fracture", "tibia"], "S82.201-"),
    ]
    assert {pair for pair in from_index(pairs(index, CIRCULATORY)) if pair[2] == "see"} == {
        ("I10", "high pressure", "see"),
        ("I10", "high tension", "see"),
    }
    by_steps = {(row["evidence"], row["expansion"], tuple(row["steps"])) for row in pairs(index, INJURY)}
    assert ("broken leg", "seventh_character", ("see", "seventh_character")) in by_steps


def test_one_nonessential_modifier_at_a_time_varies_direct_pairs_only(pairs):
    index = [
        index_term(["Hypertension"], "I10", nonessential_modifiers=["benign", "s", "essential"]),
        index_term(["Fracture", "tibia"], "S82.201-", nonessential_modifiers=["closed"]),
    ]
    varied = {row["evidence"]: row["modifier"] for row in pairs(index, CIRCULATORY) if row["modifier"]}
    assert varied == {"benign hypertension": "benign", "essential hypertension": "essential"}
    assert not any(row["modifier"] for row in pairs(index, INJURY))


def test_table_cells_are_part_of_the_evidence(pairs):
    cell = index_term(["Neoplasm, neoplastic", "lung"], "I10", cell="Malignant Primary", source="neoplasm_table")
    assert ("I10", "primary malignant neoplasm of lung", "direct") in from_index(pairs([cell], CIRCULATORY))


def test_terms_without_a_code_of_the_release_say_nothing(pairs):
    index = [
        index_term(["Abscess"], None),
        index_term(["Gone"], "I99.9"),
        index_term(["Gone", "too"], "Z99.-"),
        index_term([" - "], "I10"),
    ]
    assert pairs(index, CIRCULATORY) == pairs([], CIRCULATORY)


def test_a_pair_stated_twice_is_kept_by_its_surest_statement(pairs):
    index = [
        index_term(["Hypertension"], "I10.-", term_id="open"),
        index_term(["HYPERTENSION"], "I10", term_id="surest"),
        index_term(["hypertension"], "I10", term_id="again"),
        index_term(["Heart disease"], "I11", term_id="header"),
        index_term(["heart disease"], "I11.9", term_id="exact"),
    ]
    rows = [row for row in pairs(index, CIRCULATORY) if row["source"] == "alphabetic_index"]
    kept = {(row["code"], row["term_id"], row["expansion"]) for row in rows}
    assert kept == {
        ("I10", "open", "direct"),  # a dash behind a code without anything below it opens no choice
        ("I11.0", "header", "header_subtree"),
        ("I11.9", "exact", "direct"),
    }


def test_coverage_grows_with_less_certain_steps():
    rows = [
        {"code": "A", "source": "alphabetic_index", "expansion": "direct"},
        {"code": "A", "source": "alphabetic_index", "expansion": "dash_subtree"},
        {"code": "B", "source": "drug_table", "expansion": "seventh_character"},
        {"code": "C", "source": "title", "expansion": "direct"},
    ]
    assert list(coverage_by_step(rows).values()) == [1, 1, 1, 1, 2, 2, 2]
    assert coverage_by_step(rows, ("title",))["direct"] == 1
    assert list(coverage_by_step(rows)) == list(EXPANSIONS)


@pytest.mark.parametrize(
    ("term", "refers"),
    [
        ("Conditions classifiable to C50.-", True),
        ("Any condition in I00 with pericarditis", True),
        ("Conditions in F01-F09, F20-F52 and F54-F99", True),
        ("Perineal laceration, rupture or tear during delivery as in O70.0, also involving pelvic floor", True),
        ("Vitamin B12 deficiency", False),
        ("Myeloproliferative disease, not elsewhere classified", False),
        ("Chronic myelogenous leukemia, t(9;22) (q34;q11)", False),
        ("LGMD R22 collagen 6-related", False),
    ],
)
def test_inclusion_terms_that_refer_to_codes_are_no_evidence(small_ontology, term, refers):
    code = small_ontology["I10"]._replace(inclusion_terms=(term,))
    ontology = Ontology({**small_ontology.codes, "I10": code})
    found = gold_pairs(ontology, IndexReferences(ontology, []), code.chapter, "FY2026")
    assert (term not in [row["evidence"] for row in found]) == refers
