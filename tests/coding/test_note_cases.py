"""Small notes that reports of users led to, coded without a model; and further notes of the same kinds."""

import re
from pathlib import Path

import pytest

from ccl_assets.coding.active_release import active_release
from ccl_assets.coding.encounter_setting import Setting
from ccl_assets.coding.systems import Ingredients, build_system
from ccl_assets.resources.settings import Settings

CODE = re.compile(r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?")
NOTES = re.compile(r"[np]\d+\w*\.txt")
NOT_NOTES = {"n19_html.txt"}  # a marked-up file: told by its format, not coded


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    release = active_release(Settings(home=home), needs_gold_pairs=True, say=print)
    return build_system("index_lookup", Ingredients(release.billable, release.titles, gold_pairs=release.gold_pairs))


def found(system, text, setting=Setting.OUTPATIENT):
    predictions = system.look_up(text, setting)
    assert all(text[p["begin"] : p["end"]] == p["evidence"] for p in predictions)
    assert all(p["is_valid"] for p in predictions)
    return {p["code"] for p in predictions}


def test_the_handed_notes(system, note_cases: Path):
    wrong = []
    for line in (note_cases / "EXPECTED.md").read_text(encoding="utf-8").splitlines():
        cells = line.strip("|").split("|")
        for name in NOTES.findall(cells[0]) if len(cells) == 3 else ():
            must, must_not = set(CODE.findall(cells[1])), set(CODE.findall(cells[2]))
            if name in NOT_NOTES or not (must or must_not or "symptom" in cells[2]):
                continue
            codes = found(system, (note_cases / name).read_bytes().decode())
            symptoms = {code for code in codes if code.startswith("R")} if "symptom" in cells[2] else set()
            if not must <= codes or must_not & codes or symptoms:
                wrong.append((name, sorted(codes)))
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "must", "must_not"),
    [
        # past conditions
        ("History of stroke. Gout.", {"Z86.73", "M10.9"}, {"I63.9"}),
        ("H/o PE is noted; hx of pulmonary embolism.", {"Z86.711"}, {"I26.99"}),
        ("PMH: pneumonia, asthma, gout", {"Z87.01", "J45.909", "M10.9"}, {"J18.9"}),
        ("Acute myocardial infarction in 2012.", {"I25.2"}, {"I21.9"}),
        ("History of asthma and gout.", {"J45.909", "M10.9"}, set()),
        ("Pneumonia, resolved.", {"Z87.01"}, {"J18.9"}),
        ("Asthma, resolved.", set(), {"J45.909"}),
        ("No history of stroke.", set(), {"I63.9", "Z86.73"}),
        # relatives
        ("Mother with asthma. Gout.", {"Z82.5", "M10.9"}, {"J45.909"}),
        ("Family History: stroke, epilepsy\n\nAssessment: gout", {"Z82.3", "Z82.0", "M10.9"}, {"I63.9", "G40.909"}),
        ("Her husband has asthma. Gout.", {"M10.9"}, {"J45.909", "Z82.5"}),
        ("No family history of asthma. Gout.", {"M10.9"}, {"J45.909", "Z82.5"}),
        ("Her sister has influenza. Gout.", {"M10.9"}, {"J11.1"}),
        # prevention and advice
        ("Influenza vaccine given. Screening for gout. Asthma handout.", set(), {"J11.1", "M10.9", "J45.909"}),
        ("Return if pneumonia develops. Gout.", {"M10.9"}, {"J18.9"}),
        # generic inside specific
        ("Heat stroke.", set(), {"I63.9"}),
        ("EKG shows ST depression.", set(), {"F32.A"}),
        ("Osteoarthritis of the right hip.", set(), {"M19.90"}),
        ("Left knee osteoarthritis.", set(), {"M19.90"}),
        ("Tobacco-free campus. Smoke free home.", set(), {"Z72.0"}),
        ("Moderate tobacco use disorder.", {"F17.200"}, {"Z72.0"}),
        ("Diabetes mellitus type 1.", set(), {"E11.9"}),
        ("Type 1 diabetes mellitus.", set(), {"E11.9"}),
        # as it is written
        ("Pneu-\r\nmonia on film.", {"J18.9"}, set()),
        ("ast\u200bhma and mi\u00adgraine", {"J45.909", "G43.909"}, set()),
        ("\uff21\uff33\uff34\uff28\uff2d\uff21", {"J45.909"}, set()),
        ("Me\u0301nie\u0300re's disease", {"H81.09"}, set()),
        ("HYPERTENSION", {"I10"}, set()),
        # presumed to belong together
        ("Hypertension. Heart failure.", {"I11.0", "I50.9"}, {"I10"}),
        ("Hypertension, chronic kidney disease.", {"I12.9", "N18.9"}, {"I10"}),
    ],
)  # fmt: skip
def test_further_notes_of_the_kinds(system, text, must, must_not):
    codes = found(system, text)
    assert must <= codes
    assert not must_not & codes


@pytest.mark.parametrize(
    "text", ["Probable pneumonia.", "Rule out pneumonia.", "Pneumonia is suspected.", "Pneumonia vs. gout"]
)
def test_uncertain_diagnoses_follow_the_setting(system, text):
    assert "J18.9" not in found(system, text)
    assert "J18.9" in found(system, text, Setting.INPATIENT)


def test_what_is_ruled_out_is_coded_in_no_setting(system):
    assert found(system, "Pneumonia was ruled out. Low suspicion for gout.", Setting.INPATIENT) == set()
