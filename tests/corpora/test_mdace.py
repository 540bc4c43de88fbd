import json
from collections import Counter

import pytest

from ccl_assets.corpora.documents import Corpus, CorpusFormatError
from ccl_assets.corpora.readers.mdace import MdaceFiles, read


def load(files):
    return Corpus.collect(lambda counts: read(files, counts))


TEXT = 'Admission Date:  [**2150-1-2**]\r\n\r\nHistory:  Pt "with" COPD\r\nexacerbation, naïve 🫁, HTN.\n'


def one_chart(annotations, text=TEXT, category="Physician ", split="train"):
    return {100001: (split, {501: (category, text, annotations)})}


def test_offsets_are_code_points_of_the_raw_text_with_its_newlines(write_mdace):
    corpus = load(MdaceFiles.find(*write_mdace(one_chart([("COPD\r\nexacerbation", "J44.1"), ("HTN", "I10")]))))
    (document,) = corpus.documents
    assert document.text == TEXT
    assert document.category == "physician"
    assert [span.evidence_text for span in corpus.evidence] == ["COPD\r\nexacerbation", "HTN"]
    assert all(document.text[span.begin : span.end] == span.evidence_text for span in corpus.evidence)


def test_other_code_systems_are_counted_not_kept(write_mdace):
    strays = [
        {"begin": 0, "end": 4, "code": "401.9", "code_system": "ICD-9-CM", "description": "", "type": "Human"},
        {"begin": 0, "end": 4, "code": "B24BZZZ", "code_system": "ICD-10-PCS", "description": "", "type": "Human"},
    ]
    corpus = load(MdaceFiles.find(*write_mdace(one_chart([*strays, ("HTN", "I10")]))))
    assert [label.code for label in corpus.labels] == ["I10"]
    assert corpus.counts.dropped == {("evidence", "code_system_icd_9_cm"): 1, ("evidence", "code_system_icd_10_pcs"): 1}


def test_overlapping_spans_and_one_span_of_two_codes_are_kept_and_repeats_counted(write_mdace, check_rows):
    spans = [("COPD\r\nexacerbation", "J44.1"), ("COPD", "J44.9"), ("COPD", "J44.1"), ("COPD", "J44.1")]
    corpus = load(MdaceFiles.find(*write_mdace(one_chart(spans))))
    assert len(corpus.evidence) == 3
    assert [(label.code, label.position) for label in corpus.labels] == [("J44.1", 1), ("J44.9", 2)]
    assert corpus.counts.dropped["evidence", "repeated_span"] == 1
    check_rows(corpus)


def test_labels_are_per_note_and_notes_of_one_admission_share_their_chart(write_mdace, check_rows):
    notes = {501: ("Discharge summary", "HTN", [("HTN", "I10")]), 502: ("Radiology", "HTN, DM", [("HTN", "I10")])}
    corpus = load(MdaceFiles.find(*write_mdace({100001: ("test", notes)})))
    assert [(label.chart_id, label.document_id, label.code) for label in corpus.labels] == [
        ("100001", "501", "I10"),
        ("100001", "502", "I10"),
    ]
    assert {document.split for document in corpus.documents} == {"test"}
    assert all(document.is_restricted for document in corpus.documents)
    check_rows(corpus)


def test_missing_note_text_is_an_error_with_the_count(write_mdace):
    notes = {row: ("Physician ", "HTN", [("HTN", "I10")]) for row in (501, 502, 503)}
    roots = write_mdace({100001: ("train", notes)}, omit={501, 503})
    with pytest.raises(
        CorpusFormatError, match="2 of 3 annotated notes have no text, first ROW_ID 501, 503; set CCL_MIMIC_III"
    ):
        load(MdaceFiles.find(*roots))


def test_offsets_outside_the_note_name_the_annotation_and_not_the_text(write_mdace):
    shifted = {"begin": 80, "end": 4_000, "code": "I10", "code_system": "ICD-10-CM", "description": "", "type": "Human"}
    roots = write_mdace(one_chart([("HTN", "I10"), shifted]))
    with pytest.raises(
        CorpusFormatError, match=r"100001-ICD-10\.json: \$\.notes\[0\]\.annotations\[1\] of note 501"
    ) as error:
        load(MdaceFiles.find(*roots))
    assert "COPD" not in str(error.value)
    assert "untouched" in str(error.value)


def test_only_annotated_notes_are_kept_and_reading_stops_with_the_last_one(write_mdace):
    files = MdaceFiles.find(*write_mdace(one_chart([("HTN", "I10")])))
    with files.noteevents.open("a") as file:
        file.write('never,reached\n"')
    assert [document.document_id for document in load(files).documents] == ["501"]


def test_packed_noteevents_are_read(write_mdace):
    files = MdaceFiles.find(*write_mdace(one_chart([("HTN", "I10")]), ending=".csv.gz"))
    assert files.noteevents.name == "NOTEEVENTS.csv.gz"
    assert len(load(files).evidence) == 1


def test_the_first_line_of_a_split_file_is_a_chart(write_mdace):
    charts = {100001 + n: ("val", {500 + n: ("ECG", "HTN", [("HTN", "I10")])}) for n in range(3)}
    assert [document.split for document in load(MdaceFiles.find(*write_mdace(charts))).documents] == ["val"] * 3


