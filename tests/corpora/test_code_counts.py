"""Charts per split and code."""

from collections import Counter

import pyarrow as pa

from ccl_assets.corpora.code_counts import code_counts
from ccl_assets.corpora.loaders import CorpusPaths, load
from ccl_assets.corpora.tables import CODE_COUNTS


def tables(notes, labels):
    documents = [dict(zip(("corpus", "chart_id", "split"), row, strict=True)) for row in notes]
    codes = [dict(zip(("corpus", "chart_id", "code"), row, strict=True)) for row in labels]
    strings = {name: pa.string() for name in ("corpus", "chart_id", "split", "code")}
    return tuple(
        pa.Table.from_pylist(rows, schema=pa.schema([(name, strings[name]) for name in names]))
        for rows, names in ((documents, ("corpus", "chart_id", "split")), (codes, ("corpus", "chart_id", "code")))
    )


def counted(notes, labels):
    table = code_counts(*tables(notes, labels))
    CODE_COUNTS.check(CODE_COUNTS.table(table.to_pylist()))
    return {(row["split"], row["code"]): row["chart_count"] for row in table.to_pylist()}


def test_a_code_counts_once_per_chart_however_many_notes_have_it():
    notes = [("mdace", "c1", "train"), ("mdace", "c1", "train"), ("mdace", "c2", "train"), ("mdace", "c3", "test")]
    labels = [("mdace", "c1", "I10"), ("mdace", "c1", "I10"), ("mdace", "c2", "I10"), ("mdace", "c3", "I10")]
    assert counted(notes, labels) == {("train", "I10"): 2, ("test", "I10"): 1}


def test_a_chart_in_two_splits_counts_in_both():
    notes = [("mdace", "c1", "train"), ("mdace", "c1", "val")]
    assert counted(notes, [("mdace", "c1", "E11.9")]) == {("train", "E11.9"): 1, ("val", "E11.9"): 1}


def test_nothing_gives_nothing():
    assert counted([], []) == {}
    assert counted([("mdace", "c1", "train")], []) == {}


def test_counts_of_the_sample_equal_a_plain_count():
    loaded = load("sample", CorpusPaths())
    split = {document.chart_id: document.split for document in loaded.documents}
    pairs = {(label.chart_id, label.code) for label in loaded.labels}
    expected = Counter((split[chart], code) for chart, code in pairs)
    notes = [("sample", document.chart_id, document.split) for document in loaded.documents]
    assert counted(notes, [("sample", *pair) for pair in pairs]) == expected
