"""Record of the stored release that is the active one where no setting says so: a small record in the release store."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ccl_assets.icd.release.contents import ReleaseError

PACKAGED = "packaged"
_RECORD = "active.json"


@dataclass(frozen=True)
class ActiveRelease:
    """The record.

    Attributes:
        label: Label of a stored release, or ``packaged``.
        previous: The one that was active before, to compare with.
        since: When it was made the active one, ISO 8601, UTC.
    """

    label: str
    previous: str | None
    since: str


def read_active(folder: Path) -> ActiveRelease | None:
    """The record of a release store; ``None`` if no release was ever made the active one.

    Raises:
        ReleaseError: It cannot be read.
    """
    path = folder / _RECORD
    try:
        return ActiveRelease(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise ReleaseError(
            f"{path} cannot be read; write it anew: python -m ccl_assets.releases activate LABEL"
        ) from error


def write_active(folder: Path, label: str, previous: str | None) -> ActiveRelease:
    """Make ``label`` the active release, in one step."""
    record = ActiveRelease(label, previous, datetime.now(UTC).isoformat(timespec="seconds"))
    folder.mkdir(parents=True, exist_ok=True)
    unnamed = folder / f".{_RECORD}-{os.getpid()}"
    unnamed.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
    unnamed.replace(folder / _RECORD)
    return record
