"""The ontology as a look-up structure: ancestors, descendants, distances; built from ``icd/codes``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import accumulate, pairwise
from typing import NamedTuple

import pyarrow as pa

from ccl_assets.icd.code import spelled
from ccl_assets.tables.last_built import LastBuilt

_COLUMNS = ("code", "parent_code", "chapter", "block", "title", "long_title", "is_billable", "is_expanded", "stem_code")


class Code(NamedTuple):
    """One code. ``stem_code`` is set for codes composed of a stem and a 7th character.

    A named tuple, since 98,000 of them are made: a frozen data class takes thrice the time and keeps the collector busy.
    """

    code: str
    parent_code: str | None
    chapter: str
    block: str
    title: str
    long_title: str
    is_billable: bool
    is_expanded: bool
    stem_code: str | None
    inclusion_terms: tuple[str, ...]
    includes: tuple[str, ...] = ()


class Ontology:
    """All codes of a release by code; look-ups take a code in any usual spelling (``E119``, ``e11.9``, ``E11.9.``).

    Building takes about 0.5 s and 60 MB for 98,000 codes. A look-up is a few dictionary accesses or one list slice and takes some
    microseconds, more only where the answer is long. The order of the table decides the order of siblings and nothing else.
    """

    def __init__(self, codes: Mapping[str, Code]) -> None:
        """Wrap codes in release order."""
        self.codes = codes

    @classmethod
    def from_table(cls, table: pa.Table) -> Ontology:
        """Build from rows of ``icd/codes``; given the same table object again, the ontology already built is returned."""
        return _LAST.get((table,), lambda: cls._build(table))

    @classmethod
    def _build(cls, table: pa.Table) -> Ontology:
        columns = [table[name].to_pylist() for name in _COLUMNS]
        lists = [_tuples(table[name]) for name in ("inclusion_terms", "includes")]
        return cls({values[0]: Code(*values) for values in zip(*columns, *lists, strict=True)})

    def __getitem__(self, code: str) -> Code:
        found = self.codes.get(code)
        return self.codes[spelled(code)] if found is None else found

    def __contains__(self, code: object) -> bool:
        return code in self.codes or (isinstance(code, str) and spelled(code) in self.codes)

    def __iter__(self) -> Iterator[Code]:
        return iter(self.codes.values())

    @cached_property
    def children(self) -> dict[str, list[str]]:
        """Codes directly below each code."""
        found: dict[str, list[str]] = {}
        for code in self:
            if code.parent_code is not None:
                found.setdefault(code.parent_code, []).append(code.code)
        return found

    @cached_property
    def billable(self) -> frozenset[str]:
        """Every billable code."""
        return frozenset(code.code for code in self if code.is_billable)

    @cached_property
    def titles(self) -> dict[str, str]:
        """Long title by code."""
        return {code.code: code.long_title for code in self}

    @cached_property
    def _preorder(self) -> tuple[list[str], dict[str, tuple[int, int]]]:
        """All codes, each before what is below it, and where in that list the descendants of a code begin and end."""
        order: list[str] = []
        spans: dict[str, tuple[int, int]] = {}
        for root in (code.code for code in self if code.parent_code is None):
            self._visit(root, order, spans)
        return order, spans

    def _visit(self, code: str, order: list[str], spans: dict[str, tuple[int, int]]) -> None:
        order.append(code)
        begin = len(order)
        for child in self.children.get(code, ()):
            self._visit(child, order, spans)
        spans[code] = (begin, len(order))

    @cached_property
    def _billable_preorder(self) -> tuple[list[str], list[int]]:
        """Billable codes in the same order, and how many of them stand before each place of it."""
        order, _ = self._preorder
        counts = list(accumulate((self.codes[code].is_billable for code in order), initial=0))
        return [code for code in order if self.codes[code].is_billable], counts

    def chapter(self, code: str) -> str:
        """Key of the chapter, e.g. ``09_I00-I99``."""
        return self[code].chapter

    def category(self, code: str) -> str:
        """The three-character category above a code, or the code itself if it is one."""
        return self[code].code[:3]

    def ancestors(self, code: str) -> list[str]:
        """Codes above, nearest first, up to the category."""
        found = []
        parent = self[code].parent_code
        while parent is not None:
            found.append(parent)
            parent = self.codes[parent].parent_code
        return found

    def descendants(self, code: str) -> list[str]:
        """Codes below, billable or not, each before what is below it."""
        order, spans = self._preorder
        begin, end = spans[self[code].code]
        return order[begin:end]

    def billable_below(self, code: str) -> list[str]:
        """Billable codes at or below ``code``."""
        begin, end = self._preorder[1][self[code].code]
        billable, counts = self._billable_preorder
        return billable[counts[begin - 1] : counts[end]]

    def path(self, code: str) -> tuple[str, ...]:
        """Chapter, block, category, …, the code itself: the nodes tree distances are counted on."""
        entry = self[code]
        return (f"chapter {entry.chapter}", f"block {entry.block}", *reversed(self.ancestors(entry.code)), entry.code)

    def tree_distance(self, one: str, other: str) -> int:
        """Steps between two codes over their lowest common node; the root above the chapters counts as a node."""
        first, second = self.path(one), self.path(other)
        shared = 0
        for left, right in zip(first, second, strict=False):
            if left != right:
                break
            shared += 1
        return len(first) + len(second) - 2 * shared


def _tuples(column: pa.ChunkedArray) -> Iterator[tuple[str, ...]]:
    """Rows of a list column; most are empty, and Arrow's own conversion makes an array of each."""
    for chunk in column.chunks:
        words, offsets = chunk.values.to_pylist(), chunk.offsets.to_pylist()
        yield from (tuple(words[begin:end]) for begin, end in pairwise(offsets))


_LAST: LastBuilt[Ontology] = LastBuilt()
