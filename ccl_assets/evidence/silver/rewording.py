"""Tell whether a phrase rewords what is known of a code: near in meaning, and no distinguishing word changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ccl_assets.text.distinctions import are_told_apart

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

THRESHOLD = 0.90
"""Least cosine similarity (all-MiniLM-L6-v2) of a rewording; ``benchmarks/rewording.py`` has the figures it was chosen by."""

Encoder = Callable[[Sequence[str]], "NDArray[np.float32]"]


@dataclass(frozen=True)
class Nearest:
    """The known phrase nearest to another one, and their cosine similarity."""

    text: str
    similarity: float

    @property
    def is_reworded(self) -> bool:
        """Tell whether it is near enough to mean the same."""
        return self.similarity >= THRESHOLD


def nearest_known(
    phrases: Mapping[str, Sequence[str]], known: Mapping[str, Sequence[str]], encode: Encoder
) -> dict[tuple[str, str], Nearest]:
    """For each phrase the nearest known phrase of the same code that no distinguishing word tells apart from it.

    Everything is encoded in one call, and only what has something to be compared with.

    Args:
        phrases: Phrases by code.
        known: Candidates and gold terms by code.
        encode: Texts to unit vectors.

    Returns:
        By code and phrase; phrases that all known ones are told apart from are absent.
    """
    pairs = [
        (code, phrase, text)
        for code, wanted in phrases.items()
        for phrase in dict.fromkeys(wanted)
        for text in dict.fromkeys(known.get(code, ()))
        if not are_told_apart(phrase, text)
    ]
    if not pairs:
        return {}
    texts = sorted({text for _, *both in pairs for text in both})
    vectors = dict(zip(texts, encode(texts), strict=True))
    found: dict[tuple[str, str], Nearest] = {}
    for code, phrase, text in pairs:
        similarity = min(1.0, float(vectors[phrase] @ vectors[text]))
        best = found.get((code, phrase))
        if best is None or (similarity, best.text) > (best.similarity, text):
            found[code, phrase] = Nearest(text, similarity)
    return found
