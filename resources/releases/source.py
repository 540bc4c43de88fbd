"""Source of an ICD-10-CM release: the packaged one, files on disk, the store, or URLs that are fetched into the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ccl_assets.icd.release.contents import (
    Release,
    ReleaseError,
    open_release,
    packaged_release_path,
    release_source_files,
)
from ccl_assets.resources.file_hashes import FileHashes
from ccl_assets.resources.releases.active import PACKAGED
from ccl_assets.resources.releases.download import Say, is_url
from ccl_assets.resources.releases.store import ReleaseStore
from ccl_assets.resources.releases.stored import StoredRelease


class ReleaseSource:
    """A configured release, opened once as long as its files do not change.

    The value of the setting is looked at in this order: empty or ``packaged`` for the packaged release; a path that exists; a
    label of the store; else a comma-separated list of paths, or of URLs, that make one release together. URLs are fetched into
    the store when they are first needed, and not again while the stored copy is whole. Where there is no setting, what ``recorded``
    gives is looked at in the same way, anew each time: another process may make another release the active one.
    """

    def __init__(
        self,
        value: str | None,
        store: ReleaseStore,
        hashes: FileHashes,
        say: Say = print,
        recorded: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Read what ``value`` names; nothing is looked up before it is needed. ``say`` receives download progress."""
        self._given = (value or "").strip()
        self._recorded = recorded
        self._store = store
        self._hashes = hashes
        self._say = say
        self._opened: tuple[str, Release] | None = None

    @property
    def is_set(self) -> bool:
        """Tell whether the setting or the record names a release."""
        return bool(self._value)

    @property
    def is_fetched_first(self) -> bool:
        """URLs that are not in the store: the release is fetched when it is first opened."""
        parts = [part.strip() for part in self._value.split(",") if part.strip()]
        return bool(parts) and all(map(is_url, parts)) and self._store.find(parts) is None

    @property
    def _value(self) -> str:
        return self._given or self._recorded() or ""

    @property
    def path(self) -> Path:
        """The file or folder read; of several, the first.

        Raises:
            ReleaseError: It is not there.
            DownloadError: A URL is not in the store and cannot be fetched.
        """
        return self._resolve()[0][0]

    def version(self) -> str:
        """Content hash of the source files. The network is asked only for URLs that are not in the store.

        Raises:
            ReleaseError: The release is not there, or the stored one not whole.
            DownloadError: See :attr:`path`.
        """
        return self._version(*self._resolve())

    def open(self) -> Release:
        """The release's files.

        Raises:
            ReleaseError: See :func:`ccl_assets.icd.release.contents.open_release`.
            DownloadError: See :attr:`path`.
        """
        paths, stored = self._resolve()
        version = self._version(paths, stored)
        if self._opened is None or self._opened[0] != version:
            self._opened = (version, open_release(paths, label=stored.label if stored else None))
        return self._opened[1]

    def _version(self, paths: list[Path], stored: StoredRelease | None) -> str:
        digest = self._hashes.digest(file for path in paths for file in release_source_files(path))
        return f"{digest}-{stored.label}" if stored and stored.is_label_given else digest

    def _resolve(self) -> tuple[list[Path], StoredRelease | None]:
        value = self._value
        if value in ("", PACKAGED):
            return [packaged_release_path()], None
        parts = [part.strip() for part in value.split(",") if part.strip()]
        urls = [part for part in parts if is_url(part)]
        whole = Path(value).expanduser()
        if not urls and _exists(whole):  # whole, since a path may hold a comma
            return [whole], None
        if urls and len(urls) == len(parts):
            stored = self._store.find(urls) or self._store.add(urls, say=self._say)
            return [stored.path], stored
        if urls:
            raise ReleaseError(
                f"{value}: paths and URLs cannot be mixed in a setting; put them into the store once and set the label: "
                f"python -m ccl_assets.releases add {' '.join(parts)}"
            )
        if len(parts) == 1 and _is_name(value):
            stored = self._store.get(value)
            return [stored.path], stored
        paths = [Path(part).expanduser() for part in parts]
        for path in paths:
            release_source_files(path)
        return paths, None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a list of paths may be too long for a name
        return False


def _is_name(value: str) -> bool:
    """Whether a value that is no existing path is meant as a label: then the message names those of the store."""
    return value.upper().startswith("FY") and "/" not in value and "." not in value
