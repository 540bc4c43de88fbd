"""A lakehouse of its own for the project's definitions, on a release and corpora of the test's choosing."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ccl_assets.contracts import CONTRACTS
from ccl_assets.corpora.assets import corpus_versions
from ccl_assets.corpora.loaders import load
from ccl_assets.icd.change_assets import previous_release_version
from ccl_assets.icd.release.contents import open_release
from ccl_assets.io_managers.delta_tables import DeltaTables
from ccl_assets.io_managers.faiss_index import FaissIndexIOManager
from ccl_assets.io_managers.table_io_manager import TableIOManager
from ccl_assets.refresh.frontier import find_frontier, materialize, observe, refresh
from ccl_assets.resources.corpus_paths import CorpusPaths
from ccl_assets.resources.file_hashes import FileHashes
from ccl_assets.resources.releases.source import ReleaseSource
from ccl_assets.resources.releases.store import ReleaseStore


class Lakehouse:
    """The project's definitions with storage below a folder and an instance in memory.

    Attributes:
        partitions: What a refresh looks at, by asset; others: all partitions.
    """

    def __init__(
        self,
        home: Path,
        release: str | None = None,
        previous: str | None = None,
        corpora: CorpusPaths | None = None,
        partitions: Mapping[str, Collection[str]] | None = None,
        **resources: Any,
    ):
        from ccl_assets.definitions import defs

        hashes = FileHashes(home / "file_hashes.json")
        store = ReleaseStore(home / "releases", hashes)
        self.release, self.previous = (ReleaseSource(value, store, hashes) for value in (release, previous))
        self.paths = corpora or CorpusPaths()
        self.partitions = partitions or {}
        self.tables = DeltaTables(str(home / "lakehouse"))
        self._resources = {
            **(defs.resources or {}),
            "tables": TableIOManager(self.tables, CONTRACTS),
            "faiss_index": FaissIndexIOManager(home / "artifacts"),
            "release_source": self.release,
            "previous_release_source": self.previous,
            "corpus_paths": self.paths,
            "file_hashes": hashes,
            **resources,
        }
        self.instance = dg.DagsterInstance.ephemeral()
        self.sources = {
            "source/icd_release": lambda: {None: self.release.version()},
            "source/previous_icd_release": lambda: {None: previous_release_version(self.previous)},
            "source/corpus_files": lambda: corpus_versions(self.paths, hashes),
        }
        self.define(defs.assets)

    def define(self, assets):
        """Go on with other definitions on the same tables and instance, as after a restart with other code."""
        self.definitions = dg.Definitions(assets=assets, resources=self._resources, executor=dg.in_process_executor)

    def run(self, targets):
        observe(self.instance, self.sources)
        return materialize(self.definitions, self.instance, targets)

    def stale(self, observe_first=True):
        """What is stale or missing with nothing such above it, and what lies below these."""
        if observe_first:
            observe(self.instance, self.sources)
        graph = self.definitions.resolve_asset_graph()
        frontier = find_frontier(graph, self.instance, self.partitions)
        return set(frontier.ready), set(frontier.waiting)

    def refresh(self):
        return refresh(self.definitions, self.instance, self.partitions, self.sources, lambda _: None)

    def read(self, name, *columns):
        return self.tables.read(CONTRACTS[name], None, columns)

    def event(self, target):
        return self.instance.get_latest_data_version_record(target.key, False, target.partition).event_log_entry

    def metadata(self, target):
        return self.event(target).asset_materialization.metadata


@pytest.fixture(scope="session")
def new_lakehouse():
    """The class, so that tests of a module can share one."""
    return Lakehouse


@pytest.fixture(scope="session")
def small_tabular() -> str:
    """The packaged Tabular List, categories of the sample corpus only; every chapter has some."""
    from lxml import etree

    wanted = {label.code[:3] for label in load("sample", CorpusPaths()).labels}
    root = etree.fromstring(open_release().tabular.content)
    for section in root.iterfind("chapter/section"):
        for diag in section.findall("diag"):
            if diag.findtext("name") not in wanted:
                section.remove(diag)
    return etree.tostring(root, encoding="unicode")


@pytest.fixture(scope="session")
def small_release(small_tabular, tmp_path_factory) -> Path:
    """A folder with that Tabular List."""
    folder = tmp_path_factory.mktemp("release")
    (folder / "tabular.xml").write_text(small_tabular, encoding="utf-8")
    return folder
