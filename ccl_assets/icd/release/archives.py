"""The files of a release on disk and, where they are archives, inside: names as they came, contents whole and bounded.

What the files are is told in :mod:`ccl_assets.icd.release.roles`.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ccl_assets.icd.release.error import ReleaseError
from ccl_assets.icd.release.roles import DAMAGED_ZIP, HEAD_BYTES, ZIP_MAGIC, is_office_document, may_have_role

UNPACKED_LIMIT = 512 * 2**20
"""Bytes that the files of a release may hold, unpacked. The largest official ones hold about 60 MB."""

_NESTING_LIMIT = 3  # zips in zips in zips; official ones have none or one
_ENCRYPTED = 0x1
_JUNK_FOLDERS = {"__MACOSX", "__pycache__"}
_JUNK_FILES = {"__init__.py", "Thumbs.db", "desktop.ini"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, on disk or in an archive.

    Attributes:
        disk: The file on disk: the archive, or the file itself.
        trail: Path of ``disk`` below the given one and, for each archive it lies in, the name inside.
        content: All bytes; of a file on disk that cannot have a role only the first.
    """

    disk: Path
    trail: tuple[str, ...]
    content: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """Name without folders."""
        return PurePosixPath(self.trail[-1]).name

    @property
    def shown(self) -> str:
        """Path below the given one, e.g. ``release.zip/xml/Tabular.xml``."""
        return "/".join(self.trail)

    @property
    def place(self) -> str:
        """Place of the file, for messages."""
        return "/".join((str(self.disk), *self.trail[1:]))

    def member(self, name: str, content: bytes) -> Entry:
        """A file inside this one."""
        return Entry(self.disk, (*self.trail, name.replace("\\", "/")), content)


def source_files(path: Path) -> list[Path]:
    """The files on disk below a path, sorted, without what operating systems and Python leave in folders."""
    if path.is_file():
        return [path]
    found = (file for file in path.rglob("*") if file.is_file())
    return sorted(file for file in found if not _is_junk(file.relative_to(path).parts))


def entries(paths: Sequence[Path]) -> Iterator[Entry]:
    """Every file below the paths, archives unpacked in memory.

    Raises:
        ReleaseError: A zip is damaged, cut short, encrypted or nested too deep, or more than ``UNPACKED_LIMIT`` comes out.
    """
    budget = _Budget(UNPACKED_LIMIT)
    for path in paths:
        for file in source_files(path):
            shown = file.name if file == path else file.relative_to(path).as_posix()
            with file.open("rb") as stream:
                head = stream.read(HEAD_BYTES)
                if not (may_have_role(head) or _is_zip(file.name, head)):
                    yield Entry(file, (shown,), head)
                    continue
                budget.take(file.stat().st_size, str(file))
                content = head + stream.read()
            yield from _unpacked(Entry(file, (shown,), content), budget, 0)


class _Budget:
    def __init__(self, limit: int) -> None:
        self._left = limit

    def take(self, size: int, shown: str) -> None:
        self._left -= size
        if self._left < 0:
            raise ReleaseError(
                f"{shown}: with it the release holds more than {UNPACKED_LIMIT // 2**20} MB unpacked, ten times an official "
                "one; refused as a zip bomb or a wrong folder: give the official files alone"
            )


def _unpacked(entry: Entry, budget: _Budget, depth: int) -> Iterator[Entry]:
    if not _is_zip(entry.name, entry.content):
        yield entry
        return
    try:
        with zipfile.ZipFile(io.BytesIO(entry.content)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if is_office_document([member.filename for member in members]):
                budget.take(sum(member.file_size for member in members), entry.place)
                yield entry
                return
            if depth == _NESTING_LIMIT:
                raise ReleaseError(f"{entry.place}: zips in zips more than {depth} deep; unpack it and give the folder")
            for member in members:
                inside = entry.member(member.filename, b"")
                if _is_junk(PurePosixPath(inside.trail[-1]).parts):
                    continue
                if member.flag_bits & _ENCRYPTED:
                    raise ReleaseError(
                        f"{inside.place} is encrypted: unpack the zip with its password and give the folder"
                    )
                budget.take(member.file_size, inside.place)  # zipfile never reads more than this of a member
                yield from _unpacked(entry.member(member.filename, archive.read(member)), budget, depth + 1)
    except ReleaseError:
        raise
    except NotImplementedError as error:
        raise ReleaseError(f"{entry.place}: {error}; unpack it and give the folder") from None
    except DAMAGED_ZIP as error:
        begins_like_page = entry.content.lstrip()[:1] == b"<"
        problem = "is a web page and no zip" if begins_like_page else f"is damaged or cut short ({error})"
        raise ReleaseError(
            f"{entry.disk}: the zip {entry.name} {problem}; download it again and compare its size"
        ) from None


def _is_zip(name: str, content: bytes) -> bool:
    return content.startswith(ZIP_MAGIC) or name.lower().endswith(".zip")


def _is_junk(parts: Sequence[str]) -> bool:
    return bool(_JUNK_FOLDERS.intersection(parts)) or parts[-1] in _JUNK_FILES or parts[-1].startswith(".")
