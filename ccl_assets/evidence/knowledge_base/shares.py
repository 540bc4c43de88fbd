"""Choice of the code that a text means when several have it: the firmest statement first, then how often notes say it of each.

Frequencies are shares of codes and not of notes: a code given to every tenth patient would otherwise own whatever is ever said
of it. Of the notes mined for a code, so many say the text; these rates, added up over the text's codes, make 1. The look-up, the
knowledge base of a chapter and training over all chapters decide by this module alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

TITLE, INDEX, DEFAULT, INCLUDED, MODIFIER, OBSERVED = range(6)
"""How firmly a text is stated of a code, firmest first: full title, Index term or short form, default form, inclusion term or
includes note, an Index term with a modifier put in, anything seen in notes or written by a model."""

_OF_SOURCE = {"title": TITLE, "default_form": DEFAULT, "inclusion_term": INCLUDED, "includes": INCLUDED}

LEAST_SHARE = 0.5
"""Least share of a text with which it belongs to a code. A text that no code has half of stays ambiguous."""
_DOUBT = 5
"""Notes added to those mined for a code, so that a code seen once does not have a rate of 1."""


class Claim(NamedTuple):
    """Evidence for one code of a text.

    Attributes:
        firmness: Of the firmest statement.
        document_count: Notes in which the text supports the code.
        assigned_count: Notes that were mined for the code.
    """

    firmness: int
    document_count: int = 0
    assigned_count: int = 0

    @property
    def rate(self) -> float:
        """Share of the code's notes that say the text, with doubt where they are few."""
        return self.document_count / (self.assigned_count + _DOUBT)


def term_firmness(source: str, modifier: str | None = None) -> int:
    """Firmness with which a gold pair of this source says its code."""
    return MODIFIER if modifier else _OF_SOURCE.get(source, INDEX)


def shares(claims: Mapping[str, Claim]) -> dict[str, float]:
    """Each code's share of a text, normalised by how often the code is assigned; empty where no note says the text."""
    total = sum(claim.rate for claim in claims.values())
    return {code: claim.rate / total for code, claim in claims.items()} if total else {}


def firmest(claims: Mapping[str, Claim]) -> list[str]:
    """The codes with the firmest statement, sorted."""
    best = min(claim.firmness for claim in claims.values())
    return sorted(code for code, claim in claims.items() if claim.firmness == best)


def most_said(claims: Mapping[str, Claim]) -> str | None:
    """The code that has at least the stated share of the text and more than any other; ``None`` if none has."""
    found = shares(claims)
    if not found:
        return None
    code = max(sorted(found), key=lambda one: found[one])
    is_alone = sum(share == found[code] for share in found.values()) == 1
    return code if found[code] >= LEAST_SHARE and is_alone else None


def owner(claims: Mapping[str, Claim]) -> str | None:
    """The code that a text means by firmness and frequency; ``None`` where it stays ambiguous."""
    codes = firmest(claims)
    return codes[0] if len(codes) == 1 else most_said({code: claims[code] for code in codes})
