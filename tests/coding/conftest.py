"""What the tests of coding share."""

import pytest

from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tabular.tabular_list import parse_tabular


@pytest.fixture(scope="session")
def packaged_titles():
    """Long title of every code of the packaged release, and its billable codes."""
    release = open_release()
    codes = parse_tabular(release.tabular, release.label).codes
    return {row["code"]: row["long_title"] for row in codes}, frozenset(
        row["code"] for row in codes if row["is_billable"]
    )
