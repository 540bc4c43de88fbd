"""Characters that are not letters of their own, as contents of a class of a regular expression."""

MARKS = "\u0300-\u036f"
"""Accents that stand behind their letter."""

HIDDEN = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff"
"""Characters that are not seen: soft hyphens, zero-width and direction marks."""
