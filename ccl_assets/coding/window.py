"""Notes that do not fit a model's window: cut into overlapping pieces, answers joined again. Nothing is dropped."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ccl_assets.coding.prediction import PredictedCode

CHARACTERS_PER_TOKEN = 2.0
"""On the safe side: SmolLM2's tokenizer takes 2.5 to 3.6 characters per token over the sample notes, 3.0 on average."""

_CUTS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"[.;!?]\s"), re.compile(r"\s"))
_STATUS_RANK = {"verbatim": 0, "repaired": 1, "ungrounded": 2, "none": 3}


@dataclass(frozen=True)
class Window:
    """A piece of a note, end-exclusive code points."""

    begin: int
    end: int


def approximate_token_count(text: str) -> int:
    """Tokens of a text if the tokenizer is not at hand, on the high side."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def split_into_windows(
    text: str, max_tokens: int, overlap_tokens: int, count_tokens: Callable[[str], int] = approximate_token_count
) -> list[Window]:
    """Cut a text into windows of at most ``max_tokens`` that together cover it.

    Windows end, and after the overlap begin, at the best boundary near the place: blank line, line end, sentence end,
    blank; inside a word only if there is none. A text that fits is one window; an empty one has none.

    Raises:
        ValueError: The overlap takes half of the window or more, or not even one character fits.
    """
    if not 0 <= overlap_tokens * 2 < max_tokens:
        raise ValueError(f"windows of {max_tokens} tokens are too small for an overlap of {overlap_tokens}")
    windows: list[Window] = []
    begin = 0
    while begin < len(text):
        end = _farthest_end(text, begin, max_tokens, count_tokens)
        if end < len(text):
            end = _last_cut(text, begin + (end - begin) // 2, end)
        windows.append(Window(begin, end))
        if end == len(text):
            break
        share = overlap_tokens / max_tokens
        earliest = end - int((end - begin) * share)
        begin = _first_cut(text, earliest, end)
    return windows


def merge_predictions(windows: Sequence[Window], answers: Sequence[Sequence[PredictedCode]]) -> list[PredictedCode]:
    """Join the answers of a note's windows: offsets of the note, each code once, with its best-grounded evidence.

    Args:
        windows: The windows.
        answers: Per window its predictions, offsets within the window.
    """
    merged: dict[str, PredictedCode] = {}
    for window, predictions in zip(windows, answers, strict=True):
        for prediction in predictions:
            code = prediction["code"]
            known = merged.get(code)
            if known is None or _rank(prediction) < _rank(known):
                merged[code] = _shifted(prediction, window.begin)
    return list(merged.values())


def _rank(prediction: PredictedCode) -> int:
    return _STATUS_RANK[prediction["evidence_status"]]


def _shifted(prediction: PredictedCode, offset: int) -> PredictedCode:
    shifted = prediction.copy()
    if prediction["begin"] is not None and prediction["end"] is not None:
        shifted["begin"], shifted["end"] = prediction["begin"] + offset, prediction["end"] + offset
    return shifted


def _farthest_end(text: str, begin: int, max_tokens: int, count_tokens: Callable[[str], int]) -> int:
    """Farthest end of a piece that fits, by bisection (token counts grow with the text)."""
    low, high = begin, min(len(text), begin + 16 * max_tokens)
    if count_tokens(text[begin:high]) <= max_tokens:
        low = high
    while high - low > 1:
        middle = (low + high) // 2
        if count_tokens(text[begin:middle]) <= max_tokens:
            low = middle
        else:
            high = middle
    if low == begin:
        raise ValueError(f"not even one character fits a window of {max_tokens} tokens")
    return low


def _last_cut(text: str, earliest: int, latest: int) -> int:
    for pattern in _CUTS:
        cuts = [match.end() for match in pattern.finditer(text, earliest, latest)]
        if cuts:
            return cuts[-1]
    return latest


def _first_cut(text: str, earliest: int, latest: int) -> int:
    middle = latest - (latest - earliest) // 2  # half of the overlap is kept whatever the boundary
    for pattern in _CUTS:
        if match := pattern.search(text, earliest, middle):
            return match.end()
    return earliest
