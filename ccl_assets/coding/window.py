"""Answers about the windows of a long note, joined again."""

from __future__ import annotations

from collections.abc import Sequence

from ccl_assets.coding.prediction import PredictedCode
from ccl_assets.text.windows import Window

_STATUS_RANK = {"verbatim": 0, "repaired": 1, "ungrounded": 2, "none": 3}


def merge_predictions(windows: Sequence[Window], answers: Sequence[Sequence[PredictedCode]]) -> list[PredictedCode]:
    """Join the answers of a note's windows: offsets of the note, each code once, with its best-grounded evidence.

    A code that a window gave goes before one put in an invalid code's place.

    Args:
        windows: The windows.
        answers: Per window its predictions, offsets within the window.
    """
    merged: dict[str, PredictedCode] = {}
    for window, predictions in zip(windows, answers, strict=True):
        for prediction in predictions:
            code = prediction["code"]
            known = merged.get(code)
            if known is None or evidence_rank(prediction) < evidence_rank(known):
                merged[code] = _shifted(prediction, window.begin)
    return list(merged.values())


def evidence_rank(prediction: PredictedCode) -> tuple[bool, int]:
    """Rank among several predictions of a code: the least is kept."""
    return prediction["repaired_from"] is not None, _STATUS_RANK[prediction["evidence_status"]]


def _shifted(prediction: PredictedCode, offset: int) -> PredictedCode:
    shifted = prediction.copy()
    if prediction["begin"] is not None and prediction["end"] is not None:
        shifted["begin"], shifted["end"] = prediction["begin"] + offset, prediction["end"] + offset
    return shifted
