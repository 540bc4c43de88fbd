import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.corpora.documents import CorpusFormatError, category_key
from ccl_assets.corpora.sample import FILES, NOTES
from ccl_assets.corpora.sample.compile import (
    DIAGNOSES,
    DISCHARGE,
    MDACE,
    NOTEEVENTS,
    compile_notes,
    read_notes,
    unpacked,
    write_files,
)
from ccl_assets.corpora.sample.markup import KINDS, Reason, parse_note

TITLES = {"I10": "Essential (primary) hypertension", "J44.1": "COPD with exacerbation", "J44.9": "COPD"}
NOTE = (
    "---\nkind: discharge_summary\nsplit: {split}\n---\n"
    "Pt w/ [[COPD\nexacerbation|J44.1]], no PE.\n[[HTN|I10]]; [[high BP|I10]].\n"
)


@pytest.fixture
def write_note(tmp_path):
    def write(content, name="007"):
        path = tmp_path / f"{name}.txt"
        path.write_text(content, "utf-8")
        return path

    return write


def test_markup_is_taken_out_and_offsets_point_at_the_words(write_note):
    note = parse_note(write_note(NOTE.format(split="train")), TITLES)
    assert note.text == "Pt w/ COPD\nexacerbation, no PE.\nHTN; high BP.\n"
    assert [(note.text[mark.begin : mark.end], mark.code) for mark in note.marks] == [
        ("COPD\nexacerbation", "J44.1"),
        ("HTN", "I10"),
        ("high BP", "I10"),
    ]
    assert note.codes == ["J44.1", "I10"]


_words = st.text("abÄ🫁 \n.-[*", min_size=1).filter(lambda text: "[[" not in text and not text.endswith("["))


@given(st.lists(st.tuples(_words, st.text("xyÄ🫁", min_size=1), st.sampled_from(sorted(TITLES))), min_size=1), _words)
def test_any_marked_text_comes_back_as_its_plain_text_and_spans(tmp_path_factory, pieces, tail):
    raw = "".join(f"{before}[[{words}|{code}]]" for before, words, code in pieces) + tail
    path = tmp_path_factory.mktemp("notes") / "001.txt"
    path.write_bytes(f"---\nkind: visit_note\nsplit: val\n---\n{raw}".encode())
    note = parse_note(path, TITLES)
    assert note.text == "".join(before + words for before, words, _ in pieces) + tail
    assert [(note.text[m.begin : m.end], m.code) for m in note.marks] == [(words, code) for _, words, code in pieces]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("kind: visit_note\n", "line 1: bad front matter"),
        ("---\nkind: letter\nsplit: train\n---\n[[HTN|I10]]", "line 1: bad front matter"),
        ("---\nkind: visit_note\nsplit: dev\n---\n[[HTN|I10]]", "line 1: bad front matter"),
        ("---\nkind: visit_note\nsplit: train\n---\na\n[[HTN|I11]]", "line 6: 'I11' is not a billable code"),
        ("---\nkind: visit_note\nsplit: train\n---\n[[HTN |I10]]", "line 5: a span starts or ends with a blank"),
        ("---\nkind: visit_note\nsplit: train\n---\n[[HTN|I10]]\n[[CKD]]", "line 6: stray"),
        ("---\nkind: visit_note\nsplit: train\n---\n[[a [[HTN|I10]] b|I10]]", "line 5: stray"),
        ("---\nkind: visit_note\nsplit: train\n---\nHTN", "marks no evidence"),
        ("---\nkind: visit_note\nsplit: train\nline_ends: cr\n---\n[[HTN|I10]]", "line 1: bad front matter"),
        ("---\nkind: visit_note\nsplit: train\nwhy: J44.9 old\nwhy: I11 heart\n---\n[[HTN|I10]]", "line 5: why names"),
        ("---\nkind: visit_note\nsplit: train\nline_ends: crlf\nwhy: I10\n---\n[[HTN|I10]]", "line 5: why names"),
        ("---\nkind: visit_note\nsplit: val\nwhy: I10 x\n---\na\n[[HTN|I10]]\na|b", "line 8: stray"),
        ("---\nkind: visit_note\nsplit: val\nline_ends: crlf\n---\n[[HTN|I10]]\r\n", "line 6: stray"),
    ],
)
def test_bad_markup_names_its_line(write_note, content, message):
    with pytest.raises(CorpusFormatError, match=message):
        parse_note(write_note(content), TITLES)


@pytest.mark.parametrize("name", ["seven", "007a", "007bc", "0070"])
def test_a_note_must_be_named_by_its_number(write_note, name):
    with pytest.raises(CorpusFormatError, match="name it NNN"):
        parse_note(write_note(NOTE.format(split="train"), name), TITLES)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_note_has_a_category_that_the_loader_writes_back(write_note, kind):
    path = write_note(f"---\nkind: {kind}\nsplit: val\n---\n[[HTN|I10]]")
    assert category_key(KINDS[parse_note(path, TITLES).kind]) == kind


def test_line_ends_of_windows_count_in_the_offsets(write_note):
    content = NOTE.format(split="train").replace("train\n", "train\nline_ends: crlf\n")
    note = parse_note(write_note(content), TITLES)
    assert note.text == "Pt w/ COPD\r\nexacerbation, no PE.\r\nHTN; high BP.\r\n"
    assert [note.text[mark.begin : mark.end] for mark in note.marks] == ["COPD\r\nexacerbation", "HTN", "high BP"]


