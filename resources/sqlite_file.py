"""An SQLite file that several threads and processes share and that only its owner can read."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_BUSY_TIMEOUT_S = 60.0
_LONGEST_LOG_BYTES = 64 * 1024 * 1024  # kept of a write-ahead log that a long reader made grow


class SqliteFile:
    """One connection to one file, opened on first use.

    Write-ahead logging lets readers go on while one process writes. ``synchronous = NORMAL`` keeps whatever was committed through a
    killed process; only a power failure may lose the last commits.
    """

    def __init__(self, path: Path, schema: str, refused: Callable[[str], Exception]) -> None:
        """Use the file at ``path``; it is made on first use.

        Args:
            path: Of the database.
            schema: A statement that creates the table where there is none.
            refused: Makes the exception to raise from the reason why the file cannot be used; the reason quotes nothing of it.
        """
        self.path = path
        self._schema = schema
        self._refused = refused
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner = 0

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone. Every statement is a transaction of its own unless one is begun."""
        with self._lock:
            try:
                # a connection must not cross a fork
                if self._connection is None or self._owner != os.getpid():
                    self._connection, self._owner = self._open(), os.getpid()
                yield self._connection
            except (sqlite3.Error, OSError, UnicodeError) as error:
                raise self._refused(_reason(error)) from None

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None and self._owner == os.getpid():
                self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # made before SQLite opens it: the log files beside it take over its permissions
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        if self.path.stat().st_mode & 0o077:
            self.path.chmod(0o600)
        connection = sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            _enter_write_ahead_logging(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {_LONGEST_LOG_BYTES}")
            connection.execute(self._schema)
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
