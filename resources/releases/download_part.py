"""The part of a file that was downloaded so far, beside the place where the whole one will stand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

HEAD_BYTES = 512


class DownloadError(RuntimeError):
    """A file cannot be downloaded; the message names the URL or file and what to do."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Origin of a part. With a validator, a server can tell whether the rest still belongs to it."""

    url: str
    etag: str | None = None
    last_modified: str | None = None
    total: int | None = None

    @classmethod
    def of_response(cls, url: str, headers: Mapping[str, str], total: int | None) -> Origin:
        """Out of a response's headers. A weak ETag (``W/``) does not vouch for equal bytes and is left out."""
        etag = headers.get("ETag")
        return cls(url, None if etag is None or etag.startswith("W/") else etag, headers.get("Last-Modified"), total)

    @property
    def validator(self) -> str | None:
        """Value of ``If-Range``."""
        return self.etag or self.last_modified


class PartFile:
    """``NAME.part`` and, beside it, where it comes from; becomes ``NAME`` whole or not at all."""

    def __init__(self, target: Path) -> None:
        """A part of the file ``target``, whose folder is created."""
        self._target = target
        self._path = target.with_name(f"{target.name}.part")
        self._origin_path = target.with_name(f"{target.name}.part.json")
        with _writing(self._path):
            target.parent.mkdir(parents=True, exist_ok=True)

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._path.stat().st_size if self._path.exists() else 0

    @property
    def head(self) -> bytes:
        """First bytes."""
        with self._path.open("rb") as stream:
            return stream.read(HEAD_BYTES)

    def origin(self, url: str) -> Origin | None:
        """Origin of the part, if that is the URL and a server can be asked for the rest."""
        try:
            origin = Origin(**json.loads(self._origin_path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return origin if origin.url == url and origin.validator and self.size else None

    def begin(self, origin: Origin) -> None:
        """Start anew."""
        with _writing(self._path):
            self._path.write_bytes(b"")
            self._origin_path.write_text(json.dumps(asdict(origin)), encoding="utf-8")

    def append(self, chunk: bytes) -> None:
        """Write at the end.

        Raises:
            DownloadError: The disk is full or not writable. What was written is kept.
        """
        with _writing(self._path), self._path.open("ab", buffering=0) as stream:
            rest = memoryview(chunk)
            while rest:
                rest = rest[stream.write(rest) :]

    def sha256(self) -> str:
        """SHA-256 of the bytes so far."""
        with self._path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def discard(self) -> None:
        """Delete the part."""
        self._path.unlink(missing_ok=True)
        self._origin_path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Give the part its final name."""
        with _writing(self._target):
            self._path.replace(self._target)
        self._origin_path.unlink(missing_ok=True)


class _writing:  # noqa: N801 - reads as a verb
    """Turns an error of the disk into one that says what to do."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OSError):
            raise DownloadError(
                f"cannot write {self._path}: {error.strerror or error}; make room or correct its rights and run again: what "
                "is there already is not fetched again"
            ) from None
