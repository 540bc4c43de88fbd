"""An invalid code is replaced only where its title says beyond doubt which one was meant."""

import pytest

from ccl_assets.coding.code_repair import CodeRepair


@pytest.fixture(scope="module")
def repair(packaged_titles):
    titles, billable = packaged_titles
    return CodeRepair(billable, titles)


@pytest.mark.parametrize(
    ("title", "code"),
    [
        ("Essential (primary) hypertension", "I10"),
        ("ESSENTIAL PRIMARY HYPERTENSION.", "I10"),
        ("Atrial fibrillation", "I48.91"),  # printed as "Unspecified atrial fibrillation"
        ("Pneumonia", "J18.9"),
        ("Type 2 diabetes melitus without complications", "E11.9"),
        ("Hyperlipidemia, mixed", "E78.2"),
        ("Acute kidney failure with tubular necrosis (ATN)", "N17.0"),
    ],
)
def test_the_code_of_the_nearest_title_is_found(repair, title, code):
    assert repair.nearest(title) == code


@pytest.mark.parametrize(
    "title",
    [
        "",
        " – ",
        "hypertension of unclear origin in a patient with much else",  # too far
        "Type 2 diabetes mellitus",  # a header, many titles equally near
        "Type 2 diabetes mellitus with diabetic",
        "Pain in left and right knee",  # one side too many
        "Chronic kidney disease, stage 7",  # a number that no title has
        "Hipertensión arterial esencial",
        "Essential (primary) hypertension " * 50_000,
        "\ud800 \x00",
    ],
    ids=lambda title: title[:20],
)
def test_what_is_far_ambiguous_or_differs_in_a_telling_word_is_left(repair, title):
    assert repair.nearest(title) is None


def test_a_side_is_never_changed(packaged_titles):
    titles, _ = packaged_titles
    left_only = CodeRepair({"M25.562"}, titles)
    assert titles["M25.562"] == "Pain in left knee"
    assert left_only.nearest("pain in the left knee") == "M25.562"
    assert left_only.nearest("pain in right knee") is None


def test_a_title_that_two_codes_share_is_nobody_s():
    titles = {"A00": "Same title", "A01": "same title.", "A02": "Other thing"}
    assert CodeRepair(titles, titles).nearest("Same title") is None


def test_only_billable_codes_with_a_title_are_given():
    titles = {"E11": "Type 2 diabetes mellitus"}
    assert CodeRepair({"I10"}, titles).nearest("Type 2 diabetes mellitus") is None
    assert CodeRepair(set(), titles).nearest("Type 2 diabetes melitus") is None
