"""Rows of ``eval/predictions``: notes made ready for a system, and what it made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from ccl_assets.coding.encounter_setting import setting_of
from ccl_assets.coding.prediction import CodedNote, HumanSpan, NoteToCode

Row = Mapping[str, Any]


def notes_to_code(notes: Mapping[str, Row], evidence: pa.Table) -> list[NoteToCode]:
    """The notes with their human-marked spans in note order.

    Args:
        notes: Rows of ``corpus/documents`` by ``corpus/document_id``.
        evidence: ``corpus/evidence`` (corpus, document_id, begin, end, evidence_text).
    """
    spans: dict[str, list[HumanSpan]] = {key: [] for key in notes}
    for row in evidence.to_pylist():
        key = f"{row['corpus']}/{row['document_id']}"
        if key in spans:
            spans[key].append(HumanSpan(row["begin"], row["end"], row["evidence_text"]))
    return [
        NoteToCode(
            key,
            row["text"],
            row["is_restricted"],
            tuple(sorted(spans[key], key=lambda span: span.begin)),
            setting_of(row["category"]),
        )
        for key, row in notes.items()
    ]


def prediction_row(system: str, note: Row, coded: CodedNote, model: str | None) -> dict[str, Any]:
    """Row of a system's answer for a note."""
    return {
        **_named(system, note, model),
        "raw_output": coded.raw_output,
        "predictions": [dict(prediction) for prediction in coded.predictions],
        "problems": list(coded.problems),
        "prompt_token_count": coded.prompt_token_count,
        "completion_token_count": coded.completion_token_count,
        "seconds": coded.seconds,
        "prompt_sha256": coded.prompt_sha256,
        "was_asked": True,
    }


def row_not_asked(system: str, note: Row, model: str | None) -> dict[str, Any]:
    """A note that the profile's limit left out."""
    return {
        **_named(system, note, model),
        "raw_output": None,
        "predictions": [],
        "problems": [],
        "prompt_token_count": 0,
        "completion_token_count": 0,
        "seconds": 0.0,
        "prompt_sha256": None,
        "was_asked": False,
    }


def _named(system: str, note: Row, model: str | None) -> dict[str, Any]:
    names = ("corpus", "split", "document_id", "chart_id")
    return {"system": system, **{name: note[name] for name in names}, "model": model}
