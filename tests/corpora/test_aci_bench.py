from collections import Counter

import pytest

from ccl_assets.corpora.documents import Corpus, CorpusFormatError
from ccl_assets.corpora.readers.aci_bench import AciBenchFiles, read


def load(files):
    return Corpus.collect(lambda counts: read(files, counts))


HEADING = ["dataset", "encounter_id", "dialogue", "note"]
SPLITS = {
    "train": "D2N001",
    "valid": "D2N068",
    "clinicalnlp_taskB_test1": "D2N088",
    "clinicalnlp_taskC_test2": "D2N128",
    "clef_taskC_test3": "D2N168",
}


@pytest.fixture
def root(tmp_path, write_csv):
    for stem, note_id in SPLITS.items():
        write_csv(
            tmp_path / f"challenge_data/{stem}.csv",
            HEADING,
            [("aci", note_id, "[doctor] hi", f"CC: {note_id}\n\nHTN.")],
        )
        write_csv(tmp_path / f"challenge_data/{stem}_metadata.csv", ["dataset", "encounter_id"], [("aci", note_id)])
    return tmp_path


def test_splits_follow_from_the_file_names_and_the_dialogue_is_left_out(root):
    corpus = load(AciBenchFiles.find(root))
    assert {document.document_id: document.split for document in corpus.documents} == {
        "D2N001": "train",
        "D2N068": "val",
        "D2N088": "test",
        "D2N128": "test",
        "D2N168": "test",
    }
    assert corpus.documents[0].text == "CC: D2N001\n\nHTN."
    assert {document.is_restricted for document in corpus.documents} == {False}
    assert corpus.labels == []
    assert corpus.counts.remarks["documents_without_codes"] == 5


def test_labels_of_the_user_join_by_document_id(root, write_csv, check_rows):
    rows = [("D2N168", "J44.1", "x"), ("D2N168", "f32a", "y"), ("D2N168", "J44.1", "x"), ("D2N999", "I10", "z")]
    path = write_csv(root / "labels/code_test.csv", ["Document ID", "ICD10", "Description"], rows)
    corpus = load(AciBenchFiles.find(root / "challenge_data", path))
    assert [(label.document_id, label.position, label.code, label.source_code) for label in corpus.labels] == [
        ("D2N168", 1, "J44.1", "J44.1"),
        ("D2N168", 2, "F32.A", "f32a"),
    ]
    assert corpus.counts.dropped == {("labels", "repeated_code"): 1, ("labels", "unknown_document"): 1}
    assert load(AciBenchFiles.find(root, path.parent)).labels == corpus.labels
    check_rows(corpus)


def test_labels_with_other_ids_are_refused(root, write_csv):
    path = write_csv(root / "labels.csv", ["Document ID", "ICD10"], [("test_999", "I10")])
    with pytest.raises(CorpusFormatError, match="no label belongs to a note; the column Document ID must hold"):
        load(AciBenchFiles.find(root, path))


def test_a_label_that_is_no_code_is_counted_with_its_place(root, write_csv):
    path = write_csv(root / "labels.csv", ["Document ID", "ICD10"], [("D2N168", "I10"), ("D2N168", "hypertension")])
    counts = load(AciBenchFiles.find(root, path)).counts
    assert counts.kept["labels"] == 1
    assert counts.places == [f"{path}, line 3: malformed_code"]


def test_a_missing_file_names_the_setting(root):
    (root / "challenge_data/valid.csv").unlink()
    with pytest.raises(CorpusFormatError, match=r"valid\.csv: no such file; set CCL_ACI_BENCH"):
        AciBenchFiles.find(root)


def test_repeated_and_empty_notes_are_counted(root, write_csv):
    path = write_csv(
        root / "challenge_data/valid.csv", HEADING, [("aci", "D2N001", "", "HTN"), ("aci", "D2N069", "", " \n")]
    )
    corpus = load(AciBenchFiles.find(root))
    assert len(corpus.documents) == 4
    assert corpus.counts.places == [f"{path}, line 2: repeated_note_id", f"{path}, line 4: empty_text"]


def test_the_published_corpus_has_207_notes(development_corpora, check_rows):
    corpus = load(
        AciBenchFiles.find(development_corpora / "aci_bench"),
    )
    assert Counter(document.split for document in corpus.documents) == {"train": 67, "val": 20, "test": 120}
    assert [d.document_id for d in corpus.documents] == [f"D2N{number:03d}" for number in range(1, 208)]
    assert all(document.text.strip() for document in corpus.documents)
    check_rows(corpus)
