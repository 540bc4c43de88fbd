"""Titles and terms as a note says them."""

import pytest

from ccl_assets.text.default_forms import default_form, default_forms


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("Type 2 diabetes mellitus without complications", "Type 2 diabetes"),
        ("Type 2 diabetes mellitus with diabetic neuropathy, unspecified", "Type 2 diabetes with neuropathy"),
        ("Migraine, unspecified, not intractable, without status migrainosus", "Migraine"),
        ("Unspecified asthma, uncomplicated", "asthma"),
        ("Urinary tract infection, site not specified", "Urinary tract infection"),
        ("Essential (primary) hypertension", "Essential hypertension"),
        ("Pain in right shoulder", "right shoulder pain"),
        ("Unilateral primary osteoarthritis, right knee", "osteoarthritis of the right knee"),
        ("Chronic obstructive pulmonary disease with (acute) exacerbation", "Chronic obstructive pulmonary disease exacerbation"),
        ("Cellulitis of left lower limb", "left leg cellulitis"),
        ("Sprain of unspecified ligament of unspecified ankle", "ankle sprain"),
        ("Allergy status to penicillin", "penicillin allergy"),
        ("Encounter for screening for malignant neoplasm of colon", "colon cancer screening"),
        ("Spinal stenosis, lumbar region", "lumbar spinal stenosis"),
        ("Dizziness and giddiness", "Dizziness"),
    ],
)  # fmt: skip
def test_what_goes_without_saying_is_left_out(title, said):
    assert said in default_forms(title)


@pytest.mark.parametrize("title", ["Other chronic pain", "Nephritis in diseases classified elsewhere", "Cholera"])
def test_residual_codes_and_plain_titles_have_no_other_form(title):
    assert default_forms(title) == ()


def test_what_is_said_is_kept():
    assert default_form("Calculus of gallbladder with acute cholecystitis without obstruction") == (
        "Calculus of gallbladder with acute cholecystitis"
    )
    assert default_form("Type 2 diabetes mellitus without complications in remission").endswith("in remission")
