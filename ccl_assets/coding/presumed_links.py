"""Codes that the guidelines presume of conditions named together (I.C.9.a: hypertension with heart or kidney disease)."""

from __future__ import annotations

from collections.abc import Container, Iterable

_HYPERTENSION = "I10"


def presumed_code(code: str, beside: Iterable[str], billable: Container[str]) -> str:
    """The code a condition takes beside others: I10 becomes I11.0 with heart failure, I12.9 with chronic kidney disease.

    Args:
        code: The condition's own code.
        beside: All codes of the note.
        billable: The release's billable codes; a code it does not have is not presumed.
    """
    if code != _HYPERTENSION:
        return code
    others = list(beside)
    heart = any(other.startswith("I50") for other in others)
    kidney = any(other.startswith("N18") for other in others)
    severe = any(other in {"N18.5", "N18.6"} for other in others)
    if heart and kidney:
        presumed = "I13.2" if severe else "I13.0"
    elif heart:
        presumed = "I11.0"
    elif kidney:
        presumed = "I12.0" if severe else "I12.9"
    else:
        return code
    return presumed if presumed in billable else code
