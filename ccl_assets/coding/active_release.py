"""The active release as coding one note needs it: from the lakehouse, or straight from the release's files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from ccl_assets.evidence.tables import GOLD_PAIRS
from ccl_assets.icd.tables import CODES
from ccl_assets.io_managers.delta_tables import DeltaTables
from ccl_assets.resources.settings import Settings

Say = Callable[[str], None]
_PAIR_COLUMNS = ("code", "evidence", "source", "expansion", "modifier")
_NO_PAIRS = "gold/pairs is not materialized for all chapters of the release: its files are read instead"


@dataclass(frozen=True)
class ActiveRelease:
    """Tables of a release that a system checks its codes against.

    Attributes:
        label: E.g. ``FY2026-April``.
        titles: Long title by code, headers included.
        billable: The codes that may be submitted.
        gold_pairs: The rows of ``gold/pairs`` of all chapters; ``None`` where they were not asked for.
    """

    label: str
    titles: Mapping[str, str]
    billable: frozenset[str]
    gold_pairs: Sequence[Mapping[str, Any]] | None = None


def active_release(chosen: Settings, needs_gold_pairs: bool, say: Say, day: date | None = None) -> ActiveRelease:
    """Read the active release.

    The lakehouse is asked first. Its tables are passed over where they are missing, are not whole, or belong to another release
    than ``CCL_ICD_RELEASE`` names by its label; then the release's files are parsed as the assets parse them, and nothing is
    written to the lakehouse.

    Args:
        chosen: The settings.
        needs_gold_pairs: Whether the system looks up gold pairs.
        say: Receives one sentence where the lakehouse is passed over although it holds codes, and download progress.
        day: Where given, the release in force on that day is read instead: a stored one, the active one or the packaged one.

    Raises:
        OtherContractError: The lakehouse was written by another version of the project.
        ReleaseError: There is no such release, or its files are damaged.
        DownloadError: It is to be fetched and cannot be.
    """
    if day is not None:
        return _of_day(chosen, needs_gold_pairs, say, day)
    return _from_lakehouse(chosen, needs_gold_pairs, say) or _from_files(chosen, needs_gold_pairs, say)


def _of_day(chosen: Settings, needs_gold_pairs: bool, say: Say, day: date) -> ActiveRelease:
    """The release in force on a day, out of those at hand."""
    from ccl_assets.icd.release.contents import ReleaseError, open_release
    from ccl_assets.releases.calendar import fiscal_year, in_force
    from ccl_assets.releases.command import release_sources, release_store
    from ccl_assets.resources.file_hashes import FileHashes
    from ccl_assets.resources.releases.active import PACKAGED

    hashes = FileHashes(chosen.home.resolve() / "file_hashes.json")
    named = {release.label: release.label for release in release_store(chosen, hashes).releases()}
    active, _ = release_sources(chosen, hashes, say)
    named.setdefault(active.open().label, chosen.icd_release or "")
    named.setdefault(open_release(None).label, PACKAGED)
    label = in_force(named, day)
    if label is None:
        raise ReleaseError(
            f"on {day} FY{fiscal_year(day)} was in force, and it is not kept here (there are {', '.join(sorted(named))}): "
            "python -m ccl_assets.releases add PATH-or-URL, with its files from NCHS or CMS"
        )
    then = chosen.model_copy(update={"icd_release": named[label] or None})
    return _from_lakehouse(then, needs_gold_pairs, say, label) or _from_files(then, needs_gold_pairs, say)


def _from_lakehouse(
    chosen: Settings, needs_gold_pairs: bool, say: Say, needed: str | None = None
) -> ActiveRelease | None:
    tables = DeltaTables(chosen.lakehouse)
    if not tables.exists(CODES):
        return None
    codes = tables.read(CODES, columns=("release", "chapter", "code", "long_title", "is_billable"))
    label = str(codes["release"][0])
    if needed is not None and needed != label:
        return None
    wanted = (chosen.icd_release or "").strip().upper()
    if wanted.startswith("FY") and wanted != label.upper():
        say(f"the lakehouse holds {label}, CCL_ICD_RELEASE says {chosen.icd_release}: its files are read instead")
        return None
    pairs = None
    if needs_gold_pairs:
        if not tables.exists(GOLD_PAIRS):
            say(_NO_PAIRS)
            return None
        stored = tables.read(GOLD_PAIRS, columns=("release", "chapter")).group_by(["release", "chapter"]).aggregate([])
        whole = {(label, chapter) for chapter in codes["chapter"].unique().to_pylist()}
        if {(row["release"], row["chapter"]) for row in stored.to_pylist()} != whole:
            say(_NO_PAIRS)
            return None
        pairs = tables.read(GOLD_PAIRS, columns=_PAIR_COLUMNS).to_pylist()
    titles = dict(zip(codes["code"].to_pylist(), codes["long_title"].to_pylist(), strict=True))
    return ActiveRelease(label, titles, frozenset(codes.filter(codes["is_billable"])["code"].to_pylist()), pairs)


def _from_files(chosen: Settings, needs_gold_pairs: bool, say: Say) -> ActiveRelease:
    from ccl_assets.icd.tabular.tabular_list import parse_tabular
    from ccl_assets.releases.command import release_sources
    from ccl_assets.resources.file_hashes import FileHashes

    active, _ = release_sources(chosen, FileHashes(chosen.home.resolve() / "file_hashes.json"), say)
    opened = active.open()
    rows = parse_tabular(opened.tabular, opened.label).codes
    pairs = None
    if needs_gold_pairs:
        from ccl_assets.evidence.gold.pairs import IndexReferences, gold_pairs
        from ccl_assets.icd.chapters import CHAPTER_KEYS
        from ccl_assets.icd.index.alphabetic_index import SOURCES, parse_index
        from ccl_assets.icd.index.cross_references import resolve
        from ccl_assets.icd.ontology import Ontology
        from ccl_assets.tables.collector import collector_paused

        files = [file for role in SOURCES if (file := opened.file(role)) is not None]
        with collector_paused():
            terms = resolve([term for file in files for term in parse_index(file, opened.label)])
            ontology = Ontology.from_table(CODES.table(rows))
            references = IndexReferences(ontology, terms)
            pairs = [
                pair for chapter in CHAPTER_KEYS for pair in gold_pairs(ontology, references, chapter, opened.label)
            ]
    titles = {row["code"]: row["long_title"] for row in rows}
    return ActiveRelease(opened.label, titles, frozenset(row["code"] for row in rows if row["is_billable"]), pairs)
