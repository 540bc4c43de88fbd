"""The folder of a rung: a span coder for each language, and the codes of their release, so that a note needs nothing else."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ccl_assets.linking.coder import SpanCoder
from ccl_assets.linking.storage import UnreadableCoderError, read, write

_CODES = "codes.json.gz"
LANGUAGES = ("en", "es")


@dataclass(frozen=True)
class ReleaseCodes:
    """Codes of a release.

    Attributes:
        label: Its label.
        titles: Title of each code that may be assigned.
    """

    label: str
    titles: Mapping[str, str]


def write_folder(folder: Path, coders: Mapping[str, SpanCoder], codes: ReleaseCodes) -> None:
    """Write the coders of a rung and their release's codes."""
    folder.mkdir(parents=True, exist_ok=True)
    for language, coder in coders.items():
        write(coder, folder / language)
    content = json.dumps({"label": codes.label, "titles": dict(codes.titles)}, ensure_ascii=False)
    with (folder / _CODES).open("wb") as raw, gzip.GzipFile("", "wb", 1, raw, 0) as file:
        file.write(content.encode())


def read_folder(folder: Path, release: str | None = None) -> dict[str, SpanCoder]:
    """Coders of a rung by language.

    Args:
        folder: Where they are.
        release: The release in force; ``None``: whichever.

    Raises:
        UnreadableCoderError: There is none, or it is damaged.
        OtherReleaseError: They give codes of another release.
    """
    found = {language: read(folder / language, release) for language in LANGUAGES if (folder / language).is_dir()}
    if not found:
        raise UnreadableCoderError(f"{folder} holds no span coder: materialize linking/coder")
    return found


def read_codes(folder: Path) -> ReleaseCodes:
    """Codes of the coders' release.

    Raises:
        UnreadableCoderError: They are missing or damaged.
    """
    try:
        with gzip.open(folder / _CODES) as file:
            stored = json.loads(file.read())
    except (OSError, ValueError) as error:
        raise UnreadableCoderError(
            f"{folder} holds no codes ({type(error).__name__}): materialize linking/coder again"
        ) from None
    return ReleaseCodes(stored["label"], stored["titles"])
