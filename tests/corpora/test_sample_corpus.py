from collections import Counter, defaultdict
from itertools import combinations

import pytest

from ccl_assets.corpora.loaders import load, source_files
from ccl_assets.corpora.sample import FILES, NOTES
from ccl_assets.corpora.sample.compile import read_notes
from ccl_assets.icd.chapters import chapter_of
from ccl_assets.resources.corpus_paths import CorpusPaths


@pytest.fixture(scope="module")
def corpus():
    return load("sample", CorpusPaths())


@pytest.fixture(scope="module")
def marked(titles):
    return {f"29000{note.number:03d}": note for note in read_notes(NOTES, titles)}


@pytest.fixture(scope="module")
def codes_of_chart(corpus):
    codes = defaultdict(set)
    for label in corpus.labels:
        codes[label.chart_id].add(label.code)
    return codes


def test_it_is_loaded_without_any_setting_from_its_own_files(corpus):
    assert all(path.is_relative_to(FILES) for path in source_files("sample", CorpusPaths()))
    assert {(document.corpus, document.is_restricted) for document in corpus.documents} == {("sample", False)}
    assert {document.source for document in corpus.documents} == {"mimic_iv", "mdace"}
    assert {document.category for document in corpus.documents} == {"discharge_summary", "visit_note"}


def test_rows_fit_the_contracts(corpus, check_rows):
    check_rows(corpus)


def test_splits_are_as_planned(corpus):
    assert len(corpus.documents) >= 60
    splits = Counter(document.split for document in corpus.documents)
    assert splits == {"unannotated": 24, "train": 24, "val": 4, "test": 12}


def test_one_chart_is_one_note(corpus):
    assert len({document.chart_id for document in corpus.documents}) == len(corpus.documents)


def test_texts_are_the_notes_without_their_markup(corpus, marked):
    assert {document.chart_id: document.text for document in corpus.documents} == {
        chart: note.text for chart, note in marked.items()
    }


def test_every_span_is_the_words_marked_in_the_note(corpus, marked):
    texts = {document.document_id: document.text for document in corpus.documents}
    found = defaultdict(list)
    for span in corpus.evidence:
        assert span.evidence_text == texts[span.document_id][span.begin : span.end]
        assert span.evidence_text == span.evidence_text.strip() != ""
        found[span.chart_id].append((span.evidence_text, span.code))
    annotated = {chart: note for chart, note in marked.items() if note.split != "mimic"}
    assert found == {
        chart: [(note.text[mark.begin : mark.end], mark.code) for mark in note.marks]
        for chart, note in annotated.items()
    }


def test_codes_of_charts_are_the_marked_codes(codes_of_chart, marked):
    assert codes_of_chart == {chart: set(note.codes) for chart, note in marked.items()}


def test_every_code_is_billable_in_the_packaged_release(corpus, titles):
    assert {label.code for label in corpus.labels} <= titles.keys()


def test_annotations_carry_the_official_titles(titles):
    import json

    for path in (FILES / "mdace").rglob("*.json"):
        for note in json.loads(path.read_text("utf-8"))["notes"]:
            assert all(item["description"] == titles[item["code"]] for item in note["annotations"])


def test_notes_have_150_to_500_words_and_4_to_12_codes(corpus, codes_of_chart):
    lengths = {document.chart_id: len(document.text.split()) for document in corpus.documents}
    assert {chart: length for chart, length in lengths.items() if not 150 <= length <= 500} == {}
    numbers = {chart: len(codes) for chart, codes in codes_of_chart.items()}
    assert {chart: number for chart, number in numbers.items() if not 4 <= number <= 12} == {}


def test_at_least_18_chapters_occur(corpus):
    assert len({chapter_of(label.code).number for label in corpus.labels}) >= 18


def test_no_test_note_is_repeated_elsewhere(corpus):
    def shingles(text):
        words = text.lower().split()
        return {tuple(words[i : i + 8]) for i in range(len(words) - 7)}

    cut = {document.document_id: shingles(document.text) for document in corpus.documents}
    tests = {document.document_id for document in corpus.documents if document.split == "test"}
    for one, other in combinations(cut, 2):
        if one in tests or other in tests:
            shared = len(cut[one] & cut[other]) / min(len(cut[one]), len(cut[other]))
            assert shared < 0.2, (one, other)


def test_icd_9_rows_and_a_chart_without_note_were_there_to_be_dropped(corpus):
    assert corpus.counts.dropped == {("labels", "icd_9"): 2}
