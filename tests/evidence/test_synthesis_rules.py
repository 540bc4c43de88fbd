"""Rules of written evidence: what a note would say passes, everything else is refused for its reason."""

from collections import defaultdict
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.evidence.synthetic.fallback import fallback_phrases
from ccl_assets.evidence.synthetic.families import families
from ccl_assets.evidence.synthetic.rules import REASONS, Refusal, Subject, refusal
from ccl_assets.evidence.synthetic.title_match import TitleMatch
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tables import CODES
from ccl_assets.icd.tabular.tabular_list import parse_tabular
from ccl_assets.text.clinical_words import clinical_words, words_said
from ccl_assets.text.plain_titles import plain_title

TIBIA, THUMB, HIP, PALM = "S82.201", "S61.011", "M97.01", "T23.051"
HEATSTROKE, HEART, CUT_HEART, BRAIN = "T67.02", "S26.91", "S26.12", "S06.0X1"
METHANOL, INSULIN, DRIVER, HORSE = "T51.1X1", "T38.3X1", "V43.53", "W55.11"
GOUT, GLAUCOMA, RETINA, BREECH, SPLEEN = "M1A.40", "H40.121", "E11.329", "O32.1", "S36.09"
METACARPAL, LEAK, TOE = "S62.336", "T82.535", "S93.131"


class Release:
    """Families of the packaged release and what evidence for them is judged by."""

    def __init__(self):
        release = open_release()
        self.ontology = Ontology.from_table(CODES.table(parse_tabular(release.tabular, release.label).codes))
        self.families = families(self.ontology)
        self.by_category = defaultdict(list)
        for family in self.families.values():
            self.by_category[family.family_code[:3]].append(family)
        self.of_stem = {
            self.ontology[code].stem_code or code: family
            for family in self.families.values()
            for code in family.variations
        }
        self.subject = cache(self._subject)
        self._chapter = cache(self._titles)

    def texts(self, family):
        return [family.title, *self.ontology[family.representative_code].inclusion_terms]

    def _titles(self, chapter):
        found = [family for family in self.families.values() if self.ontology[family.family_code].chapter == chapter]
        return TitleMatch({family.family_code: self.texts(family) for family in found})

    def _subject(self, stem):
        family = self.of_stem[stem]
        entry = self.ontology[family.representative_code]
        others = [other for other in self.by_category[stem[:3]] if other is not family]
        return Subject(
            family.family_code,
            entry.title,
            family.title,
            entry.inclusion_terms,
            tuple(self.ontology[above].title for above in self.ontology.ancestors(entry.code)),
            tuple(text for other in others for text in self.texts(other)),
            chapter=self._chapter(entry.chapter),
            is_external_cause=entry.chapter.endswith("V00-Y99"),
        )


@pytest.fixture(scope="module")
def packaged():
    return Release()


GOOD = [
    (TIBIA, "right tibial shaft fracture"),
    (TIBIA, "fx R tibia shaft"),
    (TIBIA, "broken right shinbone, shaft"),
    (TIBIA, "fracture of tibial shaft"),  # the side is added for every member
    (THUMB, "R thumb laceration"),
    (THUMB, "lac right thumb w/o FB"),
    (THUMB, "right thumb laceration without nail damage"),
    (HIP, "periprosthetic fracture around right hip prosthesis"),
    (HIP, "R hip periprosthetic joint fx"),
    (PALM, "right palm burn"),
    (HEATSTROKE, "exertional heatstroke"),
    (HEATSTROKE, "exertional heat stroke"),
    (HEART, "contusion of heart"),
    (BRAIN, "concussion with brief LOC"),
    (BRAIN, "concussion, LOC 30 minutes or less"),
    (METHANOL, "methanol poisoning"),
    (METHANOL, "accidental methanol toxicity"),
    (INSULIN, "accidental overdose of insulin and oral hypoglycemics"),
    (DRIVER, "car driver, road accident, collision with pickup truck"),
    (DRIVER, "MVA, car driver, collision with pickup on highway"),
    (HORSE, "bitten by horse"),
    (HORSE, "horse bite"),
    (GLAUCOMA, "low tension glaucoma OD"),
    (GLAUCOMA, "right low-tension glaucoma"),
    (BREECH, "breech presentation"),
    (SPLEEN, "other injury of spleen"),
    (METACARPAL, "displaced fx neck of R 5th metacarpal"),
    (LEAK, "leaking umbrella device"),
]


@pytest.mark.parametrize(("code", "phrase"), GOOD)
def test_what_a_note_would_say_stands(packaged, code, phrase):
    assert refusal(phrase, packaged.subject(code)) is None


