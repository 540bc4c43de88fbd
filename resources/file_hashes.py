"""Content hashes of source files, computed again only when size or modification time changed."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

_ENTRY_LENGTH = 3  # size, modification time, hash


class FileHashes:
    """A small JSON file of hashes by path, size and modification time. Safe to lose: it only saves reading."""

    def __init__(self, store: Path) -> None:
        """Keep the hashes in ``store``."""
        self._store = store

    def digest(self, files: Iterable[Path]) -> str:
        """One hash over names and contents of the files, independent of where the folder lies.

        Raises:
            FileNotFoundError: A file is not there.
        """
        known = self._load()
        found = []
        changed = False
        for file in files:
            stat = file.stat()
            stamp = [stat.st_size, stat.st_mtime_ns]
            entry = known.get(str(file))
            if entry is None or entry[:2] != stamp:
                with file.open("rb") as stream:
                    entry = [*stamp, hashlib.file_digest(stream, "sha256").hexdigest()]
                known[str(file)] = entry
                changed = True
            found.append(f"{file.name}\x1f{entry[2]}\x1e")
        if changed:
            self._save(known)
        return hashlib.sha256("".join(sorted(found)).encode()).hexdigest()

    def _load(self) -> dict[str, list[int | str]]:
        try:
            loaded = json.loads(self._store.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        entries = loaded.items() if isinstance(loaded, dict) else ()
        return {path: entry for path, entry in entries if isinstance(entry, list) and len(entry) == _ENTRY_LENGTH}

    def _save(self, known: dict[str, list[int | str]]) -> None:
        self._store.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._store.parent, prefix=".hashes-")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(known, stream)
        Path(name).replace(self._store)
