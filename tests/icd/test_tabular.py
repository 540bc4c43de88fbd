"""The Tabular List becomes exactly the official codes: counts, titles, hierarchy, instructions."""

import re

import pytest

from ccl_assets.icd.chapters import CHAPTER_KEYS, chapter_of
from ccl_assets.icd.checks import (
    chapters_present,
    equals_order_file,
    index_codes_known,
    parents_exist,
    references_known,
)
from ccl_assets.icd.code_placement import in_block
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.release.contents import ReleaseError, ReleaseFile, open_release
from ccl_assets.icd.tables import CODES, INSTRUCTIONS
from ccl_assets.icd.tabular.tabular_list import TabularReader, order_file_codes, parse_tabular

OFFICIAL_COUNTS = {2016: (69_823, 91_737), 2017: (71_486, 93_830), 2025: (74_260, 97_584), 2026: (74_719, 98_186)}


def diag(code: str, title: str = "Title", inside: str = "") -> str:
    return f"<diag>\n<name>{code}</name>\n<desc>{title}</desc>\n{inside}</diag>"


def order_line(code: str, flag: int, title: str, number: int = 1) -> str:
    return f"{number:05d} {code.replace('.', ''):<7} {flag} {title[:60]:<60} {title}"


def order_file(*lines: str) -> ReleaseFile:
    return ReleaseFile("order_file", "order.txt", "\r\n".join(lines).encode())


def test_the_packaged_release_has_the_official_counts(packaged):
    assert len(packaged.codes) == 98_186
    assert sum(row["is_billable"] for row in packaged.codes) == 74_719


def test_the_packaged_tables_fit_their_contracts(packaged):
    assert CODES.violations(CODES.table(packaged.codes)) == []
    assert INSTRUCTIONS.violations(INSTRUCTIONS.table(packaged.instructions)) == []


@pytest.mark.parametrize("year", OFFICIAL_COUNTS)
def test_codes_and_titles_equal_the_official_order_file(published, parsed, year):
    order, codes = published(year).file("order_file"), parsed(year).codes
    billable_count, line_count = OFFICIAL_COUNTS[year]
    gate = equals_order_file(codes, order)
    assert gate.passed, gate.details
    assert gate.details["compared"] == billable_count
    assert sum(row["is_billable"] for row in codes) == billable_count
    assert {(row["code"], row["is_billable"]) for row in codes} == {
        (code, flag) for code, flag, _ in order_file_codes(order)
    }
    assert len(codes) == line_count


@pytest.mark.parametrize("year", OFFICIAL_COUNTS)
def test_every_parent_exists_and_every_chapter_of_the_edition_holds_codes(parsed, year):
    codes = parsed(year).codes
    assert parents_exist(codes).passed
    assert chapters_present(codes, year).passed
    expected = CHAPTER_KEYS if year >= 2021 else CHAPTER_KEYS[:21]
    assert {row["chapter"] for row in codes} == set(expected)


def test_a_code_s_chapter_follows_from_its_category(packaged):
    assert [row["code"] for row in packaged.codes if chapter_of(row["code"]).key != row["chapter"]] == []


@pytest.mark.parametrize("shared", ["B20", "F99", "P84", "R99", "Z66"])
def test_ids_shared_by_a_block_and_a_category_do_not_clash(packaged, ontology: Ontology, shared):
    entry = ontology[shared]
    assert (entry.block, entry.parent_code) == (shared, None)
    path = ontology.path(shared)
    assert len(path) == len(set(path)) == 3
    scopes = {row["scope"] for row in packaged.instructions if row["subject"] == shared}
    assert scopes <= {"block", "code"}


def test_thirty_nine_blocks_share_their_id_with_a_category_and_twelve_hold_no_code(packaged):
    codes = {row["code"] for row in packaged.codes}
    assert len({row["block"] for row in packaged.codes} & codes) == 39
    sections = set(re.findall(rb'<section id="([^"]+)"', open_release().tabular.content))
    assert len(sections - {row["block"].encode() for row in packaged.codes}) == 12


def test_instructions_name_codes_and_not_abbreviations(packaged):
    named = {code for row in packaged.instructions for code in row["referenced_codes"]}
    assert {"B95-B97", "J44.0", "E08.-", "E08-E13", "Z16.-", "Q00-Q99"} <= named
    assert {code for code in named if code.isalpha()} == set()
    assert all(range_or_code[1].isdigit() or range_or_code.startswith("QA0") for range_or_code in named)


