"""Every completion ever paid for, in one SQLite file.

A completion is stored the moment it arrives, so that a killed run repeats no finished request. Errors are kept as a record and
never served. The file holds patient data: only its owner can read it, and no exception quotes it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

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
    stored_at TEXT NOT NULL
)
"""
# An error never replaces an answer: another process may have had more luck with the same request.
_PUT = """
INSERT INTO completions
    (cache_key, model, text, finish_reason, prompt_token_count, completion_token_count, seconds, error, stored_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (cache_key) DO UPDATE SET
    text = excluded.text, finish_reason = excluded.finish_reason, prompt_token_count = excluded.prompt_token_count,
    completion_token_count = excluded.completion_token_count, seconds = excluded.seconds, error = excluded.error,
    attempt_count = attempt_count + 1, stored_at = excluded.stored_at
WHERE excluded.error IS NULL OR completions.error IS NOT NULL
"""
_KEYS_PER_QUERY = 500  # SQLite bounds the variables of a statement
_BUSY_TIMEOUT_S = 60.0
_LONGEST_LOG_BYTES = 64 * 1024 * 1024  # kept of a write-ahead log that a long reader made grow


class CompletionStoreError(RuntimeError):
    """The store cannot be read or written; the message names the file and quotes nothing of it."""


class CompletionStore:
    """Completions by cache key; safe for several threads and processes.

    Write-ahead logging lets readers go on while one process writes. ``synchronous = NORMAL`` keeps every completion that was put
    through a killed process; only a power failure may lose the last ones.
    """

    def __init__(self, path: Path) -> None:
        """Use the file at ``path``; it is made on first use."""
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner = 0

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
                    "SELECT cache_key, text, finish_reason, prompt_token_count, completion_token_count, seconds "  # noqa: S608
                    f"FROM completions WHERE error IS NULL AND cache_key IN ({','.join('?' * len(some))})",
                    some,
                )
                for key, text, finish_reason, prompt_tokens, completion_tokens, seconds in rows:
                    found[key] = Completion(
                        key, text, finish_reason, prompt_tokens, completion_tokens, seconds, is_cached=True
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
        )
        with self._connected() as connection:
            connection.execute(_PUT, row)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None and self._owner == os.getpid():
                self._connection.close()
            self._connection = None

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                # a connection must not cross a fork
                if self._connection is None or self._owner != os.getpid():
                    self._connection, self._owner = self._open(), os.getpid()
                yield self._connection
            except (sqlite3.Error, OSError, UnicodeError) as error:
                raise CompletionStoreError(
                    f"completion store {self.path}: {_reason(error)}. Check the disk and the folder's permissions; a file that is "
                    "no database must be moved away (stored completions are then asked for again)"
                ) from None

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # made before SQLite opens it: the log files beside it take over its permissions
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        if self.path.stat().st_mode & 0o077:
            self.path.chmod(0o600)
        # autocommit: each put is a transaction of its own
        connection = sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            _enter_write_ahead_logging(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {_LONGEST_LOG_BYTES}")
            connection.execute(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection


def _enter_write_ahead_logging(connection: sqlite3.Connection) -> None:
    """Switch the journal mode; SQLite does not wait for this lock, so processes that start together must try again."""
    deadline = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _reason(error: Exception) -> str:
    """What went wrong; the statements carry no literals, so SQLite's wording quotes no text."""
    if isinstance(error, UnicodeError):  # its wording quotes what could not be encoded
        return "a text that is not valid Unicode"
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
