"""Which codes differ in side, trimester, intent or 7th character only; on made-up categories and on whole releases."""

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from ccl_assets.evidence.synthetic.families import Family, Variation, families, family_codes, vary
from ccl_assets.icd.ontology import Code, Ontology
from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tables import CODES
from ccl_assets.icd.tabular.tabular_list import parse_tabular
from ccl_assets.text.folding import fold


@pytest.fixture(scope="module")
def release(request: pytest.FixtureRequest) -> Callable[[int], tuple[Ontology, dict[str, Family]]]:
    """A whole release and its families: that of 2026 is packaged, others are there or not."""

    @cache
    def read(year: int) -> tuple[Ontology, dict[str, Family]]:
        folder: Path | None = None
        if year != 2026:
            folder = request.getfixturevalue("published_releases") / f"fy{year}"
            if not folder.is_dir():
                pytest.skip(f"the published release of {year} is not here")
        found = open_release(folder)
        ontology = Ontology.from_table(CODES.table(parse_tabular(found.tabular, found.label).codes))
        return ontology, families(ontology)

    return read


YEARS = pytest.mark.parametrize("year", [2026, 2017])


def made_of(titles: dict[str, str], seventh: dict[str, str] | None = None) -> dict[str, Family]:
    """Families of codes with these titles; the parent of each is the code without its last character."""
    codes = {}
    for code, title in titles.items():
        stem = Code(code, code[:-1].rstrip("."), "chapter", "block", title, title, not seventh, False, None, ())
        codes[code] = stem
        for character, words in (seventh or {}).items():
            codes[code + character] = stem._replace(
                code=code + character,
                long_title=f"{title}, {words}",
                is_billable=True,
                is_expanded=True,
                stem_code=code,
            )
    return families(Ontology(codes))


def sides(found: dict[str, Family]) -> list[dict[str, str | None]]:
    return [{code: each.side for code, each in family.variations.items()} for family in found.values()]


def test_sides_are_one_family_shown_by_the_right_one():
    (family,) = made_of(
        {
            "S82.200": "Unspecified fracture of shaft of unspecified tibia",
            "S82.201": "Unspecified fracture of shaft of right tibia",
            "S82.202": "Unspecified fracture of shaft of left tibia",
        }
    ).values()
    assert family.family_code == "S82.200"
    assert family.representative_code == "S82.201"
    assert family.shown == Variation("right")
    assert family.title == "Unspecified fracture of shaft of tibia"
    assert dict(family.variations) == {
        "S82.200": Variation("unspecified"),
        "S82.201": Variation("right"),
        "S82.202": Variation("left"),
    }


def test_an_unspecified_that_is_no_side_does_not_join():
    found = made_of(
        {
            "S82.201": "Fracture of shaft of right tibia",
            "S82.202": "Fracture of shaft of left tibia",
            "S82.203": "Unspecified fracture of shaft of tibia",
            "S82.209": "Fracture of unspecified part of tibia",
            "S92.209": "Fracture of shaft of unspecified tibia",
        }
    )
    assert [list(family) for family in sides(found)] == [["S82.201", "S82.202"], ["S82.203"], ["S82.209"], ["S92.209"]]


@pytest.mark.parametrize(
    ("right", "other", "side"),
    [
        ("Otitis media, right ear", "Otitis media, bilateral", "bilateral"),
        ("Conjunctival granuloma, right eye", "Conjunctival granuloma, unspecified", "unspecified"),
        ("Abscess of right external ear", "Abscess of external ear, unspecified ear", "unspecified"),
        ("Phlebitis of right femoral vein", "Phlebitis of femoral vein, bilateral", "bilateral"),
        ("Fracture of angle of right mandible", "Fracture of angle of mandible, unspecified side", "unspecified"),
        ("Cancer of undescended right testis", "Cancer of unspecified undescended testis", "unspecified"),
        (
            "Presence of artificial right leg (complete)",
            "Presence of artificial legs, bilateral (complete)",
            "bilateral",
        ),
        ("Other deformity of right finger(s)", "Other deformity of finger(s), unspecified finger(s)", "unspecified"),
    ],
)
def test_the_same_said_in_other_words_joins_under_the_same_parent_only(right, other, side):
    pair = {"H60.01": right, "H60.02": right.replace("right", "left")}
    assert sides(made_of({**pair, "H60.09": other}))[0]["H60.09"] == side
    assert sides(made_of({**pair, "H60.19": other}))[-1] == {"H60.19": None}


@pytest.mark.parametrize(
    "titles",
    [
        ["Left bundle-branch block", "Unspecified right bundle-branch block"],
        ["Double outlet right ventricle", "Double outlet left ventricle"],
        ["Acute right heart failure", "Acute left heart failure"],
        ["Foreign body left in body", "Foreign body in body"],
        ["Hemiplegia affecting right dominant side", "Hemiplegia affecting left nondominant side"],
        ["Hordeolum right upper eyelid", "Hordeolum left lower eyelid"],
        ["Loss, right eye, normal vision left eye", "Loss, left eye, normal vision right eye"],
        ["Homonymous bilateral field defects, right side", "Homonymous bilateral field defects, left side"],
        ["Bilateral primary osteoarthritis of hip", "Unilateral primary osteoarthritis, right hip"],
        ["Pregnancy, complicating childbirth", "Pregnancy, complicating the puerperium"],
        ["Preterm labor second trimester with preterm delivery second trimester",
         "Preterm labor second trimester with preterm delivery third trimester"],
        ["Adverse effect of penicillins", "Poisoning by penicillins, accidental (unintentional)"],
        ["Burn of first degree of chest", "Burn of second degree of chest"],
    ],
)  # fmt: skip
def test_what_is_another_thing_stays_alone(titles):
    found = made_of({f"X00.{place}": title for place, title in enumerate(titles)})
    assert [family.title for family in found.values()] == titles
    assert {variation for family in found.values() for variation in family.variations.values()} == {Variation()}


