"""Published releases beside the checkout where they are at hand, parsed once, and a builder of tiny Tabular Lists."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.release.contents import Release, ReleaseFile, open_release, packaged_release_path
from ccl_assets.icd.tables import CODES
from ccl_assets.icd.tabular.tabular_list import Tabular, parse_tabular

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<ICD10CM.tabular>\n<version>2026</version>\n'


@pytest.fixture(scope="session")
def published(published_releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Release]:
    """The published release of a year. That of 2026 has no Tabular List of its own and gets the packaged one."""

    @cache
    def release(year: int) -> Release:
        folder = published_releases / f"fy{year}"
        if not folder.is_dir():
            pytest.skip(f"the published release of {year} is not here")
        if year == 2026:
            joined = tmp_path_factory.mktemp("fy2026")
            own = (file for ending in ("zip", "pdf", "xlsx") for file in folder.glob(f"*.{ending}"))
            for file in (*own, *packaged_release_path().glob("*.xml")):
                shutil.copy(file, joined)
            folder = joined
        return open_release(folder)

    return release


@pytest.fixture(scope="session")
def packaged() -> Tabular:
    """The Tabular List of the packaged release."""
    release = open_release()
    return parse_tabular(release.tabular, release.label)


@pytest.fixture(scope="session")
def parsed(published: Callable[[int], Release], packaged: Tabular) -> Callable[[int], Tabular]:
    """The Tabular List of a published release, parsed once."""

    @cache
    def tabular(year: int) -> Tabular:
        return packaged if year == 2026 else parse_tabular(published(year).tabular, published(year).label)

    return tabular


@pytest.fixture(scope="session")
def ontology(packaged: Tabular) -> Ontology:
    """The packaged release as an ontology."""
    return Ontology.from_table(CODES.table(packaged.codes))


@pytest.fixture
def tabular_file() -> Callable[..., ReleaseFile]:
    """A Tabular List with one chapter and block around the given ``<diag>`` elements, which begin on line 9."""

    def build(diags: str, chapter: str = "19", block_notes: str = "") -> ReleaseFile:
        text = (
            f"{HEAD}<chapter>\n<name>{chapter}</name>\n<desc>Injury (S00-T88)</desc>\n"
            f'<section id="S80-S89"><desc>Injuries to the leg (S80-S89)</desc>\n{block_notes}\n{diags}\n'
            "</section>\n</chapter>\n</ICD10CM.tabular>\n"
        )
        return ReleaseFile("tabular", "tiny.xml", text.encode())

    return build
