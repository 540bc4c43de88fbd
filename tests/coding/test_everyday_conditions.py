"""Everyday conditions as notes write them, and what the look-up finds of each alone."""

import csv
from pathlib import Path

import pytest

from ccl_assets.coding.active_release import active_release
from ccl_assets.coding.index_lookup_terms import TermTable
from ccl_assets.coding.systems.index_lookup import IndexLookup
from ccl_assets.resources.settings import Settings

GOLDEN = Path(__file__).parents[1] / "golden" / "everyday_conditions.tsv"


def found_share(tmp_path, location, column):
    """Share of the conditions whose first code found is right, and those missed."""
    release = active_release(Settings(home=tmp_path, icd_release=location), needs_gold_pairs=True, say=print)
    system = IndexLookup(TermTable.from_pairs(release.gold_pairs or ()), release.billable)
    with GOLDEN.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t") if row[column] != "none"]
    missed = [
        row["condition"]
        for row in rows
        if not {found["code"] for found in system.look_up(row["condition"])[:1]}
        & set((row[column] or row["codes"]).split())
    ]
    return 1 - len(missed) / len(rows), missed


def test_the_packaged_release_finds_nine_of_ten(tmp_path):
    share, missed = found_share(tmp_path, None, "codes")
    assert share >= 0.90, missed


@pytest.mark.slow
def test_a_full_release_finds_nearly_all(tmp_path, published_releases):
    share, missed = found_share(tmp_path, str(published_releases / "fy2017"), "codes_fy2017")
    assert share >= 0.97, missed
