"""Terms learned from notes whose codes are known and whose evidence nobody marked: word sequences that go with a code."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from ccl_assets.linking.read_note import ReadNote

LEARNED = "learned"
_MOST_WORDS = 3
_LEAST_NOTES = 2
_LEAST_SHARE = 0.5
_LEAST_GAIN = 6.0  # log likelihood ratio of the sequence with the code and without
_MOST_NOTES = 2_000
_LEAST_TRAINING = 100  # of fewer notes chance teaches more than it should

Key = tuple[str, ...]


def sequences(note: ReadNote) -> set[Key]:
    """Stems that follow each other in a statement, stop words aside, one to three of them."""
    found: set[Key] = set()
    for begin, end in note.statements:
        stems = [stem for stem in note.stems[begin:end] if stem]
        for first in range(len(stems)):
            for length in range(1, _MOST_WORDS + 1):
                key = tuple(stems[first : first + length])
                if len(key) == length and any(len(stem) > 3 for stem in key):
                    found.add(key)
    return found


def learned_terms(notes: Iterable[tuple[set[Key], frozenset[str]]]) -> dict[Key, dict[str, int]]:
    """Sequences with the codes they go with, and the notes that have both; of a code the sequences that say it best.

    Args:
        notes: Sequences of each note, and its codes.
    """
    read: Sequence[tuple[set[Key], frozenset[str]]] = list(notes)[:_MOST_NOTES]
    if len(read) < _LEAST_TRAINING:
        return {}
    holds: Counter[Key] = Counter()
    for keys, _ in read:
        holds.update(keys)
    common = {key for key, count in holds.items() if count >= _LEAST_NOTES}
    codes = Counter(code for _, of_note in read for code in of_note)
    both: dict[str, Counter[Key]] = defaultdict(Counter)
    for keys, of_note in read:
        kept = keys & common
        for code in of_note:
            if codes[code] >= _LEAST_NOTES:
                both[code].update(kept)
    found: dict[Key, dict[str, int]] = defaultdict(dict)
    for code, counted in both.items():
        for key, count in counted.items():
            is_common = count >= _LEAST_NOTES and count >= _LEAST_SHARE * holds[key]
            if is_common and _gain(count, holds[key], codes[code], len(read)) >= _LEAST_GAIN:
                found[key][code] = count
    return found


def _gain(both: int, key: int, code: int, notes: int) -> float:
    """Log likelihood ratio of two things being found together as often as they are, and by chance."""

    def term(observed: float, expected: float) -> float:
        return observed * math.log(observed / expected) if observed > 0 else 0.0

    table = ((both, key, code), (key - both, key, notes - code), (code - both, notes - key, code),
             (notes - key - code + both, notes - key, notes - code))  # fmt: skip
    return 2 * sum(term(observed, row * column / notes) for observed, row, column in table if row * column)
