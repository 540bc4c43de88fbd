"""Words that make another finding of a phrase."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.text.distinctions import are_told_apart, distinctions


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("cellulitis of R leg", ("right", "lower")),
        ("Cellulitis of right lower limb", ("right", "lower")),
        ("CKD stage IIIb", ("3b",)),
        ("ckd 3b", ("3b",)),
        ("T2DM", ("2",)),
        ("BMI 36.5", ("36.5",)),
        ("no chest pain", ("no",)),
        ("Chronic HFrEF", ("chronic", "systolic")),
        ("s/p MI", ("history",)),
        ("hypothyroidism", ("hypo",)),
        ("uncontrolled pain", ("no",)),
        ("chest pain", ()),
    ],
)
def test_spellings_of_one_distinction_are_equal(text, marks):
    assert distinctions(text) == marks


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("left knee pain", "right knee pain"),
        ("COPD with exacerbation", "COPD without exacerbation"),
        ("type 1 diabetes", "type 2 diabetes"),
        ("type I diabetes", "type II diabetes"),
        ("acute renal failure", "chronic renal failure"),
        ("hyperkalemia", "hypokalemia"),
        ("chronic HFrEF", "chronic HFpEF"),
        ("stroke", "history of stroke"),
        ("mother had breast cancer", "breast cancer"),
        ("pneumonia", "possible pneumonia"),
    ],
)
def test_twins_are_told_apart(one, other):
    assert are_told_apart(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("hypertension", "high blood pressure"),
        ("L hip fx", "fracture of left hip"),
        ("complete paraplegia", "Paraplegia, complete"),
        ("obesity class II", "Obesity, class 2"),
        ("Primary open angle glaucoma OU", "Primary open-angle glaucoma, bilateral"),
    ],
)
def test_other_wordings_are_not(one, other):
    assert not are_told_apart(one, other)


@given(st.text(max_size=60), st.text(max_size=60))
def test_it_is_symmetric_and_nothing_differs_from_itself(one, other):
    assert are_told_apart(one, other) == are_told_apart(other, one)
    assert not are_told_apart(one, one)
