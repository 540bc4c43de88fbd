"""The official conversion table: every printed form is read exactly or reported with its line."""

import io
from datetime import date, datetime

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.icd.changes.conversion_table import Reference, parse_conversion_table
from ccl_assets.icd.release.contents import ReleaseError, ReleaseFile

HEADS = ("Current code assignment", "Effective", "Previous Code(s) Assignment")


def sheet(*lines, above=(("A notice that fills the first line",),), heads=HEADS, more_sheets=()):
    workbook = openpyxl.Workbook()
    for number, content in enumerate([[*above, heads, *lines], *more_sheets]):
        page = workbook.active if number == 0 else workbook.create_sheet()
        for line in content:
            page.append(line)
    buffer = io.BytesIO()
    workbook.save(buffer)
    return ReleaseFile("conversion_table", "table.xlsx", buffer.getvalue())


def only_row(*cells):
    table = parse_conversion_table(sheet(cells))
    assert len(table.rows) == 1, table.remarks
    return table.rows[0]


def only_remark(*cells):
    table = parse_conversion_table(sheet(("A00.0", 2016, "A00"), cells))
    assert len(table.rows) + sum(remark.is_left_out for remark in table.remarks) == 2
    assert len(table.remarks) == 1
    return table.remarks[0]


def code(name):
    return Reference(name, name, is_code=True)


def test_a_line_is_a_code_the_day_it_came_into_force_and_the_code_before_it():
    row = only_row("A04.71", 2017, "A04.7")
    assert (row.code, row.effective, row.previous) == ("A04.71", date(2017, 10, 1), (code("A04.7"),))
    assert row.line == 3
    assert not row.is_combination


@pytest.mark.parametrize(
    ("printed", "fiscal_year"),
    [
        (2017, 2018),
        (2017.0, 2018),
        ("2017 ", 2018),
        ("2017*", 2018),
        (datetime(2020, 4, 1), 2020),
        (date(2021, 1, 1), 2021),
        ("2023-04-01 00:00:00", 2023),
        ("4/1/2023", 2023),
        ("October 1, 2023", 2024),
        ("Apr. 1, 2023", 2023),
        (45017, 2023),  # Excel's number of 2023-04-01
    ],
)
def test_a_bare_year_means_october_of_it_and_any_date_says_its_fiscal_year(printed, fiscal_year):
    assert only_row("A04.71", printed, "A04.7").fiscal_year == fiscal_year


@pytest.mark.parametrize(
    ("cell", "codes"),
    [
        ("C50.919, C50.929", ["C50.919", "C50.929"]),
        ("G93.3; R53.82", ["G93.3", "R53.82"]),
        ("A04.7 A04.8", ["A04.7", "A04.8"]),
        ("A04.7\nA04.8", ["A04.7", "A04.8"]),
        ("A04.7/A04.8", ["A04.7", "A04.8"]),
        ("E75.240, E75.241 or E75.248 ", ["E75.240", "E75.241", "E75.248"]),
        ("S20.211A; S20.212A", ["S20.211A", "S20.212A"]),
        ("a04.7\N{NO-BREAK SPACE}", ["A04.7"]),
        ("A04.7*", ["A04.7"]),
        ("J80, J80", ["J80"]),
        ("QA0.01", ["QA0.01"]),
    ],
)
def test_a_list_of_codes_is_read_as_alternatives(cell, codes):
    row = only_row("A04.71", 2017, cell)
    assert row.previous == tuple(code(name) for name in codes)
    assert not row.is_combination


@pytest.mark.parametrize("cell", ["C56.1 and C56.2", "C56.1 AND C56.2", "C56.1 & C56.2", "C56.1, C56.2 and C56.3"])
def test_joined_codes_are_a_combination(cell):
    assert only_row("C56.3", 2021, cell).is_combination


@pytest.mark.parametrize(
    ("cell", "first", "last"),
    [
        ("H35.20-H35.23", "H35.20", "H35.23"),
        ("H35.20 – H35.23", "H35.20", "H35.23"),
        ("H35.20 through H35.23", "H35.20", "H35.23"),
        ("Codes in Categories T15-T19", "T15", "T19"),
        ("Y93.01-Y93.9", "Y93.01", "Y93.9"),
        ("I63.-", "I63", "I63"),
        ("a code from R11-", "R11", "R11"),
    ],
)
def test_ranges_and_subtrees_do_not_name_codes_by_themselves(cell, first, last):
    assert only_row("H36.811", 2023, cell).previous == (Reference(first, last, is_code=False),)


def test_ranges_stand_beside_codes():
    row = only_row("J4A.9", 2023, "J44.0-J44.1; J44.9")
    assert row.previous == (Reference("J44.0", "J44.1", is_code=False), code("J44.9"))


