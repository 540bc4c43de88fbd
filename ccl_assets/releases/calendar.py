"""Dates on which releases come into force: every October 1, and some years an update on January 1 or April 1."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from ccl_assets.icd.release.contents import check_label

_OCTOBER, _APRIL = 10, 4
_UPDATE_MONTHS = {"January": 1, "April": 4}


def fiscal_year(day: date) -> int:
    """The fiscal year of a day; it begins in October of the year before."""
    return day.year + (day.month >= _OCTOBER)


def first_day(label: str) -> date:
    """The day from which the codes of a release count.

    Raises:
        ReleaseError: Not a label.
    """
    year = check_label(label)
    update = label.partition("-")[2]
    return date(year, _UPDATE_MONTHS[update], 1) if update else date(year - 1, _OCTOBER, 1)


def in_force(labels: Iterable[str], day: date) -> str | None:
    """The release out of these that was in force on a day: of its fiscal year the latest that had begun; ``None`` if none had."""
    begun = [label for label in labels if check_label(label) == fiscal_year(day) and first_day(label) <= day]
    return max(begun, key=first_day, default=None)


@dataclass(frozen=True)
class Due:
    """A release that is in force, or may be, and is not the active one.

    Attributes:
        label: E.g. ``FY2027`` or ``FY2027-April``.
        since: The day from which its codes count.
        is_certain: April updates do not come every year.
    """

    label: str
    since: date
    is_certain: bool

    @property
    def remedy(self) -> str:
        """Remedy for people."""
        return (
            f"take the files of {self.label} from NCHS or CMS and launch the job release_update with their paths or URLs; see "
            "docs/annual_update.md"
        )


def due_release(active: str, today: date) -> Due | None:
    """The release that should replace the active one.

    Args:
        active: Label of the active release.
        today: The day to ask for.

    Raises:
        ReleaseError: Not a label.
    """
    active_year = check_label(active)
    year = fiscal_year(today)
    if active_year != year:
        return Due(f"FY{year}", date(year - 1, _OCTOBER, 1), is_certain=True) if active_year < year else None
    is_april_past = _APRIL <= today.month < _OCTOBER
    if is_april_past and not active.endswith("-April"):
        return Due(f"FY{year}-April", date(year, _APRIL, 1), is_certain=False)
    return None
