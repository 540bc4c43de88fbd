"""Which of several codes a text means: what decides, what does not, and how often the choice is the Index's."""

import random
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.evidence.gold.index_phrases import index_phrase
from ccl_assets.evidence.knowledge_base.ambiguity import bare_title, firmness
from ccl_assets.evidence.knowledge_base.ambiguity import resolve as resolve_claims
from ccl_assets.evidence.knowledge_base.shares import INCLUDED, MODIFIER, OBSERVED, TITLE, Claim
from ccl_assets.evidence.knowledge_base.shares import INDEX as RELEASE
from ccl_assets.icd.index.alphabetic_index import parse_index
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tables import CODES
from ccl_assets.icd.tabular.tabular_list import parse_tabular
from ccl_assets.text.folding import fold


def read(release) -> Ontology:
    return Ontology.from_table(CODES.table(parse_tabular(release.tabular, release.label).codes))


@pytest.fixture(scope="module")
def packaged() -> Ontology:
    return read(open_release())


def resolve(text: str, stated: dict[str, int], ontology: Ontology):
    """The same with texts that no note was counted for."""
    return resolve_claims(text, {code: Claim(firm) for code, firm in stated.items()}, ontology)


def given_to(ontology: Ontology, text: str, codes: str, **firmer: int) -> str | None:
    stated = dict.fromkeys(codes.split(), OBSERVED) | {name.replace("_", "."): firm for name, firm in firmer.items()}
    found = resolve(text, stated, ontology)
    return f"{found.code} {found.rule}" if found else None


@pytest.mark.parametrize(
    ("text", "codes", "expected"),
    [
        ("Pain in left knee.", "M25.561 M25.562", "M25.562 title"),
        ("knee pain, left", "M25.561 M25.562 M25.569", "M25.562 bare_title"),
        ("hypertensive heart disease", "I11.0 I11.9", "I11.9 bare_title"),
        ("knee pain", "M25.561 M25.562 M25.569", "M25.569 bare_title"),
        ("heart failure", "I11.0 I50.23 I50.9", "I50.9 bare_title"),
        ("CHF", "I50.22 I50.9", "I50.9 bare_title"),
        ("CKD", "N18.30 N18.9", "N18.9 bare_title"),
        ("AKI", "N17.0 N17.9", "N17.9 bare_title"),
        ("Pneumonia", "J15.9 J18.9", "J18.9 bare_title"),
        ("acute respiratory failure", "J96.00 J96.01", "J96.00 bare_title"),
        ("urinary tract infections", "N30.00 N39.0", "N39.0 bare_title"),
        ("cellulitis", "L03.116 L03.90", "L03.90 bare_title"),
        ("acute on chronic systolic heart failure", "I50.21 I50.22 I50.23", "I50.23 bare_title"),
        ("type 2 diabetes", "E11.65 E11.9", "E11.9 specificity"),
        ("closed fracture of shaft of right tibia", "S82.201A S82.201B S82.202A", "S82.201A specificity"),
    ],
)
def test_the_text_decides(packaged, text, codes, expected):
    assert given_to(packaged, text, codes) == expected


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("respiratory failure", "J96.01 J96.21"),  # says nothing that either asks for
        ("diabetes", "E11.65 E11.9"),  # which type?
        ("fracture of shaft of right tibia", "S82.201A S82.201B"),  # closed or open?
        ("calculus of gallbladder with acute cholecystitis", "K80.00 K80.01"),  # with obstruction or without?
        ("COPD exacerbation", "J44.0 J44.9"),  # says more than the unspecified code
        ("intractable migraine", "G43.001 G43.909"),  # both are for migraine that is not
        ("hernia", "K46.0 K46.1"),  # with obstruction, with gangrene: neither is said
        ("HTN", "I10 I11.0"),
        ("Blindness left eye, low vision right eye", "H54.1131 H54.1213"),
        ("swelling", "R60.0 R60.9"),
        (" - ", "R60.0 R60.9"),
    ],
)
def test_the_text_does_not_decide(packaged, text, codes):
    assert given_to(packaged, text, codes) is None


def test_what_the_release_states_goes_before_what_notes_say(packaged):
    assert given_to(packaged, "HTN", "I10 I11.0", I10=RELEASE) == "I10 release"
    assert given_to(packaged, "HTN", "I10 I11.0", I10=MODIFIER) == "I10 release"
    assert given_to(packaged, "HTN", "I10 I11.0", I10=MODIFIER, I11_0=RELEASE) == "I11.0 release"
    assert given_to(packaged, "HTN", "I10 I11.0", I10=RELEASE, I11_0=TITLE) == "I11.0 title"


