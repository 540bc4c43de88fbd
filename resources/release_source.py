"""Where the active ICD-10-CM release comes from."""

from __future__ import annotations

from pathlib import Path

from ccl_assets.icd.release import Release, open_release, packaged_release_path, release_source_files
from ccl_assets.resources.file_hashes import FileHashes


class ReleaseSource:
    """The configured release, or the packaged one; opened once as long as its files do not change."""

    def __init__(self, path: Path | None, hashes: FileHashes) -> None:
        """Read from ``path``; ``None`` means the packaged release."""
        self._path = path
        self._hashes = hashes
        self._opened: tuple[str, Release] | None = None

    @property
    def path(self) -> Path:
        """The zip, file or folder read."""
        return self._path or packaged_release_path()

    def version(self) -> str:
        """Content hash of the source files.

        Raises:
            ReleaseError: The path does not exist.
        """
        files = [file for file in release_source_files(self.path) if "__pycache__" not in file.parts]
        return self._hashes.digest(files)

    def open(self) -> Release:
        """The release's files.

        Raises:
            ReleaseError: See :func:`ccl_assets.icd.release.open_release`.
        """
        version = self.version()
        if self._opened is None or self._opened[0] != version:
            self._opened = (version, open_release(self._path))
        return self._opened[1]
