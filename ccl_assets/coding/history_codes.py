"""Codes of a condition that a note names as past or as a relative's (guidelines I.C.9.d, I.C.21.c.4).

The table beside this module says which condition leads to which history code; a row holds only where the release has the code with
the word in its title that the table expects.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from ccl_assets.text.triggers import Assertion

_TABLE = "history_codes.tsv"
_NONE = "-"


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A row of the table.

    Attributes:
        whose: ``personal`` or ``family``.
        first: First category, or a prefix of codes.
        last: Last category of a range; the same as ``first`` otherwise.
        codes: History codes, best first; empty where nothing is coded.
        word: A word of their titles.
    """

    whose: str
    first: str
    last: str
    codes: tuple[str, ...]
    word: str

    def holds_for(self, code: str) -> bool:
        """Tell whether a condition's code is among those of the row."""
        if self.first == self.last:
            return code.startswith(self.first)
        return self.first <= code[: len(self.first)] <= self.last

    @property
    def width(self) -> tuple[int, int]:
        """Rank of the row by generality: longer prefixes first, then single categories, then the narrower range."""
        return -len(self.first), _number(self.last) - _number(self.first)


class HistoryCodes:
    """The history codes of a release."""

    def __init__(self, titles: Mapping[str, str], billable: Container[str]) -> None:
        """Check the table against the release; rows whose codes it does not have are left out."""
        self._rows: dict[str, list[tuple[HistoryRow, str | None]]] = {"personal": [], "family": []}
        for row in sorted(history_rows(), key=lambda row: row.width):
            found = [code for code in row.codes if _is_meant(code, row.word, titles, billable)]
            if found or not row.codes:
                self._rows[row.whose].append((row, found[0] if found else None))
        self._known = lru_cache(maxsize=4096)(self._find)

    def personal(self, code: str) -> tuple[bool, str | None]:
        """The history code of a past condition, and whether the table knows it: a lasting one it does not know."""
        return self._known("personal", code)

    def family(self, code: str) -> str | None:
        """The code of a family history of a condition, if there is one."""
        return self._known("family", code)[1]

    def code_for(self, code: str, status: Assertion, is_inpatient: bool) -> str | None:
        """The code a mention gives, by what the note says of it.

        A condition named as past is coded as such where the table knows it; a lasting one, which "history of" is often said of, as
        itself, unless it is resolved. An uncertain diagnosis is coded for inpatients (guideline II.H), not for outpatients (IV.H).

        Args:
            code: The condition's code.
            status: What the note says of it.
            is_inpatient: Whether the note is of an inpatient.
        """
        if status is Assertion.PRESENT:
            return code
        if status is Assertion.UNCERTAIN:
            return code if is_inpatient else None
        if code.startswith("Z"):  # a status or a history already
            return code if status is Assertion.HISTORICAL else None
        if status is Assertion.FAMILY:
            return self.family(code)
        if status in {Assertion.HISTORICAL, Assertion.RESOLVED}:
            is_known, history = self.personal(code)
            return history if is_known or status is Assertion.RESOLVED else code
        return None

    def _find(self, whose: str, code: str) -> tuple[bool, str | None]:
        for row, history in self._rows[whose]:
            if row.holds_for(code):
                return True, history
        return False, None


def history_rows() -> Iterator[HistoryRow]:
    """The rows of the table."""
    for line in files("ccl_assets.coding").joinpath(_TABLE).read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        whose, span, codes, word = line.split("\t")
        first, _, last = span.partition("-")
        listed = () if codes == _NONE else tuple(codes.split("|"))
        yield HistoryRow(whose, first, last or first, listed, word)


def _is_meant(code: str, word: str, titles: Mapping[str, str], billable: Container[str]) -> bool:
    return code in billable and (not titles or word.casefold() in titles.get(code, "").casefold())


def _number(category: str) -> int:
    return int("".join(f"{ord(character):03d}" for character in category[:3]))
