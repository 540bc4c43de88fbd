"""Codes found one by one, settled against each other as a coder would.

Rules, in this order:

1. A condition that the note names as past everywhere gives its history code, where the release has one (``history_codes``).
2. Of codes of one category found in the same words the most probable is kept; of equals the one whose title shares more words with
   the note's.
3. A code "without complications" gives way to another code of its category.
4. Of alternatives that exclude each other (``exclusive_codes.tsv``) the one with the most probable code is kept.
5. Hypertension beside heart failure or chronic kidney disease takes the code that the guidelines presume (``presumed_links``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files

from ccl_assets.coding.presumed_links import presumed_code
from ccl_assets.linking.coder import FoundCode
from ccl_assets.text.note_tokens import fold_words

_TABLE = "exclusive_codes.tsv"
_UNCOMPLICATED = re.compile(r"\b(?:without (?:\w+ ){0,2}complications?|uncomplicated)\b", re.IGNORECASE)


def settle(
    found: Sequence[FoundCode],
    text: str,
    titles: Mapping[str, str],
    billable: Collection[str],
    past_code: Callable[[FoundCode], str | None],
) -> list[FoundCode]:
    """Keep what can stand together.

    Args:
        found: Codes of a note, the most probable first.
        text: The note.
        titles: Title by code.
        billable: Codes that may be submitted.
        past_code: The history code of a condition that the note names as past everywhere; the code itself where it is present;
            ``None`` where nothing is coded.

    Returns:
        The codes that stay, the most probable first.
    """
    kept: dict[str, FoundCode] = {}
    for one in found:
        code = past_code(one)
        if code is not None and code not in kept:
            kept[code] = one if code == one.code else one.as_code(code)
    settled = _same_words(list(kept.values()), text, titles)
    settled = [one for one in settled if not _is_default_beside_other(one, settled, titles)]
    for alternatives in exclusive_codes():
        settled = _one_alternative(settled, alternatives)
    codes = [one.code for one in settled]
    presumed: dict[str, FoundCode] = {}
    for one in settled:
        code = presumed_code(one.code, codes, billable)
        presumed.setdefault(code, one if code == one.code else one.as_code(code))
    return list(presumed.values())


@cache
def exclusive_codes() -> tuple[tuple[tuple[str, ...], ...], ...]:
    """The table: for each line its alternatives, for each alternative the beginnings of its codes."""
    lines = files("ccl_assets.coding").joinpath(_TABLE).read_text(encoding="utf-8").splitlines()
    return tuple(
        tuple(
            tuple(part.strip() for part in alternative.split(",")) for alternative in line.split("\t")[0].split(" / ")
        )
        for line in lines
        if line and not line.startswith("#")
    )


def _same_words(found: list[FoundCode], text: str, titles: Mapping[str, str]) -> list[FoundCode]:
    kept: list[FoundCode] = []
    by_worth = sorted(found, key=lambda one: (-round(one.probability, 2), -_shared_words(one, text, titles)))
    for one in by_worth:
        if not any(one.code[:3] == other.code[:3] and _overlap(one, other) for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: -one.probability)


def _shared_words(one: FoundCode, text: str, titles: Mapping[str, str]) -> int:
    begin, end = one.place
    return len(set(fold_words(text[begin:end])) & set(fold_words(titles.get(one.code, ""))))


def _overlap(one: FoundCode, other: FoundCode) -> bool:
    (begin, end), (first, last) = one.place, other.place
    return begin < last and first < end


def _is_default_beside_other(one: FoundCode, found: Iterable[FoundCode], titles: Mapping[str, str]) -> bool:
    if not _UNCOMPLICATED.search(titles.get(one.code, "")):
        return False
    return any(
        other.code != one.code
        and other.code[:3] == one.code[:3]
        and not _UNCOMPLICATED.search(titles.get(other.code, ""))
        for other in found
    )


def _one_alternative(found: list[FoundCode], alternatives: Sequence[Sequence[str]]) -> list[FoundCode]:
    best: tuple[float, int] | None = None
    place_of: dict[str, int] = {}
    for one in found:
        for number, beginnings in enumerate(alternatives):
            if one.code.startswith(tuple(beginnings)):
                place_of[one.code] = number
                if best is None or one.probability > best[0]:
                    best = one.probability, number
                break
    return [one for one in found if place_of.get(one.code, best and best[1]) == (best and best[1])]
