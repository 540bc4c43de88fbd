"""Cross-references lead to the term they print, or say why they do not; nothing is guessed."""

from collections import Counter

import pytest

from ccl_assets.icd.index.alphabetic_index import SOURCES, parse_index
from ccl_assets.icd.index.cross_references import follow, resolve, unresolved_by_reason
from ccl_assets.icd.index.reference_resolution import OUTCOMES, RESOLVED
from ccl_assets.icd.index.words import one_edit_apart
from ccl_assets.icd.release.contents import ReleaseFile
from ccl_assets.icd.tables import INDEX_TERMS

HEADS = (
    '<indexHeading><head col="2">Malignant Primary</head><head col="3">Malignant Secondary</head>'
    '<head col="4">Ca in situ</head><head col="5">Benign</head></indexHeading>'
)
NEOPLASMS = (
    '<mainTerm><title>Neoplasm, neoplastic</title><cell col="2">C80.1</cell>'
    '<term level="1"><title>skin NOS</title><cell col="2">C44.90</cell><cell col="5">D23.9</cell></term></mainTerm>'
)
DRUGS = '<mainTerm><title>Alcohol</title><cell col="2">T51.91</cell></mainTerm>'
FRACTURES = (
    "<mainTerm><title>Fracture, pathological</title><term><title>femur</title><code>M84.45-</code></term></mainTerm>"
    "<mainTerm><title>Fracture, traumatic</title><term><title>femur</title><code>S72.9-</code></term>"
    "<term><title>leg</title><see>Fracture, femur</see></term></mainTerm>"
)


def rows_of(role: str, body: str, heading: str = "") -> list[dict]:
    content = f"<ICD10CM.index><version>2026</version>{heading}<letter>{body}</letter></ICD10CM.index>"
    return list(parse_index(ReleaseFile(role, f"{role}.xml", content.encode()), "FY2026"))


def settled(see: str, index: str, role: str = "index", also: bool = False) -> tuple[str, list[str]]:
    """Outcome and target paths of a reference made by a term "Source" of an index with the given other main terms."""
    tag = "seeAlso" if also else "see"
    rows = rows_of(role, f"<mainTerm><title>Source</title><{tag}>{see}</{tag}></mainTerm>{index}")
    if role == "index":
        rows += rows_of("neoplasm", NEOPLASMS, HEADS) + rows_of("drug", DRUGS, HEADS)
        rows += rows_of("external_cause", "<mainTerm><title>Perpetrator</title><code>Y07.9</code></mainTerm>")
    return of(resolve(rows), "Source", "see_also" if also else "see")


def of(rows: list[dict], path: str, column: str = "see") -> tuple[str, list[str]]:
    by_id = {row["term_id"]: row for row in rows}
    (row,) = (row for row in rows if " > ".join(row["path"]) == path and row[column])
    return row[f"{column}_outcome"], [printed(by_id[target]) for target in row[f"{column}_target_ids"]]


def printed(row: dict) -> str:
    return " > ".join(row["path"]) + (f" # {row['cell']}" if row["cell"] else "")


def main_term(*titles: str, code: str = "A00.0") -> str:
    """A main term with one subterm below the other; each title may hold its modifiers in parentheses."""
    inner = f"<code>{code}</code>"
    for number in range(len(titles) - 1, -1, -1):
        title, _, modifier = titles[number].partition("(")
        written = f"<title>{title}{f'<nemod>({modifier}</nemod>' if modifier else ''}</title>"
        inner = f"<term>{written}{inner}</term>" if number else f"<mainTerm>{written}{inner}</mainTerm>"
    return inner


