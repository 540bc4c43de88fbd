"""The project's own small corpus: files in the layouts of MIMIC-IV, MIMIC-III and MDACE, read as the real ones are."""

from __future__ import annotations

from collections.abc import Iterator

from ccl_assets.corpora.corpus_source import CorpusSource
from ccl_assets.corpora.documents import AnnotatedNote, LoadCounts
from ccl_assets.corpora.readers import mdace, mimic_iv
from ccl_assets.corpora.sample import FILES
from ccl_assets.resources.corpus_paths import CorpusPaths


def _sample_files() -> tuple[mimic_iv.MimicIvFiles, mdace.MdaceFiles]:
    return (
        mimic_iv.MimicIvFiles.find(FILES / "mimic-iv-note", FILES / "mimic-iv"),
        mdace.MdaceFiles.find(FILES / "mdace", FILES / "mimic-iii"),
    )


def _read(_: CorpusPaths, counts: LoadCounts, is_restricted: bool) -> Iterator[AnnotatedNote]:
    notes, charts = _sample_files()
    yield from mimic_iv.read(notes, counts, corpus="sample", is_restricted=is_restricted)
    yield from mdace.read(charts, counts, corpus="sample", is_restricted=is_restricted)


CORPUS = CorpusSource(
    name="sample",
    rank=0,
    description="the project's own small corpus",
    is_restricted=False,
    benchmark_splits=("test",),
    read=_read,
    files=lambda _: [path for files in _sample_files() for path in files.paths],
)
