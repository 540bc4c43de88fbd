"""Index terms that a chapter needs: those that may lead to its codes, and all that these refer to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa

from ccl_assets.icd.chapters import chapter_of
from ccl_assets.icd.index.reference_resolution import RESOLVED
from ccl_assets.tables.last_built import LastBuilt

_CODES = ("code", "manifestation_code", "see_category")
_READ = ("term_id", "see_outcome", "see_target_ids", *_CODES)


class ChapterTerms:
    """Row numbers of ``icd/index_terms`` by chapter; about 1 s for a release of 143,000 terms."""

    def __init__(self, index_terms: pa.Table) -> None:
        """Read the terms; whether the release has the codes that they print is for the reader of a chapter to see."""
        columns = {name: index_terms[name].to_pylist() for name in _READ}
        self._refers_to = dict(_references(columns))
        self._rows: dict[str, set[int]] = defaultdict(set)
        printing: dict[str, set[int]] = defaultdict(set)
        for name in _CODES:
            for row, printed in enumerate(columns[name]):
                if printed and (chapter := _chapter(printed)):
                    printing[chapter].add(row)
        referring: dict[int, set[int]] = defaultdict(set)
        for row, targets in self._refers_to.items():
            for target in targets:
                referring[target].add(row)
        for chapter, rows in printing.items():
            leading = _reached(rows, referring)
            self._rows[chapter] = _reached(leading, self._refers_to)

    @classmethod
    def of(cls, index_terms: pa.Table) -> ChapterTerms:
        """Read a table; the last one is kept, since every chapter needs it."""
        return _LAST.get((index_terms,), lambda: cls(index_terms))

    def __getitem__(self, chapter: str) -> pa.Array:
        """Numbers of the rows that the chapter needs, ascending."""
        return pa.array(sorted(self._rows.get(chapter, ())), pa.int64())


_LAST: LastBuilt[ChapterTerms] = LastBuilt()


def _references(columns: Mapping[str, Sequence[object]]) -> Iterator[tuple[int, list[int]]]:
    numbers = {term_id: row for row, term_id in enumerate(columns["term_id"])}
    for row, (outcome, targets) in enumerate(zip(columns["see_outcome"], columns["see_target_ids"], strict=True)):
        if outcome in RESOLVED and isinstance(targets, list):
            yield row, [numbers[target] for target in targets]


def _chapter(printed: str) -> str | None:
    try:
        return chapter_of(printed).key
    except KeyError:  # a misprint; ``icd/index_terms`` reports it
        return None


def _reached(rows: Iterable[int], steps: Mapping[int, Iterable[int]]) -> set[int]:
    found: set[int] = set()
    waiting = list(rows)
    while waiting:
        row = waiting.pop()
        if row not in found:
            found.add(row)
            waiting.extend(steps.get(row, ()))
    return found
