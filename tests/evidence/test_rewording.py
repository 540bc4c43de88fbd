"""Which phrases reword what is known of a code."""

import numpy as np
import pytest

from ccl_assets.evidence.silver.rewording import THRESHOLD, nearest_known
from ccl_assets.resources.embedding.embedder import Embedder

# Made up by hand, judged by the packaged encoder: wordings of one finding, and twins that only look alike.
REWORDINGS = [
    ("complete paraplegia", "Paraplegia, complete"),
    ("actinic keratoses", "Actinic keratosis"),
    ("obesity class II", "Obesity, class 2"),
    ("sacral osteomyelitis", "osteomyelitis of the sacrum"),
    ("von Willebrand disease type 1", "Type 1 von Willebrand disease"),
    ("fractures of the left hip", "left hip fracture"),
    ("type 2 diabetes", "diabetes, type II"),
    ("kidney stones", "kidney stone"),
    ("Primary open angle glaucoma, both eyes", "Primary open-angle glaucoma, bilateral"),
    ("acute pancreatitis due to alcohol", "alcohol-induced acute pancreatitis"),
]
OTHERS = [
    ("left hip fracture", "right hip fracture"),
    ("type 1 diabetes mellitus", "type 2 diabetes mellitus"),
    ("diabetes with complications", "diabetes without complications"),
    ("chronic systolic heart failure", "chronic diastolic heart failure"),
    ("acute blood loss anemia", "chronic blood loss anemia"),
    ("pressure ulcer stage 3", "pressure ulcer stage 4"),
    ("history of breast cancer", "breast cancer"),
    ("hyperkalemia", "hypokalemia"),
    ("aspiration pneumonia", "pneumonia"),
    ("sepsis", "postprocedural sepsis"),
    ("chest pain", "chest wall mass"),
    ("on warfarin chronically", "warfarin-induced coagulopathy"),
]


@pytest.fixture(scope="module")
def judged():
    phrases = {str(number): [one] for number, (one, _) in enumerate([*REWORDINGS, *OTHERS])}
    known = {str(number): [other] for number, (_, other) in enumerate([*REWORDINGS, *OTHERS])}
    found = nearest_known(phrases, known, Embedder("packaged", 1).encode)
    return {phrase: found.get((code, phrase)) for code, (phrase,) in phrases.items()}


@pytest.mark.slow
@pytest.mark.parametrize("phrase", [one for one, _ in OTHERS])
def test_another_finding_is_no_rewording(judged, phrase):
    assert judged[phrase] is None or not judged[phrase].is_reworded


@pytest.mark.parametrize("phrase", [one for one, _ in REWORDINGS])
def test_another_wording_of_the_same_finding_is_one(judged, phrase):
    assert judged[phrase].is_reworded


def encode(texts):
    """Letters as dimensions."""
    vectors = np.array([[text.count(letter) for letter in "abcdefgh"] for text in texts], dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_nearest_phrase_of_the_same_code_is_named():
    found = nearest_known({"I10": ["aab"]}, {"I10": ["aabb", "aab e", "h"], "I11.9": ["aab"]}, encode)
    assert found["I10", "aab"].text == "aabb"
    assert found["I10", "aab"].is_reworded == (found["I10", "aab"].similarity >= THRESHOLD)


def test_everything_is_encoded_at_once_and_nothing_without_need():
    calls = []

    def counted(texts):
        calls.append(list(texts))
        return encode(texts)

    assert nearest_known({"I10": [], "I11.9": ["left a"]}, {"I10": ["a"], "I11.9": ["right a"]}, counted) == {}
    assert calls == []
    nearest_known({"I10": ["ab", "ab"], "E11.9": ["cd"]}, {"I10": ["a"], "E11.9": ["c"]}, counted)
    assert calls == [["a", "ab", "c", "cd"]]
