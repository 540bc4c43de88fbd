"""The sample in one file says the same as its notes, and loads as Hugging Face datasets."""

import json
from collections import Counter

import pytest

from ccl_assets.corpora.loaders import CorpusPaths, load
from ccl_assets.corpora.sample import FILES
from ccl_assets.corpora.sample.json_lines import JSON_LINES, load_dataset


@pytest.fixture(scope="module")
def rows():
    return [json.loads(line) for line in (FILES / JSON_LINES).read_text(encoding="utf-8").splitlines()]


def test_it_holds_the_notes_that_the_loaders_read(rows):
    sample = load("sample", CorpusPaths())
    assert Counter(row["text"] for row in rows) == Counter(document.text for document in sample.documents)
    annotated = {span.document_id for span in sample.evidence}
    texts = {document.document_id: document.text for document in sample.documents}
    expected = Counter((texts[span.document_id], span.begin, span.end, span.code) for span in sample.evidence)
    in_file = {row["text"] for row in rows if row["split"] != "mimic"}
    assert {texts[name] for name in annotated} <= in_file
    found = Counter(
        (row["text"], span["begin"], span["end"], span["code"])
        for row in rows
        if row["split"] != "mimic"
        for span in row["evidence"]
    )
    assert found == expected


def test_spans_quote_their_note_and_codes_are_those_of_the_spans(rows):
    for row in rows:
        assert all(row["text"][span["begin"] : span["end"]] == span["text"] for span in row["evidence"])
        assert [code["code"] for code in row["codes"]] == list(dict.fromkeys(span["code"] for span in row["evidence"]))
        assert all(code["title"] for code in row["codes"])


def test_it_loads_as_datasets(rows):
    found = load_dataset()
    assert {split: len(found[split]) for split in found} == Counter(row["split"] for row in rows)
    first = found["test"][0]
    assert first["text"][first["evidence"][0]["begin"] :].startswith(first["evidence"][0]["text"])