@pytest.mark.parametrize(
    ("see", "titles"),
    [
        ("Fracture, arm, upper", ("Fracture", "arm", "upper")),
        ("Fracture,  arm , upper,", ("Fracture", "arm", "upper")),
        ("Wound, open, hand", ("Wound, open", "hand")),
        ("Complications, device", ("Complication", "device NEC")),
        ("Disease, lungs", ("Disease, diseased", "lung")),
        ("Loss, teeth", ("Loss", "tooth")),
        ("Marfan syndrome", ("Marfan's syndrome",)),
        ("Ménière's disease", ("Meniere's disease",)),
        ("Infarct, myocardium", ("Infarct, infarction", "myocardium, myocardial")),
        ("Influenza, respiratory", ("Influenza", "with", "respiratory")),
        ("Carrier, hepatitis", ("Carrier of", "hepatitis")),
        ("Osteitis, specified site NEC", ("Osteitis", "specified type NEC")),
        ("Hernia, abdomen", ("Hernia, hernial", "abdomen, abdominal")),
        ("Blebitis", ("Blebitis, postprocedural",)),
        ("Fracture, tarsal, talus", ("Fracture", "tarsal bone", "talus")),
        ("Atrophy, choroidal", ("Atrophy", "choroid")),
        ("Defect, reduction, lower limb", ("Defect", "reduction", "limb", "lower")),
        ("Contusion, arm, upper", ("Contusion", "arm(upper)")),
        ("Calculus, kidney (pelvis)", ("Calculus", "kidney")),
        ("Amputation (surgical), foot", ("Amputation", "foot")),
        ("also Bleb", ("Bleb",)),
        ("Obstruction, intestine K56.69", ("Obstruction", "intestine")),
    ],
)
def test_a_target_is_found_however_its_path_is_written(see, titles):
    outcome, targets = settled(see, main_term(*titles))
    assert (outcome, targets) == ("resolved", [" > ".join(title.partition("(")[0] for title in titles)])


def test_the_more_literal_of_two_fits_is_meant():
    index = main_term("Ulcer", "foot", "skin") + main_term("Ulcer, ulcerated", "skin", "foot")
    assert settled("Ulcer, skin, foot", index) == ("resolved", ["Ulcer, ulcerated > skin > foot"])


def test_a_level_of_connectors_is_not_meant_by_a_target_that_ends_above_it():
    assert settled("Diabetes", main_term("Diabetes", "with", "coma")) == ("resolved", ["Diabetes"])


def test_a_level_left_out_is_not_filled_in():
    assert settled("Injury, nerve", main_term("Injury", "leg", "nerve")) == ("not_found", [])


def test_a_word_of_the_target_is_never_dropped():
    index = main_term("Occlusion", "retina, retinal")
    assert settled("Occlusion, artery, retina", index) == ("not_found", [])


def test_several_fits_leave_a_reference_open():
    assert settled("Fracture, femur", FRACTURES) == ("ambiguous", [])


def test_of_main_terms_of_one_name_that_of_the_reference_itself_is_meant():
    assert of(resolve(rows_of("index", FRACTURES)), "Fracture, traumatic > leg") == (
        "resolved",
        ["Fracture, traumatic > femur"],
    )


def test_a_term_printed_twice_is_one_if_its_code_is():
    once = main_term("Boil", code="L02.92")
    assert settled("Boil", once + once) == ("resolved", ["Boil", "Boil"])
    assert settled("Boil", once + main_term("Boil", code="L02.9")) == ("ambiguous", [])


@pytest.mark.parametrize(
    ("see", "outcome", "targets"),
    [
        ("Neoplasm, skin, benign", "resolved", ["Neoplasm, neoplastic > skin NOS # Benign"]),
        ("Neoplasm, malignant, skin", "resolved", ["Neoplasm, neoplastic > skin NOS # Malignant Primary"]),
        ("Table of Neoplasms, skin, malignant", "resolved", ["Neoplasm, neoplastic > skin NOS # Malignant Primary"]),
        ("Neoplasm, skin", "resolved", ["Neoplasm, neoplastic > skin NOS"]),
        ("Neoplasm, skin, in situ", "not_found", []),
        ("Neoplasm, elbow, benign", "not_found", []),
        ("Neoplasm, malignant, by site", "resolved_choice", ["Neoplasm, neoplastic"]),
        ("Neoplasm, by site, benign", "resolved_choice", ["Neoplasm, neoplastic"]),
        ("Neoplasm, malignant", "resolved_choice", ["Neoplasm, neoplastic"]),
        ("Table of Drugs and Chemicals", "table", []),
        ("Table of Drugs and Chemicals, by drug, poisoning", "table", []),
        ("Table of Drugs and Chemicals, alcohol, poisoning", "resolved_choice", ["Alcohol"]),
        ("Table of Drugs and Chemicals, categories T36-T50, with 6th character 5", "codes", []),
        ("Index to External Causes of Injury, Perpetrator", "resolved", ["Perpetrator"]),
        ("Perpetrator", "resolved", ["Perpetrator"]),
        ("condition", "instruction", []),
        ("nature of injury by site", "instruction", []),
        ("E08-E13 with .620", "codes", []),
        ("subcategory M14.8-", "codes", []),
        ("Deficiency, vitamin, B12", "not_found", []),
        ("Burn, by site", "resolved_choice", ["Burn"]),
        ("Abortion by type complicated by embolism", "by_site_or_type", []),
        ("Bite, by site, superficial", "by_site_or_type", []),
        ("Source", "self_reference", []),
        ("Peridontitis", "resolved_spelling", ["Periodontitis"]),
        ("Burm", "not_found", []),
    ],
)
def test_what_is_no_plain_path_has_its_own_outcome(see, outcome, targets):
    index = main_term("Burn") + main_term("Abortion") + main_term("Bite") + main_term("Periodontitis")
    assert settled(see, index) == (outcome, targets)


