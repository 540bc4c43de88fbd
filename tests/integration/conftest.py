"""A lakehouse of its own for the project's definitions, on a release and corpora of the test's choosing."""

from pathlib import Path

import dagster as dg
import pytest

from ccl_assets.contracts import CONTRACTS
from ccl_assets.corpora.assets import corpus_versions
from ccl_assets.frontier import materialize, observe
from ccl_assets.icd.release_diff_assets import previous_release_version
from ccl_assets.io_managers.delta_tables import DeltaTables
from ccl_assets.io_managers.table_io_manager import TableIOManager
from ccl_assets.resources.corpus_paths import CorpusPaths
from ccl_assets.resources.file_hashes import FileHashes
from ccl_assets.resources.release_source import ReleaseSource
from ccl_assets.resources.release_store import ReleaseStore


class Lakehouse:
    """The project's definitions with storage below a folder and an instance in memory."""

    def __init__(self, home: Path, release: str | None = None, previous: str | None = None):
        from ccl_assets.definitions import defs

        hashes = FileHashes(home / "file_hashes.json")
        store = ReleaseStore(home / "releases", hashes)
        self.release, self.previous = (ReleaseSource(value, store, hashes) for value in (release, previous))
        self.paths = CorpusPaths()
        self.tables = DeltaTables(str(home / "lakehouse"))
        resources = {
            **(defs.resources or {}),
            "tables": TableIOManager(self.tables, CONTRACTS),
            "release_source": self.release,
            "previous_release_source": self.previous,
            "corpus_paths": self.paths,
            "file_hashes": hashes,
        }
        self.definitions = dg.Definitions(assets=defs.assets, resources=resources, executor=dg.in_process_executor)
        self.instance = dg.DagsterInstance.ephemeral()
        self.sources = {
            "source/icd_release": lambda: {None: self.release.version()},
            "source/previous_icd_release": lambda: {None: previous_release_version(self.previous)},
            "source/corpus_files": lambda: corpus_versions(self.paths, hashes),
        }

    def run(self, targets):
        observe(self.instance, self.sources)
        return materialize(self.definitions, self.instance, targets)

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
