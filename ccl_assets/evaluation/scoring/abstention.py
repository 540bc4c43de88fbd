"""Gain from keeping back codes that a system is unsure of: precision and recall against coverage.

A system's own confidence decides (``eval/predictions``: probability of the code's tokens, or share of runs). A code's confidence
in a chart is the highest any of its notes gave it; codes without one, as repaired ones may be, go first. Thresholds are not
tuned on anything: the whole curve is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
import pyarrow as pa

from ccl_assets.evaluation.scoring.units import Answer, Unit, answered, benchmarks_of, only_system, read_answers

MOST_THRESHOLDS = 50
UNSURE = 0.0  # of codes without a confidence


def abstention_curve(
    predictions: pa.Table, documents: pa.Table, labels: pa.Table, evidence: pa.Table, codes: Set[str]
) -> list[dict[str, Any]]:
    """Precision and recall of the codes at or above each threshold; unit ``chart``, label space ``release``.

    Arguments are those of :func:`ccl_assets.evaluation.scoring.score_rows.score_system`.

    Returns:
        Rows with ``system``, ``benchmark``, ``threshold`` (from high to low, at most 50: the confidences that occur), ``coverage``
        (share of predicted codes kept), ``precision``, ``recall`` and ``kept_count``. The last keeps everything. None for
        benchmarks without labels, and for systems that give no confidence.

    Raises:
        ScoringInputError: As for ``score_system``.
    """
    if not predictions.num_rows:
        return []
    system = only_system(predictions)
    rows: list[dict[str, Any]] = []
    for benchmark in benchmarks_of(predictions, documents, labels, evidence):
        answers = read_answers(predictions, benchmark)
        if not benchmark.has_labels or not any(answer.confidences for answer in answers.values()):
            continue
        units = answered(benchmark.units("chart"), answers)
        of_units = [chart_confidences(unit, answers) for unit in units]
        judged = [
            (confidence, code in unit.gold and code in codes)
            for unit, confidences in zip(units, of_units, strict=True)
            for code, confidence in confidences.items()
        ]
        gold_count = sum(len(unit.gold) for unit in units)
        rows += [{"system": system, "benchmark": benchmark.name, **point} for point in _curve(judged, gold_count)]
    return rows


def chart_confidences(unit: Unit, answers: Mapping[str, Answer]) -> dict[str, float]:
    """Confidence of each code predicted for a unit."""
    found: dict[str, float] = {}
    for document in unit.documents:
        answer = answers[document.document_id]
        for code in answer.ranked:
            found[code] = max(found.get(code, UNSURE), answer.confidences.get(code, UNSURE))
    return found


def half_coverage_threshold(confidences: Iterable[float]) -> float:
    """The confidence above or at which the surer half of the codes lies; ties stay together, so it may be more than half."""
    ordered = sorted(confidences, reverse=True)
    return ordered[(len(ordered) - 1) // 2] if ordered else UNSURE


def _curve(judged: Sequence[tuple[float, bool]], gold_count: int) -> list[dict[str, Any]]:
    if not judged:
        return []
    confidences = np.array([confidence for confidence, _ in judged])
    order = np.argsort(-confidences, kind="stable")
    ranked, right = confidences[order], np.cumsum(np.array([is_right for _, is_right in judged])[order])
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # where the codes of each confidence end
    if len(last) > MOST_THRESHOLDS:
        last = last[np.linspace(0, len(last) - 1, MOST_THRESHOLDS).round().astype(int)]
    return [
        {
            "threshold": float(ranked[at]),
            "coverage": (at + 1) / len(ranked),
            "precision": float(right[at] / (at + 1)),
            "recall": float(right[at] / gold_count) if gold_count else None,
            "kept_count": at + 1,
        }
        for at in map(int, last)
    ]
