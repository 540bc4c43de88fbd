"""Setting in which a patient was seen; it decides whether an uncertain diagnosis is coded (guidelines II.H and IV.H)."""

from __future__ import annotations

from enum import StrEnum


class Setting(StrEnum):
    """Inpatient records follow section II of the guidelines, all others section IV."""

    INPATIENT = "inpatient"
    OUTPATIENT = "outpatient"


DEFAULT_SETTING = Setting.OUTPATIENT
"""Where nothing is known: a diagnosis called uncertain is then not coded as if it were certain."""

_INPATIENT_CATEGORIES = frozenset({"discharge_summary"})


def setting_of(category: str) -> Setting:
    """The setting a note's category tells: discharge summaries are of inpatients, of others nothing is known."""
    return Setting.INPATIENT if category in _INPATIENT_CATEGORIES else DEFAULT_SETTING
