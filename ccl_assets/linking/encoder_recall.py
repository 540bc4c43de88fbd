"""Recall of an encoder on terms that it was not trained on: share with the code first, and among the first ten."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ccl_assets.icd.chapters import chapter_of
from ccl_assets.linking.encoder_training import TermOfCode
from ccl_assets.linking.static_encoder import StaticEncoder
from ccl_assets.linking.stems import Stems
from ccl_assets.linking.term_index import TermIndex

_OF_HUNDRED = 5
_MOST = 10


@dataclass(frozen=True)
class Recall:
    """Share of held-out terms whose code is found.

    Attributes:
        terms: The terms.
        first: Share with a code of theirs first.
        ten: Share with one among the first ten.
    """

    terms: int
    first: float
    ten: float


def split_terms(
    terms: Iterable[TermOfCode], titles: Mapping[str, str], stems: Stems
) -> tuple[list[TermOfCode], list[TermOfCode]]:
    """Terms to train on, and terms held out whole: no term of the same stems is in training, of whichever code.

    Titles are never held out, nor what differs from the title of its code by stop words or inflection alone.
    """
    kept: list[TermOfCode] = []
    held: list[TermOfCode] = []
    of_title = {frozenset(stems.of_text(title)) for title in titles.values()}
    for term in terms:
        key = stems.of_text(term.text)
        chosen = zlib.crc32(" ".join(sorted(set(key))).encode()) % 100 < _OF_HUNDRED
        (held if chosen and key and frozenset(key) not in of_title else kept).append(term)
    return kept, held


def found_at(encoder: StaticEncoder, known: Sequence[TermOfCode], held: Sequence[TermOfCode]) -> list[int]:
    """Place of the code of each held-out term among the nearest codes, from 0; ten if it is not there.

    Args:
        encoder: The encoder.
        known: Terms and titles to look among.
        held: Terms to look up; of the same words with several codes any is right.
    """
    right: dict[str, set[str]] = defaultdict(set)
    for term in held:
        right[term.text].add(term.code)
    of_text: dict[str, list[str]] = defaultdict(list)
    for term in known:
        of_text[term.text].append(term.code)
    index = TermIndex(encoder.encode(of_text), list(of_text.values()))
    texts = list(right)
    places = {}
    for text, nearest in zip(texts, index.nearest_codes(encoder.encode(texts), _MOST), strict=True):
        places[text] = next((place for place, near in enumerate(nearest) if near.code in right[text]), _MOST)
    return [places[term.text] for term in held]


def recall_by_group(held: Sequence[TermOfCode], places: Sequence[int]) -> dict[str, Recall]:
    """Recall of all, of each tier and of each chapter."""
    groups: dict[str, list[int]] = defaultdict(list)
    for term, place in zip(held, places, strict=True):
        for group in ("all", f"tier {term.tier}", f"chapter {chapter_of(term.code).number:02}"):
            groups[group].append(place)
    return {
        group: Recall(len(found), sum(place == 0 for place in found) / len(found), sum(p < _MOST for p in found) / len(found))
        for group, found in sorted(groups.items())
    }  # fmt: skip
