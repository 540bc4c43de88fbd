"""Evidence written for uncovered codes: conservative, or the title."""

import pytest

from ccl_assets.evidence.synthesis import (
    PHRASES_PER_FAMILY,
    Family,
    families,
    rejection,
    synthesis_request,
    synthetic_rows,
)
from ccl_assets.evidence.tables import SYNTHETIC_PAIRS
from ccl_assets.prompts import load_prompt

RIGHT_TIBIA = "Unspecified fracture of shaft of right tibia"
FAMILY = Family("S82.201", ("S82.201A", "S82.201S"), "S82.202A", ("fx L tibia shaft",))


def synthetic(ontology, completion, family=FAMILY):
    return synthetic_rows(
        family, completion, ontology, release="FY2026", chapter="19_S00-T88", prompt_sha256="hash", model="writer"
    )


@pytest.mark.parametrize(
    ("phrase", "title", "reason"),
    [
        ("right tibial shaft fracture", RIGHT_TIBIA, None),
        ("fx", RIGHT_TIBIA, "length"),
        ("right tibia " * 20, RIGHT_TIBIA, "length"),
        ("S82.201 right tibia", RIGHT_TIBIA, "code"),
        ("right tibia fracture Z3A", RIGHT_TIBIA, "code"),
        ("right tibia fracture QA0.01", RIGHT_TIBIA, "code"),
        ("right tibia fracture treated with cast", RIGHT_TIBIA, "unwanted_content"),
        ("admitted with right tibia fracture", RIGHT_TIBIA, "unwanted_content"),
        ("right tibia fracture without infection", RIGHT_TIBIA, "unwanted_content"),
        ("no evidence of right tibia fracture", RIGHT_TIBIA, "unwanted_content"),
        ("broken leg", RIGHT_TIBIA, "off_topic"),
        ("the unspecified", RIGHT_TIBIA, "off_topic"),
        ("fracture of left tibia", RIGHT_TIBIA, "laterality"),
        ("fracture of tibia", RIGHT_TIBIA, "laterality"),
        ("right hypertension", "Essential (primary) hypertension", "laterality"),
        ("bilateral shaft fracture of right tibia", RIGHT_TIBIA, "laterality"),
        # what the title itself says is no reason to refuse
        ("heart disease without failure", "Hypertensive heart disease without heart failure", None),
        ("vitamin B12 deficiency", "Vitamin B12 deficiency anemia, unspecified", None),
        ("T12 vertebra fracture", "Wedge compression fracture of T11-T12 vertebra", None),
        # nor are the usual abbreviations codes
        ("CAD of native coronary artery", "Atherosclerotic heart disease of native coronary artery", None),
        ("PAD, artery disease", "Peripheral artery disease", None),
    ],
)
def test_phrases_are_refused_for_a_reason(phrase, title, reason):
    assert rejection(phrase, title) == reason


def test_codes_that_differ_in_the_7th_character_form_a_family_with_the_nearest_neighbour(small_ontology):
    nearest = [
        {"code": "S82.201A", "rank": 1, "neighbour_code": "S82.202A"},
        {"code": "S82.201A", "rank": 2, "neighbour_code": "I10"},
        {"code": "S82.201S", "rank": 1, "neighbour_code": "S82.202A"},
        {"code": "I11.0", "rank": 1, "neighbour_code": "I10"},
    ]
    evidence = {"S82.202A": [f"phrase {number}" for number in range(9)]}
    found = {family.family_code: family for family in families(nearest, small_ontology, evidence)}
    assert found["S82.201"].member_codes == ("S82.201A", "S82.201S")
    assert found["S82.201"].neighbour_code == "S82.202A"
    assert found["S82.201"].neighbour_evidence == ("phrase 0", "phrase 1", "phrase 2", "phrase 3")
    assert found["I11.0"] == Family("I11.0", ("I11.0",), "I10", ())


def test_families_come_in_an_order_that_does_not_follow_the_hierarchy(small_ontology):
    nearest = [{"code": f"J{number:02d}", "rank": 1, "neighbour_code": "I10"} for number in range(1, 46)]
    order = [family.family_code for family in families(nearest, small_ontology, {})]
    assert order == [family.family_code for family in families(nearest[::-1], small_ontology, {})]
    assert order != sorted(order)


def test_a_request_shows_the_title_its_parent_and_the_neighbour(small_ontology):
    request = synthesis_request(FAMILY, small_ontology, load_prompt("evidence_synthesis"))
    content = request.messages[-1].content
    assert f"TITLE: {RIGHT_TIBIA}\nPARENT: Unspecified fracture of shaft of tibia" in content
    assert "left tibia, initial encounter for closed fracture: fx L tibia shaft" in content
    assert not request.is_restricted
    assert synthesis_request(
        FAMILY, small_ontology, load_prompt("evidence_synthesis"), is_restricted=True
    ).is_restricted


def test_a_category_is_its_own_parent_and_a_neighbour_without_evidence_shows_its_title(small_ontology):
    family = Family("I10", ("I10",), "I11.9", ())
    content = synthesis_request(family, small_ontology, load_prompt("evidence_synthesis")).messages[-1].content
    assert "PARENT: Essential (primary) hypertension" in content
    title = "Hypertensive heart disease without heart failure"
    assert f"RELATED: {title}: {title}" in content


def test_members_of_a_family_get_distinct_evidence(small_ontology, answer):
    rows, refused = synthetic(small_ontology, answer("- right tibial shaft fracture\n- fx right tibia shaft"))
    assert [(row["code"], row["evidence"]) for row in rows] == [
        ("S82.201A", "right tibial shaft fracture, initial encounter for closed fracture"),
        ("S82.201A", "fx right tibia shaft, initial encounter for closed fracture"),
        ("S82.201S", "right tibial shaft fracture, sequela"),
        ("S82.201S", "fx right tibia shaft, sequela"),
    ]
    assert refused == {}
    assert not any(row["is_fallback"] for row in rows)
    assert SYNTHETIC_PAIRS.violations(SYNTHETIC_PAIRS.table(rows)) == []


def test_a_code_without_7th_character_gets_the_phrase_as_it_is(small_ontology, answer):
    rows, _ = synthetic(small_ontology, answer("- primary hypertension"), Family("I10", ("I10",), "I11.9", ()))
    assert [row["evidence"] for row in rows] == ["primary hypertension"]


def test_refused_phrases_are_counted_by_reason_and_the_rest_is_kept(small_ontology, answer):
    text = "- fx left tibia\n- broken leg\n- right tibia fracture\n- left tibia fracture"
    rows, refused = synthetic(small_ontology, answer(text))
    assert refused == {"laterality": 2, "off_topic": 1}
    assert {row["evidence"].split(",")[0] for row in rows} == {"right tibia fracture"}


def test_more_phrases_than_wanted_are_cut(small_ontology, answer):
    text = "\n".join(f"- right tibia fracture type {number}" for number in range(9))
    rows, _ = synthetic(small_ontology, answer(text))
    assert len(rows) == PHRASES_PER_FAMILY * len(FAMILY.member_codes)


@pytest.mark.parametrize(
    ("text", "error"), [("- broken leg", None), ("I cannot.", None), ("- right tibia fx", "timed out")]
)
def test_without_a_usable_phrase_the_title_stands_and_says_so(small_ontology, answer, text, error):
    rows, _ = synthetic(small_ontology, answer(text, error))
    assert [row["evidence"] for row in rows] == [
        f"{RIGHT_TIBIA}, initial encounter for closed fracture",
        f"{RIGHT_TIBIA}, sequela",
    ]
    assert all(row["is_fallback"] for row in rows)
