"""Old codes and their successors: rows of ``icd/crosswalk``, and the look-up on them.

An old code was billable once and is not in the active release. Known as such are the billable codes of the previous release and the
codes that the conversion table names by themselves, as previous or as current code. What became of one is told by, in this order:

``official``
    The conversion table, followed from code to code in order of the days they came into force, up to billable codes. A line that
    joins codes (``C56.1 and C56.2``) says nothing about one of them and is not followed.
the rule's name
    The first successor rule that applies, see :mod:`ccl_assets.icd.changes.successor_rules`.
``unmapped``
    None of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from ccl_assets.icd.changes.conversion_table import ConversionTable, Reference
from ccl_assets.icd.changes.diff import release_order
from ccl_assets.icd.changes.successor_rules import RULES
from ccl_assets.icd.code import spelled
from ccl_assets.icd.ontology import Ontology

OFFICIAL, UNMAPPED = "official", "unmapped"
SEVERAL, NOT_OLD = "several_successors", "not_an_old_code"
_ALPHABETS = ("0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@dataclass(frozen=True, slots=True)
class PreviousCodes:
    """The previous release: its label and billable codes."""

    label: str
    billable: Collection[str]


@dataclass(frozen=True)
class BuiltCrosswalk:
    """Rows of ``icd/crosswalk``, and what the table says that no release at hand bears out.

    Attributes:
        rows: One per old code and successor; one without ``new_code`` for an unmapped code.
        never_billable: Previous codes of lines newer than the previous release that it does not have as billable codes.
        dead_ends: Official successors that are not in the active release either and lead nowhere, by old code.
    """

    rows: list[dict[str, Any]]
    never_billable: tuple[str, ...]
    dead_ends: dict[str, tuple[str, ...]]

    def old_codes(self) -> Counter[str]:
        """Old codes with one successor, with several, and unmapped."""
        outcome = {row["old_code"]: row["successor_count"] for row in self.rows}
        names = {0: UNMAPPED, 1: "one_successor"}
        return Counter(names.get(count, SEVERAL) for count in outcome.values())

    def rules(self) -> Counter[str]:
        """Rows by rule."""
        return Counter(row["rule"] for row in self.rows)


def build_crosswalk(
    active: Ontology, release: str, table: ConversionTable | None = None, previous: PreviousCodes | None = None
) -> BuiltCrosswalk:
    """Find what became of every known old code.

    Args:
        active: The active release.
        release: Its label.
        table: The official conversion table, where a release at hand carries one.
        previous: The previous release, where one is configured.
    """
    finder = _Successors(active, table, frozenset(previous.billable) if previous else frozenset())
    old_codes = finder.known - active.billable
    never_billable = finder.never_billable(release_order(previous.label)[0]) if previous else frozenset()
    rows: list[dict[str, Any]] = []
    dead_ends: dict[str, tuple[str, ...]] = {}
    came = _years(table)
    gap = release_order(release)[0] - release_order(previous.label)[0] if previous else 2
    for old in sorted(old_codes - never_billable):
        found, dead = finder.of(old)
        if dead:
            dead_ends[old] = tuple(sorted(dead))
        successors: list[tuple[str | None, str]] = [*sorted(found.items())] or [(None, UNMAPPED)]
        for new, rule in successors:
            year = came.get(new or "")
            if year is None and new and previous and new not in previous.billable and gap <= 1:
                year = release_order(release)[0]
            rows.append(
                {
                    "release": release,
                    "old_code": old,
                    "new_code": new,
                    # a successor that is gone too is one more that the old code could have become
                    "successor_count": len(found) + len(dead) if found else 0,
                    "rule": rule,
                    "effective_year": year,
                }
            )
    return BuiltCrosswalk(rows, tuple(sorted(never_billable)), dead_ends)


class _Successors:
    """Follows the table, then the rules."""

    def __init__(self, active: Ontology, table: ConversionTable | None, previous: frozenset[str]) -> None:
        self._active = active
        self._previous = previous
        self._replaced: dict[str, list[tuple[date, str]]] = {}
        self._began: dict[str, int] = _years(table)
        for row in table.rows if table else ():
            if not row.is_combination:
                for old in {code for reference in row.previous for code in self._named(reference)}:
                    self._replaced.setdefault(old, []).append((row.effective, row.code))

    @property
    def known(self) -> frozenset[str]:
        """Every code known to have been billable in some release."""
        return self._previous | self._replaced.keys() | self._began.keys()

    def never_billable(self, previous_year: int) -> frozenset[str]:
        """Previous codes that only lines after ``previous_year`` name and that were not billable in that year."""
        return frozenset(
            old
            for old, lines in self._replaced.items()
            if old not in self._active.billable
            and old not in self._previous
            and old not in self._began
            and min(day.year + (day.month >= 10) for day, _ in lines) > previous_year
        )

    def of(self, code: str, after: date = date.min) -> tuple[dict[str, str], set[str]]:
        """Billable successors of a code with their rule, and successors that lead nowhere.

        Each step of a chain is newer than the one before, so a chain ends.
        """
        found: dict[str, str] = {}
        dead: set[str] = set()
        for day, new in self._replaced.get(code, ()):
            if day <= after:
                continue
            if new in self._active.billable:
                found[new] = OFFICIAL
                continue
            further, lost = self.of(new, day)
            for successor, rule in further.items():
                found.setdefault(successor, rule)
            dead |= lost if further or lost else {new}
        if not found:
            for rule_of in RULES:
                if successors := rule_of(code, self._active):
                    return dict.fromkeys(successors, rule_of.__name__), dead
        return found, dead

    def _named(self, reference: Reference) -> Iterator[str]:
        """Codes that a reference names: by itself, or as a short run ``H81.41-H81.43``; not what lies below headers."""
        if reference.is_code:
            yield reference.first
            return
        first, last = reference.first, reference.last
        if first[:-1] != last[:-1] or first == last:
            return
        alphabet = next((letters for letters in _ALPHABETS if first[-1] in letters and last[-1] in letters), None)
        if alphabet is None:
            return
        billable = self._active.billable
        is_gone = first not in self._active and last not in self._active  # a header (`T15-T19`) is no code to follow
        for character in alphabet[alphabet.index(first[-1]) : alphabet.index(last[-1]) + 1]:
            code = first[:-1] + character
            # between ends that still are codes, what is not a code may never have been one
            if is_gone or code in billable or code in self._previous:
                yield code


def _years(table: ConversionTable | None) -> dict[str, int]:
    """Fiscal year in which each current code of the table came into force."""
    return {row.code: row.fiscal_year for row in sorted(table.rows, key=lambda row: row.effective)} if table else {}


@dataclass(frozen=True, slots=True)
class Mapped:
    """Outcome of mapping one code: the code, or ``None`` and why."""

    code: str | None
    reason: str


class Crosswalk:
    """Look-up on rows of ``icd/crosswalk``, by codes in any usual spelling."""

    def __init__(self, successors: dict[str, tuple[str, ...]], reasons: dict[str, str]) -> None:
        """Wrap successors and outcome by old code."""
        self._successors = successors
        self._reasons = reasons

    @classmethod
    def from_table(cls, table: pa.Table) -> Crosswalk:
        """Build from rows of ``icd/crosswalk``."""
        successors: dict[str, tuple[str, ...]] = {}
        reasons: dict[str, str] = {}
        columns = (table[name].to_pylist() for name in ("old_code", "new_code", "successor_count", "rule"))
        for old, new, count, rule in zip(*columns, strict=True):
            successors[old] = (*successors.get(old, ()), *([new] if new else []))
            reasons[old] = SEVERAL if count > 1 else rule
        return cls({old: tuple(sorted(new)) for old, new in successors.items()}, reasons)

    def __contains__(self, code: object) -> bool:
        return isinstance(code, str) and spelled(code) in self._successors

    def successors(self, code: str) -> tuple[str, ...]:
        """Every billable code that ``code`` may have become; empty where none is known."""
        return self._successors.get(spelled(code), ())

    def map(self, code: str) -> Mapped:
        """The one code that ``code`` became.

        Ask for codes only that are not billable in the active release.

        Returns:
            The successor and its rule; or ``None`` and ``several_successors`` (the old code does not say which), ``unmapped``, or
            ``not_an_old_code`` (not known to have been billable: a header, or misspelt).
        """
        code = spelled(code)
        reason = self._reasons.get(code, NOT_OLD)
        if reason in (SEVERAL, UNMAPPED, NOT_OLD):
            return Mapped(None, reason)
        return Mapped(self._successors[code][0], reason)
