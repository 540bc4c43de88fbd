"""Loading a corpus by name: checked, streamed or whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ccl_assets.corpora.corpus_source import CorpusNotConfiguredError, CorpusSource
from ccl_assets.corpora.documents import AnnotatedNote, Corpus, LoadCounts
from ccl_assets.corpora.joins import check_not_empty
from ccl_assets.corpora.readers import CORPORA
from ccl_assets.resources.corpus_paths import CorpusPaths

__all__ = [
    "CORPORA",
    "CorpusNotConfiguredError",
    "CorpusPaths",
    "CorpusSource",
    "check_headings",
    "has_restricted_notes",
    "load",
    "read",
    "source_files",
]


def read(
    corpus: str, paths: CorpusPaths, counts: LoadCounts, *, is_restricted: bool | None = None
) -> Iterator[AnnotatedNote]:
    """Stream a corpus.

    Args:
        corpus: A key of :data:`CORPORA`.
        paths: Where the user's corpora are.
        counts: Filled as the notes come.
        is_restricted: Overrides the corpus's own mark.

    Raises:
        CorpusNotConfiguredError: A required path is not set.
        CorpusFormatError: Files are missing or malformed; some of it shows only while the notes come.
        KeyError: No such corpus.
    """
    source = CORPORA[corpus]
    source.check(paths)
    yield from source.read(paths, counts, source.is_restricted if is_restricted is None else is_restricted)
    check_not_empty(source.files(paths)[0], counts)


def load(corpus: str, paths: CorpusPaths, *, is_restricted: bool | None = None) -> Corpus:
    """Read a corpus into memory; see :func:`read`."""
    return Corpus.collect(lambda counts: read(corpus, paths, counts, is_restricted=is_restricted))


def has_restricted_notes(paths: CorpusPaths) -> bool:
    """Tell whether a configured corpus is restricted; then so is everything that is mined from notes."""
    return any(source.is_restricted and source.is_configured(paths) for source in CORPORA.values())


def source_files(corpus: str, paths: CorpusPaths) -> list[Path]:
    """The files a corpus is read from, in a stable order, for hashing.

    Raises:
        As :func:`load`, short of reading the files.
    """
    source = CORPORA[corpus]
    source.check(paths)
    return source.files(paths)


def check_headings(corpus: str, paths: CorpusPaths) -> None:
    """Refuse files that are there but lack a column, before anything is computed from any corpus.

    Raises:
        As :func:`load`, short of reading the files through.
    """
    source = CORPORA[corpus]
    source.check(paths)
    source.check_headings(paths)
