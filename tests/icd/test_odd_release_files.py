"""Release files as offices save them: byte-order marks, UTF-16, empty elements, full stops behind codes."""

import pytest

from ccl_assets.evaluation.scoring.code_subsets import CodeSubsets
from ccl_assets.icd.changes.conversion_table import parse_conversion_table
from ccl_assets.icd.changes.crosswalk import Crosswalk
from ccl_assets.icd.code import NoCodeError, dot_code, is_dotted, is_order_file_code, normalize_code
from ccl_assets.icd.instructions.code_references import find_references
from ccl_assets.icd.release.contents import ReleaseError, ReleaseFile
from ccl_assets.icd.release.roles import may_have_role, statement
from ccl_assets.icd.tabular.tabular_list import order_file_codes, parse_tabular

LINE = "00001 R11     0 Nausea and vomiting".ljust(77) + "Nausea and vomiting\r\n"
BILLABLE = "00002 R1110   1 Vomiting".ljust(77) + "Vomiting, unspecified\r\n"
EXPECTED = [("R11", False, "Nausea and vomiting"), ("R11.10", True, "Vomiting, unspecified")]


@pytest.mark.parametrize("encoding", ["ascii", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_an_order_file_is_recognised_and_read_in_any_unicode(encoding, end):
    content = (LINE + BILLABLE).replace("\r\n", end).encode(encoding)
    if encoding == "utf-16":
        content = b"\xff\xfe" + (LINE + BILLABLE).replace("\r\n", end).encode("utf-16-le")
    assert may_have_role(content[:4096])
    found = statement("order.txt", content)
    assert found is not None
    assert found.role == "order_file"
    assert list(order_file_codes(ReleaseFile("order_file", "order.txt", content))) == EXPECTED


@pytest.mark.parametrize(
    "line", ["00001 R11     2 Nausea", "00001         0 Nausea", "00001 1R1     0 Nausea", "no order file"]
)
def test_a_line_that_is_none_is_named(line):
    file = ReleaseFile("order_file", "order.txt", (LINE + line).encode())
    with pytest.raises(ReleaseError, match=r"order\.txt, line 2: not a line of an order file"):
        list(order_file_codes(file))


@pytest.mark.parametrize(
    "empty", ["<note/>", "<note></note>", "<note> \n </note>", "<note><!-- none --></note>", "<note><b/></note>", ""]
)
@pytest.mark.parametrize("group", ["excludes1", "codeAlso", "includes", "useAdditionalCode", "inclusionTerm"])
def test_an_empty_note_is_no_instruction_and_no_term(tabular_file, group, empty):
    body = f"<diag><name>S80</name><desc>Injury of knee</desc><{group}>{empty}</{group}></diag>"
    tabular = parse_tabular(tabular_file(body), "FY2026")
    assert tabular.instructions == []
    assert tabular.codes[0]["inclusion_terms"] == []


def test_a_full_stop_behind_a_reference_is_no_part_of_it():
    assert [
        (found.first, found.last) for found in find_references("see I10. And (I11.0.) or I12.-.", {"I10"}.__contains__)
    ] == [
        ("I10", "I10"),
        ("I11.0", "I11.0"),
    ]


@pytest.mark.parametrize("previous", ["I10.", "I10. ", "I10.; I11.0.", "I10. and I11.0"])
@pytest.mark.parametrize("current", ["I1A.0", "I1A.0."])
def test_a_full_stop_in_the_conversion_table_is_no_damage(current, previous):
    table = f"Current code assignment\tEffective\tPrevious Code(s) Assignment\n{current}\t2024\t{previous}\n"
    read = parse_conversion_table(ReleaseFile("conversion_table", "table.txt", table.encode()))
    (row,) = read.rows
    assert (row.code, row.previous[0].first, row.previous[0].is_code) == ("I1A.0", "I10", True)
    assert not read.remarks


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("E119", "E11.9"),
        ("e11.9", "E11.9"),
        ("E11.9.", "E11.9"),
        ("I10.", "I10"),
        ("qa00", "QA0.0"),
        ("s72001a", "S72.001A"),
        ("C7B", "C7B"),
    ],
)
def test_usual_spellings_of_a_code(written, code):
    assert dot_code(written) == code
    assert normalize_code(written) == code
    assert is_dotted(code)
    assert is_order_file_code(code.replace(".", ""))


@pytest.mark.parametrize(
    "written", ["", "E1", "250.00", "E1.19", "E11.9..", "E11.12345", "١٠I", "I1٠", "EA1.0x!", "hypertension"]
)
def test_what_is_no_code(written):
    with pytest.raises(NoCodeError):
        dot_code(written)
    assert not is_dotted(written)


@pytest.mark.parametrize("written", ["E119", "e11.9", "E11.9.", "E11.9"])
def test_old_codes_and_subsets_are_looked_up_in_any_spelling(written):
    crosswalk = Crosswalk({"E11.9": ("E11.8",)}, {"E11.9": "official"})
    assert written in crosswalk
    assert crosswalk.successors(written) == ("E11.8",)
    assert crosswalk.map(written).code == "E11.8"
    assert CodeSubsets({"sample": {"E11.9": 3}}, {}).of("sample", written)[0] == "seen"