def test_a_word_is_put_right_only_if_one_known_word_is_near():
    assert settled("Paraesthetia", main_term("Paresthetia"))[0] == "resolved_spelling"
    assert settled("Paresthetia", main_term("Paresthesia") + main_term("Paresthetic"))[0] == "not_found"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("prematue", "premature", True),
        ("permature", "premature", True),
        ("premature", "premiture", True),
        ("premature", "premature", False),
        ("prematur", "prematuree", False),
        ("", "a", True),
    ],
)
def test_one_edit_is_a_letter_more_less_other_or_exchanged(one, other, expected):
    assert one_edit_apart(one, other) is one_edit_apart(other, one) is expected


def test_a_term_that_refers_on_with_the_same_words_is_not_what_they_mean():
    index = (
        "<mainTerm><title>Occlusion</title><term><title>retina</title><term><title>artery</title>"
        "<see>Occlusion, artery, retina</see></term></term>"
        "<term><title>artery</title><term><title>retinal</title><code>H34.9</code></term></term></mainTerm>"
    )
    assert settled("Occlusion, artery, retina", index) == ("resolved", ["Occlusion > artery > retinal"])


def test_see_also_is_settled_by_the_same_rules():
    assert settled("Boil", main_term("Boil"), also=True) == ("resolved", ["Boil"])


def test_other_indexes_are_searched_by_literal_words_only():
    rows = rows_of("neoplasm", "<mainTerm><title>nevus</title><see>Nevus, skin</see></mainTerm>", HEADS)
    assert of(resolve(rows + rows_of("index", main_term("Nevus", "skin"))), "nevus") == ("resolved", ["Nevus > skin"])
    assert of(resolve(rows + rows_of("index", main_term("Nevus", "skin bone"))), "nevus") == ("not_found", [])


def test_without_the_table_a_reference_to_it_is_open():
    rows = rows_of("index", "<mainTerm><title>Wart</title><see>Neoplasm, skin, benign</see></mainTerm>")
    assert of(resolve(rows), "Wart") == ("not_found", [])


def test_rows_given_are_left_as_they_are():
    rows = rows_of("index", "<mainTerm><title>Sty</title><see>Hordeolum</see></mainTerm>" + main_term("Hordeolum"))
    before = [{**row, "see_target_ids": list(row["see_target_ids"])} for row in rows]
    after = resolve(rows)
    assert rows == before
    assert [row["term_id"] for row in after] == [row["term_id"] for row in rows]
    assert after[1] is rows[1]


def test_chains_are_followed_to_the_terms_with_codes_and_circles_end():
    rows = rows_of(
        "index",
        "<mainTerm><title>A</title><see>B</see></mainTerm><mainTerm><title>B</title><see>C</see></mainTerm>"
        "<mainTerm><title>C</title><code>A01</code><see>D</see></mainTerm>"
        "<mainTerm><title>X</title><see>Y</see></mainTerm><mainTerm><title>Y</title><see>X</see></mainTerm>"
        "<mainTerm><title>Z</title><see>C, by site</see></mainTerm>",
    )
    terms = {row["path"][0]: row["term_id"] for row in rows}
    by_id = {row["term_id"]: row for row in resolve(rows)}
    assert follow(by_id, terms["A"]) == [terms["C"]]
    assert follow(by_id, terms["X"]) == follow(by_id, terms["Z"]) == []


