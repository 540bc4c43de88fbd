"""When a release comes into force: every October 1, and some years an update on April 1."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ccl_assets.icd.release.contents import check_label

_OCTOBER, _APRIL = 10, 4


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
        """What to do."""
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
    fiscal_year = today.year + (today.month >= _OCTOBER)
    if active_year < fiscal_year:
        return Due(f"FY{fiscal_year}", date(fiscal_year - 1, _OCTOBER, 1), is_certain=True)
    is_april_past = _APRIL <= today.month < _OCTOBER
    if active_year == fiscal_year and is_april_past and not active.endswith("-April"):
        return Due(f"FY{fiscal_year}-April", date(fiscal_year, _APRIL, 1), is_certain=False)
    return None
