"""Ways in which a gold pair's term leads to its code."""

STATED = ("direct", "see", "default")
"""Expansions whose term says the code itself; reached by any other, a term says less than its code."""
