"""Old codes and their successors: the official table first, then rules, nothing guessed."""

from datetime import date
from functools import cache

import pytest

from ccl_assets.icd.changes.conversion_table import ConversionRow, ConversionTable, Reference, parse_conversion_table
from ccl_assets.icd.changes.crosswalk import Crosswalk, PreviousCodes, build_crosswalk
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.release.contents import ReleaseFile
from ccl_assets.icd.tables import CODES, CROSSWALK
from ccl_assets.icd.tabular.tabular_list import parse_tabular
from ccl_assets.io_managers.delta_tables import DeltaTables, content_hash

SEVENTH = '<sevenChrDef><extension char="A">initial encounter</extension><extension char="S">sequela</extension></sevenChrDef>'


def diag(name, *below, seventh=""):
    return f"<diag><name>{name}</name><desc>title of {name}</desc>{seventh}{''.join(below)}</diag>"


@pytest.fixture
def ontology_of(tabular_file):
    def build(*diags):
        return Ontology.from_table(CODES.table(parse_tabular(tabular_file("".join(diags)), "FY2026").codes))

    return build


def reference(text):
    first, dash, last = text.partition("-")
    return Reference(first, last or first, is_code=not dash)


def line(number, code, year, *previous, is_combination=False):
    return ConversionRow(number, code, date(year, 10, 1), tuple(map(reference, previous)), is_combination)


def table(*lines):
    return ConversionTable("table.xlsx", tuple(line(n, *cells) for n, cells in enumerate(lines, start=3)))


def outcome(active, conversions=None, previous=None, release="FY2026"):
    built = build_crosswalk(active, release, conversions, previous)
    CROSSWALK.check(CROSSWALK.table(built.rows))
    found = {}
    for row in built.rows:
        found.setdefault(row["old_code"], []).append((row["new_code"], row["rule"]))
    return found


def test_a_code_that_the_table_replaces_once_has_one_official_successor(ontology_of):
    active = ontology_of(diag("S80", diag("S80.1"), diag("S80.2")))
    rows = build_crosswalk(active, "FY2026", table(("S80.1", 2019, "S81.9"))).rows
    assert rows == [
        {
            "release": "FY2026",
            "old_code": "S81.9",
            "new_code": "S80.1",
            "successor_count": 1,
            "rule": "official",
            "effective_year": 2020,
        }
    ]


def test_a_code_that_was_split_has_every_part_as_successor_and_maps_to_none(ontology_of):
    active = ontology_of(diag("S80", diag("S80.1", diag("S80.11"), diag("S80.12"))))
    built = build_crosswalk(active, "FY2026", table(("S80.11", 2019, "S80.1"), ("S80.12", 2019, "S80.1")))
    crosswalk = Crosswalk.from_table(CROSSWALK.table(built.rows))
    assert [row["successor_count"] for row in built.rows] == [2, 2]
    assert crosswalk.successors("S80.1") == ("S80.11", "S80.12")
    assert crosswalk.map("S80.1").code is None
    assert crosswalk.map("S80.1").reason == "several_successors"


def test_chains_are_followed_year_by_year_to_codes_of_the_active_release(ontology_of):
    active = ontology_of(diag("S80", diag("S80.1", diag("S80.11", diag("S80.111"), diag("S80.119")))))
    chain = table(("S80.11", 2016, "S80.1"), ("S80.111", 2020, "S80.11"), ("S80.119", 2020, "S80.11"))
    assert outcome(active, chain)["S80.1"] == [("S80.111", "official"), ("S80.119", "official")]


def test_a_chain_goes_forward_in_time_only(ontology_of):
    active = ontology_of(diag("S80", diag("S80.1")))
    backwards = table(("S81.2", 2020, "S81.1"), ("S80.1", 2016, "S81.2"))
    found = outcome(active, backwards)
    assert found["S81.1"] == [(None, "unmapped")]
    assert found["S81.2"] == [("S80.1", "official")]


def test_a_circle_of_replacements_ends(ontology_of):
    active = ontology_of(diag("S80", diag("S80.1")))
    circle = table(("S81.2", 2020, "S81.1"), ("S81.1", 2020, "S81.2"), ("S81.1", 2021, "S81.2"))
    assert outcome(active, circle) == {"S81.1": [(None, "unmapped")], "S81.2": [(None, "unmapped")]}


def test_an_official_successor_that_became_a_header_leads_below_it_by_rule(ontology_of):
    active = ontology_of(diag("S80", diag("S80.1", diag("S80.11"), diag("S80.12"))))
    found = outcome(active, table(("S80.1", 2016, "S81.9")))
    assert found["S81.9"] == [("S80.11", "became_header"), ("S80.12", "became_header")]


