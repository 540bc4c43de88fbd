"""``python -m ccl_assets.releases``: the official ICD-10-CM releases that are kept side by side below ``CCL_HOME``.

``list`` shows them, ``add`` puts one in, ``activate`` makes one the active one wherever ``CCL_ICD_RELEASE`` is not set.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from ccl_assets.command_line import OK, exit_code, say
from ccl_assets.icd.release.contents import open_release
from ccl_assets.resources.file_hashes import FileHashes
from ccl_assets.resources.releases.active import PACKAGED
from ccl_assets.resources.releases.source import ReleaseSource
from ccl_assets.resources.releases.store import ReleaseStore
from ccl_assets.resources.releases.stored import StoredRelease
from ccl_assets.resources.settings import Settings, settings


def release_store(chosen: Settings, hashes: FileHashes) -> ReleaseStore:
    """The store of a deployment."""
    return ReleaseStore(chosen.home.resolve() / "releases", hashes)


def release_sources(
    chosen: Settings, hashes: FileHashes, say: Callable[[str], None] = print
) -> tuple[ReleaseSource, ReleaseSource]:
    """The active release of a deployment and the one to compare it with; ``say`` receives the progress of downloads.

    The settings go first. ``releases activate`` counts where ``CCL_ICD_RELEASE`` is not set; the release that was active before is
    the one to compare with, unless ``CCL_ICD_PREVIOUS_RELEASE`` says otherwise.
    """
    store = release_store(chosen, hashes)

    def previous() -> str | None:
        recorded = store.active()
        return recorded.previous if recorded and not (chosen.icd_release or "").strip() else None

    def active() -> str | None:
        recorded = store.active()
        return recorded.label if recorded else None

    return (
        ReleaseSource(chosen.icd_release, store, hashes, say, recorded=active),
        ReleaseSource(chosen.icd_previous_release, store, hashes, say, recorded=previous),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """List or add releases; the exit status is 0, or 2 if a release, path, URL or setting is wrong."""
    given = _parser().parse_args(arguments)

    def run() -> int:
        chosen = settings()
        store = release_store(chosen, FileHashes(chosen.home.resolve() / "file_hashes.json"))
        if given.command == "list":
            _list(store, chosen)
        elif given.command == "activate":
            _activate(store, chosen, given.label, given.previous)
        else:
            _report(store.add(given.locations, given.label, replace=given.replace, say=say))
        return OK

    return exit_code(run, refused=(ValueError, RuntimeError, OSError))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ccl_assets.releases", description="Official ICD-10-CM releases.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="show the releases of the store and which one is active")
    add = commands.add_parser("add", help="put one release into the store")
    add.add_argument(
        "locations",
        nargs="+",
        metavar="PATH-or-URL",
        help="zips, files or folders, or URLs (URL#sha256=... is compared), that together make one release",
    )
    add.add_argument("--label", help="FY2026 or FY2026-April, if not what contents and names tell")
    add.add_argument("--replace", action="store_true", help="replace the release of this label in the store")
    activate = commands.add_parser("activate", help="make a release the active one where CCL_ICD_RELEASE is not set")
    activate.add_argument("label", help="label of a stored release, or `packaged`")
    activate.add_argument(
        "--previous", metavar="LABEL", help="the release to compare with, if not the one active until now"
    )
    return parser


def _activate(store: ReleaseStore, chosen: Settings, label: str, previous: str | None) -> None:
    record = store.activate(label, previous)
    say(f"{record.label} is the active release since {record.since}, compared with {record.previous or 'none'}")
    if chosen.icd_release:
        say(f"but CCL_ICD_RELEASE={chosen.icd_release} is set here and goes before it: unset it")
    say("derive again what it affects: make refresh")


def _list(store: ReleaseStore, chosen: Settings) -> None:
    releases, recorded = store.releases(), store.active()
    if not releases:
        say(f"no release in {store.folder}")
    active = chosen.icd_release or (recorded.label if recorded else None)
    for release in releases:
        is_active = active is not None and _is_named(release, active)
        say(
            f"{'*' if is_active else ' '} {release.label:<14} {len(release.files):>3} files {release.byte_count / 1e6:>7.1f} MB"
            f"  from {', '.join(release.locations)}{'' if store.is_whole(release) else '  NOT WHOLE: add it again'}"
        )
    by_record = recorded if recorded and not chosen.icd_release else None
    shown = "the packaged release" if active in (None, PACKAGED) else active
    say(f"active (*): {shown} ({f'activated {by_record.since}' if by_record else 'CCL_ICD_RELEASE'})")
    if by_record and not chosen.icd_previous_release:
        say(f"previous:   {by_record.previous or 'none'} (active before)")
    else:
        say(f"previous:   {chosen.icd_previous_release or 'none'} (CCL_ICD_PREVIOUS_RELEASE)")


def _is_named(release: StoredRelease, value: str) -> bool:
    urls = {part.strip().partition("#")[0] for part in value.split(",")}
    return value == release.label or urls == set(release.locations) or Path(value) == release.path


def _report(stored: StoredRelease) -> None:
    opened = open_release(stored.path, label=stored.label)
    say(f"{stored.label} in {stored.path}")
    for stored_file in stored.files:
        say(f"  {stored_file.name}: {stored_file.byte_count:,} bytes, sha256 {stored_file.sha256}")
    for file in opened.files:
        say(f"  {file.role:<16} {file.file_name}")
    for name in opened.ignored:
        say(f"  not used:        {name}")
    say(
        f"make it the active one: python -m ccl_assets.releases activate {stored.label}   (or CCL_ICD_RELEASE={stored.label})"
    )
