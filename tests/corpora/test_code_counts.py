"""Charts per split and code."""

from collections import Counter

import pyarrow as pa

from ccl_assets.corpora.code_counts import code_counts
from ccl_assets.corpora.loaders import CorpusPaths, load
from ccl_assets.corpora.tables import CODE_COUNTS

STRINGS = {name: pa.string() for name in ("corpus", "chart_id", "document_id", "split", "code")}


def table(names, rows):
    named = [dict(zip(names, row, strict=True)) for row in rows]
    return pa.Table.from_pylist(named, schema=pa.schema([(name, STRINGS[name]) for name in names]))


def counted(notes, labels):
    """Notes as (chart, document, split), labels as (chart, document or nothing, code)."""
    documents = table(("corpus", "chart_id", "document_id", "split"), [("mdace", *note) for note in notes])
    codes = table(("corpus", "chart_id", "document_id", "code"), [("mdace", *label) for label in labels])
    counts = code_counts(documents, codes)
    CODE_COUNTS.check(CODE_COUNTS.table(counts.to_pylist()))
    return {(row["split"], row["code"]): row["chart_count"] for row in counts.to_pylist()}


def test_a_code_counts_once_per_chart_however_many_notes_have_it():
    notes = [("c1", "a", "train"), ("c1", "b", "train"), ("c2", "c", "train"), ("c3", "d", "test")]
    labels = [("c1", "a", "I10"), ("c1", "b", "I10"), ("c2", "c", "I10"), ("c3", "d", "I10")]
    assert counted(notes, labels) == {("train", "I10"): 2, ("test", "I10"): 1}


def test_a_chart_in_two_splits_counts_in_both_and_a_note_in_its_own():
    notes = [("c1", "a", "train"), ("c1", "b", "val")]
    assert counted(notes, [("c1", None, "E11.9")]) == {("train", "E11.9"): 1, ("val", "E11.9"): 1}
    assert counted(notes, [("c1", "b", "E11.9")]) == {("val", "E11.9"): 1}


def test_nothing_gives_nothing():
    assert counted([], []) == {}
    assert counted([("c1", "a", "train")], []) == {}
    assert counted([("c1", "a", "train")], [("c2", None, "I10"), ("c2", "x", "I10")]) == {}


def test_counts_of_the_sample_equal_a_plain_count():
    loaded = load("sample", CorpusPaths())
    split = {document.document_id: document.split for document in loaded.documents}
    chart_split = {document.chart_id: document.split for document in loaded.documents}
    charts = {
        (label.chart_id, split[label.document_id] if label.document_id else chart_split[label.chart_id], label.code)
        for label in loaded.labels
    }
    expected = Counter((of, code) for _, of, code in charts)
    notes = [(document.chart_id, document.document_id, document.split) for document in loaded.documents]
    labels = [(label.chart_id, label.document_id, label.code) for label in loaded.labels]
    assert counted(notes, labels) == expected
