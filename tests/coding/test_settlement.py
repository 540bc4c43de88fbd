"""Codes that cannot stand together in one note are settled by stated rules."""

import pytest

from ccl_assets.coding.settlement import exclusive_codes, settle
from ccl_assets.linking.coder import FoundCode

TITLES = {
    "E11.9": "Type 2 diabetes mellitus without complications",
    "E11.65": "Type 2 diabetes mellitus with hyperglycemia",
    "E10.9": "Type 1 diabetes mellitus without complications",
    "S72.142A": "Displaced intertrochanteric fracture of left femur, initial encounter for closed fracture",
    "S72.143A": "Displaced intertrochanteric fracture of unspecified femur, initial encounter for closed fracture",
    "F17.210": "Nicotine dependence, cigarettes, uncomplicated",
    "Z72.0": "Tobacco use",
    "Z87.891": "Personal history of nicotine dependence",
    "I10": "Essential (primary) hypertension",
    "N18.32": "Chronic kidney disease, stage 3b",
    "I12.9": "Hypertensive chronic kidney disease with stage 1 through stage 4 chronic kidney disease",
    "I63.9": "Cerebral infarction, unspecified",
    "Z86.73": "Personal history of transient ischemic attack (TIA), and cerebral infarction",
    "K59.00": "Constipation, unspecified",
    "K59.09": "Other constipation",
}
TEXT = "displaced intertrochanteric fracture of left femur"


def found(code, probability, place=(0, 5)):
    return FoundCode(code, probability, place, (place,), "gold", "term", 1.0, ())


def settled(*codes, past=None, text=TEXT):
    past = past or {}
    kept = settle(codes, text, TITLES, TITLES.keys(), lambda one: past.get(one.code, one.code))
    return [one.code for one in kept]


def test_a_code_without_complications_gives_way_to_one_with_them():
    assert settled(found("E11.9", 0.9), found("E11.65", 0.5, (10, 20))) == ["E11.65"]
    assert settled(found("E11.9", 0.9), found("I10", 0.5, (10, 20))) == ["E11.9", "I10"]


def test_of_the_same_words_the_code_that_says_more_of_them_is_kept():
    place = (0, len(TEXT))
    assert settled(found("S72.143A", 0.27, place), found("S72.142A", 0.27, place)) == ["S72.142A"]
    assert settled(found("K59.09", 0.5), found("K59.00", 0.4)) == ["K59.09"]


def test_codes_of_one_category_from_other_words_both_stay():
    assert settled(found("K59.09", 0.5), found("K59.00", 0.4, (30, 40))) == ["K59.09", "K59.00"]


def test_of_alternatives_the_most_probable_is_kept():
    assert settled(found("Z87.891", 0.9), found("F17.210", 0.5, (10, 20)), found("Z72.0", 0.3, (30, 40))) == ["Z87.891"]
    assert settled(found("E11.65", 0.6), found("E10.9", 0.7, (10, 20))) == ["E10.9"]


def test_a_past_condition_gives_its_history_code():
    assert settled(found("I63.9", 0.4), past={"I63.9": "Z86.73"}) == ["Z86.73"]
    assert settled(found("I63.9", 0.4), past={"I63.9": None}) == []


def test_hypertension_beside_kidney_disease_is_presumed_to_be_of_it():
    assert settled(found("I10", 0.9), found("N18.32", 0.7, (10, 20))) == ["I12.9", "N18.32"]


def test_every_alternative_of_the_table_is_a_beginning_of_codes_of_the_release():
    from ccl_assets.corpora.sample.compile import packaged_titles

    titles = packaged_titles()
    for alternatives in exclusive_codes():
        assert len(alternatives) > 1
        for beginnings in alternatives:
            assert all(any(code.startswith(beginning) for code in titles) for beginning in beginnings), beginnings


@pytest.mark.parametrize("codes", [[], [found("I10", 0.9)]])
def test_what_cannot_conflict_is_left_alone(codes):
    assert settled(*codes) == [one.code for one in codes]
