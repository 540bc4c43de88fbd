import inspect

import pyarrow as pa
import pytest
from pyarrow import feather

from ccl_assets.corpora.documents import Corpus, CorpusFormatError, LoadCounts
from ccl_assets.corpora.readers.mimic_iv import MimicIvFiles, read, read_documents, read_labels


def load(files):
    return Corpus.collect(lambda counts: read(files, counts))


TEXT = ' \nName:  ___\r\n \nDischarge Diagnosis:\nCOPD exacerbation, "wheezy"\nHTN\n'


def codes_of(corpus, chart):
    return [label.code for label in corpus.labels if label.chart_id == chart]


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_multi_line_quoted_text_is_kept_code_point_for_code_point(write_mimic_iv, ending):
    roots = write_mimic_iv([("n1", "21", "DS", TEXT)], [("21", "1", "J441", "10")], ending)
    (document,) = load(MimicIvFiles.find(*roots)).documents
    assert document.text == TEXT
    assert (document.split, document.category, document.is_restricted) == ("unannotated", "discharge_summary", True)


def test_icd_9_rows_are_counted_and_never_read_as_icd_10(write_mimic_iv):
    # E8889 and V1582 look like ICD-10-CM codes; only the version column tells
    roots = write_mimic_iv(
        [("n1", "21", "DS", "a")],
        [("21", "1", "0389", "9"), ("21", "2", "E8889", "9"), ("21", "3", "V1582", "9"), ("21", "4", "I10", "10")],
    )
    corpus = load(MimicIvFiles.find(*roots))
    assert codes_of(corpus, "21") == ["I10"]
    assert corpus.counts.dropped["labels", "icd_9"] == 3


def test_codes_stay_text_and_get_their_dot_only_behind_the_third_character(write_mimic_iv):
    roots = write_mimic_iv([("n1", "21", "DS", "a")], [("21", "1", "A000", "10"), ("21", "2", "I10", "10")])
    corpus = load(MimicIvFiles.find(*roots))
    assert [(label.code, label.source_code, label.position) for label in corpus.labels] == [
        ("A00.0", "A000", 1),
        ("I10", "I10", 2),
    ]
    assert {label.document_id for label in corpus.labels} == {None}


def test_an_admission_keeps_all_its_notes_and_gets_its_codes_once(write_mimic_iv):
    roots = write_mimic_iv([("n1", "21", "DS", "a"), ("n2", "21", "AD", "b")], [("21", "1", "I10", "10")])
    corpus = load(MimicIvFiles.find(*roots))
    assert [(d.document_id, d.category) for d in corpus.documents] == [("n1", "discharge_summary"), ("n2", "addendum")]
    assert codes_of(corpus, "21") == ["I10"]
    assert corpus.counts.remarks["charts_with_several_notes"] == 1


def test_charts_without_note_or_without_icd_10_are_counted_not_kept(write_mimic_iv, check_rows):
    roots = write_mimic_iv(
        [("n1", "21", "DS", "a"), ("n2", "22", "DS", "b"), ("n3", "", "RR", "c"), ("n4", "21", "AD", " \n")],
        [
            ("21", "1", "I10", "10"),
            ("21", "2", "I10", "10"),
            ("21", "3", "no code", "10"),
            ("22", "1", "4019", "9"),
            ("23", "1", "I10", "10"),
            ("23", "2", "E119", "10"),
        ],
    )
    corpus = load(MimicIvFiles.find(*roots))
    assert [document.document_id for document in corpus.documents] == ["n1"]
    assert corpus.counts.metadata() == {
        "documents_seen": 4,
        "documents_kept": 1,
        "documents_dropped_empty_text": 1,
        "documents_dropped_no_admission": 1,
        "documents_dropped_no_icd10_code": 1,
        "labels_seen": 6,
        "labels_kept": 1,
        "labels_dropped_chart_without_note": 2,
        "labels_dropped_icd_9": 1,
        "labels_dropped_malformed_code": 1,
        "labels_dropped_repeated_code": 1,
        "evidence_seen": 0,
        "evidence_kept": 0,
        "charts_without_note": 1,
    }
    check_rows(corpus)


def test_notes_and_codes_are_streamed(write_mimic_iv):
    files = MimicIvFiles.find(*write_mimic_iv([("n1", "21", "DS", "a")], [("21", "1", "I10", "10")]))
    assert inspect.isgenerator(read_documents(files, LoadCounts()))
    assert inspect.isgenerator(read_labels(files, LoadCounts()))


def test_wrong_columns_of_the_notes_are_found_before_the_codes_are_read(write_mimic_iv, write_csv):
    note_root, hosp_root = write_mimic_iv([], [("21", "x", "I10", "10")])
    write_csv(note_root / "note/discharge.csv.gz", ["note_id", "hadm_id", "body"], [])
    with pytest.raises(CorpusFormatError, match=r"discharge\.csv\.gz, line 1: the heading lacks note_type, text"):
        load(MimicIvFiles.find(note_root, hosp_root))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("21", "first", "I10", "10"), "no_seq_num"),
        (("21", "1", "I10", ""), "no_icd_version"),
        (("21", "1", "I10", "11"), "no_icd_version"),
        (("", "1", "I10", "10"), "no_admission"),
        (("21", "1", "high blood pressure", "10"), "malformed_code"),
    ],
)
def test_a_single_bad_row_of_the_codes_is_counted_with_its_place_and_not_quoted(write_mimic_iv, row, reason):
    files = MimicIvFiles.find(*write_mimic_iv([("n1", "21", "DS", "a")], [("21", "1", "I10", "10"), row]))
    corpus = load(files)
    assert codes_of(corpus, "21") == ["I10"]
    assert corpus.counts.unreadable == {("labels", reason): 1}
    assert corpus.counts.places == [f"{files.diagnoses}, line 3: {reason}"]