def test_seventh_character_codes_carry_their_stem_and_the_full_title(packaged):
    row = next(row for row in packaged.codes if row["code"] == "S82.201A")
    assert (row["stem_code"], row["parent_code"], row["seventh_character"]) == ("S82.201", "S82.201", "A")
    assert row["title"] == "Unspecified fracture of shaft of right tibia"
    assert row["long_title"] == f"{row['title']}, initial encounter for closed fracture"
    assert row["is_expanded"] and row["is_billable"] and row["inclusion_terms"] == []
    assert row["level"] == 7


def test_notes_are_kept_where_they_are_printed(tabular_file):
    notes = "<excludes1><note>sprain (S93.4-)</note><note>ulcer (L97.1, L98.4)</note></excludes1>"
    inside = (
        "<inclusionTerm><note>Broken\n   shin</note></inclusionTerm><codeFirst><note>any open wound</note></codeFirst>"
    )
    found = parse_tabular(tabular_file(diag("S82", inside=inside), block_notes=notes), "FY2026")
    assert [(row["scope"], row["subject"], row["kind"], row["referenced_codes"]) for row in found.instructions] == [
        ("block", "S80-S89", "excludes1", ["S93.4-"]),
        ("block", "S80-S89", "excludes1", ["L97.1", "L98.4"]),
        ("code", "S82", "code_first", []),
    ]
    assert found.codes[0]["inclusion_terms"] == ["Broken shin"]
    assert found.codes[0]["block_title"] == "Injuries to the leg"


def test_a_repeated_code_is_refused_with_both_lines(tabular_file):
    with pytest.raises(ReleaseError, match=r"tiny\.xml, line 13: code S82 is repeated, first on line 9"):
        parse_tabular(tabular_file(diag("S82") + "\n" + diag("S82")), "FY2026")


def test_a_7th_character_defined_twice_is_refused_as_a_repeated_code(tabular_file):
    extension = '<extension char="A">initial encounter</extension>'
    twice = diag("S82", inside=diag("S82.1", inside=f"<sevenChrDef>{extension * 2}</sevenChrDef>"))
    with pytest.raises(ReleaseError, match=r"tiny\.xml, line 12: code S82\.1XXA is repeated, first on line 12"):
        parse_tabular(tabular_file(twice), "FY2026")


@pytest.mark.parametrize("chapter", ["23", "0", "XIX", ""])
def test_an_unknown_chapter_is_refused_with_its_line(tabular_file, chapter):
    with pytest.raises(ReleaseError, match=r"tiny\.xml, line 4: unknown chapter"):
        parse_tabular(tabular_file(diag("S82"), chapter=chapter), "FY2026")


@pytest.mark.parametrize("code", ["S8", "s82", "S82.", "S82.20111", "482", "S82 .1"])
def test_a_malformed_code_is_refused(tabular_file, code):
    with pytest.raises(ReleaseError, match=r"tiny\.xml, line 9: .* is not an ICD-10-CM code"):
        parse_tabular(tabular_file(diag(code)), "FY2026")


def test_a_code_below_another_branch_is_refused(tabular_file):
    with pytest.raises(ReleaseError, match=r"code S83\.1 stands below S82"):
        parse_tabular(tabular_file(diag("S82", inside=diag("S83.1"))), "FY2026")


@pytest.mark.parametrize(
    ("diags", "message"),
    [
        (
            diag("S82", inside=diag("S82.10")),
            r"line 12: code S82\.10 stands below S82, but its parent S82\.1 is missing",
        ),
        (diag("S82", inside=diag("S82.1XXA")), r"code S82\.1XXA stands below S82, but its parent S82\.1XX is missing"),
        (diag("S82.1"), r"line 9: code S82\.1 stands directly in block S80-S89, but its parent S82 is missing"),
    ],
)
def test_a_code_whose_parent_is_missing_is_refused_with_its_line(tabular_file, diags, message):
    with pytest.raises(ReleaseError, match=message):
        parse_tabular(tabular_file(diags), "FY2026")


