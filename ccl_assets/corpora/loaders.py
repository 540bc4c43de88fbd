"""The corpora by name: what each needs, whether its text is restricted, how it is read and from which files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ccl_assets.corpora import aci_bench, codiesp, mdace, mimic_iv
from ccl_assets.corpora.csv_files import check_columns
from ccl_assets.corpora.documents import AnnotatedNote, Corpus, CorpusFormatError, LoadCounts
from ccl_assets.corpora.joins import check_not_empty
from ccl_assets.corpora.sample import FILES
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


class CorpusNotConfiguredError(RuntimeError):
    """A corpus was asked for whose paths are not set; the message names the settings."""


@dataclass(frozen=True)
class CorpusSource:
    """One corpus.

    Attributes:
        name: Partition key.
        description: One line for people.
        required: Fields of :class:`CorpusPaths` it cannot do without.
        optional: Further fields it uses if set.
        is_restricted: Whether a data-use agreement binds its text to this host.
        read: Streams it: paths, counts to fill, whether to mark it restricted. Called only when the required paths are set.
        files: The files ``read`` would read.
        check_headings: Refuses files that lack a column, without reading them through.
    """

    name: str
    description: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    is_restricted: bool
    read: Callable[[CorpusPaths, LoadCounts, bool], Iterator[AnnotatedNote]]
    files: Callable[[CorpusPaths], list[Path]]
    check_headings: Callable[[CorpusPaths], None] = lambda _: None

    def unset(self, paths: CorpusPaths) -> list[str]:
        """The settings that are still to be set, e.g. ``CCL_MDACE``; empty if the corpus can be loaded."""
        return [f"CCL_{name.upper()}" for name in self.required if getattr(paths, name) is None]

    def is_configured(self, paths: CorpusPaths) -> bool:
        """Whether all required paths are set; the sample always is configured."""
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


def _set(path: Path | None) -> Path:
    assert path is not None, "CorpusSource.check refuses unset paths"
    return path


def _mimic_iv_files(paths: CorpusPaths) -> mimic_iv.MimicIvFiles:
    return mimic_iv.MimicIvFiles.find(_set(paths.mimic_iv_note), _set(paths.mimic_iv), paths.edin_split)


def _mdace_files(paths: CorpusPaths) -> mdace.MdaceFiles:
    return mdace.MdaceFiles.find(_set(paths.mdace), _set(paths.mimic_iii))


def _aci_bench_files(paths: CorpusPaths) -> aci_bench.AciBenchFiles:
    return aci_bench.AciBenchFiles.find(_set(paths.aci_bench), paths.aci_labels)


def _codiesp_splits(paths: CorpusPaths) -> list[codiesp.CodiespSplit]:
    return codiesp.find_splits(_set(paths.codiesp), paths.codiesp_language)


def _check_mimic_iv(paths: CorpusPaths) -> None:
    files = _mimic_iv_files(paths)
    check_columns(files.discharge, mimic_iv.NOTE_COLUMNS)
    check_columns(files.diagnoses, mimic_iv.CODE_COLUMNS)
    if files.split is not None:
        mimic_iv.read_split(files.split)


def _check_mdace(paths: CorpusPaths) -> None:
    check_columns(_mdace_files(paths).noteevents, mdace.NOTE_COLUMNS)


def _check_aci_bench(paths: CorpusPaths) -> None:
    files = _aci_bench_files(paths)
    for path in files.notes:
        check_columns(path, aci_bench.NOTE_COLUMNS)
    for path in files.labels:
        check_columns(path, aci_bench.LABEL_COLUMNS)


def _sample_files() -> tuple[mimic_iv.MimicIvFiles, mdace.MdaceFiles]:
    return (
        mimic_iv.MimicIvFiles.find(FILES / "mimic-iv-note", FILES / "mimic-iv"),
        mdace.MdaceFiles.find(FILES / "mdace", FILES / "mimic-iii"),
    )


def _read_sample(_: CorpusPaths, counts: LoadCounts, is_restricted: bool) -> Iterator[AnnotatedNote]:
    notes, charts = _sample_files()
    yield from mimic_iv.read(notes, counts, corpus="sample", is_restricted=is_restricted)
    yield from mdace.read(charts, counts, corpus="sample", is_restricted=is_restricted)


CORPORA: dict[str, CorpusSource] = {
    source.name: source
    for source in (
        CorpusSource(
            "sample",
            "the project's own small corpus",
            (),
            (),
            False,
            _read_sample,
            lambda _: [path for files in _sample_files() for path in files.paths],
        ),
        CorpusSource(
            "mimic_iv",
            "MIMIC-IV 2.2 with MIMIC-IV-Note 2.2",
            ("mimic_iv_note", "mimic_iv"),
            ("edin_split",),
            True,
            lambda paths, counts, restricted: mimic_iv.read(_mimic_iv_files(paths), counts, is_restricted=restricted),
            lambda paths: _mimic_iv_files(paths).paths,
            _check_mimic_iv,
        ),
        CorpusSource(
            "mdace",
            "MDACE 1.0 with the notes of MIMIC-III 1.4",
            ("mdace", "mimic_iii"),
            (),
            True,
            lambda paths, counts, restricted: mdace.read(_mdace_files(paths), counts, is_restricted=restricted),
            lambda paths: _mdace_files(paths).paths,
            _check_mdace,
        ),
        CorpusSource(
            "aci_bench",
            "ACI-Bench",
            ("aci_bench",),
            ("aci_labels",),
            False,
            lambda paths, counts, restricted: aci_bench.read(_aci_bench_files(paths), counts, is_restricted=restricted),
            lambda paths: _aci_bench_files(paths).paths,
            _check_aci_bench,
        ),
        CorpusSource(
            "codiesp",
            "CodiEsp v4",
            ("codiesp",),
            (),
            False,
            lambda paths, counts, restricted: codiesp.read(_codiesp_splits(paths), counts, is_restricted=restricted),
            lambda paths: [path for split in _codiesp_splits(paths) for path in split.paths],
        ),
    )
}


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