def test_a_successor_that_is_gone_too_keeps_the_rest_from_passing_for_the_only_one(ontology_of):
    active = ontology_of(diag("S80", diag("S80.1"), diag("S80.2")))
    built = build_crosswalk(active, "FY2026", table(("S80.1", 2018, "S81.2"), ("S81.20", 2018, "S81.2")))
    assert built.dead_ends == {"S81.2": ("S81.20",)}
    crosswalk = Crosswalk.from_table(CROSSWALK.table(built.rows))
    assert crosswalk.successors("S81.2") == ("S80.1",)
    assert crosswalk.map("S81.2").reason == "several_successors"
    assert crosswalk.map("S81.20").reason == "unmapped"


def test_codes_joined_in_one_line_say_nothing_about_one_of_them(ontology_of):
    active = ontology_of(diag("S80", diag("S80.1")))
    joined = ConversionTable("t", (line(3, "S80.1", 2021, "S81.1", "S81.2", is_combination=True),))
    assert outcome(active, joined) == {}


def test_a_run_of_codes_names_those_between_where_its_ends_are_gone(ontology_of):
    active = ontology_of(diag("S80", diag("S80.1"), diag("S80.2"), diag("S80.4")))
    gone = outcome(active, table(("S80.1", 2019, "S81.41-S81.43")))
    assert sorted(gone) == ["S81.41", "S81.42", "S81.43"]
    alive = table(("S80.1", 2019, "S80.2-S80.4"))
    assert outcome(active, alive) == {}, "S80.3 may never have been a code"
    assert outcome(active, alive, PreviousCodes("FY2025", {"S80.3"})) == {"S80.3": [("S80.1", "official")]}


def test_headers_in_ranges_and_dash_forms_are_no_old_codes(ontology_of):
    active = ontology_of(diag("S80", diag("S80.1")), diag("S81", diag("S81.0")), diag("S82", diag("S82.0")))
    assert outcome(active, table(("S80.1", 2023, "S81-S82"))) == {}
    assert outcome(active, table(("S80.1", 2023, "S81-"))) == {}


def test_a_previous_code_that_the_previous_release_does_not_have_is_reported_and_left_out(ontology_of):
    active = ontology_of(diag("S80", diag("S80.1", diag("S80.11"), diag("S80.12"))))
    misprint = table(("S80.11", 2025, "S81.9"), ("S80.12", 2025, "S80.1"), ("S80.12", 2020, "S81.8"))
    built = build_crosswalk(active, "FY2026", misprint, PreviousCodes("FY2025", {"S80.1"}))
    assert built.never_billable == ("S81.9",)
    assert {row["old_code"] for row in built.rows} == {"S80.1", "S81.8"}, "older lines cannot be compared"


@pytest.mark.parametrize(
    ("old", "expected"),
    [
        ("S80.1", [("S80.111", "became_header"), ("S80.112", "became_header")]),
        ("S82.1XXA", [("S82.11XA", "same_seventh_character"), ("S82.12XA", "same_seventh_character")]),
        ("S82.1XXD", [(None, "unmapped")]),
        ("S83.45", [("S83", "merged_into_parent")]),
        ("S84.11XA", [("S84.1XXA", "merged_into_parent")]),
        ("S84.11XD", [(None, "unmapped")]),
        ("S80.19", [(None, "unmapped")]),
        ("S80.1119", [("S80.111", "merged_into_parent")]),
        ("S89.9", [(None, "unmapped")]),
    ],
)
def test_without_a_table_the_rules_say_what_they_can(ontology_of, old, expected):
    active = ontology_of(
        diag("S80", diag("S80.1", diag("S80.11", diag("S80.111"), diag("S80.112")))),
        diag("S82", diag("S82.1", diag("S82.11", seventh=SEVENTH), diag("S82.12", seventh=SEVENTH))),
        diag("S83"),
        diag("S84", diag("S84.1", seventh=SEVENTH)),
    )
    assert outcome(active, previous=PreviousCodes("FY2025", {old})) == {old: expected}


def test_a_code_that_is_still_billable_or_was_never_known_is_not_in_the_crosswalk(ontology_of):
    active = ontology_of(diag("S80", diag("S80.1"), diag("S80.2")))
    built = build_crosswalk(active, "FY2026", table(("S80.2", 2020, "S80.1")), PreviousCodes("FY2025", {"S80.1"}))
    assert built.rows == []
    crosswalk = Crosswalk.from_table(CROSSWALK.table(built.rows))
    assert "S80.1" not in crosswalk
    assert crosswalk.map("S80").reason == "not_an_old_code"
    assert crosswalk.successors("S80") == ()


