"""Description of a corpus: its settings, files, restriction and benchmark splits, and its reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ccl_assets.corpora.documents import SPLITS, UNANNOTATED, AnnotatedNote, CorpusFormatError, LoadCounts
from ccl_assets.resources.corpus_paths import CorpusPaths


class CorpusNotConfiguredError(RuntimeError):
    """A corpus was asked for whose paths are not set; the message names the settings."""


@dataclass(frozen=True, kw_only=True)
class CorpusSource:
    """One corpus, as its module in ``corpora/readers`` declares it.

    Attributes:
        name: Partition key, and the name of its module.
        rank: Place among the corpora wherever they are listed; ties go by name.
        description: One line for people.
        required: Fields of :class:`CorpusPaths` it cannot do without.
        optional: Further fields it uses if set.
        is_restricted: Whether a data-use agreement binds its text to this host; every request, span and row made of its notes is
            then restricted, too.
        benchmark_splits: Splits whose notes the systems are compared on.
        read: Streams it: paths, counts to fill, whether to mark it restricted. Called only when the required paths are set.
        files: The files ``read`` would read.
        check_headings: Refuses files that lack a column, without reading them through.
    """

    name: str
    rank: int
    description: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    is_restricted: bool
    benchmark_splits: tuple[str, ...]
    read: Callable[[CorpusPaths, LoadCounts, bool], Iterator[AnnotatedNote]]
    files: Callable[[CorpusPaths], list[Path]]
    check_headings: Callable[[CorpusPaths], None] = lambda _: None

    def __post_init__(self) -> None:
        """Refuse settings that are none and splits that are no benchmarks."""
        if unknown := {*self.required, *self.optional} - set(CorpusPaths.__dataclass_fields__):
            raise ValueError(f"corpus {self.name!r} names {sorted(unknown)}, which CorpusPaths does not have")
        if other := set(self.benchmark_splits) - (set(SPLITS) - {"train", UNANNOTATED}):
            raise ValueError(f"corpus {self.name!r}: {sorted(other)} cannot be a benchmark")

    def unset(self, paths: CorpusPaths) -> list[str]:
        """The settings that are still to be set, e.g. ``CCL_MDACE``; empty if the corpus can be loaded."""
        return [f"CCL_{name.upper()}" for name in self.required if getattr(paths, name) is None]

    def is_configured(self, paths: CorpusPaths) -> bool:
        """Tell whether all required paths are set; the sample always is configured."""
        return not self.unset(paths)

    def check(self, paths: CorpusPaths) -> None:
        """Refuse unset and mistaken paths.

        Raises:
            CorpusNotConfiguredError: A required path is not set.
            CorpusFormatError: A path does not exist.
        """
        if unset := self.unset(paths):
            needed = " and ".join(f"CCL_{name.upper()}" for name in self.required)
            raise CorpusNotConfiguredError(
                f"corpus {self.name!r} ({self.description}) needs {needed}: set {' and '.join(unset)}, or leave it out"
            )
        for name in (*self.required, *self.optional):
            path: Path | None = getattr(paths, name)
            if path is not None and not path.exists():
                raise CorpusFormatError(path, "no such file or folder", f"correct CCL_{name.upper()}")


def given(path: Path | None) -> Path:
    """Return a required path, which :meth:`CorpusSource.check` has made sure of."""
    assert path is not None, "CorpusSource.check refuses unset paths"
    return path