def test_reasons_are_kept_beside_the_text(write_note):
    reasons = "why: J44.1 flare named at admission\nwhy: J44.9 not with J44.1\n"
    note = parse_note(write_note(NOTE.format(split="train").replace("train\n", "train\n" + reasons)), TITLES)
    assert note.reasons == (Reason("J44.1", "flare named at admission"), Reason("J44.9", "not with J44.1"))
    assert "why" not in note.text and note.codes == ["J44.1", "I10"]


def test_notes_of_one_chart_share_its_admission_and_have_ids_of_their_own(write_note, tmp_path):
    for name, kind in (("007", "discharge_summary"), ("007c", "nursing_note"), ("007b", "radiology_report")):
        write_note(f"---\nkind: {kind}\nsplit: val\n---\n{name}: [[HTN|I10]]", name)
    files = compile_notes(reversed(read_notes(tmp_path, TITLES)), TITLES)
    chart = json.loads(files[MDACE / "data/Inpatient/ICD-10/1.0/29000007-ICD-10.json"])
    assert [(note["note_id"], note["category"]) for note in chart["notes"]] == [
        (9000007, "Discharge summary"),
        (9001007, "Radiology report"),
        (9002007, "Nursing note"),
    ]
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(files[NOTEEVENTS]).decode())))
    assert [(row["ROW_ID"], row["HADM_ID"], row["TEXT"]) for row in rows] == [
        ("9000007", "29000007", "007: HTN"),
        ("9001007", "29000007", "007b: HTN"),
        ("9002007", "29000007", "007c: HTN"),
    ]
    assert files[MDACE / "splits/Inpatient/MDace-ev-val.csv"] == b"29000007\n"


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"007": "val", "007c": "val"}, "a note of the chart is missing"),
        ({"007b": "val"}, "a note of the chart is missing"),
        ({"007": "val", "007b": "test"}, "in two splits"),
        ({"007": "mimic", "007b": "mimic"}, "codes only has several notes"),
    ],
)
def test_notes_that_do_not_make_a_chart_are_refused(write_note, tmp_path, splits, message):
    for name, split in splits.items():
        write_note(NOTE.format(split=split), name)
    with pytest.raises(CorpusFormatError, match=rf"007\.txt: .*{message}"):
        read_notes(tmp_path, TITLES)


def test_mimic_notes_become_mimic_iv_rows_undotted_beside_icd_9(write_note):
    files = compile_notes([parse_note(write_note(NOTE.format(split="mimic")), TITLES)], TITLES)
    codes = list(csv.DictReader(io.StringIO(gzip.decompress(files[DIAGNOSES]).decode())))
    notes = list(csv.DictReader(io.StringIO(gzip.decompress(files[DISCHARGE]).decode(), newline="")))
    assert [(row["hadm_id"], row["seq_num"], row["icd_code"], row["icd_version"]) for row in codes[:2]] == [
        ("29000007", "1", "J441", "10"),
        ("29000007", "2", "I10", "10"),
    ]
    assert {row["icd_version"] for row in codes[2:]} == {"9"}
    assert [(row["note_id"], row["note_type"]) for row in notes] == [("19000007-DS-1", "DS")]
    assert [path for path in files if path.suffix == ".json"] == []


def test_annotated_notes_become_mdace_files(write_note):
    files = compile_notes([parse_note(write_note(NOTE.format(split="test")), TITLES)], TITLES)
    chart = json.loads(files[MDACE / "data/Inpatient/ICD-10/1.0/29000007-ICD-10.json"])
    assert chart["hadm_id"] == 29000007
    assert chart["notes"][0]["note_id"] == 9000007
    assert chart["notes"][0]["annotations"][1] == {
        "begin": 32,
        "end": 35,
        "code": "I10",
        "code_system": "ICD-10-CM",
        "description": "Essential (primary) hypertension",
        "type": "Human",
    }
    assert files[MDACE / "splits/Inpatient/MDace-ev-test.csv"] == b"29000007\n"
    assert files[MDACE / "splits/Inpatient/MDace-ev-train.csv"] == b""


def test_writing_leaves_what_is_equal_and_removes_what_is_stale(tmp_path):
    packed = Path("a/b.csv.gz")
    (tmp_path / "a").mkdir()
    (tmp_path / packed).write_bytes(gzip.compress(b"same", compresslevel=1, mtime=7))
    (tmp_path / "stale.csv").touch()
    before = (tmp_path / packed).read_bytes()
    files = {packed: gzip.compress(b"same", mtime=0), Path("new.csv"): b"x"}
    assert write_files(files, tmp_path) == [Path("new.csv"), Path("stale.csv")]
    assert (tmp_path / packed).read_bytes() == before
    assert write_files(files, tmp_path) == []


@pytest.fixture(scope="module")
def compiled(titles):
    return compile_notes(read_notes(NOTES, titles), titles)


def test_committed_files_equal_a_fresh_compile(compiled):
    found = {path.relative_to(FILES): path.read_bytes() for path in FILES.rglob("*") if path.is_file()}
    remedy = "run python -m ccl_assets.corpora.sample.compile"
    assert found.keys() == compiled.keys(), remedy
    # unpacked, since another zlib may pack the same bytes differently
    assert [path for path in found if unpacked(path, found[path]) != unpacked(path, compiled[path])] == [], remedy


def test_compiling_twice_gives_the_same_bytes(compiled, titles):
    assert compile_notes(reversed(read_notes(NOTES, titles)), titles) == compiled