BAD = {
    "code": [
        (TIBIA, "S82.201 right tibia shaft fracture"),
        (TIBIA, "right tibia shaft fracture S82.2"),
        (TIBIA, "right tibial shaft fracture (Z3A)"),
        (METHANOL, "T51.1X1A methanol poisoning"),
        (METHANOL, "T51: methanol poisoning"),
        (HORSE, "W55.11XA bitten by horse"),
        (DRIVER, "V43.53 car driver, collision with pickup, traffic"),
        (BREECH, "O32.1 breech presentation"),
    ],
    "treatment": [
        (TIBIA, "right tibial shaft fracture s/p ORIF"),
        (TIBIA, "right tibial shaft fracture, casted"),
        (TIBIA, "x-ray: right tibial shaft fracture"),
        (THUMB, "right thumb laceration, sutured"),
        (THUMB, "right thumb laceration repair"),
        (PALM, "right palm burn dressing changes"),
        (HEART, "contusion of heart, monitored"),
        (GLAUCOMA, "low-tension glaucoma right eye on drops, medication"),
        (INSULIN, "insulin overdose treated with dextrose"),
    ],
    "encounter": [
        (TIBIA, "admitted with right tibial shaft fracture"),
        (TIBIA, "ED visit for right tibial shaft fracture"),
        (TIBIA, "58 yo with right tibial shaft fracture"),
        (THUMB, "patient presents with right thumb laceration"),
        (THUMB, "right thumb laceration, follow-up"),
        (PALM, "right palm burn, initial encounter"),
        (BREECH, "breech presentation, seen in clinic"),
        (METHANOL, "methanol poisoning, brought in by ambulance"),
    ],
    "mechanism": [
        (TIBIA, "right tibial shaft fracture after fall"),
        (TIBIA, "right tibial shaft fracture from MVC"),
        (TIBIA, "gunshot fracture of right tibial shaft"),
        (THUMB, "right thumb laceration from a knife"),
        (THUMB, "assault, right thumb laceration"),
        (PALM, "right palm burn while cooking"),
        (HEART, "contusion of heart in car crash"),
        (METHANOL, "intentional methanol poisoning"),
        (TOE, "right great toe interphalangeal joint subluxation, soccer, kicked"),
        (HIP, "right hip periprosthetic fracture due to slip"),
    ],
    "symptom": [
        (TIBIA, "right leg pain"),
        (TIBIA, "painful fracture of right tibial shaft"),
        (THUMB, "bleeding right thumb laceration with numbness"),
        (PALM, "right palm burn with swelling"),
        (HEATSTROKE, "exertional heatstroke with fever"),
        (METHANOL, "methanol poisoning, nausea and vomiting"),
        (GOUT, "swollen toe"),
        (HEART, "chest pain"),
    ],
    "negation": [
        (TIBIA, "no right tibial shaft fracture"),
        (TIBIA, "right tibial shaft fracture without infection"),
        (TIBIA, "denies fracture of right tibial shaft"),
        (THUMB, "right thumb laceration, no infection"),
        (PALM, "right palm burn, no evidence of infection"),
        (METHANOL, "methanol poisoning without acidosis"),
        (HEART, "contusion of heart, negative for effusion"),
        (BREECH, "no breech presentation"),
    ],
    "invented_specificity": [
        (TIBIA, "left tibial shaft fracture"),
        (TIBIA, "acute right tibial shaft fracture"),
        (TIBIA, "displaced right tibial shaft fracture"),
        (TIBIA, "open fracture of right tibial shaft"),
        (TIBIA, "spiral fracture of right tibial shaft"),
        (TIBIA, "fracture of distal right tibial shaft"),
        (TIBIA, "severe right tibial shaft fracture"),
        (THUMB, "laceration of right thumb tendon"),
        (PALM, "second degree burn of right palm"),
        (BRAIN, "severe concussion with brief LOC"),
        (SPLEEN, "other injury of spleen, grade III"),
        (METACARPAL, "displaced fx neck of R 4th metacarpal"),
        (GLAUCOMA, "chronic low-tension glaucoma right eye"),
    ],
    "off_topic": [
        (TIBIA, "hypertension"),
        (TIBIA, "sentence about nothing"),
        (THUMB, "Sure, here you go"),
        (PALM, "right"),
        (METHANOL, "alcoholic beverage"),
        (HEATSTROKE, "sunburnt neck"),
        (DRIVER, "loss of vision"),
        (GLAUCOMA, "cataract"),
        (BREECH, "I cannot help"),
    ],
    "not_told_apart": [
        (TIBIA, "fracture of right tibia"),
        (THUMB, "right thumb wound"),
        (THUMB, "laceration of right thumb with foreign body"),
        (HEART, "contusion of heart with hemopericardium"),
        (HIP, "right hip fracture"),
        (HIP, "prosthetic joint fracture"),
        (PALM, "burn"),
        (BRAIN, "loss of consciousness"),
        (HEART, "heart injury"),
        (CUT_HEART, "laceration of heart"),
        (METACARPAL, "fx neck of right fifth metacarpal"),
        (METACARPAL, "displaced right fifth metacarpal fx"),
        (DRIVER, "car driver injured in collision with pickup"),
        (RETINA, "type 2 diabetes mellitus with retinopathy"),
        (GLAUCOMA, "right eye glaucoma"),
    ],
    "classification_wording": [
        (TIBIA, "unspecified fracture of shaft of right tibia"),
        (TIBIA, "right tibial shaft fracture NOS"),
        (THUMB, "right thumb laceration, unspecified"),
        (PALM, "burn of right palm, degree unspecified"),
        (GOUT, "secondary chronic gout NEC"),
        (SPLEEN, "other specified injury of spleen"),
        (METHANOL, "toxic effect of methanol, not elsewhere classified"),
        (HEART, "contusion of heart, not otherwise specified"),
    ],
    "repetition": [
        (GLAUCOMA, "right eye, eye, low-tension glaucoma, eye"),
        (TIBIA, "fracture, fracture, fracture of right tibial shaft"),
        (PALM, "burn burn burn right palm"),
        (GLAUCOMA, "low-tension glaucoma, low-tension glaucoma, right eye"),
        (GLAUCOMA, "glaucoma, low-tension glaucoma of right eye"),
    ],
    "length": [(TIBIA, "fx"), (TIBIA, ""), (TIBIA, "right tibia " * 20), (TIBIA, "tibia " * 21), (HORSE, "bit")],
}


