"""A phrase for one code of a family said of another: sides, trimesters, intents and 7th characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.evidence.synthetic.variation import Variation, vary
from ccl_assets.text.folding import fold
from ccl_assets.text.sides import sides

RIGHT, LEFT, BOTH, OPEN = (Variation(side) for side in ("right", "left", "bilateral", "unspecified"))
FIRST, SECOND, THIRD, ANY = (Variation(trimester=each) for each in ("first", "second", "third", "unspecified"))
INTENTS = [Variation(intent=each) for each in ("accidental", "intentional self-harm", "assault", "undetermined")]


def of_sides(phrase: str) -> list[str | None]:
    return [vary(phrase, RIGHT, wanted) for wanted in (LEFT, BOTH, OPEN)]


@pytest.mark.parametrize(
    ("phrase", "left", "bilateral", "unspecified"),
    [
        ("fx R tibia shaft", "fx L tibia shaft", "fx bilateral tibia shaft", "fx tibia shaft"),
        ("Right tibial shaft fx", "Left tibial shaft fx", "Bilateral tibial shaft fx", "Tibial shaft fx"),
        ("Rt. tibia fx", "Lt. tibia fx", "Bilateral tibia fx", "Tibia fx"),
        ("tibia fx (R)", "tibia fx (L)", "tibia fx bilateral", "tibia fx"),
        ("RIGHT hip pain", "LEFT hip pain", "bilateral hip pain", "Hip pain"),
        ("broken leg on the right", "broken leg on the left", "broken leg bilaterally", "broken leg"),
        ("cut of the right foot", "cut of the left foot", "cut of bilateral feet", "cut of the foot"),
        ("burn of right lower leg", "burn of left lower leg", "burn of bilateral lower legs", "burn of lower leg"),
        ("right-sided weakness", "left-sided weakness", "bilateral weakness", "weakness"),
        ("weak on the right side", "weak on the left side", "weak on both sides", "weak"),
        ("right side of jaw fx", "left side of jaw fx", "both sides of jaw fx", "jaw fx"),
        ("a right ankle sprain", "a left ankle sprain", "bilateral ankle sprain", "an ankle sprain"),
        ("RLE burn", "LLE burn", "BLE burn", "lower extremity burn"),
        ("iritis OD", "iritis OS", "iritis OU", "iritis eye"),
        ("otitis AD", "otitis AS", "otitis AU", "otitis ear"),
        ("R MCA stroke", "L MCA stroke", "Bilateral MCA stroke", "MCA stroke"),
        ("RUQ pain", "LUQ pain", "Bilateral upper quadrant pain", "Upper quadrant pain"),
        ("r knee pain, rt knee effusion", "l knee pain, lt knee effusion", "bilateral knee pain, bilateral knee effusion",
         "knee pain, knee effusion"),
    ],
)  # fmt: skip
def test_a_side_that_is_stated_is_exchanged_or_left_out(phrase, left, bilateral, unspecified):
    assert vary(phrase, RIGHT, RIGHT) == phrase
    found = of_sides(phrase)
    assert [found[0], found[1].lower(), found[2].lower()] == [left, bilateral.lower(), unspecified.lower()]


@pytest.mark.parametrize(
    "phrase", ["fx tibia shaft", "both bone forearm fx", "R/O fx, pain at L4", "Rh factor in L-spine"]
)
def test_a_side_that_is_not_stated_is_added(phrase):
    assert [vary(phrase, RIGHT, wanted) for wanted in (RIGHT, LEFT, BOTH, OPEN)] == [
        f"{phrase}, R",
        f"{phrase}, L",
        f"{phrase}, b/l",
        phrase,
    ]


@pytest.mark.parametrize(
    "phrase",
    ["L tibia fx", "bilateral knee pain", "pain in both knees", "R>L hip pain", "left untreated", "OS iritis", ""],
)
def test_a_phrase_of_another_side_is_not_varied_at_all(phrase):
    assert vary(phrase, RIGHT, RIGHT) is None
    assert of_sides(phrase) == [None, None, None]


@pytest.mark.parametrize(
    "phrase",
    ["right middle lobe contusion", "RML contusion", "right hand dominant, wrist fx", "right ventricular strain"],
)
def test_what_holds_of_one_side_only_stays_there(phrase):
    assert vary(phrase, RIGHT, RIGHT) is not None
    assert of_sides(phrase) == [None, None, None]


def test_unilateral_is_not_said_of_both_sides():
    assert of_sides("unilateral hip OA, right") == ["unilateral hip OA, left", None, "unilateral hip OA"]


def test_a_phrase_that_is_a_side_only_is_nothing_without_it():
    assert of_sides("(R)") == ["(L)", "bilateral", None]


@pytest.mark.parametrize(
    ("phrase", "second", "unspecified"),
    [
        ("anemia in pregnancy, 1st trimester", "anemia in pregnancy, 2nd trimester", "anemia in pregnancy"),
        ("anemia in the first trimester", "anemia in the second trimester", "anemia in pregnancy"),
        ("varices during first trimester of pregnancy", "varices during second trimester of pregnancy", "varices during pregnancy"),
        ("First-trimester bleeding", "Second-trimester bleeding", "Bleeding in pregnancy"),
        ("gestational anemia, trimester 1", "gestational anemia, trimester 2", "gestational anemia"),
        ("anemia of pregnancy", "anemia of pregnancy, second trimester", "anemia of pregnancy"),
        ("anemia at 10 weeks", None, None),
        ("anemia in early pregnancy", None, None),
        ("anemia, third trimester", None, None),
    ],
)  # fmt: skip
def test_trimesters(phrase, second, unspecified):
    assert [vary(phrase, FIRST, SECOND), vary(phrase, FIRST, ANY)] == [second, unspecified]


def test_a_phrase_is_not_left_without_the_pregnancy():
    assert vary("second trimester UTI", SECOND, ANY) == "UTI in pregnancy"
    assert vary("second trimester", SECOND, ANY) is None


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("penicillin overdose", "penicillin overdose"),
        ("accidental penicillin overdose", "penicillin overdose"),
        ("penicillin poisoning (unintentional)", "penicillin poisoning"),
        ("took too much penicillin by accident", "took too much penicillin"),
    ],
)
def test_an_intent_is_left_out_and_the_other_added(phrase, expected):
    accidental, harm, assault, undetermined = (vary(phrase, INTENTS[0], wanted) for wanted in INTENTS)
    assert accidental == (f"{phrase}, accidental" if phrase == expected else phrase)
    assert harm == f"{expected}, intentional self-harm"
    assert assault == f"{expected}, assault"
    assert undetermined == f"{expected}, undetermined intent"


@pytest.mark.parametrize(
    "phrase", ["intentional overdose", "suicide attempt with penicillin", "self-inflicted", "accidental or assault"]
)
def test_a_phrase_of_another_intent_is_not_varied_at_all(phrase):
    assert {vary(phrase, INTENTS[0], wanted) for wanted in INTENTS} == {None}


CLOSED = "initial encounter for closed fracture"
OPEN_NONUNION = "subsequent encounter for open fracture type I or II with nonunion"


@pytest.mark.parametrize(
    ("phrase", "words", "expected"),
    [
        ("R tibia fx", CLOSED, "L tibia fx"),
        ("closed R tibia fx", CLOSED, "closed L tibia fx"),
        ("open R tibia fx", CLOSED, None),
        ("closed R tibia fx", OPEN_NONUNION, None),
        ("R tibia fx with non-union", OPEN_NONUNION, "L tibia fx with non-union, open type I or II, nonunion"),
        ("R tibia fx with nonunion", "sequela", None),
        ("R tibia fx, sequelae", CLOSED, None),
        ("R eye glaucoma", "stage unspecified", "L eye glaucoma"),
        ("R eye glaucoma, severe stage", "mild stage", None),
        ("R shoulder gout with tophi", "without tophus (tophi)", None),
    ],
)
def test_the_7th_character_is_said_as_notes_do_unless_the_phrase_says_another(phrase, words, expected):
    assert vary(phrase, RIGHT, Variation("left", seventh_character=words)) == expected


def test_a_7th_character_may_be_the_side_of_an_eye():
    wanted = [Variation(seventh_character=words) for words in ("right eye", "left eye", "bilateral", "unspecified eye")]
    assert [vary("macular edema", Variation(), each) for each in wanted] == [
        "macular edema, right eye",
        "macular edema, left eye",
        "macular edema, bilateral",
        "macular edema",
    ]
    assert [vary("macular edema OD", Variation(), each) for each in wanted] == [
        "macular edema OD, right eye",
        None,
        None,
        None,
    ]


def test_an_axis_the_family_does_not_vary_in_is_left_alone():
    assert vary("left bundle branch block", Variation(), Variation()) == "left bundle branch block"
    assert vary("first trimester", Variation(), Variation(seventh_character="fetus 2")) == "first trimester, fetus 2"


PIECES = st.sampled_from([
    "right", "R", "rt.", "(R)", "RUE", "OD", "right-sided", "on the right", "left", "L", "both sides", "bilateral", "unspecified",
    "the", "a", "of", "in", ",", "upper", "knee", "foot", "eye", "fracture", "open", "closed", "sequela", "first trimester",
    "1st trimester", "pregnancy", "accidental", "by accident", "overdose", "assault",
])  # fmt: skip
PHRASES = st.one_of(st.lists(PIECES, max_size=8).map(" ".join), st.text(max_size=30))
WORDS = (CLOSED, OPEN_NONUNION, "sequela")


@given(phrase=PHRASES, axis=st.sampled_from([(RIGHT, LEFT, BOTH, OPEN), (FIRST, SECOND, THIRD, ANY), INTENTS]))
def test_members_never_get_the_same_text(phrase, axis):
    wanted = [Variation(each.side, each.trimester, words, each.intent) for each in axis for words in WORDS]
    found = [text for each in wanted if (text := vary(phrase, axis[0], each)) is not None]
    assert len({fold(text) for text in found}) == len(found)


@given(phrase=PHRASES)
def test_what_is_said_of_a_side_states_that_side_and_no_other(phrase):
    for wanted in (RIGHT, LEFT, BOTH, OPEN):
        text = vary(phrase, RIGHT, wanted)
        if text is not None:
            assert set(sides(text)) == ({wanted.side} - {"unspecified"})


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("Low-tension glaucoma, right eye", "Low-tension glaucoma, mild stage"),
        ("right eye, glaucoma secondary to drugs", "glaucoma secondary to drugs, mild stage"),
        ("glaucoma, right side", "glaucoma, mild stage"),
        ("contusion of right eye", "contusion of eye, mild stage"),
        ("osteoarthritis, right knee", "osteoarthritis, knee, mild stage"),
        ("right eye", "eye, mild stage"),
    ],
)
def test_an_eye_named_for_its_side_alone_goes_with_the_side(phrase, expected):
    shown = Variation(side="right")
    assert vary(phrase, shown, Variation(side="unspecified", seventh_character="mild stage")) == expected
