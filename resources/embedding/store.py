"""Every vector ever computed, in one SQLite file, so that a changed chapter or a killed run embeds only what is new.

Texts are kept as hashes only. A vector still tells something of its text, so the file is closed to all but its owner.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ccl_assets.resources.sqlite_file import SqliteFile

_SCHEMA = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL, crc32 INTEGER NOT NULL)"
_KEYS_PER_QUERY = 500  # SQLite bounds the variables of a statement


class EmbeddingStoreError(RuntimeError):
    """The store cannot be read or written; the message names the file and quotes nothing of it."""


class EmbeddingStore:
    """Vectors by encoder and text; safe for several threads and processes."""

    def __init__(self, path: Path) -> None:
        """Use the file at ``path``; it is made on first use."""
        self._file = SqliteFile(
            path,
            _SCHEMA,
            lambda reason: EmbeddingStoreError(
                f"embedding store {path}: {reason}. Check the disk and the folder's permissions; a file that is damaged or no "
                "database must be moved away (the vectors are then computed again)"
            ),
        )

    def get_many(self, encoder: str, texts: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        """Stored vectors by text, read-only; texts that have none, or a damaged one, are left out.

        Args:
            encoder: Fingerprint of the encoder.
            texts: Any number of texts.

        Raises:
            EmbeddingStoreError: The file cannot be read.
        """
        text_of = {_key(encoder, text): text for text in texts}
        keys = list(text_of)
        found: dict[str, NDArray[np.float32]] = {}
        with self._file.connected() as connection:
            for start in range(0, len(keys), _KEYS_PER_QUERY):
                some = keys[start : start + _KEYS_PER_QUERY]
                rows = connection.execute(
                    f"SELECT key, vector, crc32 FROM vectors WHERE key IN ({','.join('?' * len(some))})",  # noqa: S608
                    some,
                )
                for key, vector, crc32 in rows:
                    if zlib.crc32(vector) == crc32:
                        found[text_of[key]] = np.frombuffer(vector, dtype="<f4")
        return found

    def put_many(self, encoder: str, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Store vectors by text in one transaction; once this returns, killing the process does not lose them.

        Args:
            encoder: Fingerprint of the encoder.
            vectors: By text; they replace what is stored.

        Raises:
            EmbeddingStoreError: The file cannot be written.
        """
        rows = [(_key(encoder, text), vector.astype("<f4").tobytes()) for text, vector in vectors.items()]
        with self._file.connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.executemany(
                    "INSERT OR REPLACE INTO vectors (key, vector, crc32) VALUES (?, ?, ?)",
                    ((key, blob, zlib.crc32(blob)) for key, blob in rows),
                )
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()


def _key(encoder: str, text: str) -> bytes:
    return hashlib.sha256(f"{encoder}\0{text}".encode("utf-8", "surrogatepass")).digest()
