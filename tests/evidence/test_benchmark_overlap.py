"""Which evidence repeats a human span of a test document: the same words, the same phrase written otherwise, nothing else."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.corpora.documents import LoadCounts
from ccl_assets.corpora.readers import codiesp
from ccl_assets.evidence.knowledge_base.benchmark_overlap import BenchmarkSpans
from ccl_assets.text.content_words import content_words, singular
from ccl_assets.text.folding import fold

KNOWN = {
    "dysphagia",
    "dysphasia",
    "ileum",
    "ilium",
    "acute",
    "failure",
    "fracture",
    "hypertension",
    "femoral",
    "humeral",
}


def overlap(span: str, text: str) -> str | None:
    found = BenchmarkSpans([span, "an unrelated span"], KNOWN).overlaps([text, "another unrelated text"])
    assert found.keys() <= {fold(text)}
    return found.get(fold(text))


@pytest.mark.parametrize("text", ["HTN", "htn.", " Htn "])
def test_the_same_words_are_equal_whatever_their_case_and_punctuation(text):
    assert overlap("HTN", text) == "equal"


@pytest.mark.parametrize(
    ("span", "text"),
    [
        ("seizure", "seizures"),
        ("multiple biopsies", "Multiple biopsy"),
        ("left knee pain", "pain, knee, left"),
        ("fracture of the shaft of the tibia", "tibia shaft fracture"),
        ("nausea and vomiting", "vomiting with nausea"),
        ("hypertension", "hypertention"),
        ("Hypertension, uncontrolled", "uncontrolled hypertension"),
        ("acute kidney injury", "acute kidny injury"),
        ("acute respiratory failure", "actue respiratory failure"),
        ("chronic renal disease", "chronc renal disease"),
        ("microcytic anemia", "micro-cytic anemia"),
        ("acute on chronic systolic heart failure", "an acute on chronic systolic heart failure exacerbation"),
        ("severe bleeding from the large gastric ulcer today", "severe bleeding from the large gastric ulcer"),
    ],
)
def test_the_same_phrase_written_otherwise_is_near(span, text):
    assert overlap(span, text) == "near"
    assert overlap(text, span) == "near"


@pytest.mark.parametrize(
    ("span", "text"),
    [
        ("pain", "left pain"),
        ("left pain", "leg pain"),
        ("left knee pain", "right knee pain"),
        ("chest pain", "chest wall pain"),
        ("stage 3 chronic kidney disease", "stage 4 chronic kidney disease"),
        ("stage III chronic kidney disease", "stage II chronic kidney disease"),
        ("acute heart failure", "chronic heart failure"),
        ("COPD", "CPOD"),
        ("fever", "no fever"),
        ("aura without status migrainosus", "status migrainosus without aura"),
        ("intractable epilepsy with status", "not intractable epilepsy with status"),
        ("orophangeal dysphagia", "orophangeal dysphasia"),
        ("femoral fracture", "humeral fracture"),
        ("hypokalemic periodic paralysis", "hyperkalemic periodic paralysis"),
        ("hepatitis a infection", "hepatitis b infection"),
        ("metformin 1000mg twice daily", "metformin 2000mg twice daily"),
        ("diabetes", "type 2 diabetes with chronic kidney disease and neuropathy"),
        ("rupture of the spleen", "rupture of the spleen after a fall from a horse"),
        ("of the", "of"),
    ],
)
def test_another_finding_is_neither(span, text):
    assert overlap(span, text) is None
    assert overlap(text, span) is None


def test_no_spans_and_no_texts_are_no_overlap():
    assert BenchmarkSpans([]).overlaps(["pain"]) == {}
    assert BenchmarkSpans(["pain"]).overlaps([]) == {}
    assert BenchmarkSpans(["", " - "]).overlaps(["", "."]) == {}


@given(st.lists(st.text("ab ,", max_size=30), max_size=5), st.lists(st.text("ab ,", max_size=30), max_size=5))
def test_every_equal_text_is_found_and_the_order_of_spans_does_not_matter(spans, texts):
    found = BenchmarkSpans(spans).overlaps(texts)
    same = {fold(text) for text in texts} & {fold(span) for span in spans} - {""}
    assert {text for text, kind in found.items() if kind == "equal"} == same
    assert BenchmarkSpans(reversed(spans)).overlaps(texts) == found


def test_planted_variants_of_real_spans_are_found(development_corpora):
    """CodiEsp's spans (Spanish, so no word of them is known): four fifths of one-letter errors, nearly all of the rest."""
    notes = codiesp.read(codiesp.find_splits(development_corpora / "codiesp_v4")[:1], LoadCounts())
    spans = sorted({span.evidence_text for note in notes for span in note.evidence if len(span.evidence_text) >= 12})
    random_ = random.Random(0)

    def misspell(span: str) -> str:
        position = random_.randrange(1, len(span))
        return span[:position] + random_.choice("aeiourstln") + span[position + random_.choice((0, 1)) :]

    def turn(span: str) -> str:
        first, *others = span.split()
        return " ".join([*others, first])

    indexed = BenchmarkSpans(spans)
    chosen = random_.sample(spans, 400)

    def recall(vary) -> float:
        return sum(bool(indexed.overlaps([vary(span)])) for span in chosen) / len(chosen)

    assert recall(lambda span: f"{span.upper()}.") == 1
    assert recall(turn) > 0.98
    assert recall(misspell) > 0.8


def test_content_words_leave_out_function_words_and_plural_endings():
    assert content_words("fractures of the right tibia s shafts") == ("fracture", "right", "tibia", "shaft")
    assert [singular(word) for word in ("biopsies", "lies", "abscess", "virus", "pelvis", "gas", "cysts")] == [
        "biopsy", "lie", "abscess", "virus", "pelvis", "gas", "cyst",
    ]  # fmt: skip
