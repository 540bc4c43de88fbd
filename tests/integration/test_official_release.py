"""A complete official release through the assets: codes, Index, gold pairs of every chapter, changes since the year before."""

import pytest

from ccl_assets.evidence.gold.pairs import EXPANSIONS, coverage_by_step
from ccl_assets.icd.chapters import CHAPTER_KEYS
from ccl_assets.icd.tables import CODES
from ccl_assets.refresh.frontier import Target

pytestmark = pytest.mark.slow
ICD = [
    Target(f"icd/{name}")
    for name in ("release", "codes", "instructions", "index_terms", "guidelines", "release_diff", "crosswalk")
]
GOLD = [
    [Target(name, chapter) for name in ("icd/chapter_codes", "icd/chapter_index_terms", "gold/pairs")]
    for chapter in CHAPTER_KEYS  # chapter 22, which came with FY2021, is empty
]


@pytest.fixture(scope="module")
def fy2017(new_lakehouse, published_releases, tmp_path_factory):
    lakehouse = new_lakehouse(
        tmp_path_factory.mktemp("home"), str(published_releases / "fy2017"), str(published_releases / "fy2016")
    )
    for targets in (ICD, *GOLD):
        assert lakehouse.run(targets).failed == {}
    return lakehouse


def test_codes_are_those_of_the_order_file(fy2017):
    codes = fy2017.read("icd/codes", "is_billable")["is_billable"].to_pylist()
    assert (sum(codes), len(codes)) == (71_486, 93_830)


def test_the_release_is_told_from_its_files(fy2017):
    rows = fy2017.read("icd/release").to_pylist()
    assert {row["release"] for row in rows} == {"FY2017"}
    roles = {row["role"] for row in rows}
    assert roles == {"tabular", "index", "neoplasm", "drug", "external_cause", "order_file"}
    not_recognised = fy2017.metadata(ICD[0])["files_not_recognised_names"].value
    assert any("addenda" in name for name in not_recognised)


def test_index_terms_are_all_there_and_references_lead_to_terms(fy2017):
    rows = fy2017.read("icd/index_terms", "term_id", "source", "code", "see", "see_target_ids").to_pylist()
    index = [row for row in rows if row["source"] == "alphabetic_index"]
    assert len(index) == 77_199
    assert sum(row["code"] is not None for row in index) == 59_412
    assert sum(row["see"] is not None for row in index) == 11_979
    known = {row["term_id"] for row in rows}
    assert all(target in known for row in rows for target in row["see_target_ids"])
    assert sum(bool(row["see_target_ids"]) for row in index) >= 0.85 * 11_979


def test_the_steps_reach_the_shares_of_codes_that_are_known_for_this_release(fy2017):
    pairs = fy2017.read("gold/pairs", "code", "source", "expansion").to_pylist()
    shares = {step: round(100 * reached / 71_486, 2) for step, reached in coverage_by_step(pairs).items()}
    # by the printed terms alone 17.75, 47.21, 99.36 and 99.95; the default codes of headers move codes to a surer step
    assert shares["default"] == 31.11
    assert shares["manifestation"] == 31.26
    assert shares["seventh_character"] == 51.61
    assert shares["dash_subtree"] == 99.4
    assert shares["header_subtree"] == 99.95


def test_gold_pairs_say_how_each_code_was_reached(fy2017):
    pairs = fy2017.read("gold/pairs").to_pylist()
    found = {(row["code"], row["evidence"], row["expansion"]) for row in pairs}
    assert ("N30.00", "acute cystitis", "direct") in found
    assert {expansion for *_, expansion in found} == set(EXPANSIONS)
    metadata = fy2017.metadata(Target("gold/pairs", "09_I00-I99"))
    assert metadata["billable_codes"].value > metadata["index_codes_direct"].value > 0


def test_what_changed_since_the_year_before_is_counted(fy2017):
    metadata = {name: value.value for name, value in fy2017.metadata(Target("icd/release_diff")).items()}
    assert metadata["previous_release"] == "FY2016"
    counts = {name: metadata[name] for name in ("code_added", "code_deleted", "code_retitled")}
    assert counts == {"code_added": 1974, "code_deleted": 311, "code_retitled": 425}
    crosswalk = fy2017.read("icd/crosswalk").to_pylist()
    assert len({row["old_code"] for row in crosswalk}) == 311


def test_a_release_of_another_year_than_its_order_file_stops_before_anything_is_written(
    new_lakehouse, published_releases, tmp_path
):
    """The names say nothing here, so only the comparison of the codes can tell."""
    import zipfile

    folder = tmp_path / "mixed"
    folder.mkdir()
    with zipfile.ZipFile(published_releases / "fy2016/ICD10CM_FY2016_ Full_ XML.ZIP") as archive:
        (folder / "tabular.xml").write_bytes(archive.read("Tabular.xml"))
    with zipfile.ZipFile(published_releases / "fy2017/cms_2017_dx.zip") as archive:
        (folder / "order.txt").write_bytes(archive.read("icd10cm_order_2017.txt"))
    lakehouse = new_lakehouse(tmp_path / "home", str(folder))
    outcome = lakehouse.run(ICD[:2])
    assert list(outcome.failed) == [Target("icd/codes")]
    said = outcome.failed[Target("icd/codes")]
    assert "equals_order_file" in said
    assert "'missing': 1974" in said
    assert "'extra': 311" in said
    assert not lakehouse.tables.exists(CODES)
