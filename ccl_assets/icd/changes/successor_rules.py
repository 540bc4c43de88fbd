"""Successor of an old code where the conversion table names none: rules that the table itself bears out.

They hold for codes that were billable once, and are tried in this order. Each was compared with what the table says of the codes
deleted in FY2017 (its lines of October 2016) and in FY2026 (October 2025), as pairs of an old code and a successor:

======================== ========================= ========================= ==================================================
rule                     in FY2017                 in FY2026                 successors
======================== ========================= ========================= ==================================================
became_header            511 of 512 official;      63 of 63; misses 0        the old code is a header: every billable code
                         misses 80                                           below it
same_seventh_character   284 of 284; misses 0      48 of 48; misses 0        what the 7th character stood behind is a header:
                                                                             every billable code below with the same one
merged_into_parent       39 of 39; misses 0        never applied             the nearest header above is billable itself now, or
                                                                             takes the 7th character itself: that code
======================== ========================= ========================= ==================================================

No rule goes up to a code that was billable beside the old one, and none cuts characters off to reach one. Equal titles are no rule:
of 37 deleted codes whose title an added code carries, the table gives further successors for 22.
"""

from __future__ import annotations

from ccl_assets.icd.ontology import Ontology

_SEVENTH = 7  # characters without the dot


def became_header(code: str, active: Ontology) -> tuple[str, ...]:
    """Billable codes below ``code``, if it is a header of the active release; see the module."""
    if code not in active or active[code].is_billable:
        return ()
    return tuple(active.billable_below(code))


def same_seventh_character(code: str, active: Ontology) -> tuple[str, ...]:
    """Billable codes with the 7th character of ``code`` below what it was appended to; see the module."""
    if len(code.replace(".", "")) != _SEVENTH:
        return ()
    stem = code[:-1].rstrip("X").rstrip(".")
    return tuple(
        below
        for below in became_header(stem, active)
        if below[-1] == code[-1] and len(below.replace(".", "")) == _SEVENTH
    )


def merged_into_parent(code: str, active: Ontology) -> tuple[str, ...]:
    """The code above ``code`` that has become billable itself, or has with its 7th character; see the module.

    Only for codes that were billable: then everything above them was a header.
    """
    above = code
    while above not in active:
        above = above[:-1].rstrip(".")
        if not above:
            return ()
    if above == code:
        return ()
    if active[above].is_billable:
        return (above,)
    bare = above.replace(".", "")
    if len(code.replace(".", "")) != _SEVENTH or len(bare) == _SEVENTH:
        return ()
    padded = bare.ljust(_SEVENTH - 1, "X") + code[-1]
    merged = f"{padded[:3]}.{padded[3:]}"
    return (merged,) if merged in active.billable and active[merged].stem_code == above else ()


RULES = (became_header, same_seventh_character, merged_into_parent)
