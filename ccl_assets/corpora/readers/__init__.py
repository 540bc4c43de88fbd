"""The corpora, one module each; whatever module is here is a corpus.

A module reads its corpus and declares it in ``CORPUS``. Code that several readers share stands one folder up.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from ccl_assets.corpora.corpus_source import CorpusSource


def _found() -> dict[str, CorpusSource]:
    sources: list[CorpusSource] = []
    for module in iter_modules(__path__):
        source = import_module(f"{__name__}.{module.name}").CORPUS
        if source.name != module.name:
            raise ValueError(
                f"{__name__}.{module.name} declares a corpus {source.name!r}; a corpus is called as its module is"
            )
        sources.append(source)
    return {source.name: source for source in sorted(sources, key=lambda source: (source.rank, source.name))}


CORPORA: dict[str, CorpusSource] = _found()


def reader_modules() -> tuple[str, ...]:
    """All that reads the corpora, as names of modules below ``ccl_assets``: found here by name, so imported nowhere."""
    return tuple(f"corpora.readers.{name}" for name in sorted(CORPORA))
