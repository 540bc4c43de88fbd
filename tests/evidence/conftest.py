"""A small Tabular List, read by the real parser, and builders of rows."""

import hashlib
from collections.abc import Callable

import pytest

from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.release.contents import ReleaseFile
from ccl_assets.icd.tables import CODES
from ccl_assets.icd.tabular.tabular_list import parse_tabular
from ccl_assets.resources.text_generation.requests import Completion

SEVENTH = (
    '<sevenChrDef><extension char="A">initial encounter for closed fracture</extension>'
    '<extension char="S">sequela</extension></sevenChrDef>'
)
CIRCULATORY, INJURY, RESPIRATORY = "09_I00-I99", "19_S00-T88", "10_J00-J99"


def diag(code: str, title: str, *inside: str) -> str:
    return f"<diag><name>{code}</name><desc>{title}</desc>{''.join(inside)}</diag>"


def terms(*texts: str) -> str:
    return "".join(f"<inclusionTerm><note>{text}</note></inclusionTerm>" for text in texts)


def chapter(number: int, section: str, *diags: str) -> str:
    return (
        f"<chapter><name>{number}</name><desc>Chapter</desc><section id='{section}'><desc>Block</desc>"
        f"{''.join(diags)}</section></chapter>"
    )


HEART = diag(
    "I11", "Hypertensive heart disease",
    diag("I11.0", "Hypertensive heart disease with heart failure"),
    diag("I11.9", "Hypertensive heart disease without heart failure", terms("Hypertensive heart disease NOS")),
)  # fmt: skip
TIBIA = diag(
    "S82", "Fracture of lower leg", SEVENTH,
    diag(
        "S82.2", "Fracture of shaft of tibia",
        diag("S82.20", "Unspecified fracture of shaft of tibia",
            diag("S82.201", "Unspecified fracture of shaft of right tibia", terms("Fracture of right tibia NOS")),
            diag("S82.202", "Unspecified fracture of shaft of left tibia"))),
)  # fmt: skip
LUNGS = [diag(f"J{number:02d}", f"Lung disorder number {number}") for number in range(1, 46)]
TABULAR = (
    "<ICD10CM.tabular><version>2026</version>"
    + chapter(9, "I10-I1A", diag("I10", "Essential (primary) hypertension", terms("High blood pressure")), HEART)
    + chapter(10, "J00-J99", *LUNGS)
    + chapter(19, "S80-S89", TIBIA)
    + "</ICD10CM.tabular>"
)


@pytest.fixture(scope="session")
def small_ontology() -> Ontology:
    """Hypertension, 45 made-up lung disorders and the fractures of the tibial shaft with their 7th characters."""
    rows = parse_tabular(ReleaseFile("tabular", "small.xml", TABULAR.encode()), "FY2026").codes
    return Ontology.from_table(CODES.table(rows))


@pytest.fixture
def answer() -> Callable[..., Completion]:
    """A completion with the given text."""

    def build(text: str, error: str | None = None) -> Completion:
        return Completion("request", text, "error" if error else "stop", error=error)

    return build


@pytest.fixture
def pair() -> Callable[..., dict]:
    """A row with the columns that pairs of any tier have, and whatever else is given."""

    def build(code: str, evidence: str, **others: object) -> dict:
        digest = hashlib.sha256(f"{code} {evidence} {sorted(others)}".encode()).hexdigest()[:16]
        return {
            "release": "FY2026",
            "chapter": CIRCULATORY,
            "pair_id": digest,
            "code": code,
            "evidence": evidence,
            **others,
        }

    return build