def test_unmapped_codes_survive_storage_though_their_key_is_partly_empty(ontology_of, tmp_path):
    active = ontology_of(diag("S80", diag("S80.1")))
    rows = build_crosswalk(active, "FY2026", previous=PreviousCodes("FY2025", {"S81.1", "S81.2", "S80.11"})).rows
    tables = DeltaTables(str(tmp_path))
    tables.write(CROSSWALK, CROSSWALK.table(rows), None, {})
    stored = tables.read(CROSSWALK)
    assert sorted(stored.to_pylist(), key=str) == sorted(rows, key=str)
    assert content_hash(CROSSWALK, stored) == content_hash(CROSSWALK, CROSSWALK.table(rows))
    assert CROSSWALK.violations(CROSSWALK.table([*rows, rows[-1]]))


@pytest.fixture(scope="module")
def conversions(published_releases):
    path = published_releases / "fy2026" / "ICD-10-CM-CONVERSION-TABLE-FY2026.xlsx"
    if not path.is_file():
        pytest.skip("the conversion table of FY2026 is not here")
    return parse_conversion_table(ReleaseFile("conversion_table", path.name, path.read_bytes()))


@pytest.fixture(scope="module")
def edition(parsed):
    @cache
    def codes(year):
        return Ontology.from_table(CODES.table(parsed(year).codes))

    return codes


@pytest.fixture(scope="module")
def from_2025(conversions, edition):
    previous = PreviousCodes("FY2025-April", edition(2025).billable)
    return build_crosswalk(edition(2026), "FY2026-April", conversions, previous)


@pytest.mark.parametrize(
    ("year", "before", "expected"),
    [
        (2017, 2016, {"became_header": (512, 511, 591), "same_seventh_character": (284, 284, 284),
                      "merged_into_parent": (39, 39, 39)}),
        (2026, 2025, {"became_header": (63, 63, 63), "same_seventh_character": (48, 48, 48)}),
    ],
)  # fmt: skip
def test_rules_agree_with_the_official_lines_that_are_hidden_from_them(conversions, edition, year, before, expected):
    """Per rule: pairs it claims where the table speaks, those of them that are official, and official pairs."""
    previous = PreviousCodes(f"FY{before}", edition(before).billable)
    lines = ConversionTable("of the year", tuple(row for row in conversions.rows if row.fiscal_year == year))
    official, claimed = {}, {}
    for row in build_crosswalk(edition(year), f"FY{year}", lines, previous).rows:
        if row["rule"] == "official":
            official.setdefault(row["old_code"], set()).add(row["new_code"])
    for row in build_crosswalk(edition(year), f"FY{year}", None, previous).rows:
        if row["rule"] != "unmapped" and row["old_code"] in official:
            claimed.setdefault(row["rule"], {}).setdefault(row["old_code"], set()).add(row["new_code"])
    measured = {
        rule: (
            sum(map(len, by_code.values())),
            sum(len(new & official[old]) for old, new in by_code.items()),
            sum(len(official[old]) for old in by_code),
        )
        for rule, by_code in claimed.items()
    }
    assert measured == expected


def test_the_table_accounts_for_every_code_deleted_in_fy2026(from_2025, edition):
    deleted = edition(2025).billable - edition(2026).billable
    assert len(deleted) == 28
    rules = {row["rule"] for row in from_2025.rows if row["old_code"] in deleted}
    assert rules == {"official"}


def test_crosswalk_of_fy2026_by_outcome(from_2025):
    assert from_2025.old_codes() == {"several_successors": 788, "one_successor": 78, "unmapped": 2}
    assert from_2025.never_billable == ("H05.83", "H40.84", "Z77.3")
    assert from_2025.dead_ends == {"Q51.2": ("Q51.20",)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("H81.42", ["H81.4"]),  # inside a printed range, and the header above became billable
        ("E78.0", ["E78.00", "E78.010", "E78.011", "E78.019"]),  # by way of E78.01
        ("V47.01XA", ["V47.0XXA"]),
        ("C88.0", ["C88.00"]),
        ("G35", ["G35.A", "G35.B0", "G35.B1", "G35.B2", "G35.C0", "G35.C1", "G35.C2", "G35.D"]),
    ],
)
def test_known_successors_in_fy2026(from_2025, old, new):
    assert list(Crosswalk.from_table(CROSSWALK.table(from_2025.rows)).successors(old)) == new


def test_every_successor_is_billable_and_no_old_code_is(from_2025, edition):
    billable = edition(2026).billable
    assert {row["new_code"] for row in from_2025.rows} - {None} <= billable
    assert not {row["old_code"] for row in from_2025.rows} & billable
