"""The ladder of the method on a CPU: which tiers of terms a span coder knows."""

RUNGS: dict[str, tuple[str, ...]] = {
    "gold": ("gold",),
    "silver": ("gold", "silver"),
    "synthetic": ("gold", "silver", "synthetic"),
    "human": ("gold", "silver", "synthetic", "human"),
    "linked": ("gold", "silver", "synthetic", "human"),
}
TOP = "human"
LINKED = "linked"
"""As the top, with a linker for wordings that no term has."""
