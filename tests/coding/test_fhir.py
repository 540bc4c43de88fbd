"""Predicted codes as FHIR R4: the shape the specification asks for, and nothing claimed that nobody checked."""

import json
import re
from datetime import UTC, datetime

import pytest

from ccl_assets.coding.command.fhir import check_encounter_id, check_patient_id, code_system_version, condition_bundle

MADE_AT = datetime(2026, 11, 21, 20, 15, 3, 250_000, tzinfo=UTC)
TITLES = {
    "I10": "Essential (primary) hypertension",
    "E11.9": "Type 2 diabetes mellitus without complications",
    "M10.9": "Gout, unspecified",
}


def predicted(code, evidence="HTN", status="verbatim", is_valid=True, confidence=None, repaired_from=None):
    place = (5, 8) if status in ("verbatim", "repaired") else (None, None)
    return {
        "code": code,
        "is_valid": is_valid,
        "evidence": evidence,
        "begin": place[0],
        "end": place[1],
        "evidence_status": status,
        "confidence": confidence,
        "repaired_from": repaired_from,
    }


PREDICTIONS = [
    predicted("I10", confidence=0.934),
    predicted("E11.9", "type 2\n \x1b[31m DM", "repaired", repaired_from="E11.99"),
    predicted("M10.9", "podagra", "ungrounded"),
    predicted("J99.99", "cough", is_valid=False),
]


def bundle(predictions=PREDICTIONS, patient_id="mrn-1.a", system_name="scl", encounter_id=None):
    return condition_bundle(predictions, TITLES, "2026", MADE_AT, patient_id, system_name, encounter_id)


def conditions(**options):
    return {entry["resource"]["code"]["coding"][0]["code"]: entry["resource"] for entry in bundle(**options)["entry"]}


@pytest.mark.parametrize(
    ("label", "version"), [("FY2026", "2026"), ("FY2026-April", "2026"), ("FY2021-January", "2021")]
)
def test_the_version_is_the_fiscal_year_that_servers_know(label, version):
    assert code_system_version(label) == version


def test_every_valid_code_is_a_condition_in_the_order_given():
    assert list(conditions()) == ["I10", "E11.9", "M10.9"]


def test_a_condition_says_code_version_status_subject_and_quote():
    (entry, *_) = bundle()["entry"]
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", entry["fullUrl"])
    assert entry["resource"] == {
        "resourceType": "Condition",
        "verificationStatus": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status",
                    "code": "unconfirmed",
                    "display": "Unconfirmed",
                }
            ]
        },
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/condition-category",
                        "code": "encounter-diagnosis",
                        "display": "Encounter Diagnosis",
                    }
                ]
            }
        ],
        "code": {
            "coding": [
                {
                    "system": "http://hl7.org/fhir/sid/icd-10-cm",
                    "version": "2026",
                    "code": "I10",
                    "display": "Essential (primary) hypertension",
                }
            ]
        },
        "subject": {"reference": "Patient/mrn-1.a"},
        "evidence": [{"code": [{"text": "HTN"}]}],
        "note": [{"text": "Coded by software (ccl-assets, system scl), not reviewed. Confidence 0.93."}],
    }


def test_a_quote_that_is_not_in_the_note_is_no_evidence():
    assert "evidence" not in conditions()["M10.9"]
    assert "evidence" not in conditions(predictions=[predicted("I10", None, "none")])["I10"]


def test_a_quote_is_a_fhir_string():
    assert conditions()["E11.9"]["evidence"] == [{"code": [{"text": "type 2 [31m DM"}]}]


def test_a_repaired_code_says_what_the_model_wrote():
    assert "The model wrote E11.99, which is no valid code" in conditions()["E11.9"]["note"][0]["text"]


def test_an_unknown_patient_is_marked_as_absent():
    subject = conditions(patient_id=None)["I10"]["subject"]
    assert subject == {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
    }


@pytest.mark.parametrize("patient_id", ["", "a b", "Patient/1", "ä", "x" * 65, "1\n"])
def test_an_id_that_is_none_is_refused_without_repeating_it(patient_id):
    with pytest.raises(ValueError, match="no FHIR id") as refused:
        check_patient_id(patient_id)
    assert not patient_id or patient_id not in str(refused.value)


@pytest.mark.parametrize(
    ("check", "given", "hint"),
    [
        (check_patient_id, "Patient/4711", "without `Patient/`"),
        (check_patient_id, "http://a.example/fhir/Patient/4711", "without `Patient/`"),
        (check_patient_id, "http://a.example/4711", "no URL"),
        (check_patient_id, "urn:uuid:c757873d", "no URL"),
        (check_patient_id, "MRN|4711", "no identifier of another system"),
        (check_encounter_id, "Encounter/4711", "without `Encounter/`"),
        (check_encounter_id, "Patient/4711", "no URL"),
    ],
)
def test_a_reference_in_the_place_of_an_id_is_refused_with_what_to_give(check, given, hint):
    with pytest.raises(ValueError, match="no FHIR id") as refused:
        check(given)
    assert hint in str(refused.value)
    assert "4711" not in str(refused.value)


def test_conditions_may_name_their_encounter():
    assert conditions(encounter_id="e-1")["I10"]["encounter"] == {"reference": "Encounter/e-1"}
    assert "encounter" not in conditions()["I10"]


def test_without_a_valid_code_the_bundle_has_no_entries():
    assert bundle(predictions=PREDICTIONS[-1:]) == {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": "2026-11-21T20:15:03+00:00",
    }


def test_every_resource_has_a_url_of_its_own():
    urls = [entry["fullUrl"] for _ in range(2) for entry in bundle()["entry"]]
    assert len(set(urls)) == len(urls)


@pytest.mark.parametrize(
    "options",
    [{}, {"patient_id": None}, {"predictions": []}, {"encounter_id": "e"}],
    ids=["whole", "no patient", "empty", "encounter"],
)
def test_the_bundle_is_valid_by_the_r4_models(options):
    """R4B's Bundle and Condition are R4's; what the models do not know (terminology, invariants) is asserted above."""
    models = pytest.importorskip("fhir.resources.R4B.bundle", reason="fhir.resources is not installed")
    written = json.dumps(bundle(**options))
    read = models.Bundle.model_validate_json(written)
    assert json.loads(read.model_dump_json(exclude_none=True))["type"] == "collection"
    for entry in read.entry or ():
        assert entry.resource.get_resource_type() == "Condition"


def test_the_r4_models_refuse_what_is_not_r4():
    models = pytest.importorskip("fhir.resources.R4B.bundle", reason="fhir.resources is not installed")
    wrong = bundle()
    del wrong["entry"][0]["resource"]["subject"]
    with pytest.raises(ValueError, match="subject"):
        models.Bundle.model_validate_json(json.dumps(wrong))