def test_of_notes_with_one_id_the_first_is_kept_and_the_others_are_counted(write_mimic_iv):
    roots = write_mimic_iv([("n1", "21", "DS", "a"), ("n1", "21", "DS", "b")], [("21", "1", "I10", "10")])
    corpus = load(MimicIvFiles.find(*roots))
    assert [document.text for document in corpus.documents] == ["a"]
    assert corpus.counts.unreadable == {("documents", "repeated_note_id"): 1}


def test_the_codes_of_a_chart_come_once_with_its_first_note(write_mimic_iv):
    roots = write_mimic_iv(
        [("n1", "21", "DS", "a"), ("n2", "22", "DS", "b"), ("n3", "21", "AD", "c")],
        [("21", "1", "I10", "10"), ("22", "1", "E119", "10")],
    )
    notes = list(read(MimicIvFiles.find(*roots), LoadCounts()))
    assert [(note.document.document_id, [label.code for label in note.labels]) for note in notes] == [
        ("n1", ["I10"]),
        ("n2", ["E11.9"]),
        ("n3", []),
    ]


def test_a_note_that_is_not_utf_8_is_counted_and_the_others_are_read(write_mimic_iv):
    roots = write_mimic_iv([("n1", "21", "DS", "naïve"), ("n2", "21", "DS", "é b")], [("21", "1", "I10", "10")], ".csv")
    files = MimicIvFiles.find(*roots)
    files.discharge.write_bytes(files.discharge.read_bytes().replace("naïve".encode(), "naïve".encode("latin-1")))
    corpus = load(files)
    assert [document.text for document in corpus.documents] == ["é b"]
    assert corpus.counts.places == [f"{files.discharge}, line 2: not_utf8"]


def test_a_note_of_200_000_characters_is_read_whole(write_mimic_iv):
    text = "Pt denies pain. \n" * 12_000
    roots = write_mimic_iv([("n1", "21", "DS", text)], [("21", "1", "I10", "10")])
    assert load(MimicIvFiles.find(*roots)).documents[0].text == text


def test_notes_cut_short_name_file_and_row(write_mimic_iv):
    notes = [(f"n{n}", "21", "DS", f"note {n * 7919 % 10007} of Mrs Doe\n" * 5) for n in range(5_000)]
    files = MimicIvFiles.find(*write_mimic_iv(notes, [("21", "1", "I10", "10")]))
    files.discharge.write_bytes(files.discharge.read_bytes()[:-2_000])
    with pytest.raises(CorpusFormatError, match=r"discharge\.csv\.gz, line \d+: is cut short after row \d+") as error:
        load(files)
    assert "Doe" not in str(error.value)


@pytest.mark.parametrize("text_type", [pa.string(), pa.large_string()])
def test_the_split_of_edin_et_al_is_used_where_it_names_the_admission(write_mimic_iv, tmp_path, text_type):
    roots = write_mimic_iv(
        [("n1", "21", "DS", "a"), ("n2", "22", "DS", "b")], [("21", "1", "I10", "10"), ("22", "1", "I10", "10")]
    )
    path = tmp_path / "split.feather"
    feather.write_feather(
        pa.table({"_id": pa.array([21, 29], pa.int64()), "split": pa.array(["test", "train"], text_type)}), path
    )
    files = MimicIvFiles.find(*roots, path)
    assert files.paths[-1] == path
    assert [document.split for document in load(files).documents] == ["test", "unannotated"]


def test_a_split_of_another_corpus_is_refused(write_mimic_iv, tmp_path):
    roots = write_mimic_iv([("n1", "21", "DS", "a")], [("21", "1", "I10", "10")])
    path = tmp_path / "split.feather"
    feather.write_feather(pa.table({"_id": [100001], "split": ["test"]}), path)
    with pytest.raises(CorpusFormatError, match="names none of the admissions; set CCL_EDIN_SPLIT"):
        load(MimicIvFiles.find(*roots, path))


@pytest.mark.parametrize("content", [{"hadm_id": [21], "split": ["test"]}, {"_id": [21], "split": ["dev"]}, None])
def test_a_split_file_of_another_form_is_refused(write_mimic_iv, tmp_path, content):
    roots = write_mimic_iv([("n1", "21", "DS", "a")], [("21", "1", "I10", "10")])
    path = tmp_path / "split.feather"
    if content is None:
        path.write_bytes(b"_id,split\n21,test\n")
    else:
        feather.write_feather(pa.table(content), path)
    with pytest.raises(CorpusFormatError, match=r"split\.feather"):
        load(MimicIvFiles.find(*roots, path))


def test_the_published_layout_is_read(development_corpora):
    examples = development_corpora / "format_examples"
    files = MimicIvFiles.find(
        examples / "mimiciv-note", examples / "mimiciv/2.2", examples / "splits/mimiciv_icd10_split.feather"
    )
    corpus = load(files)
    assert [(d.document_id, d.chart_id, d.split) for d in corpus.documents] == [
        ("90000001-DS-5", "29000001", "train"),
        ("90000001-DS-6", "29000001", "train"),
    ]
    assert codes_of(corpus, "29000001") == ["J44.1", "I10"]
    assert corpus.counts.dropped["labels", "icd_9"] == 1


def test_the_published_split_file_is_read(development_corpora):
    from ccl_assets.corpora.readers.mimic_iv import read_split

    splits = read_split(development_corpora / "edin_splits/mimiciv_icd10_split.feather")
    assert len(splits) == 122_279
    assert sum(split == "test" for split in splits.values()) == 19_802