def test_a_tie_within_the_release_leaves_the_others_out(packaged):
    """Two index terms for "heart failure": the unspecified one is chosen among them, whatever notes say."""
    assert given_to(packaged, "heart failure", "I50.9 I50.1 I11.0", I50_1=RELEASE, I11_0=RELEASE) is None
    assert given_to(packaged, "heart failure", "I50.9 I11.0", I50_9=RELEASE, I11_0=RELEASE) == "I50.9 bare_title"


def test_how_firmly_gold_pairs_are_stated(packaged):
    def gold(code: str, source: str, **others: object) -> int:
        return firmness({"code": code, "source": source, **others}, packaged)

    assert gold("I10", "title") == TITLE
    assert gold("I10", "alphabetic_index", modifier=None) == RELEASE
    assert gold("I10", "alphabetic_index", modifier="benign") == MODIFIER
    assert gold("I10", "inclusion_term") == INCLUDED
    assert gold("N08", "inclusion_term") == OBSERVED  # glomerulonephritis, of those with another disease
    assert gold("not a code", "inclusion_term") == INCLUDED


@pytest.mark.parametrize(
    ("title", "bare"),
    [
        ("Heart failure, unspecified", "Heart failure"),
        ("Malignant neoplasm of unspecified site of right female breast", "Malignant neoplasm of right female breast"),
        ("Unspecified fracture of shaft of unspecified tibia", "fracture of shaft of tibia"),
        ("Tubulo-interstitial nephritis, not specified as acute or chronic", "Tubulo-interstitial nephritis"),
        ("Thyrotoxicosis, unspecified with thyrotoxic crisis", "Thyrotoxicosis with thyrotoxic crisis"),
        ("Osteochondropathy, unspecified, unspecified forearm", "Osteochondropathy forearm"),
        ("Congestive heart failure NOS", "Congestive heart failure"),
        ("Essential (primary) hypertension", "Essential (primary) hypertension"),
    ],
)
def test_bare_titles(title, bare):
    assert bare_title(title) == bare


@given(st.text(max_size=60), st.sets(st.sampled_from(["I10", "I11.0", "I11.9", "S82.201A", "S82.201S"]), min_size=2))
def test_any_text_is_given_to_one_of_its_codes_or_to_none(small_ontology, text, codes):
    found = resolve(text, dict.fromkeys(codes, OBSERVED), small_ontology)
    assert found is None or found.code in codes


def test_the_choice_is_the_one_of_the_index(published_releases):
    """Terms of the FY2017 Index put to siblings of their code as if notes had them: when a code is chosen, it is the Index's."""
    release = open_release(published_releases / "fy2017")
    ontology, index = read(release), release.file("index")
    codes_of: dict[str, set[str]] = defaultdict(set)
    texts: dict[str, str] = {}
    for term in parse_index(index, release.label):
        if term["code"] in ontology and ontology[term["code"]].is_billable:
            text = index_phrase(term["path"], term["source"], term["cell"])
            codes_of[fold(text)].add(term["code"])
            texts[fold(text)] = text
    siblings: dict[str, list[str]] = defaultdict(list)
    for code in sorted(ontology.billable):
        siblings[code[:3]].append(code)
    random_ = random.Random(0)
    sure = sorted(text for text, codes in codes_of.items() if len(codes) == 1)
    chosen = right = chosen_without_the_right_one = 0
    for text in random_.sample(sure, 4_000):
        (code,) = codes_of[text]
        others = [other for other in siblings[code[:3]] if other != code]
        if len(others) < 2:
            continue
        near = [other for other in others if other[:5] == code[:5]]
        rivals = {random_.choice(others), *random_.sample(near, min(3, len(near)))}
        if found := resolve(texts[text], dict.fromkeys([code, *rivals], OBSERVED), ontology):
            chosen += 1
            right += found.code == code
        if len(rivals) > 1 and resolve(texts[text], dict.fromkeys(rivals, OBSERVED), ontology):
            chosen_without_the_right_one += 1
    assert chosen > 200
    assert right / chosen > 0.985
    assert chosen_without_the_right_one < 8