@pytest.mark.parametrize("cell", ["None", "none ", "N/A", "-", "—"])
def test_a_new_concept_has_no_previous_code(cell):
    assert only_row("M04.8", 2016, cell).previous == ()


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (("A04.71", 2017, "see the note below"), "unread_text"),
        (("A04.71", 2017, "not A04.7"), "unread_text"),
        (("A04.71", 2017, "A04.7X1234"), "unread_text"),
        (("A04.71", 2017, "A04.9-A04.7"), "unread_text"),
        (("A04.71", 2017, None), "no_previous_code"),
        (("A04.71", None, "A04.7"), "unreadable_date"),
        (("A04.71", "soon", "A04.7"), "unreadable_date"),
        (("A04.71", "13/45/2020", "A04.7"), "unreadable_date"),
        ((None, 2017, "A04.7"), "no_current_code"),  # what a merged cell leaves on its further lines
        (("* effective in April", None, None), "no_current_code"),
        ((4.71, 2017, "A04.7"), "no_current_code"),
        (("A04.71, A04.72", 2017, "A04.7"), "several_current_codes"),
        (("A00.0", 2016, "A00"), "repeated"),
    ],
)
def test_what_cannot_be_read_is_left_out_and_reported_with_its_line(cells, kind):
    remark = only_remark(*cells)
    assert (remark.line, remark.kind, remark.is_left_out) == (4, kind, True)


def test_a_missing_dot_is_added_and_reported():
    remark = only_remark("W453XXA", 2025, "W45.8XXA")
    assert (remark.kind, remark.is_left_out) == ("dot_added", False)
    assert only_row("W453XXA", 2025, "W45.8XXA").code == "W45.3XXA"


def test_columns_are_found_by_their_heads_and_other_sheets_are_passed_over():
    heads = ("No.", "Previous code(s)", "Current code", "Effective date")
    table = parse_conversion_table(
        sheet((1, "A04.7", "A04.71", 2017), (2, "A04.7", "A04.72", 2017), heads=heads, more_sheets=[[("Notes",)]])
    )
    assert [row.code for row in table.rows] == ["A04.71", "A04.72"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_tab_separated_text_is_read_like_the_sheet(encoding):
    lines = ['"A notice\r\non two lines"', "\t".join(HEADS), "A04.71\t2017\tA04.7", "J4A.9\t2023\tJ44.0–J44.1", "\t\t"]
    content = "\r\n".join(lines).encode(encoding)
    table = parse_conversion_table(ReleaseFile("conversion_table", "table.txt", content))
    assert [(row.line, row.code) for row in table.rows] == [(4, "A04.71"), (5, "J4A.9")]
    assert table.rows[1].previous == (Reference("J44.0", "J44.1", is_code=False),)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04 cut short", "damaged or cut short"),
        (sheet(("A04.71", 2017, "A04.7")).content[:3000], "damaged or cut short"),
        (b"code\tyear\r\nA04.71\t2017", "not a conversion table"),
        (sheet(("A04.71", 2017, "A04.7"), heads=("Code", "Year", "Before")).content, "not a conversion table"),
        (sheet().content, "no line that can be read"),
        ("\t".join(HEADS).encode() + b'\nA04.71\t2017\t"A04.7\nA04.72\t2017\tA04.7\n', "quotation marks"),
        ("\t".join(HEADS).encode() + b"\nA04.71\t2017\t\x81\xff", "save the table as UTF-8"),
    ],
)
def test_a_file_that_is_no_table_is_refused_by_name(content, said):
    with pytest.raises(ReleaseError, match=rf"table\.xlsx.*{said}"):
        parse_conversion_table(ReleaseFile("conversion_table", "table.xlsx", content))


@given(
    st.lists(st.sampled_from(["A04.7", "J44.0-J44.1", "I63.-", "R53.82", "T40.4X1A", "F42"]), min_size=1, unique=True),
    st.sampled_from([", ", "; ", " ", ",", " or "]),
)
def test_every_reference_of_a_list_is_found_in_order(references, separator):
    text = "\t".join(HEADS) + "\nA04.71\t2017\t" + separator.join(references)
    row = parse_conversion_table(ReleaseFile("conversion_table", "table.txt", text.encode())).rows[0]
    found = [
        reference.first if reference.is_code else f"{reference.first}-{reference.last}".replace("I63-I63", "I63.-")
        for reference in row.previous
    ]
    assert found == references


def test_the_published_table_is_read_whole(published_releases):
    path = published_releases / "fy2026" / "ICD-10-CM-CONVERSION-TABLE-FY2026.xlsx"
    if not path.is_file():
        pytest.skip("the conversion table of FY2026 is not here")
    table = parse_conversion_table(ReleaseFile("conversion_table", path.name, path.read_bytes()))
    assert table.counts() == {
        "one_code": 5332,
        "alternatives": 139,
        "combination": 119,
        "range": 169,
        "new_concept": 125,
        "remark_repeated": 8,
        "remark_dot_added": 3,
    }
    # 5,897 lines: a notice, the heads, three empty ones at the end
    assert len(table.rows) + sum(remark.is_left_out for remark in table.remarks) == 5897 - 5
    by_code = {row.code: row for row in table.rows}
    assert by_code["U07.0"].effective == date(2020, 4, 1)
    assert len(by_code["U07.0"].previous) == 8
    assert by_code["I63.013"].is_combination
    assert [remark.line for remark in table.remarks if remark.kind == "dot_added"] == [5504, 5505, 5506]