def test_a_split_file_with_a_heading_is_refused(write_mdace):
    files = MdaceFiles.find(*write_mdace(one_chart([("HTN", "I10")])))
    files.splits["test"].write_text("hadm_id\n")
    with pytest.raises(CorpusFormatError, match=r"MDace-ev-test\.csv, line 1: not an admission id"):
        load(files)


def test_a_chart_in_two_splits_is_refused(write_mdace):
    files = MdaceFiles.find(*write_mdace(one_chart([("HTN", "I10")])))
    files.splits["test"].write_text("100001\n")
    with pytest.raises(CorpusFormatError, match="chart 100001 is already in split train"):
        load(files)


def test_a_split_chart_without_annotations_is_an_error_with_the_count(write_mdace):
    files = MdaceFiles.find(*write_mdace(one_chart([("HTN", "I10")])))
    files.splits["test"].write_text("100002\n100003\n")
    with pytest.raises(CorpusFormatError, match="2 charts of the splits have no annotation file, first 100002, 100003"):
        load(files)


def test_charts_in_no_split_are_counted_and_their_text_not_needed(write_mdace):
    charts = one_chart([("HTN", "I10")]) | {100002: (None, {601: ("ECG", "HTN", [("HTN", "I10")])})}
    corpus = load(MdaceFiles.find(*write_mdace(charts, omit={601})))
    assert [document.chart_id for document in corpus.documents] == ["100001"]
    assert corpus.counts.dropped["documents", "chart_in_no_split"] == 1


def test_a_note_annotated_twice_is_refused(write_mdace):
    files = MdaceFiles.find(*write_mdace(one_chart([("HTN", "I10")])))
    content = json.loads(files.annotations[0].read_text())
    content["notes"] *= 2
    files.annotations[0].write_text(json.dumps(content))
    with pytest.raises(CorpusFormatError, match=r"\$\.notes\[1\]\.note_id repeats 501"):
        load(files)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"hadm_id": 100001,\n "notes": [}', r"line 2, column \d+: not JSON"),
        ('{"hadm_id": 100001}', r"\$\.notes is missing or not list"),
        ('{"hadm_id": 100001, "notes": [{"annotations": [{"code_system": "ICD-10-CM", "code": "I10", "begin": "3"}]}]}',
         r"\$\.notes\[0\]\.annotations\[0\]\.begin is missing or not int"),
        ('[]', r"\$\.hadm_id is missing"),
    ],
)  # fmt: skip
def test_malformed_annotations_name_their_place(write_mdace, content, message):
    files = MdaceFiles.find(*write_mdace(one_chart([("HTN", "I10")])))
    files.annotations[0].write_text(content)
    with pytest.raises(CorpusFormatError, match=message):
        load(files)


def test_an_icd_10_cm_code_of_another_shape_is_counted(write_mdace):
    files = MdaceFiles.find(*write_mdace(one_chart([("HTN", "10-I"), ("HTN", "I10")])))
    corpus = load(files)
    assert [span.code for span in corpus.evidence] == ["I10"]
    assert corpus.counts.places == [f"{files.annotations[0]}: malformed_code"]


def test_a_folder_that_is_not_mdace_names_the_setting(tmp_path):
    with pytest.raises(CorpusFormatError, match="set CCL_MDACE"):
        MdaceFiles.find(tmp_path, tmp_path)


def test_the_published_layout_is_read(development_corpora):
    examples = development_corpora / "format_examples"
    files = MdaceFiles.find(examples / "mdace", examples / "mimiciii")
    for split, chart in (("val", "990002"), ("test", "990003")):  # the examples hold one chart only
        assert files.splits[split].read_text().strip() == chart
    with pytest.raises(CorpusFormatError, match="2 charts of the splits have no annotation file"):
        load(files)


def test_the_published_annotations_give_the_published_counts(development_corpora, write_csv, tmp_path, check_rows):
    """Stand-in text, long enough for every offset: all but the words is as in the real corpus."""
    root = development_corpora / "mdace_annotations"
    heading = ["ROW_ID", "TEXT"]
    rows = []
    for path in sorted((root / "data/Inpatient/ICD-10/1.0").glob("*.json")):
        for note in json.loads(path.read_text())["notes"]:
            rows.append((str(note["note_id"]), "x" * max(item["end"] for item in note["annotations"])))
    write_csv(tmp_path / "NOTEEVENTS.csv", heading, rows)
    corpus = load(MdaceFiles.find(root, tmp_path))
    assert len(corpus.documents) == 604
    charts = {document.chart_id: document.split for document in corpus.documents}
    assert Counter(charts.values()) == {"train": 181, "val": 60, "test": 61}
    assert len(corpus.evidence) == 3_662
    assert corpus.counts.dropped == {
        ("evidence", "code_system_icd_10_pcs"): 272,
        ("evidence", "code_system_icd_9_cm"): 2,
    }
    test_labels = [label for label in corpus.labels if charts[label.chart_id] == "test"]
    discharge = {d.document_id for d in corpus.documents if d.category == "discharge_summary"}
    assert len(test_labels) == 645
    assert len({(label.chart_id, label.code) for label in test_labels}) == 616
    assert len({label.code for label in test_labels}) == 320
    assert len({(label.chart_id, label.code) for label in test_labels if label.document_id in discharge}) == 552
    check_rows(corpus)
