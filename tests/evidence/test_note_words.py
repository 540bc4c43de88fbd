"""Gold phrases beyond what the release prints: defaults, short forms, the style of notes."""

from collections import defaultdict

import pytest

from ccl_assets.evidence.gold.defaults import default_codes
from ccl_assets.evidence.gold.note_words import note_words, with_short_forms
from ccl_assets.evidence.gold.pairs import IndexReferences, gold_pairs
from ccl_assets.evidence.synthetic.encounter_words import said_of_encounter
from ccl_assets.evidence.synthetic.note_style import note_style
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tables import CODES
from ccl_assets.icd.tabular.tabular_list import parse_tabular


@pytest.fixture(scope="module")
def packaged() -> Ontology:
    release = open_release()
    return Ontology.from_table(CODES.table(parse_tabular(release.tabular, release.label).codes))


@pytest.fixture(scope="module")
def circulatory(packaged) -> dict[str, list[dict]]:
    """Gold pairs of the chapter by code, best first."""
    found = defaultdict(list)
    for row in gold_pairs(packaged, IndexReferences(packaged, []), "09_I00-I99", "FY2026"):
        found[row["code"]].append(row)
    return {code: sorted(rows, key=lambda row: row["rank"]) for code, rows in found.items()}


@pytest.mark.parametrize(
    ("header", "code"),
    [("E11", "E11.9"), ("K21", "K21.9"), ("I25.1", "I25.10"), ("J44", "J44.9"), ("S82.201", "S82.201A"), ("I10", None)],
)
def test_a_header_means_its_default(packaged, header, code):
    assert default_codes(packaged).get(header) == code


def test_includes_notes_are_terms(circulatory):
    hypertension = {row["evidence"]: (row["source"], row["expansion"]) for row in reversed(circulatory["I10"])}
    assert hypertension["hypertension"][1] == "direct"
    assert ("includes", "direct") in {(row["source"], row["expansion"]) for row in circulatory["I10"]}
    assert not any("(benign)" in text for text in hypertension)


def test_the_best_terms_come_first(circulatory):
    assert circulatory["I10"][0]["source"] == "title"
    assert {row["evidence"].lower() for row in circulatory["I10"][:3]} >= {"hypertension"}
    assert all([row["rank"] for row in rows] == list(range(1, len(rows) + 1)) for rows in circulatory.values())


def test_short_forms_and_lay_words_belong_to_their_code(packaged):
    words = note_words(packaged)
    assert {"HTN", "high blood pressure"} <= set(words["I10"])
    assert not any("MS" in phrases for phrases in words.values())  # the words around it decide
    assert (
        with_short_forms("acute exacerbation of chronic obstructive pulmonary disease") == "acute exacerbation of COPD"
    )


@pytest.mark.parametrize(
    ("title", "noted"),
    [
        ("Fracture of shaft of right tibia", "R tibia shaft fx"),
        ("Displaced comminuted fracture of shaft of left femur", "displaced comminuted L femur shaft fx"),
        ("Laceration of left lower leg", "L lower leg lac"),
        ("Longitudinal reduction defect of left ulna", "L ulna longitudinal reduction defect"),
        ("Laceration without foreign body of left ring finger", "lac w/o FB of L ring finger"),
    ],
)
def test_a_title_in_the_style_of_notes(title, noted):
    assert note_style(title) == noted


@pytest.mark.parametrize(
    ("seventh", "said"),
    [
        (None, "R tibia fx"),
        ("initial encounter", "R tibia fx"),
        ("initial encounter for closed fracture", "R tibia fx"),
        ("initial encounter for open fracture type IIIA, IIIB, or IIIC", "R tibia fx, open type III"),
        ("subsequent encounter", "R tibia fx, follow-up"),
        ("subsequent encounter for closed fracture with routine healing", "R tibia fx, healing"),
        ("subsequent encounter for open fracture type I or II with nonunion", "R tibia fx, open type I or II, nonunion"),
        ("sequela", "sequela of R tibia fx"),
        ("without tophus (tophi)", "R tibia fx, without tophus"),
        ("stage unspecified", "R tibia fx"),
    ],
)  # fmt: skip
def test_a_7th_character_is_said_as_notes_say_it(seventh, said):
    assert said_of_encounter("R tibia fx", seventh) == said


def test_no_two_codes_of_a_stem_are_said_alike(packaged):
    said = defaultdict(list)
    for code in packaged:
        if code.stem_code:
            said[code.stem_code].append(said_of_encounter("x", code.long_title[len(code.title) :].lstrip(", ")))
    assert len(said) > 10_000
    assert [stem for stem, texts in said.items() if len(set(texts)) < len(texts)] == []
    assert not any("encounter" in text for texts in said.values() for text in texts)