@pytest.mark.parametrize(
    ("reason", "code", "phrase"), [(reason, *case) for reason, cases in BAD.items() for case in cases]
)
def test_what_breaks_a_rule_is_refused_for_it(packaged, reason, code, phrase):
    found = refusal(phrase, packaged.subject(code))
    assert found is not None and found.reason == reason, found
    assert found.sentence


def test_every_refusal_a_phrase_can_get_has_a_description():
    assert set(BAD) < set(REASONS)


def sample(packaged, count):
    stems = [
        stem for stem, family in packaged.of_stem.items() if packaged.ontology[stem].chapter[:2] in ("13", "19", "20")
    ]
    return [packaged.of_stem[stem] for stem in stems[:: len(stems) // count]]


def test_a_title_as_a_note_has_it_stands_for_its_family_and_for_no_other_of_the_category(packaged):
    own, foreign, tried = [], [], 0
    for family in sample(packaged, 150):
        subject = packaged.subject(family.representative_code)
        found = refusal(plain_title(packaged.ontology[family.representative_code].title), subject)
        if found is not None and found.reason != "length":
            own.append((family.family_code, found))
        others = [other for other in packaged.by_category[family.family_code[:3]] if other is not family]
        for other in others[:: max(1, len(others) // 4)]:
            tried += 1
            if refusal(plain_title(other.title), subject) is None:
                foreign.append((subject.title, other.title))
    assert tried > 400
    assert foreign == []
    assert len(own) <= 3, own


def test_evidence_of_another_code_may_not_be_said_again(packaged):
    stated = packaged.subject(TIBIA)
    subject = replace(stated, evidence_of_others=("Right tibia: shaft fx", "stress fx L tibia"))
    for phrase in ("fx R tibia, shaft", "Right tibial shaft fracture", "right tibia shaft fracture"):
        assert refusal(phrase, stated) is None
        assert refusal(phrase, subject).reason == "near_duplicate"
    taken = {stated.key("fracture, tibial shaft"): "another title"}
    assert refusal("R tibia shaft fx", stated, taken) == Refusal(
        "near_duplicate", 'it says the same as "another title"'
    )


def test_a_misspelt_copy_of_other_evidence_is_a_duplicate_unless_a_distinction_differs():
    subject = Subject(
        "X",
        "Pneumonia due to bacteria",
        "Pneumonia due to bacteria",
        evidence_of_others=("pneumonia due to bacterial",),
    )
    assert refusal("pneumonia due to bacteria", subject).reason == "near_duplicate"
    told_apart = replace(
        subject,
        title="Stage 2 pressure ulcer",
        family_title="Stage 2 pressure ulcer",
        evidence_of_others=("stage 3 pressure ulcer",),
    )
    assert refusal("stage 2 pressure ulcer", told_apart) is None


def test_what_the_title_itself_states_is_no_reason_to_refuse(packaged):
    for title, phrase in (
        ("Infection following a procedure", "infection following procedure"),
        ("Pain due to cardiac prosthetic devices", "pain due to cardiac prosthesis"),
        ("Vitamin B12 deficiency anemia", "vitamin B12 deficiency anemia"),
        ("Burn due to fall into hot water", "burn, fall into hot water"),
        ("Glaucoma secondary to eye trauma", "secondary glaucoma from eye trauma"),
        ("Heart disease without heart failure", "heart disease without failure"),
    ):
        assert refusal(phrase, Subject("X", title, title)) is None


def test_a_lay_word_may_stand_where_the_title_is_specific_and_not_where_it_is_unspecific():
    specific = Subject("X", "Sprain of ankle", "Sprain of ankle")
    assert refusal("twisted ankle sprain", specific) is None
    assert refusal("awfully twisted ankle sprain", specific).reason == "invented_specificity"
    residual = Subject("X", "Unspecified sprain of ankle", "Unspecified sprain of ankle")
    assert refusal("twisted ankle sprain", residual).reason == "invented_specificity"


@given(st.text(max_size=200), st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_judged(phrase, title, other):
    chapter = TitleMatch({"X": [title], "Y": [other]})
    found = refusal(phrase, Subject("X", title, title, (other,), (other,), (title, other), (other,), chapter))
    assert found is None or found.reason in REASONS


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Fx R distal tibia w/o FB", "fracture of lower end of right tibia without FB"),
        ("non-displaced 5th metacarpal fx", "Nondisplaced fracture, fifth metacarpals"),
        ("2nd deg burn, L palm", "burn of second degree of left palm"),
        ("tylenol overdose, suicide attempt", "toxic effect of Tylenol, self-harm"),
        ("MVA, cyclist", "accident, pedal cycle"),
        ("no evidence of hemorrhage", "without bleeding"),
    ],
)
def test_spellings_of_the_same_words_are_made_equal(one, other):
    assert clinical_words(one) == clinical_words(other)


def test_what_is_absent_is_no_statement_and_ends_with_its_clause():
    words = clinical_words("Laceration without foreign body of thumb, no nail damage")
    assert words == {"laceration", "no:foreign", "no:body", "thumb", "no:nail", "no:damage"}


def test_capitals_are_read_as_initials_of_the_title():
    title = "Laceration without foreign body of thumb with loss of consciousness"
    assert words_said("thumb lac w/o FB, LOC", title) == clinical_words(title) - {"of"}
    assert words_said("ABC of thumb", title) == {"abc", "thumb"}


@pytest.mark.parametrize(
    ("title", "plain"),
    [
        ("Unspecified fracture of shaft of right tibia", "Fracture of shaft of right tibia"),
        ("Burn of unspecified degree of right palm", "Burn of right palm"),
        (
            "Displaced fracture of navicular [scaphoid] bone of right wrist",
            "Displaced fracture of navicular bone of right wrist",
        ),
        ("Contusion of heart, unspecified with or without hemopericardium", "Contusion of heart"),
        ("Other specified injury of spleen", "Other injury of spleen"),
        ("Insect bite (nonvenomous), left thigh", "Insect bite, left thigh"),
        ("Collapsed vertebra, not elsewhere classified, site unspecified", "Collapsed vertebra"),
        ("Poisoning by insulin NOS", "Poisoning by insulin"),
        ("Legal intervention, means unspecified, bystander injured", "Legal intervention, bystander injured"),
        ("Blister (nonthermal), unspecified ankle", "Blister, ankle"),
        ("Exertional heatstroke", "Exertional heatstroke"),
    ],
)
def test_a_plain_title_has_no_word_that_only_the_classification_has(title, plain):
    assert plain_title(title) == plain


def test_plain_titles_of_a_category_stay_distinct(packaged):
    stems = [
        packaged.ontology[stem] for stem in packaged.of_stem if packaged.ontology[stem].chapter[:2] in ("19", "20")
    ]
    assert len({(stem.code[:3], plain_title(stem.title).lower()) for stem in stems}) == len(stems)


def test_inclusion_terms_follow_the_title_without_words_of_the_classification():
    terms = (
        "Fracture of tibia NOS",
        "Any injury classifiable to S82",
        "Fracture of finger with unspecified laterality",
    )
    found = list(fallback_phrases("Unspecified fracture of tibia", terms))
    assert found == ["Fracture of tibia", "tibia fx", "Fracture of tibia", "tibia fx"]
