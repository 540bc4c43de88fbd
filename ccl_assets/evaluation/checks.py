"""Gates of evaluation: every benchmark document is predicted, scores are inside their bounds."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from typing import Any

from ccl_assets.evaluation.scoring.figures import NOT_SHARES
from ccl_assets.tables.gate import Gate, gate

_SHOWN = 5


@gate("every_document_predicted", "Every document of the benchmark has a row.")
def every_document_predicted(rows: Sequence[dict[str, Any]], expected: Collection[str]) -> Gate:
    """No benchmark document is missing."""
    missing = sorted(set(expected) - {row["document_id"] for row in rows})
    return Gate(
        "every_document_predicted",
        not missing,
        "run the system again; completed requests are stored",
        {"documents": len(expected), "missing": len(missing), "first": missing[:_SHOWN]},
    )


@gate("codes_valid", "All predicted codes are billable in the release (warns, with the rate).")
def codes_valid(rows: Sequence[dict[str, Any]]) -> Gate:
    """Rate of predicted codes that are not billable."""
    invalid = [row["document_id"] for row in rows for prediction in row["predictions"] if not prediction["is_valid"]]
    predicted = sum(len(row["predictions"]) for row in rows)
    details = {
        "predicted": predicted,
        "invalid": len(invalid),
        "invalid_rate": round(len(invalid) / predicted, 4) if predicted else 0.0,
        "first_documents": list(dict.fromkeys(invalid))[:_SHOWN],
    }
    remedy = (
        "invalid codes count as false positives in the label space `release`; a stronger model invents fewer, "
        "CCL_CONSTRAIN_CODES=1 holds one to billable codes"
    )
    return Gate("codes_valid", not invalid, remedy, details, is_blocking=False)


@gate("scores_in_bounds", "Every figure and interval that is a share lies between 0 and 1; numbers are not negative.")
def scores_in_bounds(rows: Sequence[dict[str, Any]]) -> Gate:
    """Shares lie in [0, 1], numbers are finite and not negative."""
    odd = []
    for row in rows:
        most = sys.float_info.max if row["metric"] in NOT_SHARES else 1
        if any(value is not None and not 0 <= value <= most for value in (row["value"], row["lower"], row["upper"])):
            odd.append(f"{row['metric']} ({row['benchmark']}, {row['unit']}, {row['label_space']}, {row['subset']})")
    return Gate(
        "scores_in_bounds",
        not odd,
        "this is a defect of the metrics: report it",
        {"figures": len(rows), "out_of_bounds": len(odd), "first": odd[:_SHOWN]},
    )