def test_a_code_outside_its_chapter_is_refused_with_its_line(tabular_file):
    with pytest.raises(ReleaseError, match=r"line 9: code I10 stands in chapter 19_S00-T88 and belongs to 09_I00-I99"):
        parse_tabular(tabular_file(diag("I10")), "FY2026")
    with pytest.raises(ReleaseError, match=r"line 9: 'F00' lies in no ICD-10-CM chapter"):
        parse_tabular(tabular_file(diag("F00"), chapter="5"), "FY2026")


def two_blocks(first: str, second: str) -> ReleaseFile:
    text = (
        "<ICD10CM.tabular><version>2026</version><chapter><name>19</name><desc>Injury</desc>\n"
        f'<section id="S80-S89"><desc>Leg</desc>{first}</section>\n'
        f'<section id="S90-S99"><desc>Foot</desc>{second}</section></chapter></ICD10CM.tabular>'
    )
    return ReleaseFile("tabular", "tiny.xml", text.encode())


def test_a_code_in_a_block_that_another_block_claims_is_refused_and_in_an_unclaimed_place_kept():
    with pytest.raises(ReleaseError, match=r"code S92 stands in block S80-S89 and belongs to S90-S99"):
        parse_tabular(two_blocks(diag("S92"), diag("S93")), "FY2026")
    stray = parse_tabular(two_blocks(diag("S79"), diag("S93")), "FY2016")  # as FY2016 prints Y09 in X92-Y08
    assert [(row["code"], row["block"]) for row in stray.codes] == [("S79", "S80-S89"), ("S93", "S90-S99")]


@pytest.mark.parametrize(
    ("category", "block", "expected"),
    [
        ("C4A", "C43-C44", True),
        ("M1A", "M05-M14", True),
        ("Z3A", "Z30-Z39", True),
        ("O9A", "O94-O9A", True),
        ("C7A", "C7A", True),
        ("T07", "T07", True),
        ("T08", "T07", False),
        ("D3A", "D10-D36", True),  # by its number; printed in a block of its own
        ("S90", "S80-S89", False),
        ("V43", "V00-X58", True),
    ],
)
def test_a_category_that_ends_in_a_letter_is_placed_by_its_number(category, block, expected):
    assert in_block(category, block) is expected


def test_notes_of_blocks_without_codes_and_inclusion_terms_of_blocks_are_kept(packaged):
    blocks = {row["block"] for row in packaged.codes}
    without_codes = {row["subject"] for row in packaged.instructions if row["scope"] == "block"} - blocks
    assert without_codes == {"M00-M25", "T20-T32", "V00-V99", "Y62-Y84"}
    of_block = [row["instruction_text"] for row in packaged.instructions if row["subject"] == "X71-X83"]
    assert "Suicide (attempted)" in of_block


def test_notes_inside_a_7th_character_definition_are_kept(packaged):
    of_radius = [row["instruction_text"] for row in packaged.instructions if row["subject"] == "S52"]
    assert "initial encounter for open fracture NOS" in of_radius


def test_references_are_parsed_into_first_and_last_code(tabular_file):
    notes = "<excludes1><note>sprain (S93.4-, S80-S82)</note><note>lack of vitamin B12</note></excludes1>"
    found = parse_tabular(tabular_file(diag("S80") + diag("S82"), block_notes=notes), "FY2026").instructions
    names = ("referenced_codes", "reference_first", "reference_last")
    assert [[row[name] for name in names] for row in found] == [
        [["S93.4-", "S80-S82"], ["S93.4", "S80"], ["S93.4", "S82"]],
        [[], [], []],
    ]


def test_rows_are_read_block_by_block_and_equal_those_read_at_once():
    file = two_blocks(diag("S82"), diag("S93", inside="<includes><note>foot</note></includes>"))
    reader = TabularReader(file, "FY2026")
    whole = parse_tabular(file, "FY2026")
    assert list(reader.codes()) == whole.codes
    assert reader.instructions() == whole.instructions


def test_an_xml_error_below_the_first_chapters_is_named_with_its_line(tabular_file):
    content = tabular_file(diag("S82")).content.replace(b"</section>", b"</sektion>")
    with pytest.raises(ReleaseError, match=r"tiny\.xml, line \d+: not well-formed XML"):
        parse_tabular(ReleaseFile("tabular", "tiny.xml", content), "FY2026")


