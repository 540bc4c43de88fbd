"""Index paths become phrases that read as a clinician writes."""

import pytest

from ccl_assets.evidence.gold.index_phrases import index_phrase, is_phrase_modifier


@pytest.mark.parametrize(
    ("path", "phrase"),
    [
        ("Starvation", "Starvation"),
        ("Abscess > ear > external", "external ear abscess"),
        ("Fracture, traumatic > ankle > bimalleolar > nondisplaced", "nondisplaced bimalleolar ankle traumatic fracture"),
        ("Wound, open > hand", "hand open wound"),
        ("Ulcer, ulcerated, ulcerating, ulceration, ulcerative > esophagus > fungal > with bleeding",
         "fungal esophagus ulcer with bleeding"),
        ("Diabetes, diabetic > with > retinopathy > proliferative", "Diabetes with proliferative retinopathy"),
        ("Pregnancy > complicated by > fetal > damage from > drugs", "Pregnancy complicated by drugs damage from fetal"),
        ("Bubo > due to Haemophilus ducreyi", "Bubo due to Haemophilus ducreyi"),
        ("Varicella > with > encephalomyelitis", "Varicella with encephalomyelitis"),
        ("Syndrome > Fanconi's", "Fanconi's syndrome"),
        ("Stafne's cyst or cavity", "Stafne's cyst or cavity"),
        ("Melanoma > in situ > toe", "toe melanoma in situ"),
        ("Deficiency, deficient > vitamin NOS > C", "vitamin C deficiency"),
        ("Infestation > Schistosoma > japonicum", "Schistosoma japonicum infestation"),
        ("Embolism > renal > vein", "renal vein embolism"),
        ("Disorder > sleep > due to > cocaine > abuse", "sleep disorder due to cocaine abuse"),
        ("Patent > cervix", "Patent cervix"),
        ("Abnormal, abnormality, abnormalities > cytology > anus", "Abnormal anus cytology"),
        ("History > personal > allergy > food > seafood", "personal history of seafood food allergy"),
        ("Presence > audiological implant", "Presence of audiological implant"),
        ("Exposure > tobacco smoke", "Exposure to tobacco smoke"),
        ("Contact > with > rabies", "Contact with rabies"),
        ("Brucella infection > specified NEC", "specified Brucella infection"),
        ("Injury > muscle > head > specified type NEC", "head muscle injury, specified type"),
        ("Adenoma > papillary > unspecified site", "papillary adenoma, unspecified site"),
        ("Lymphadenitis > any site, except mesenteric > subacute", "subacute lymphadenitis, any site, except mesenteric"),
        ("Complication > insulin pump > mechanical > leakage", "Complication, insulin pump, mechanical, leakage"),
        ("Fracture > a > b > c > d", "Fracture, a, b, c, d"),
    ],
)  # fmt: skip
def test_inverted_headings_are_turned_round(path, phrase):
    assert index_phrase(path.split(" > "), "alphabetic_index") == phrase


@pytest.mark.parametrize(
    ("path", "cell", "phrase"),
    [
        ("Neoplasm, neoplastic > bone > thumb", "Malignant Secondary", "secondary malignant neoplasm of bone of thumb"),
        (
            "Neoplasm, neoplastic > breast > central portion",
            "Ca in situ",
            "carcinoma in situ of central portion breast",
        ),
        ("Neoplasm, neoplastic > palate > soft", "Malignant Primary", "primary malignant neoplasm of soft palate"),
        ("Neoplasm, neoplastic", "Unspecified Behavior", "neoplasm of unspecified behavior of unspecified site"),
        ("Neoplasm, neoplastic > lung", "Uncertain Behavior", "neoplasm of uncertain behavior of lung"),
        ("Neoplasm, neoplastic > lung", None, "Neoplasm, neoplastic, lung"),
    ],
)
def test_neoplasm_cells_are_put_into_words(path, cell, phrase):
    assert index_phrase(path.split(" > "), "neoplasm_table", cell) == phrase


@pytest.mark.parametrize(
    ("cell", "phrase"),
    [
        ("Poisoning, Accidental (unintentional)", "accidental poisoning by Carbon monoxide"),
        ("Poisoning, Intentional self-harm", "intentional self-poisoning by Carbon monoxide"),
        ("Poisoning, Assault", "poisoning by Carbon monoxide, assault"),
        ("Poisoning, Undetermined", "poisoning by Carbon monoxide, undetermined intent"),
        ("Adverse effect", "adverse effect of Carbon monoxide"),
        ("Underdosing", "underdosing of Carbon monoxide"),
    ],
)
def test_drug_cells_are_put_into_words(cell, phrase):
    assert index_phrase(["Carbon", "monoxide"], "drug_table", cell) == phrase


def test_external_causes_read_forward():
    path = ["Struck by", "sports equipment", "assault"]
    assert index_phrase(path, "external_cause_index") == "Struck by sports equipment, assault"


def test_one_modifier_goes_to_the_noun_it_stands_at():
    assert index_phrase(["Pneumonia"], "alphabetic_index", modifier="bilateral") == "bilateral pneumonia"
    path = ["Obstruction", "due to", "stone"]
    assert index_phrase(path, "alphabetic_index", modifier="impacted") == "Obstruction due to impacted stone"


@pytest.mark.parametrize(
    ("modifier", "is_word"), [("acute", True), ("s", False), ("with fever", False), ("a b c", False)]
)
def test_endings_and_remarks_are_no_modifiers_of_a_phrase(modifier, is_word):
    assert is_phrase_modifier(modifier) is is_word


def test_a_path_without_words_gives_no_phrase():
    assert index_phrase(["", " - "], "alphabetic_index") == ""
