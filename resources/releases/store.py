"""ICD-10-CM releases side by side: a folder for each label, such as ``<folder>/FY2026-April``.

A release appears whole or not at all: its files are opened to see that they are one, copied under a name of its own, and renamed.
Downloads wait in ``<folder>/.downloads``, so that an interrupted one goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

from ccl_assets.icd.release.contents import ReleaseError, check_label, open_release, release_source_files
from ccl_assets.resources.file_hashes import FileHashes
from ccl_assets.resources.releases.active import PACKAGED, ActiveRelease, read_active, write_active
from ccl_assets.resources.releases.download import DownloadReport, Say, download, expected_sha256, is_url
from ccl_assets.resources.releases.stored import StoredFile, StoredRelease, files_folder

Fetch = Callable[[str, Path, Say], DownloadReport]

_ADD = "python -m ccl_assets.releases add"
_DOWNLOADS = ".downloads"
_LARGEST = 2**30  # bytes on disk; complete official releases have about 50 MB


class _LabelTakenError(ReleaseError):
    """The files are a release, but the store has another one of its label."""


class ReleaseStore:
    """The releases below one folder, which is created with the first."""

    def __init__(self, folder: Path, hashes: FileHashes) -> None:
        """Keep releases below ``folder``; ``hashes`` saves reading their files again to see that they are whole."""
        self._folder = folder
        self._hashes = hashes

    @property
    def folder(self) -> Path:
        """Folder of the store."""
        return self._folder

    def releases(self) -> list[StoredRelease]:
        """The releases in the order of time. Reads the manifests only."""
        folders = self._folder.iterdir() if self._folder.is_dir() else ()
        found = (StoredRelease.read(folder) for folder in folders)
        return sorted((release for release in found if release), key=lambda release: release.order)

    def get(self, label: str) -> StoredRelease:
        """The release of a label.

        Raises:
            ReleaseError: The store has none, or not whole.
        """
        release = StoredRelease.read(self._folder / label)
        if release is None:
            there = ", ".join(release.label for release in self.releases()) or "none"
            raise ReleaseError(
                f"the store {self._folder} has no release {label} (it has: {there}); add it: {_ADD} PATH-or-URL..."
            )
        if not self.is_whole(release):
            raise ReleaseError(
                f"{release.path}: files of {label} were changed, removed or added since it was stored; add it again: {_ADD} "
                f"--replace {' '.join(release.locations)}"
            )
        return release

    def active(self) -> ActiveRelease | None:
        """The release that was made the active one for all processes; ``None`` if none ever was.

        Raises:
            ReleaseError: The record cannot be read.
        """
        return read_active(self._folder)

    def activate(self, label: str, previous: str | None = None) -> ActiveRelease:
        """Make a stored release, or the packaged one, the active one wherever ``CCL_ICD_RELEASE`` is not set.

        Args:
            label: Label, or ``packaged``.
            previous: The release to compare with, if not the one that has been active until now.

        Raises:
            ReleaseError: The store does not have one of them, or not whole.
        """
        for name in filter(None, (label, previous)):
            if name != PACKAGED:
                self.get(name)
        try:
            known = read_active(self._folder)
        except ReleaseError:  # the remedy for a record that cannot be read
            known = None
        if previous is None and known is not None and known.label == label:
            return known
        before = known.label if known else PACKAGED
        return write_active(self._folder, label, previous or (None if before == label else before))

    def is_whole(self, release: StoredRelease) -> bool:
        """Tell whether all files are there as they were added."""
        try:
            return self._digest(release.path) == release.digest
        except (OSError, ReleaseError):
            return False

    def find(self, urls: Sequence[str]) -> StoredRelease | None:
        """The whole release that was added from exactly these URLs and has the hashes they demand. No network."""
        parts = [urldefrag(url) for url in urls]
        wanted = {part.url: expected_sha256(part.fragment) for part in parts}
        found = (release for release in self.releases() if release.has_come_from(wanted) and self.is_whole(release))
        return next(found, None)

    def add(
        self,
        locations: Sequence[str],
        label: str | None = None,
        *,
        replace: bool = False,
        say: Say = lambda _: None,
        fetch: Fetch = download,
    ) -> StoredRelease:
        """Put a release into the store; one that is there with the same files stays as it is.

        Args:
            locations: Zips, files and folders by path, or files by URL (``#sha256=...`` is compared); together one release.
            label: Label, if not the one that contents and names tell.
            replace: Replace a release of the same label that has other files.
            say: Receives progress lines.
            fetch: Downloads a URL to a path.

        Raises:
            ReleaseError: Not a release, or the label is taken. Nothing is stored.
            DownloadError: A URL could not be fetched. Nothing is stored; what arrived is used by the next call.
        """
        if label is not None:
            check_label(label)  # before anything is downloaded
        with self._locked(), self._tidy_downloads():
            if label is None and not replace and all(is_url(location) for location in locations):
                known = self.find(locations)  # another process may have added it while this one waited
                if known is not None:
                    return known
            sources = self._sources(locations, say, fetch)
            try:
                stored = self._store(sources, label, replace=replace)
            except _LabelTakenError:
                raise
            except ReleaseError:
                self._drop_downloads(
                    sources
                )  # or the next call would refuse the same files, whatever the server has then
                raise
            self._drop_downloads(sources)
            return stored

    def _sources(self, locations: Sequence[str], say: Say, fetch: Fetch) -> list[tuple[str, Path]]:
        """Location and path of each source, URLs fetched. Paths are looked at first: they take no time to be wrong."""
        paths = [Path(location).expanduser().resolve() for location in locations if not is_url(location)]
        size = sum(file.stat().st_size for path in paths for file in release_source_files(path))
        if size > _LARGEST:
            raise ReleaseError(f"{size / 1e6:,.0f} MB is too much for a release; give its own files or folder")
        sources = [(str(path), path) for path in paths]
        for location in filter(is_url, locations):
            key = hashlib.sha256(location.encode()).hexdigest()[:16]
            url = urldefrag(location).url
            target = self._folder / _DOWNLOADS / key / _file_name(url)
            if not target.is_file():
                fetch(location, target, say)
            sources.append((url, target))
        return sources

    def _store(self, sources: Sequence[tuple[str, Path]], label: str | None, *, replace: bool) -> StoredRelease:
        opened = open_release([path for _, path in sources], label=label)
        staging = Path(tempfile.mkdtemp(dir=self._folder, prefix=".staging-"))
        try:
            files = _copy(sources, files_folder(staging))
            locations = tuple(location for location, _ in sources)
            digest = self._digest(files_folder(staging))
            stored = StoredRelease(opened.label, label is not None, locations, files, digest, staging)
            stored.write_manifest()
            self._place(stored, replace=replace)
            return self.get(stored.label)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _place(self, stored: StoredRelease, *, replace: bool) -> None:
        target = self._folder / stored.label
        if not target.exists():
            stored.folder.rename(target)
            return
        known = StoredRelease.read(target)
        if known is None:
            raise ReleaseError(f"{target} is in the way and no release of the store; move it elsewhere and add again")
        if self.is_whole(known) and not replace:
            if known.digest != stored.digest:
                raise _LabelTakenError(
                    f"the store has {stored.label} with other files, from {', '.join(known.locations)}; to replace it: {_ADD} "
                    f"--replace {' '.join(stored.locations)}"
                )
            if not all(is_url(location) for location in stored.locations):
                return  # the same files again; from other URLs they are placed, so that these are known too
        old = Path(tempfile.mkdtemp(dir=self._folder, prefix=".replaced-"))
        target.rename(old / target.name)
        try:
            stored.folder.rename(target)
        except OSError:
            (old / target.name).rename(target)
            raise
        finally:
            shutil.rmtree(old, ignore_errors=True)

    def _digest(self, folder: Path) -> str:
        return self._hashes.digest(release_source_files(folder))

    def _drop_downloads(self, sources: Sequence[tuple[str, Path]]) -> None:
        for _, path in sources:
            if path.parent.parent == self._folder / _DOWNLOADS:
                shutil.rmtree(path.parent, ignore_errors=True)

    @contextmanager
    def _tidy_downloads(self) -> Iterator[None]:
        """Afterwards no folder is left of downloads that brought nothing."""
        try:
            yield
        finally:
            waiting = self._folder / _DOWNLOADS
            for folder in (*waiting.glob("*"), waiting):
                with suppress(OSError):  # it holds a part of a download, or is not there
                    folder.rmdir()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among the processes that add to this store: two would write the same part of a download."""
        import fcntl

        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _file_name(url: str) -> str:
    """Last part of a URL's path, with characters that are fit for a file name."""
    name = unquote(urlsplit(url).path).rstrip("/").rsplit("/", 1)[-1].lstrip(".")
    return "".join(letter if letter.isalnum() or letter in " ._-()" else "_" for letter in name) or "file"


def _copy(sources: Sequence[tuple[str, Path]], target: Path) -> tuple[StoredFile, ...]:
    """Copy every source; those that share a name get folders of their own."""
    names = [path.name for _, path in sources]
    stored = []
    for number, (location, path) in enumerate(sources):
        below = target / str(number) if names.count(path.name) > 1 else target
        for file in release_source_files(path):
            to = below / (file.name if file == path else Path(path.name) / file.relative_to(path))
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, to)
            with to.open("rb") as stream:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            stored.append(StoredFile(to.relative_to(target).as_posix(), location, to.stat().st_size, sha256))
    return tuple(stored)