def test_a_document_type_is_refused_even_without_a_chapter():
    for body in (b"", b"<chapter><name>19</name></chapter>"):
        content = b'<!DOCTYPE t [<!ENTITY a "b">]><ICD10CM.tabular>' + body + b"</ICD10CM.tabular>"
        with pytest.raises(ReleaseError, match="declares a document type"):
            parse_tabular(ReleaseFile("tabular", "tiny.xml", content), "FY2026")


def test_a_tabular_list_without_codes_is_refused():
    file = ReleaseFile("tabular", "empty.xml", b"<ICD10CM.tabular><version>2026</version></ICD10CM.tabular>")
    with pytest.raises(ReleaseError, match=r"empty\.xml: holds no <chapter> with codes"):
        parse_tabular(file, "FY2026")


def test_an_order_file_line_out_of_its_columns_is_named():
    lines = order_file(order_line("A00", 0, "Cholera"), "", "00002 A000 Cholera due to Vibrio")
    with pytest.raises(ReleaseError, match=r"order\.txt, line 3: not a line of an order file"):
        list(order_file_codes(lines))


def test_order_file_lines_give_code_flag_and_long_title():
    lines = order_file(order_line("A00", 0, "Cholera"), order_line("S82.201A", 1, "Fracture, " + "of shaft " * 9))
    assert list(order_file_codes(lines)) == [
        ("A00", False, "Cholera"),
        ("S82.201A", True, ("Fracture, " + "of shaft " * 9).strip()),
    ]


def test_the_order_file_gate_names_missing_extra_and_retitled_codes():
    codes = [
        {"code": "A00.0", "long_title": "Ménière's disease", "is_billable": True},
        {"code": "A00.1", "long_title": "Other words", "is_billable": True},
        {"code": "A00.2", "long_title": "Ours only", "is_billable": True},
        {"code": "A00", "long_title": "A header", "is_billable": False},
    ]
    official = order_file(
        order_line("A00", 0, "Another header"),
        order_line("A00.0", 1, "Meniere's  disease"),
        order_line("A00.1", 1, "Official words"),
        order_line("A00.9", 1, "Theirs only"),
    )
    gate = equals_order_file(codes, official)
    assert not gate.passed and gate.is_blocking
    counts = {key: gate.details[key] for key in ("compared", "missing", "extra", "other_title")}
    assert counts == {"compared": 3, "missing": 1, "extra": 1, "other_title": 1}
    assert gate.details["first"] == ["A00.9", "A00.2", "A00.1"]
    assert equals_order_file(codes, None).passed


def test_the_hierarchy_gates_fail_on_damage():
    orphan = [{"code": "A00.0", "parent_code": "A00", "chapter": CHAPTER_KEYS[0]}]
    assert parents_exist(orphan).details["first"] == ["A00.0"]
    assert not parents_exist(orphan).passed
    all_but_22 = [{"chapter": key} for key in CHAPTER_KEYS[:21]]
    assert chapters_present(all_but_22, 2020).passed
    assert chapters_present(all_but_22, 2021).details["missing"] == ["22_U00-U85"]


def test_index_codes_outside_the_tabular_list_warn_and_dashes_are_looked_through():
    columns = ("code", "manifestation_code", "see_category")
    printed = [("A00.-", None, None), ("A00.0", "Y99", None), (None, None, "X98.-"), ("Z99.-", None, None)]
    gate = index_codes_known([dict(zip(columns, codes, strict=True)) for codes in printed], {"A00", "A00.0"})
    assert not gate.passed and not gate.is_blocking
    assert gate.details["first"] == ["X98", "Y99", "Z99"]


def test_references_to_codes_that_the_release_lacks_warn():
    note = {"reference_first": ["A00", "Z98"], "reference_last": ["A00.0", "Z98"]}
    gate = references_known([note], {"A00", "A00.0"})
    assert not gate.passed and not gate.is_blocking
    assert gate.details["first"] == ["Z98"]
    assert references_known([note], {"A00", "A00.0", "Z98"}).passed


def test_a_category_after_the_numbers_belongs_to_the_last_chapter_of_its_letter():
    assert chapter_of("o9a.11").key == "15_O00-O9A"
    assert chapter_of("QA0.0131").key == "17_Q00-Q99"


@pytest.mark.parametrize("code", ["F00.9", "E90", "U99", "ZZZ", "", "I"])
def test_codes_outside_every_chapter_are_refused(code):
    with pytest.raises(KeyError, match="lies in no ICD-10-CM chapter"):
        chapter_of(code)
