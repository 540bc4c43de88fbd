"""Every completion ever paid for, in one SQLite file.

A completion is stored the moment it arrives, so that a killed run repeats no finished request. Errors are kept as a record and
never served. The file holds patient data: only its owner can read it, and no exception quotes it.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ccl_assets.resources.sqlite_file import SqliteFile
from ccl_assets.resources.text_generation.requests import Completion

_SCHEMA = """
CREATE TABLE IF NOT EXISTS completions (
    cache_key TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    text TEXT NOT NULL,
    finish_reason TEXT NOT NULL,
    prompt_token_count INTEGER NOT NULL,
    completion_token_count INTEGER NOT NULL,
    seconds REAL NOT NULL,
    error TEXT,
    attempt_count INTEGER NOT NULL DEFAULT 1,
    stored_at TEXT NOT NULL,
    token_probabilities BLOB
)
"""
_LATER_COLUMN = "token_probabilities"  # older stores lack it
# An error never replaces an answer: another process may have had more luck with the same request.
_PUT = """
INSERT INTO completions
    (cache_key, model, text, finish_reason, prompt_token_count, completion_token_count, seconds, error, stored_at,
    token_probabilities)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (cache_key) DO UPDATE SET
    text = excluded.text, finish_reason = excluded.finish_reason, prompt_token_count = excluded.prompt_token_count,
    completion_token_count = excluded.completion_token_count, seconds = excluded.seconds, error = excluded.error,
    attempt_count = attempt_count + 1, stored_at = excluded.stored_at, token_probabilities = excluded.token_probabilities
WHERE excluded.error IS NULL OR completions.error IS NOT NULL
"""
_KEYS_PER_QUERY = 500  # SQLite bounds the variables of a statement


class CompletionStoreError(RuntimeError):
    """The store cannot be read or written; the message names the file and quotes nothing of it."""


class CompletionStore:
    """Completions by cache key; safe for several threads and processes."""

    def __init__(self, path: Path) -> None:
        """Use the file at ``path``; it is made on first use."""
        self.path = path
        self._is_current = False
        self._file = SqliteFile(
            path,
            _SCHEMA,
            lambda reason: CompletionStoreError(
                f"completion store {path}: {reason}. Check the disk and the folder's permissions; a file that is no database must "
                "be moved away (stored completions are then asked for again)"
            ),
        )

    def get_many(self, keys: Iterable[str]) -> dict[str, Completion]:
        """Stored answers by cache key; errors and unknown keys are left out.

        The completions carry their key as request id and are marked as cached.

        Raises:
            CompletionStoreError: The file cannot be read.
        """
        wanted = list(keys)
        found: dict[str, Completion] = {}
        with self._connected() as connection:
            for start in range(0, len(wanted), _KEYS_PER_QUERY):
                some = wanted[start : start + _KEYS_PER_QUERY]
                rows = connection.execute(
                    "SELECT cache_key, text, finish_reason, prompt_token_count, completion_token_count, seconds, "  # noqa: S608
                    "token_probabilities "
                    f"FROM completions WHERE error IS NULL AND cache_key IN ({','.join('?' * len(some))})",
                    some,
                )
                for key, text, finish_reason, prompt_tokens, completion_tokens, seconds, packed in rows:
                    ends, log_probabilities = _unpacked(packed)
                    found[key] = Completion(
                        key,
                        text,
                        finish_reason,
                        prompt_tokens,
                        completion_tokens,
                        seconds,
                        is_cached=True,
                        token_ends=ends,
                        log_probabilities=log_probabilities,
                    )
        return found

    def put(self, key: str, completion: Completion, model: str) -> None:
        """Store one completion; once this returns, killing the process does not lose it.

        Args:
            key: ``GenerationRequest.cache_key``.
            completion: An answer, or an error (which never replaces an answer).
            model: Model name, for people who look into the file.

        Raises:
            CompletionStoreError: The file cannot be written.
        """
        error = completion.error or ("unknown error" if completion.finish_reason == "error" else None)
        row = (
            key,
            model,
            completion.text,
            completion.finish_reason,
            completion.prompt_token_count,
            completion.completion_token_count,
            completion.seconds,
            error,
            datetime.now(UTC).isoformat(timespec="seconds"),
            _packed(completion),
        )
        with self._connected() as connection:
            connection.execute(_PUT, row)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with self._file.connected() as connection:
            if not self._is_current:
                _add_later_column(connection)
                self._is_current = True
            yield connection


def _add_later_column(connection: sqlite3.Connection) -> None:
    if _has_later_column(connection):
        return
    try:
        connection.execute(f"ALTER TABLE completions ADD COLUMN {_LATER_COLUMN} BLOB")
    except sqlite3.OperationalError:
        if not _has_later_column(connection):  # otherwise another process was first
            raise


def _has_later_column(connection: sqlite3.Connection) -> bool:
    return any(column[1] == _LATER_COLUMN for column in connection.execute("PRAGMA table_info(completions)"))


def _packed(completion: Completion) -> bytes | None:
    """Token ends, then their log probabilities, at full precision: a stored answer must give the figures a fresh one gave."""
    count = len(completion.token_ends)
    if not count:
        return None
    return struct.pack(f"<{count}I{count}d", *completion.token_ends, *completion.log_probabilities)


def _unpacked(packed: bytes | None) -> tuple[tuple[int, ...], tuple[float, ...]]:
    count = len(packed or b"") // struct.calcsize("<Id")
    values = struct.unpack(f"<{count}I{count}d", packed or b"")
    return values[:count], values[count:]
