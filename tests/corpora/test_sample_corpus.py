from collections import Counter, defaultdict
from itertools import combinations

import pytest

from ccl_assets.corpora.loaders import load, source_files
from ccl_assets.corpora.sample import FILES, NOTES, agreement
from ccl_assets.corpora.sample.compile import read_notes
from ccl_assets.corpora.sample.datasheet import DATASHEET, counts, with_counts
from ccl_assets.corpora.sample.markup import KINDS
from ccl_assets.evaluation.scoring.rule_violations import CodingRules
from ccl_assets.icd.chapters import chapter_of
from ccl_assets.icd.instructions.lookup import Instructions
from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tables import CODES, INSTRUCTIONS
from ccl_assets.icd.tabular.tabular_list import parse_tabular
from ccl_assets.resources.corpus_paths import CorpusPaths

FIRST_OF_MANY_KINDS = 65  # the charts before it are one note each and share the heading of their kind
MOST_WORDS_IN_COMMON = 9


@pytest.fixture(scope="module")
def corpus():
    return load("sample", CorpusPaths())


@pytest.fixture(scope="module")
def notes(titles):
    return read_notes(NOTES, titles)


@pytest.fixture(scope="module")
def codes_of_chart(corpus):
    codes = defaultdict(set)
    for label in corpus.labels:
        codes[label.chart_id].add(label.code)
    return codes


def chart_of(note):
    return str(29_000_000 + note.number)


def test_it_is_loaded_without_any_setting_from_its_own_files(corpus):
    assert all(path.is_relative_to(FILES) for path in source_files("sample", CorpusPaths()))
    assert {(document.corpus, document.is_restricted) for document in corpus.documents} == {("sample", False)}
    assert {document.source for document in corpus.documents} == {"mimic_iv", "mdace"}
    assert {document.category for document in corpus.documents} == KINDS.keys()


def test_rows_fit_the_contracts(corpus, check_rows):
    check_rows(corpus)


def test_splits_are_as_planned(corpus):
    charts = Counter({document.chart_id: document.split for document in corpus.documents}.values())
    assert charts["unannotated"] == 24
    assert charts["train"] >= 150 and charts["val"] >= 20 and charts["test"] >= 50


def test_charts_have_one_to_three_notes(corpus):
    sizes = Counter(Counter(document.chart_id for document in corpus.documents).values())
    assert sizes.keys() <= {1, 2, 3}
    assert sizes[2] + sizes[3] >= 10


def test_texts_are_the_notes_without_their_markup(corpus, notes):
    assert Counter((document.chart_id, document.category, document.text) for document in corpus.documents) == Counter(
        (chart_of(note), note.kind, note.text) for note in notes
    )


def test_some_notes_have_the_line_ends_of_windows(corpus):
    texts = [document.text for document in corpus.documents if "\r" in document.text]
    assert len(texts) >= 3
    assert all(text.count("\r") == text.count("\r\n") == text.count("\n") for text in texts)


def test_every_span_is_the_words_marked_in_the_note(corpus, notes):
    texts = {document.document_id: document.text for document in corpus.documents}
    for span in corpus.evidence:
        assert span.evidence_text == texts[span.document_id][span.begin : span.end]
        assert span.evidence_text == span.evidence_text.strip() != ""
    found = Counter((span.chart_id, span.begin, span.evidence_text, span.code) for span in corpus.evidence)
    assert found == Counter(
        (chart_of(note), mark.begin, note.text[mark.begin : mark.end], mark.code)
        for note in notes
        if note.split != "mimic"
        for mark in note.marks
    )


def test_codes_of_charts_are_the_marked_codes(codes_of_chart, notes):
    marked = defaultdict(set)
    for note in notes:
        marked[chart_of(note)] |= set(note.codes)
    assert codes_of_chart == marked


def test_every_code_is_billable_in_the_packaged_release(corpus, titles):
    assert {label.code for label in corpus.labels} <= titles.keys()


def test_annotations_carry_the_official_titles(titles):
    import json

    for path in (FILES / "mdace").rglob("*.json"):
        for note in json.loads(path.read_text("utf-8"))["notes"]:
            assert all(item["description"] == titles[item["code"]] for item in note["annotations"])


def test_no_chart_breaks_a_coding_rule(codes_of_chart):
    release = open_release()
    tabular = parse_tabular(release.tabular, release.label)
    rules = CodingRules(Instructions.from_tables(CODES.table(tabular.codes), INSTRUCTIONS.table(tabular.instructions)))
    broken = {chart: rules.violations(sorted(codes)) for chart, codes in codes_of_chart.items()}
    assert {chart: [found.sentence for found in violations] for chart, violations in broken.items() if violations} == {}


def test_notes_have_100_to_750_words_and_charts_4_to_24_codes(corpus, codes_of_chart):
    lengths = {document.document_id: len(document.text.split()) for document in corpus.documents}
    assert {note: length for note, length in lengths.items() if not 100 <= length <= 750} == {}
    numbers = {chart: len(codes) for chart, codes in codes_of_chart.items()}
    assert {chart: number for chart, number in numbers.items() if not 4 <= number <= 24} == {}


def test_all_chapters_occur(corpus):
    assert {chapter_of(label.code).number for label in corpus.labels} == set(range(1, 23))


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


def test_no_two_notes_share_a_sentence(notes):
    length = MOST_WORDS_IN_COMMON + 1
    holders = defaultdict(set)
    for note in notes:
        words = note.text.lower().split()
        for begin in range(len(words) - length + 1):
            holders[tuple(words[begin : begin + length])].add((note.number, note.place))
    pairs = {tuple(sorted(names)) for names in holders.values() if len(names) > 1}
    assert {names for names in pairs if any(number >= FIRST_OF_MANY_KINDS for number, _ in names)} == set()


def test_icd_9_rows_and_a_chart_without_note_were_there_to_be_dropped(corpus):
    assert corpus.counts.dropped == {("labels", "icd_9"): 2}


def test_the_datasheet_counts_what_is_there(corpus):
    """After an edit: ``python -m ccl_assets.corpora.sample.datasheet``."""
    text = DATASHEET.read_text(encoding="utf-8")
    assert with_counts(text, counts(corpus)) == text


def test_the_datasheet_states_the_agreement_of_the_codings_that_are_kept(capsys):
    """After an edit of notes or codings: ``python -m ccl_assets.corpora.sample.agreement``, and copy its table."""
    agreement.main()
    assert capsys.readouterr().out.strip() in DATASHEET.read_text(encoding="utf-8")