def test_the_unresolved_are_told_by_reason_with_their_most_frequent_words():
    rows = rows_of(
        "index",
        "<mainTerm><title>Arm</title><see>condition</see></mainTerm><mainTerm><title>Leg</title><see>condition</see></mainTerm>"
        "<mainTerm><title>Toe</title><see>Nowhere</see></mainTerm><mainTerm><title>Sty</title><see>Toe</see></mainTerm>",
    )
    reasons = unresolved_by_reason(resolve(rows))
    assert [(reason["reason"], reason["count"]) for reason in reasons] == [("instruction", 2), ("not_found", 1)]
    assert reasons[0]["examples"] == [{"see": "condition", "count": 2, "term_id": rows[0]["term_id"]}]
    assert reasons[0]["meaning"] == OUTCOMES["instruction"]


@pytest.fixture(scope="module")
def resolved_of_2017(published) -> list[dict]:
    files = [published(2017).file(role) for role in SOURCES]
    return resolve([row for file in files for row in parse_index(file, "FY2017")])


def test_the_index_of_2017_is_resolved_as_far_as_promised(resolved_of_2017):
    outcomes = Counter(
        row["see_outcome"] for row in resolved_of_2017 if row["see"] and row["source"] == "alphabetic_index"
    )
    share = sum(outcomes[outcome] for outcome in RESOLVED) / outcomes.total()
    assert outcomes.total() == 11_979
    assert share >= 0.85
    assert share + outcomes["resolved_choice"] / outcomes.total() >= 0.90
    assert outcomes["resolved_spelling"] == 3


def test_outcomes_and_targets_of_2017_agree(resolved_of_2017):
    ids = {row["term_id"] for row in resolved_of_2017}
    for row in resolved_of_2017:
        for column in ("see", "see_also"):
            outcome, targets = row[f"{column}_outcome"], row[f"{column}_target_ids"]
            assert (outcome is None) is (row[column] is None)
            assert outcome is None or outcome in OUTCOMES
            assert bool(targets) is (outcome or "").startswith("resolved")
            assert row["term_id"] not in targets
            assert ids.issuperset(targets)
    assert INDEX_TERMS.violations(INDEX_TERMS.table(resolved_of_2017)) == []


def test_every_chain_of_2017_ends(resolved_of_2017):
    by_id = {row["term_id"]: row for row in resolved_of_2017}
    ends = [follow(by_id, row["term_id"]) for row in resolved_of_2017 if row["see_outcome"] in RESOLVED]
    assert sum(bool(end) for end in ends) / len(ends) > 0.98


