"""What the release itself says of a code, and how far each statement reaches."""

from ccl_assets.evidence.gold import gold_pairs
from ccl_assets.evidence.tables import GOLD_PAIRS

CIRCULATORY, INJURY = "09_I00-I99", "19_S00-T88"


def index_term(path: list[str], code: str | None, **others) -> dict:
    return {
        "path": path,
        "code": code,
        "cell": None,
        "source": "alphabetic_index",
        "term_id": "/".join(path),
        "manifestation_code": None,
    } | others


def statements(rows: list[dict]) -> set[tuple[str, str, str, str]]:
    return {(row["code"], row["evidence"], row["source"], row["expansion"]) for row in rows}


def test_titles_and_inclusion_terms_stand_for_printed_codes(small_ontology):
    found = gold_pairs(small_ontology, [], CIRCULATORY, "FY2026")
    assert statements(found) == {
        ("I10", "Essential (primary) hypertension", "title", "direct"),
        ("I10", "High blood pressure", "inclusion_term", "direct"),
        ("I11.0", "Hypertensive heart disease with heart failure", "title", "direct"),
        ("I11.9", "Hypertensive heart disease without heart failure", "title", "direct"),
        ("I11.9", "Hypertensive heart disease NOS", "inclusion_term", "direct"),
    }
    assert GOLD_PAIRS.violations(GOLD_PAIRS.table(found)) == []


def test_what_stands_at_a_stem_is_not_direct_evidence_of_its_7th_character_codes(small_ontology):
    found = gold_pairs(small_ontology, [], INJURY, "FY2026")
    assert {row["expansion"] for row in found} == {"seventh_character"}
    assert {row["code"] for row in found} == {"S82.201A", "S82.201S", "S82.202A", "S82.202S"}
    row = next(row for row in found if row["code"] == "S82.201S" and row["source"] == "inclusion_term")
    assert (row["evidence"], row["term_id"]) == ("Fracture of right tibia NOS", "S82.201/inclusion_term/0")


def test_an_index_term_reaches_as_far_as_its_code(small_ontology):
    index = [
        index_term(["Hypertension"], "I10"),
        index_term(["Disease", "heart", "hypertensive"], "I11.-"),
        index_term(["Fracture", "tibia", "shaft", "right"], "S82.201-"),
        index_term(["Fracture", "tibia", "shaft"], "S82.20"),
    ]
    circulatory = statements(gold_pairs(small_ontology, index, CIRCULATORY, "FY2026"))
    assert ("I10", "Hypertension", "alphabetic_index", "direct") in circulatory
    for code in ("I11.0", "I11.9"):
        assert (code, "Disease, heart, hypertensive", "alphabetic_index", "dash_subtree") in circulatory
    injury = statements(gold_pairs(small_ontology, index, INJURY, "FY2026"))
    assert ("S82.201A", "Fracture, tibia, shaft, right", "alphabetic_index", "seventh_character") in injury
    assert ("S82.202A", "Fracture, tibia, shaft", "alphabetic_index", "dash_subtree") in injury
    assert not {code for code, *_ in circulatory} & {code for code, *_ in injury}


def test_a_full_7th_character_code_in_the_index_is_direct(small_ontology):
    found = gold_pairs(small_ontology, [index_term(["Shin", "broken"], "S82.201A")], INJURY, "FY2026")
    assert ("S82.201A", "Shin, broken", "alphabetic_index", "direct") in statements(found)


def test_table_cells_are_part_of_the_evidence(small_ontology):
    cell = index_term(["lung"], "I10", cell="Malignant Primary", source="neoplasm_table")
    found = statements(gold_pairs(small_ontology, [cell], CIRCULATORY, "FY2026"))
    assert ("I10", "lung, Malignant Primary", "neoplasm_table", "direct") in found


def test_terms_without_a_code_of_the_release_say_nothing(small_ontology):
    index = [
        index_term(["Abscess"], None),
        index_term(["Gone"], "I99.9"),
        index_term(["Gone", "too"], "Z99.-"),
        index_term([" - "], "I10"),
    ]
    assert gold_pairs(small_ontology, index, CIRCULATORY, "FY2026") == gold_pairs(
        small_ontology, [], CIRCULATORY, "FY2026"
    )


def test_repetitions_are_one_row(small_ontology):
    index = [index_term(["Hypertension"], "I10"), index_term(["HYPERTENSION"], "I10", term_id="again")]
    rows = [row for row in gold_pairs(small_ontology, index, CIRCULATORY, "x") if row["source"] == "alphabetic_index"]
    assert [(row["evidence"], row["term_id"]) for row in rows] == [("Hypertension", "Hypertension")]
