"""What changed between two releases, and the two assets that compare releases."""

import random
from dataclasses import replace
from functools import cache

import dagster as dg
import pytest

from ccl_assets.contracts import CONTRACTS
from ccl_assets.icd import assets as icd
from ccl_assets.icd.change_assets import ASSETS
from ccl_assets.icd.changes.diff import Edition, change_counts, first_changes, plain, release_diff, release_order
from ccl_assets.icd.release.contents import Release, ReleaseFile
from ccl_assets.icd.tables import CODES, CROSSWALK, INSTRUCTIONS, RELEASE, RELEASE_DIFF
from ccl_assets.icd.tabular.tabular_list import order_file_codes, parse_tabular
from ccl_assets.io_managers.delta_tables import DeltaTables
from ccl_assets.io_managers.table_io_manager import TableIOManager

COMPARED = (RELEASE_DIFF, CROSSWALK)
BEFORE = """
<diag><name>S80</name><desc>Injury of knee</desc>
  <excludes1><note>burns (T20-T32)</note><note>frostbite (T33-T34)</note></excludes1>
  <diag><name>S80.0</name><desc>Contusion of knee</desc></diag>
  <diag><name>S80.1</name><desc>Meniere's injury</desc></diag>
  <diag><name>S80.2</name><desc>Insect bite</desc></diag>
</diag>
"""
AFTER = """
<diag><name>S80</name><desc>Superficial injury of knee</desc>
  <excludes1><note>frostbite
     (T33–T34)</note></excludes1>
  <excludes2><note>burns (T20-T32)</note></excludes2>
  <diag><name>S80.0</name><desc>Contusion of the knee</desc></diag>
  <diag><name>S80.1</name><desc>Menière’s  injury</desc></diag>
  <diag><name>S80.2</name><desc>Insect bite</desc>
    <diag><name>S80.21</name><desc>Insect bite of right knee</desc></diag>
  </diag>
</diag>
"""


def edition_of(file, label):
    tabular = parse_tabular(file, label)
    return Edition.from_tables(CODES.table(tabular.codes), INSTRUCTIONS.table(tabular.instructions))


@pytest.fixture
def changes(tabular_file):
    rows = release_diff(edition_of(tabular_file(BEFORE), "FY2025"), edition_of(tabular_file(AFTER), "FY2026"))
    RELEASE_DIFF.check(RELEASE_DIFF.table(rows))
    return rows


def test_changes_are_of_billable_codes_and_of_what_instructions_say(changes):
    assert [(row["change"], row["subject"], row["kind"], row["before"], row["after"]) for row in changes] == [
        ("code_added", "S80.21", None, None, "Insect bite of right knee"),
        ("code_deleted", "S80.2", None, "Insect bite", None),
        ("code_retitled", "S80.0", None, "Contusion of knee", "Contusion of the knee"),
        ("instruction_added", "S80", "excludes2", None, "burns (T20-T32)"),
        ("instruction_removed", "S80", "excludes1", "burns (T20-T32)", None),
    ]
    assert {(row["release"], row["previous_release"], row["chapter"]) for row in changes} == {
        ("FY2026", "FY2025", "19_S00-T88")
    }


def test_a_release_does_not_differ_from_itself_printed_in_another_order(tabular_file):
    edition = edition_of(tabular_file(BEFORE), "FY2025")
    tabular = parse_tabular(tabular_file(BEFORE), "FY2025")
    random.Random(0).shuffle(tabular.instructions)
    shuffled = [{**row, "instruction_id": str(number)} for number, row in enumerate(tabular.instructions)]
    again = Edition.from_tables(CODES.table(tabular.codes[::-1]), INSTRUCTIONS.table(shuffled))
    assert release_diff(edition, again) == []


def test_the_reverse_comparison_swaps_added_and_removed(tabular_file):
    before, after = edition_of(tabular_file(BEFORE), "FY2025"), edition_of(tabular_file(AFTER), "FY2026")
    there, back = change_counts(release_diff(before, after)), change_counts(release_diff(after, before))
    assert there["code_added"] == back["code_deleted"]
    assert there["instruction_removed"] == back["instruction_added"]


