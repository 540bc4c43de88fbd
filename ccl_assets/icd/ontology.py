"""The ontology as a look-up structure: ancestors, descendants, distances; built from ``icd/codes``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

_COLUMNS = ("code", "parent_code", "chapter", "block", "title", "long_title", "is_billable", "is_expanded", "stem_code")


@dataclass(frozen=True, slots=True)
class Code:
    """One code. ``stem_code`` is set for codes composed of a stem and a 7th character."""

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

    @property
    def family_code(self) -> str:
        """What the code shares with codes that differ in the 7th character only."""
        return self.stem_code or self.code


class Ontology:
    """All codes of a release by code. Look-ups are dictionary accesses; building it takes about 0.3 s."""

    def __init__(self, codes: Mapping[str, Code]) -> None:
        """Wrap codes in release order."""
        self.codes = codes

    @classmethod
    def from_table(cls, table: pa.Table) -> Ontology:
        """Build from rows of ``icd/codes``; given the same table object again, the ontology already built is returned."""
        if _LAST and _LAST[0][0] is table:
            return _LAST[0][1]
        _LAST[:] = [(table, cls._build(table))]
        return _LAST[0][1]

    @classmethod
    def _build(cls, table: pa.Table) -> Ontology:
        columns = [table[name].to_pylist() for name in _COLUMNS]
        terms = table["inclusion_terms"].to_pylist()
        return cls({values[0]: Code(*values) for values in zip(*columns, map(tuple, terms), strict=True)})

    def __getitem__(self, code: str) -> Code:
        return self.codes[code]

    def __contains__(self, code: object) -> bool:
        return code in self.codes

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

    def ancestors(self, code: str) -> list[str]:
        """Codes above, nearest first, up to the category."""
        found = []
        parent = self.codes[code].parent_code
        while parent is not None:
            found.append(parent)
            parent = self.codes[parent].parent_code
        return found

    def billable_below(self, code: str) -> list[str]:
        """Billable codes at or below ``code``."""
        entry = self.codes[code]
        if entry.is_billable:
            return [code]
        return [found for child in self.children.get(code, ()) for found in self.billable_below(child)]

    def path(self, code: str) -> tuple[str, ...]:
        """Chapter, block, category, …, the code itself: the nodes tree distances are counted on."""
        entry = self.codes[code]
        return (f"chapter {entry.chapter}", f"block {entry.block}", *reversed(self.ancestors(code)), code)

    def tree_distance(self, one: str, other: str) -> int:
        """Steps between two codes over their lowest common node; the root above the chapters counts as a node."""
        first, second = self.path(one), self.path(other)
        shared = 0
        for left, right in zip(first, second, strict=False):
            if left != right:
                break
            shared += 1
        return len(first) + len(second) - 2 * shared


_LAST: list[tuple[pa.Table, Ontology]] = []
