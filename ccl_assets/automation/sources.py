"""Sources from outside: the current data version of every source, by its key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ccl_assets.corpora.assets import corpus_versions
from ccl_assets.icd.change_assets import previous_release_version
from ccl_assets.resources.corpus_paths import CorpusPaths
from ccl_assets.resources.file_hashes import FileHashes
from ccl_assets.resources.releases.source import ReleaseSource


def source_versions(
    release: ReleaseSource, previous_release: ReleaseSource, corpora: CorpusPaths, hashes: FileHashes
) -> dict[str, Callable[[], Mapping[Any, str]]]:
    """A function for each source asset that gives its data versions; files are read again only if size or time changed."""
    return {
        "source/icd_release": lambda: {None: release.version()},
        "source/previous_icd_release": lambda: {None: previous_release_version(previous_release)},
        "source/corpus_files": lambda: corpus_versions(corpora, hashes),
    }
