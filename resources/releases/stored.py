"""A release as the store keeps it: the files as they came, and a manifest of where from and what they hash to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ccl_assets.icd.release.contents import check_label

_MANIFEST = "release.json"
_FILES = "files"
_UPDATES = ("", "January", "April")


@dataclass(frozen=True)
class StoredFile:
    """A file as it came: path below the release's files, the path or URL it is from, and its content's hash."""

    name: str
    location: str
    byte_count: int
    sha256: str


@dataclass(frozen=True)
class StoredRelease:
    """A release of the store.

    Attributes:
        label: Its label, which is its folder's name.
        is_label_given: The label was given, and not told by contents and names.
        locations: Paths and URLs it was added from.
        files: Every file.
        digest: :meth:`FileHashes.digest` of the files.
        folder: Where it lies: ``release.json`` and ``files/``.
    """

    label: str
    is_label_given: bool
    locations: tuple[str, ...]
    files: tuple[StoredFile, ...]
    digest: str
    folder: Path

    @property
    def path(self) -> Path:
        """Folder of the files."""
        return files_folder(self.folder)

    @property
    def byte_count(self) -> int:
        """Bytes of all files."""
        return sum(file.byte_count for file in self.files)

    @property
    def order(self) -> tuple[int, int]:
        """Sorts releases in time."""
        return check_label(self.label), _UPDATES.index(self.label.partition("-")[2])

    def has_come_from(self, wanted: Mapping[str, str | None]) -> bool:
        """Tell whether it was added from exactly these URLs, and has the SHA-256 that is demanded of each."""
        hashes = {file.location: file.sha256 for file in self.files}
        return set(self.locations) == set(wanted) and all(
            demanded in (None, hashes.get(url)) for url, demanded in wanted.items()
        )

    def write_manifest(self) -> None:
        """Write ``release.json``."""
        content = asdict(self)
        del content["folder"]
        (self.folder / _MANIFEST).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> StoredRelease | None:
        """The release that a folder's manifest describes; ``None`` if it has none that can be read."""
        try:
            content = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
            found = cls(
                content["label"],
                content["is_label_given"],
                tuple(content["locations"]),
                tuple(StoredFile(**file) for file in content["files"]),
                content["digest"],
                folder,
            )
            return found if found.order and found.label == folder.name else None
        except (OSError, ValueError, KeyError, TypeError):
            return None


def files_folder(folder: Path) -> Path:
    """Folder of a release's files."""
    return folder / _FILES