def test_dominant_and_other_side_are_two_families_of_a_right_and_a_left_one():
    places = ("right dominant", "left dominant", "right nondominant", "left nondominant", "unspecified")
    found = made_of({f"G81.1{n}": f"Spastic hemiplegia affecting {place} side" for n, place in enumerate(places)})
    assert [family.title.split("affecting ")[1] for family in found.values()] == [
        "dominant side",
        "nondominant side",
        "unspecified side",
    ]


def test_two_codes_of_one_side_and_title_are_no_family():
    titles = {"S00.1": "Cut of right arm", "S00.2": "Cut, of right arm", "S00.3": "Cut of left arm"}
    assert len(made_of(titles)) == 3


def test_categories_do_not_mix():
    assert len(made_of({"S00.1": "Cut of right arm", "S01.2": "Cut of left arm"})) == 2


def test_trimesters_are_one_family():
    words = ("unspecified", "first", "second", "third")
    (family,) = made_of(
        {f"O99.0{n}": f"Anemia complicating pregnancy, {w} trimester" for n, w in enumerate(words)}
    ).values()
    assert family.title == "Anemia complicating pregnancy"
    assert (family.representative_code, family.shown) == ("O99.01", Variation(trimester="first"))
    assert [variation.trimester for variation in family.variations.values()] == list(words)


def test_intents_of_a_poisoning_are_one_family():
    words = ("accidental (unintentional)", "intentional self-harm", "assault", "undetermined")
    titles = {f"T36.0X{n}": f"Poisoning by penicillins, {word}" for n, word in enumerate(words, 1)}
    found = made_of({**titles, "T36.0X5": "Adverse effect of penicillins"})
    assert list(found) == ["T36.0X1", "T36.0X5"]
    family = found["T36.0X1"]
    assert family.title == "Poisoning by penicillins"
    assert [variation.intent for variation in family.variations.values()] == ["accidental", *words[1:]]


def test_7th_characters_carry_the_words_of_the_release():
    titles = {"S93.401": "Sprain, right ankle", "S93.402": "Sprain, left ankle"}
    (family,) = made_of(titles, {"A": "initial", "S": "sequela"}).values()
    assert dict(family.variations) == {
        "S93.401A": Variation("right", seventh_character="initial"),
        "S93.401S": Variation("right", seventh_character="sequela"),
        "S93.402A": Variation("left", seventh_character="initial"),
        "S93.402S": Variation("left", seventh_character="sequela"),
    }
    assert (family.family_code, family.representative_code, family.shown) == ("S93.401", "S93.401", Variation("right"))


@pytest.mark.slow
@YEARS
def test_each_billable_code_is_in_one_family_of_its_category(release, year):
    ontology, found = release(year)
    counts = Counter(code for family in found.values() for code in family.variations)
    assert counts.keys() == ontology.billable
    assert set(counts.values()) == {1}
    for code, family in found.items():
        assert code == family.family_code
        assert {member[:3] for member in family.variations} == {code[:3]}
        assert family.representative_code in ontology
    assert family_codes(ontology)["S82.202S"] == "S82.201"


@pytest.mark.slow
@YEARS
def test_members_of_a_family_are_told_apart_in_variation_and_in_words(release, year):
    ontology, found = release(year)
    for family in found.values():
        assert len(set(family.variations.values())) == len(family.variations)
        for text in {family.title, ontology[family.representative_code].title}:
            varied = [vary(text, family.shown, variation) for variation in family.variations.values()]
            assert None not in varied, family.family_code
            assert len({fold(each) for each in varied}) == len(varied), family.family_code


@YEARS
def test_members_of_a_family_have_equal_titles_but_for_the_axis(release, year):
    """Checked by taking words off the titles, which is not how families are found."""
    ontology, found = release(year)
    free = (
        "right left bilateral unspecified side first second third trimester eye eyes ear ears accidental unintentional "
    )
    free += "intentional self harm assault undetermined of the s"
    for family in found.values():
        titles = {ontology[code].title for code in family.variations}
        if len(titles) > 1:
            bare = {
                frozenset(
                    word.removesuffix("ies").rstrip("sy") for word in fold(title).split() if word not in free.split()
                )
                for title in titles
            }
            assert len(bare) == 1, titles


def test_the_packaged_release_has_few_families_to_ask_for(release):
    ontology, found = release(2026)
    expanded = [family for family in found.values() if any(ontology[code].is_expanded for code in family.variations)]
    assert (len(found), len(expanded)) == (24_666, 7_781)
    assert sum(len(family.variations) for family in expanded) == 51_305


@pytest.mark.parametrize(
    ("code", "members"),
    [
        ("S82.201A", 48),  # three sides, sixteen encounters
        ("O31.02X1", 28),  # four trimesters, seven fetuses
        ("T36.0X3D", 12),  # four intents, three encounters
        ("H40.1131", 20),  # four sides, five stages
        ("M25.572", 3),  # "Pain in left ankle and joints of left foot"
        ("I50.814", 1),  # "Right heart failure due to left heart failure"
        ("R10.31", 2),  # right and left lower quadrant pain
    ],
)
def test_families_of_known_codes(release, code, members):
    ontology, found = release(2026)
    assert len(found[family_codes(ontology)[code]].variations) == members