_BOWEL = "Neoplasm, neoplastic > intestine, intestinal"
GOLDEN_OF_2017 = [
    ("Mammitis", "Mastitis"),
    ("Köhler's disease > tarsal navicular", "Osteochondrosis > juvenile, juvenilis > tarsus"),
    ("Pneumonia > alveolar", "Pneumonia > lobar"),
    ("Urolithiasis", "Calculus, calculi, calculous > urinary"),
    ("Sclerosis, sclerotic > coronary > with angina pectoris", "Arteriosclerosis, arteriosclerotic > coronary"),
    ("Cardiectasis", "Hypertrophy, hypertrophic > cardiac"),
    ("Epilepsy, epileptic, epilepsia > tonic", "Epilepsy, epileptic, epilepsia > generalized > specified NEC"),
    ("Infarct, infarction > coronary artery", "Infarct, infarction > myocardium, myocardial"),
    ("Abuse > sedative", "Abuse > drug NEC > sedative, hypnotic or anxiolytic"),
    ("Presence > joint implant > ankle", "Presence > ankle-joint implant"),
    (
        "Otitis > media > acute, subacute > allergic",
        "Otitis > media > nonsuppurative > acute or subacute NEC > allergic",
    ),
    ("Syndrome > cervical > disc", "Disorder > disc > cervical > with > neuritis, radiculitis or radiculopathy"),
    ("Wound, open > right > lower quadrant > bite", "Bite > abdomen, abdominal > wall > right > lower quadrant"),
    ("Calcification > muscle > paralytic", "Myositis > ossificans or ossifying > in > quadriplegia or paraplegia"),
    ("Cataract > in > diabetes", "Diabetes, diabetic > with > cataract"),
    ("Ketoacidosis > diabetic", None, "by_site_or_type"),
    ("Wound, open > trachea", "Wound, open > neck > involving > trachea"),
    ("Carrier of > serum hepatitis", "Carrier of > hepatitis"),
    ("Injury > superficial NEC > thumb > bite", "Bite > thumb > superficial NEC"),
    ("Agenesis > radius", "Defect, defective > reduction > limb > upper > longitudinal > radius"),
    ("Calvé-Perthes disease", "Legg-Perthes disease, syndrome or osteochondrosis"),
    ("Contusion > axilla", "Contusion > arm"),
    ("Paragranuloma, Hodgkin", "Lymphoma > Hodgkin > specified NEC"),
    ("Fracture, traumatic > cuboid", "Fracture, traumatic > tarsal bone > cuboid"),
    ("Stargardt's disease", "Dystrophy, dystrophia > retinal"),
    ("Transection > vertebral artery > complete", "Injury > blood vessel NEC > vertebral artery > laceration > major"),
    ("Microembolism > retinal", "Occlusion, occluded > artery > retinal"),
    ("Fracture, traumatic > leg > tibia", "Fracture, traumatic > tibia"),
    ("Chondroblastoma > malignant", "Neoplasm, neoplastic > bone # Malignant Primary"),
    ("Warthin's tumor", "Neoplasm, neoplastic > salivary gland or duct # Benign"),
    ("Meckel's diverticulitis, diverticulum > malignant", f"{_BOWEL} > small # Malignant Primary"),
    ("Choriocarcinoma", "Neoplasm, neoplastic", "resolved_choice"),
    ("Splinter", "Foreign body > superficial, without open wound", "resolved_choice"),
    ("Roth disease or syndrome", "Meralgia paresthetica", "resolved_spelling"),
    ("Mental > subnormality", "Disability, disabilities > intellectual", "resolved_spelling"),
    ("Effusion > amniotic fluid", "Pregnancy > complicated by > premature rupture of membranes", "resolved_spelling"),
    ("Perpetrator", "Perpetrator, perpetration, of assault, maltreatment and neglect"),
    # what must stay open
    ("Pectoral", None, "instruction"),
    ("Bedbug bite", None, "by_site_or_type"),
    ("Dermatitis > diabetic", None, "codes"),
    ("Tobacco > toxic effect", None, "table"),
    ("Broken > back", None, "ambiguous"),  # pathological or traumatic
    ("Acrodynia", None, "not_found"),  # the index has no "Poisoning, mercury"
    (
        "Angiopathia, angiopathy > diabetic",
        None,
        "not_found",
    ),  # "with peripheral angiopathy" says more than is referred to
    ("Contusion > parietal > lobe > focal", None, "not_found"),  # "cerebral edema, focal" is another injury
    ("Complication > spinal > anesthesia", None, "self_reference"),
]


@pytest.fixture(scope="module")
def references_of_2017(resolved_of_2017) -> dict[str, tuple[str, list[str]]]:
    """Outcome and target paths by the path of the term of the Alphabetic Index."""
    by_id = {row["term_id"]: row for row in resolved_of_2017}
    return {
        printed(row): (row["see_outcome"], [printed(by_id[target]) for target in row["see_target_ids"]])
        for row in resolved_of_2017
        if row["see"] and row["source"] == "alphabetic_index"
    }


@pytest.mark.parametrize("golden", GOLDEN_OF_2017, ids=lambda golden: golden[0])
def test_references_of_2017_checked_by_hand(references_of_2017, golden):
    path, target, outcome = golden if len(golden) == 3 else (*golden, "resolved")
    assert references_of_2017[path] == (outcome, [target] if target else [])
