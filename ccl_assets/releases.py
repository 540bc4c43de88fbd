"""``python -m ccl_assets.releases``: the official ICD-10-CM releases that are kept side by side below ``CCL_HOME``.

``list`` shows them, ``add`` puts one in. Which one is active is said by the setting ``CCL_ICD_RELEASE``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from ccl_assets.icd.release import open_release
from ccl_assets.resources.file_hashes import FileHashes
from ccl_assets.resources.release_store import ReleaseStore
from ccl_assets.resources.settings import Settings, settings
from ccl_assets.resources.stored_release import StoredRelease

_BAD_INPUT = 2


def release_store(chosen: Settings, hashes: FileHashes) -> ReleaseStore:
    """The store of a deployment."""
    return ReleaseStore(chosen.home.resolve() / "releases", hashes)


def main(arguments: Sequence[str] | None = None) -> int:
    """List or add releases; the exit status is 0, or 2 if a release, path, URL or setting is wrong."""
    given = _parser().parse_args(arguments)
    try:
        chosen = settings()
        store = release_store(chosen, FileHashes(chosen.home.resolve() / "file_hashes.json"))
        if given.command == "list":
            _list(store, chosen)
        else:
            stored = store.add(given.locations, given.label, replace=given.replace, say=_say)
            _report(stored)
    except ValidationError as error:
        for problem in error.errors():
            name = f"CCL_{problem['loc'][0]}".upper()
            print(f"setting {name}: {problem['msg']}", file=sys.stderr)
        return _BAD_INPUT
    except (ValueError, RuntimeError, OSError) as error:
        print(f"{error}", file=sys.stderr)
        return _BAD_INPUT
    return 0


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
    return parser


def _list(store: ReleaseStore, chosen: Settings) -> None:
    releases = store.releases()
    if not releases:
        _say(f"no release in {store.folder}")
    for release in releases:
        is_active = chosen.icd_release is not None and _is_named(release, chosen.icd_release)
        _say(
            f"{'*' if is_active else ' '} {release.label:<14} {len(release.files):>3} files {release.byte_count / 1e6:>7.1f} MB"
            f"  from {', '.join(release.locations)}{'' if store.is_whole(release) else '  NOT WHOLE: add it again'}"
        )
    _say(f"active (*): {chosen.icd_release or 'the packaged release'} (CCL_ICD_RELEASE)")
    _say(f"previous:   {chosen.icd_previous_release or 'none'} (CCL_ICD_PREVIOUS_RELEASE)")


def _is_named(release: StoredRelease, value: str) -> bool:
    urls = {part.strip().partition("#")[0] for part in value.split(",")}
    return value == release.label or urls == set(release.locations) or Path(value) == release.path


def _report(stored: StoredRelease) -> None:
    opened = open_release(stored.path, label=stored.label)
    _say(f"{stored.label} in {stored.path}")
    for stored_file in stored.files:
        _say(f"  {stored_file.name}: {stored_file.byte_count:,} bytes, sha256 {stored_file.sha256}")
    for file in opened.files:
        _say(f"  {file.role:<16} {file.file_name}")
    for name in opened.ignored:
        _say(f"  not used:        {name}")
    _say(f"make it the active one: CCL_ICD_RELEASE={stored.label}")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