def test_notes_of_chapters_and_blocks_are_compared_too(tabular_file):
    with_note = tabular_file(BEFORE, block_notes="<notes><note>Use the side.</note></notes>")
    rows = release_diff(edition_of(tabular_file(BEFORE), "FY2025"), edition_of(with_note, "FY2026"))
    assert [(row["change"], row["subject"], row["chapter"]) for row in rows] == [
        ("instruction_added", "S80-S89", "19_S00-T88")
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ménière's  disease", "Meniere’s disease"), ("A – B", "A - B"), ("Sjögren", "Sjogren"), ("a\n b ", "a b")],
)
def test_typography_is_no_change(one, other):
    assert plain(one) == plain(other)


@pytest.mark.parametrize(("one", "other"), [("NOS", "nos"), ("knee, right", "knee right"), ("S62.9", "S62.9-")])
def test_letters_case_and_punctuation_are(one, other):
    assert plain(one) != plain(other)


def test_labels_are_ordered_in_time():
    assert sorted(["FY2027", "FY2026-April", "FY2025-April", "FY2026"], key=release_order) == [
        "FY2025-April",
        "FY2026",
        "FY2026-April",
        "FY2027",
    ]


def test_the_table_of_first_changes_shows_some_of_each_kind_and_escapes_bars(changes):
    shown = first_changes([*changes, {**changes[0], "after": "a|b"}, {**changes[0], "after": "third"}], 2)
    assert shown.count("\n| code_added") == 2
    assert "a\\|b" in shown
    assert "third" not in shown


@pytest.fixture(scope="module")
def edition(parsed):
    @cache
    def of_year(year):
        tabular = parsed(year)
        return Edition.from_tables(CODES.table(tabular.codes), INSTRUCTIONS.table(tabular.instructions))

    return of_year


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (2016, 2017, {"code_added": 1974, "code_deleted": 311, "code_retitled": 425,
                      "instruction_added": 442, "instruction_removed": 232}),
        (2025, 2026, {"code_added": 487, "code_deleted": 28, "code_retitled": 38,
                      "instruction_added": 249, "instruction_removed": 100}),
    ],
)  # fmt: skip
def test_changes_between_published_releases(edition, before, after, expected):
    rows = release_diff(edition(before), edition(after))
    RELEASE_DIFF.check(RELEASE_DIFF.table(rows))
    assert change_counts(rows) == expected


@pytest.mark.parametrize(("before", "after", "expected"), [(2016, 2017, (1974, 311, 425)), (2025, 2026, (487, 28, 38))])
def test_order_files_say_the_same_of_codes(published, edition, before, after, expected):
    def from_order_file(year):
        lines = order_file_codes(published(year).file("order_file"))
        codes = {code: (title, "") for code, is_billable, title in lines if is_billable}
        return replace(edition(year), codes=codes, instructions={})

    counts = change_counts(release_diff(from_order_file(before), from_order_file(after)))
    assert (counts["code_added"], counts["code_deleted"], counts["code_retitled"]) == expected


class Source:
    """A release source that holds a release, or none."""

    path = "here"

    def __init__(self, release=None):
        self.release = release
        self.is_set = release is not None

    def version(self):
        return self.release.tabular.sha256

    def open(self):
        return self.release


@pytest.fixture
def materialize(tabular_file, tmp_path):
    """Materialize both assets on tiny releases; returns the result and what was written."""

    def run(previous_label, table_file=None):
        active = Release("FY2026", (tabular_file(AFTER), *([table_file] if table_file else [])))
        tabular = parse_tabular(active.tabular, active.label)
        files = [
            {"release": active.label, "role": file.role, "file_name": file.file_name,
             "byte_count": len(file.content), "sha256": file.sha256}
            for file in active.files
        ]  # fmt: skip
        tables = DeltaTables(str(tmp_path))
        for contract, rows in ((RELEASE, files), (CODES, tabular.codes), (INSTRUCTIONS, tabular.instructions)):
            tables.write(contract, contract.table(rows), None, {})
        previous = Release(previous_label, (tabular_file(BEFORE),)) if previous_label else None
        result = dg.materialize(
            [*icd.ASSETS, *ASSETS],
            selection=dg.AssetSelection.assets(*(contract.name.split("/") for contract in COMPARED)),
            resources={
                "tables": TableIOManager(tables, CONTRACTS),
                "release_source": Source(active),
                "previous_release_source": Source(previous),
            },
            raise_on_error=False,
        )
        written = {contract.name: tables.read(contract).to_pylist() for contract in COMPARED if tables.exists(contract)}
        return result, written

    return run


