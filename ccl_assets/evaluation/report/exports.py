"""The report's files: the page, and beside it everything it shows as data, without any note text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ccl_assets.evaluation.report import published
from ccl_assets.evaluation.report.ablation import LADDER
from ccl_assets.evaluation.report.note_view import NoteView
from ccl_assets.evaluation.report.page import ReportInputs, render_report

_NAMES = ("benchmark", "unit", "label_space", "macro_convention", "metric", "subset")
_ESTIMATE = ("value", "lower", "upper", "document_count", "resample_count")
SCORE_COLUMNS = ("system", *_NAMES, *_ESTIMATE)
DIFFERENCE_COLUMNS = ("first_system", "second_system", *_NAMES, *_ESTIMATE)


def write_report(folder: Path, inputs: ReportInputs) -> dict[str, int]:
    """Write ``index.html``, ``report.json``, ``reproduction.json``, ``scores.csv`` and ``differences.csv``.

    All are rendered before the first is written, each takes its place whole, the page last: a kill leaves no torn file, and a
    page is never older than the data beside it.

    Args:
        folder: Made if it is not there; other files in it stay.
        inputs: What to show.

    Returns:
        Bytes of each file by name.

    Raises:
        ValueError: As for :func:`html_report.render_report`.
        OSError: The folder cannot be written.
    """
    contents = {
        "scores.csv": as_csv(inputs.scores, SCORE_COLUMNS),
        "differences.csv": as_csv(inputs.differences, DIFFERENCE_COLUMNS),
        "reproduction.json": as_json(inputs.reproduction),
        "report.json": as_json(report_data(inputs)),
        "index.html": render_report(inputs),
    }
    folder.mkdir(parents=True, exist_ok=True)
    written = {name: text.encode() for name, text in contents.items()}
    for name, data in written.items():
        folder.joinpath(f".{name}.partial").write_bytes(data)
    for name in written:
        folder.joinpath(f".{name}.partial").replace(folder / name)
    return {name: len(data) for name, data in written.items()}


def report_data(inputs: ReportInputs) -> dict[str, Any]:
    """Everything the page shows, as plain values: codes and verdicts of open notes, but neither their text nor quotes."""
    return {
        "title": inputs.title,
        "generated": inputs.generated,
        "systems": dict(inputs.systems),
        "reference": inputs.reference,
        "scores": [_picked(row, SCORE_COLUMNS) for row in inputs.scores],
        "differences": [_picked(row, DIFFERENCE_COLUMNS) for row in inputs.differences],
        "abstention": [dict(row) for row in inputs.abstention],
        "published": {
            "source": published.SOURCE,
            "caveat": published.CAVEAT,
            "results": [asdict(row) for row in published.RESULTS],
            "ablation": [
                {"system": system, **{f"published_{key}": value for key, value in asdict(row).items()}}
                for system, row in zip(LADDER, published.ABLATION, strict=True)
            ],
            "backbones": [asdict(row) for row in published.BACKBONES],
        },
        "asked": [
            {"system": system, "benchmark": benchmark, "asked_count": asked, "document_count": count}
            for (system, benchmark), (asked, count) in inputs.asked_counts.items()
        ],
        "left_out": list(inputs.left_out),
        "restricted_benchmarks": list(inputs.restricted_benchmarks),
        "notes": [_note_data(view) for view in inputs.note_views if not view.is_restricted],
        "reproduction": inputs.reproduction,
    }


def as_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as CSV (RFC 4180, empty for no value), columns in the order given."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    writer.writerows([row.get(name) for name in columns] for row in rows)
    return buffer.getvalue()


def as_json(values: Any) -> str:
    """Strict JSON: what is no JSON value is refused, not written as ``NaN``."""
    return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _picked(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: row.get(name) for name in names}


def _note_data(view: NoteView) -> dict[str, Any]:
    return {
        "benchmark": view.benchmark,
        "document_id": view.document_id,
        "gold_count": view.gold_count,
        "answers": [
            {
                "system": answer.system,
                "problems": answer.problems,
                "violations": [asdict(violation) for violation in answer.violations],
                "codes": [
                    {
                        "code": line.code,
                        "verdict": line.verdict,
                        "reason": line.reason,
                        "is_grounded": line.is_grounded,
                        "confidence": line.confidence,
                        "repaired_from": line.repaired_from,
                    }
                    for line in answer.lines
                ],
            }
            for answer in view.answers
        ],
    }
