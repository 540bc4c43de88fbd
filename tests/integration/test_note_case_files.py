"""Small files that real users' reports led to: answers, releases, corpora and notes that are no plain text."""

import pytest

from ccl_assets.answers.coding_format import parse_coding
from ccl_assets.coding.command.note_file import NoteError, read_note
from ccl_assets.corpora.loaders import CorpusPaths, load
from ccl_assets.icd.changes.diff import Edition, release_diff
from ccl_assets.icd.release.contents import ReleaseFile
from ccl_assets.icd.release.roles import statement
from ccl_assets.icd.tables import CODES, INSTRUCTIONS
from ccl_assets.icd.tabular.tabular_list import order_file_codes, parse_tabular
from tests.conftest import published


@pytest.fixture(scope="module")
def cases():
    return published("note_cases", "CCL_TEST_NOTE_CASES", "the note cases")


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("l01_prefix", {"E11.9": "type 2 diabetes", "I10": "hypertension"}),
        ("l02_pairs_one_line", {"E11.9": None, "I10": None, "N18.9": None}),
        ("l04_numbered_table", {"E11.9": None, "I10": None}),
        ("l06_json", {"E11.9": "type 2 diabetes", "I10": "hypertension"}),
        ("pl1_bold_list", {"E11.9": None, "I10": None}),
    ],
)
def test_answers(cases, name, pairs):
    found = parse_coding((cases / f"{name}.txt").read_text("utf-8"))
    assert {entry.code: entry.evidence for entry in found.entries} == pairs


@pytest.mark.parametrize(
    ("name", "said"),
    [("n19_html.txt", "HTML"), ("n19b_note.rtf", "RTF"), ("p07_cp1252.txt", "iconv -f LATIN1"), ("p08_utf16.txt", "UTF-16")],
)  # fmt: skip
def test_notes_that_are_no_plain_text_are_refused(cases, name, said):
    with pytest.raises(NoteError, match=said):
        read_note(str(cases / name))


@pytest.mark.parametrize("name", ["pr1_icd10cm-order-2026.txt", "r02_icd10cm-order-2026_bom.txt"])
def test_order_files(cases, name):
    content = (cases / name).read_bytes()
    found = statement(name, content)
    assert found is not None
    assert found.role == "order_file"
    codes = {code: billable for code, billable, _ in order_file_codes(ReleaseFile("order_file", name, content))}
    assert codes == {"R11": False, "R11.1": False, "R11.10": True, "R11.16": True}


def test_an_empty_note_says_nothing(cases):
    before, after = (
        _edition(ReleaseFile("tabular", name, (cases / name).read_bytes()))
        for name in ("r01_before_empty_note.xml", "r01_after.xml")
    )
    (row,) = release_diff(before, after)
    assert (row["change"], row["subject"], row["after"]) == ("instruction_added", "R11.16", "cannabis abuse (F12.1-)")
    assert [row["change"] for row in release_diff(after, before)] == ["instruction_removed"]


def _edition(file):
    tabular = parse_tabular(file, "FY2026")
    return Edition.from_tables(CODES.table(tabular.codes), INSTRUCTIONS.table(tabular.instructions))


def test_ids_of_admissions_that_became_floats(cases):
    folder = cases / "m01_float_hadm"
    corpus = load("mimic_iv", CorpusPaths(mimic_iv_note=folder, mimic_iv=folder))
    assert len(corpus.documents) == 2
    assert {label.code for label in corpus.labels} == {"J45.909", "M10.9"}
