"""Codes of conditions that are past or a relative's."""

import pytest

from ccl_assets.coding.active_release import active_release
from ccl_assets.coding.history_codes import HistoryCodes, history_rows
from ccl_assets.resources.settings import Settings
from ccl_assets.text.assertions import Assertion


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return active_release(Settings(home=tmp_path_factory.mktemp("home")), needs_gold_pairs=False, say=print)


@pytest.fixture(scope="module")
def codes(release):
    return HistoryCodes(release.titles, release.billable)


def test_every_row_names_a_code_of_the_release_with_the_expected_title(release):
    for row in history_rows():
        named = [code for code in row.codes if code in release.billable]
        assert named or not row.codes, row
        for code in named:
            assert row.word.casefold() in release.titles[code].casefold(), (row, release.titles[code])


@pytest.mark.parametrize(
    ("code", "status", "given"),
    [
        ("I63.9", Assertion.HISTORICAL, "Z86.73"),
        ("I26.99", Assertion.HISTORICAL, "Z86.711"),
        ("J18.9", Assertion.RESOLVED, "Z87.01"),
        ("J45.909", Assertion.HISTORICAL, "J45.909"),
        ("J45.909", Assertion.RESOLVED, None),
        ("J45.909", Assertion.FAMILY, "Z82.5"),
        ("J11.1", Assertion.FAMILY, None),
        ("C50.919", Assertion.FAMILY, "Z80.3"),
        ("C50.919", Assertion.HISTORICAL, "Z85.3"),
        ("C34.90", Assertion.FAMILY, "Z80.1"),
        ("D12.6", Assertion.HISTORICAL, "Z86.0101"),
        ("S72.001A", Assertion.HISTORICAL, "Z87.81"),
        ("E11.9", Assertion.FAMILY, "Z83.3"),
        ("Z95.0", Assertion.HISTORICAL, "Z95.0"),
        ("Z95.0", Assertion.FAMILY, None),
        ("M10.9", Assertion.NEGATED, None),
        ("M10.9", Assertion.OTHER_PERSON, None),
        ("M10.9", Assertion.HYPOTHETICAL, None),
        ("M10.9", Assertion.PRESENT, "M10.9"),
    ],
)
def test_what_is_said_decides_on_the_code(codes, code, status, given):
    assert codes.code_for(code, status, is_inpatient=False) == given


def test_uncertain_conditions_are_coded_for_inpatients_only(codes):
    assert codes.code_for("J18.9", Assertion.UNCERTAIN, is_inpatient=True) == "J18.9"
    assert codes.code_for("J18.9", Assertion.UNCERTAIN, is_inpatient=False) is None


def test_a_release_without_the_code_gives_none(release):
    without = HistoryCodes(release.titles, release.billable - {"Z86.73"})
    assert without.code_for("I63.9", Assertion.RESOLVED, is_inpatient=False) is None
    other = HistoryCodes({**release.titles, "Z86.73": "Something else"}, release.billable)
    assert other.code_for("I63.9", Assertion.RESOLVED, is_inpatient=False) is None


def test_older_editions_have_other_codes():
    old = HistoryCodes({"Z86.010": "Personal history of colonic polyps"}, {"Z86.010"})
    assert old.code_for("K63.5", Assertion.HISTORICAL, is_inpatient=False) == "Z86.010"
