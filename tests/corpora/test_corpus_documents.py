import hashlib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.corpora.documents import (
    Corpus,
    CorpusFormatError,
    Document,
    EvidenceSpan,
    Label,
    LoadCounts,
    category_key,
    dot_code,
)
from ccl_assets.corpora.note_shards import NOTE_SHARDS, note_shard
from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS


def document(text="Pt with COPD\r\nexacerbation 🫁 and HTN"):
    return Document("sample", "n1", "c1", "mdace", "train", "physician", text, False)


@pytest.mark.parametrize(
    ("source", "dotted"),
    [
        ("I10", "I10"),
        ("J441", "J44.1"),
        ("J44.", "J44"),
        ("j44.1", "J44.1"),
        ("S72001A", "S72.001A"),
        (" Z3A00 ", "Z3A.00"),
        ("A000", "A00.0"),
    ],
)
def test_a_dot_is_set_only_where_more_than_three_characters_stand(source, dotted):
    assert dot_code(source) == dotted


@pytest.mark.parametrize("code", ["", "J4", "0389", "25000", "0BH17EZ", "patient has COPD", "S72.001AX1"])
def test_what_is_no_icd_10_cm_code_is_refused_without_being_quoted(code):
    with pytest.raises(ValueError, match="not the shape") as error:
        dot_code(code)
    assert not code or code not in str(error.value)


@given(st.from_regex(r"[A-Z][0-9][0-9A-Z]([0-9A-Z]{1,4})?", fullmatch=True))
def test_dotting_adds_nothing_but_the_dot_and_can_be_repeated(code):
    dotted = dot_code(code)
    assert dotted.replace(".", "") == code
    assert dot_code(dotted) == dotted


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Discharge summary", "discharge_summary"),
        ("Physician ", "physician"),
        ("Rehab Services", "rehab_services"),
        ("", "other"),
    ],
)
def test_categories_become_lower_snake_case(name, key):
    assert category_key(name) == key


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.data())
def test_a_span_is_exactly_the_text_at_its_fragments_whatever_their_order(text, data):
    cuts = data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=6, unique=True).map(sorted))
    fragments = [(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    shuffled = data.draw(st.permutations(fragments))
    span = EvidenceSpan.cut(document(text), "I10", "i10", shuffled)
    assert span.fragments == tuple(fragments)
    assert span.evidence_text == " ".join(text[a:b] for a, b in fragments)
    assert (span.begin, span.end) == (fragments[0][0], fragments[-1][1])


@pytest.mark.parametrize("fragments", [[], [(3, 3)], [(5, 4)], [(-1, 4)], [(0, 6), (5, 8)], [(0, 10_000)]])
def test_spans_that_do_not_fit_are_refused_without_quoting_the_note(fragments):
    with pytest.raises(ValueError, match=r"fragment") as error:
        EvidenceSpan.cut(document(), "I10", "i10", fragments)
    assert "COPD" not in str(error.value)


def test_rows_fit_the_contracts_and_hash_the_raw_text():
    note = document()
    corpus = Corpus(
        [note],
        [Label("sample", "c1", "n1", 1, "J44.1", "J441"), Label("sample", "c1", None, 2, "I10", "I10")],
        [EvidenceSpan.cut(note, "J44.1", "J441", [(8, 26)])],
    )
    items = {DOCUMENTS: corpus.documents, LABELS: corpus.labels, EVIDENCE: corpus.evidence}
    tables = {contract: contract.table(item.row() for item in found) for contract, found in items.items()}
    for contract, table in tables.items():
        contract.check(table)
    row = tables[DOCUMENTS].to_pylist()[0]
    assert row["text"] == note.text
    assert row["character_count"] == len(note.text)
    assert row["note_shard"] == note_shard("sample", note.chart_id)
    assert row["text_sha256"] == hashlib.sha256(note.text.encode()).hexdigest()
    assert tables[EVIDENCE].to_pylist()[0]["evidence_text"] == "COPD\r\nexacerbation"


def test_note_text_is_not_in_a_repr():
    note = document()
    assert "COPD" not in repr(note)
    assert "COPD" not in repr(EvidenceSpan.cut(note, "J44.1", "J441", [(8, 12)]))


def test_counts_balance_and_name_reasons():
    counts = LoadCounts()
    counts.keep("labels", 5)
    counts.drop("labels", "icd_9", 2)
    counts.refuse("labels", "malformed_code", Path("a.csv"), 7)
    counts.drop("labels", "never", 0)
    counts.withdraw("labels", "chart_without_note", 3)
    counts.remark("charts_without_note")
    assert (counts.seen("labels"), counts.seen("documents")) == (8, 0)
    assert counts.metadata() == {
        "documents_seen": 0,
        "documents_kept": 0,
        "labels_seen": 8,
        "labels_kept": 2,
        "labels_dropped_chart_without_note": 3,
        "labels_dropped_icd_9": 2,
        "labels_dropped_malformed_code": 1,
        "evidence_seen": 0,
        "evidence_kept": 0,
        "charts_without_note": 1,
    }
    assert counts.unreadable == {("labels", "malformed_code"): 1}
    assert counts.places == ["a.csv, line 7: malformed_code"]


def test_an_error_names_file_line_column_and_remedy(tmp_path):
    error = CorpusFormatError(tmp_path / "a.csv", "bad", "do this", line=3, column="text")
    assert str(error) == f"{tmp_path / 'a.csv'}, line 3, column text: bad; do this"
    assert (error.line, error.column) == (3, "text")


@given(st.text())
def test_an_admission_has_one_shard_and_the_sample_fills_the_first(chart):
    assert note_shard("mimic_iv", chart) == note_shard("mdace", chart)
    assert note_shard("mimic_iv", chart) in NOTE_SHARDS
    assert note_shard("sample", chart) == "shard_00"


def test_shards_are_of_about_equal_size_and_stay_what_they_are():
    sizes = Counter(note_shard("mimic_iv", str(chart)) for chart in range(20_000_000, 20_016_000))
    assert sizes.keys() == set(NOTE_SHARDS)
    assert max(sizes.values()) < 1.3 * min(sizes.values())
    assert note_shard("mimic_iv", "29000001") == "shard_12"  # stored; another value would move every completion