def metadata(result, name):
    events = result.get_asset_materialization_events()
    event = next(event for event in events if event.asset_key.to_user_string() == name)
    return {key: value.value for key, value in event.materialization.metadata.items()}


def test_assets_hold_the_changes_and_what_became_of_old_codes(materialize):
    result, written = materialize("FY2025")
    assert len(written["icd/release_diff"]) == 5
    assert [(row["old_code"], row["new_code"], row["rule"]) for row in written["icd/crosswalk"]] == [
        ("S80.2", "S80.21", "became_header")
    ]
    assert metadata(result, "icd/release_diff")["previous_release"] == "FY2025"
    assert metadata(result, "icd/release_diff")["code_retitled"] == 1
    assert "none in these releases" in metadata(result, "icd/crosswalk")["conversion_table"]


def test_assets_are_empty_and_say_why_without_a_previous_release(materialize):
    result, written = materialize(None)
    assert written == {"icd/release_diff": [], "icd/crosswalk": []}
    for name in written:
        assert "CCL_ICD_PREVIOUS_RELEASE" in metadata(result, name)["previous_release"]


def test_the_conversion_table_of_the_active_release_serves_without_a_previous_one(materialize):
    lines = "Current code assignment\tEffective\tPrevious Code(s) Assignment\nS80.21\t2025\tS80.2, E99.9\nS8021\t2020\tsee | note\n"
    result, written = materialize(None, ReleaseFile("conversion_table", "table.txt", lines.encode()))
    rows = written["icd/crosswalk"]
    assert {row["old_code"] for row in rows} == {"S80.2", "E99.9"}, "a misprint in no chapter stops nothing"
    assert {(row["new_code"], row["rule"], row["effective_year"]) for row in rows} == {("S80.21", "official", 2026)}
    shown = metadata(result, "icd/crosswalk")
    assert shown["conversion_table"] == "table.txt"
    assert shown["conversion_table_lines"] == {"alternatives": 1, "remark_unread_text": 1}
    assert "| 3 | unread_text | S8021 <- see \\| note (2020) | left out |" in shown["conversion_table_remarks"]


def test_a_previous_release_that_is_newer_is_refused_and_nothing_is_written(materialize):
    result, written = materialize("FY2027")
    assert not result.success
    assert written == {}
    failed = {check.asset_key.to_user_string() for check in result.get_asset_check_evaluations() if not check.passed}
    assert failed == {"icd/release_diff", "icd/crosswalk"}


def test_codes_and_instructions_come_from_one_reading_of_the_tabular_list(tabular_file, tmp_path, monkeypatch):
    readings = []

    def counted(file, label):
        readings.append(label)
        return parse_tabular(file, label)

    monkeypatch.setattr(icd, "parse_tabular", counted)
    chapters_present = icd.checks.chapters_present  # there is one chapter here
    monkeypatch.setattr(icd.checks, "chapters_present", lambda *given: replace(chapters_present(*given), passed=True))
    tables = DeltaTables(str(tmp_path))
    source = Source(Release("FY2026", (tabular_file(AFTER),)))
    result = dg.materialize(
        icd.ASSETS,
        selection=dg.AssetSelection.assets(*(contract.name.split("/") for contract in (RELEASE, CODES, INSTRUCTIONS))),
        resources={"tables": TableIOManager(tables, CONTRACTS), "release_source": source},
    )
    assert result.success
    assert readings == ["FY2026"]
    assert (
        tables.read(INSTRUCTIONS).to_pylist()
        == INSTRUCTIONS.table(parse_tabular(source.release.tabular, "FY2026").instructions).to_pylist()
    )
