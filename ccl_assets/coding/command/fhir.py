"""Predicted codes as an HL7 FHIR R4 bundle of ``Condition`` resources (https://hl7.org/fhir/R4/condition.html)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from ccl_assets.coding.command.printed_codes import one_line
from ccl_assets.coding.prediction import PredictedCode
from ccl_assets.text.grounding import UNGROUNDED

ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def code_system_version(label: str) -> str:
    """Version of ICD-10-CM as FHIR names it: the fiscal year, ``2026``.

    FHIR's page on ICD identifies versions by their year (YYYY), HL7's terminology defines no version of its own, and servers hold
    the editions by year. An update within a year has no version there, so its codes are given under the year, too.

    Args:
        label: Release label, e.g. ``FY2026-April``.
    """
    return label.removeprefix("FY").partition("-")[0]


def check_patient_id(patient_id: str) -> str:
    """Make sure that an id is one of FHIR's; returns it.

    Raises:
        ValueError: It is not. The message does not repeat it, since it may name a person.
    """
    return _checked(patient_id, "patient", "Patient")


def check_encounter_id(encounter_id: str) -> str:
    """Make sure that the id of an encounter is one of FHIR's; returns it.

    Raises:
        ValueError: It is not; the message does not repeat it.
    """
    return _checked(encounter_id, "encounter", "Encounter")


def _checked(given: str, what: str, resource: str) -> str:
    if _ID.fullmatch(given):
        return given
    hint = ""
    if given.rpartition("/")[0].rpartition("/")[2] == resource:
        hint = f"; give the id alone, without `{resource}/` and what stands before it"
    elif "/" in given or "|" in given or given.startswith("urn:"):
        hint = "; give the logical id alone, no URL and no identifier of another system"
    raise ValueError(f"the {what}'s id is no FHIR id: 1 to 64 letters (A-Z), digits, hyphens and dots{hint}")


def condition_bundle(
    predictions: Sequence[PredictedCode],
    titles: Mapping[str, str],
    version: str,
    made_at: datetime,
    patient_id: str | None = None,
    system_name: str = "",
    encounter_id: str | None = None,
) -> dict[str, Any]:
    """A bundle of type ``collection``, one ``Condition`` per valid code; invalid codes are left out.

    Nobody has reviewed the codes, so each is ``unconfirmed``, and its note says so. Whether a condition is active the codes do not
    tell, so ``clinicalStatus`` is left out, as R4 allows for encounter diagnoses. The quote is the text of ``evidence.code``; one
    that does not stand in the note is no evidence and left out.

    Args:
        predictions: What a system predicted.
        titles: Long title by code.
        version: Version of the code system; see :func:`code_system_version`.
        made_at: When, with its time zone.
        patient_id: Logical id of the ``Patient``; without one the subject is marked as unknown, for R4 requires a subject.
        system_name: The coding system, for the note of each condition.
        encounter_id: Logical id of the ``Encounter`` in which the note was written, if known.
    """
    subject: dict[str, Any] = (
        {"extension": [{"url": _ABSENT, "valueCode": "unknown"}]}
        if patient_id is None
        else {"reference": f"Patient/{check_patient_id(patient_id)}"}
    )
    encounter = (
        {} if encounter_id is None else {"encounter": {"reference": f"Encounter/{check_encounter_id(encounter_id)}"}}
    )
    entries = [
        {
            "fullUrl": f"urn:uuid:{uuid4()}",
            "resource": {
                "resourceType": "Condition",
                "verificationStatus": _concept(_VERIFICATION, "unconfirmed", "Unconfirmed"),
                "category": [_concept(_CATEGORY, "encounter-diagnosis", "Encounter Diagnosis")],
                "code": _concept(ICD_10_CM, prediction["code"], titles[prediction["code"]], version),
                "subject": subject,
                **encounter,
                **_evidence(prediction),
                "note": [{"text": _remark(prediction, system_name)}],
            },
        }
        for prediction in predictions
        if prediction["is_valid"]
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "timestamp": made_at.isoformat(timespec="seconds")}
    return {**bundle, "entry": entries} if entries else bundle  # FHIR has no empty lists


def _concept(system: str, code: str, display: str, version: str | None = None) -> dict[str, Any]:
    coding = {"system": system, **({"version": version} if version else {}), "code": code, "display": display}
    return {"coding": [coding]}


def _evidence(prediction: PredictedCode) -> dict[str, Any]:
    quote = one_line(prediction["evidence"] or "")
    if not quote or prediction["evidence_status"] == UNGROUNDED:
        return {}
    return {"evidence": [{"code": [{"text": quote}]}]}


def _remark(prediction: PredictedCode, system_name: str) -> str:
    parts = ["Coded by software (ccl-assets" + (f", system {system_name}" if system_name else "") + "), not reviewed."]
    if (confidence := prediction.get("confidence")) is not None:
        parts.append(f"Confidence {confidence:.2f}.")
    if repaired_from := prediction.get("repaired_from"):
        parts.append(
            f"The model wrote {one_line(repaired_from)}, which is no valid code; this one has the nearest title."
        )
    return " ".join(parts)
