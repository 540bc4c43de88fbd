"""Tiny benchmarks, written as notes with codes and answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest

from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS
from ccl_assets.evaluation.tables import PREDICTIONS

BILLABLE = frozenset({"I10", "E11.9", "E11.65", "I50.9", "N17.9", "J18.9", "A41.9"})
Quote = tuple[str, str]  # code, words; words that stand in the note become a verbatim quote
# code, words (or None), confidence, the code that was repaired
Predicted = Quote | tuple[str, str | None, float | None] | tuple[str, str | None, float | None, str]


@dataclass(frozen=True)
class Note:
    document_id: str
    chart_id: str
    gold: Sequence[str] = ()
    text: str = ""
    category: str = "discharge_summary"
    marked: Sequence[Quote] = ()
    is_restricted: bool = False


@dataclass
class Bench:
    """Tables of one corpus; labels name the note unless ``chart_labels``."""

    notes: Sequence[Note]
    corpus: str = "sample"
    split: str = "test"
    chart_labels: bool = False
    tables: dict[str, pa.Table] = field(init=False)

    def __post_init__(self) -> None:
        documents = [
            {
                "corpus": self.corpus,
                "document_id": note.document_id,
                "chart_id": note.chart_id,
                "source": self.corpus,
                "split": self.split,
                "category": note.category,
                "text": note.text,
                "character_count": len(note.text),
                "text_sha256": "",
                "is_restricted": note.is_restricted,
                "note_shard": "shard_00",
            }
            for note in self.notes
        ]
        labels = [
            {
                "corpus": self.corpus,
                "chart_id": note.chart_id,
                "document_id": None if self.chart_labels else note.document_id,
                "position": position,
                "code": code,
                "source_code": code,
                "note_shard": "shard_00",
            }
            for note in self.notes
            for position, code in enumerate(note.gold, start=1)
        ]
        evidence = []
        for note in self.notes:
            for code, words in note.marked:
                begin = note.text.index(words)
                end = begin + len(words)
                evidence.append(
                    {
                        "corpus": self.corpus,
                        "chart_id": note.chart_id,
                        "document_id": note.document_id,
                        "code": code,
                        "begin": begin,
                        "end": end,
                        "fragments": [{"begin": begin, "end": end}],
                        "evidence_text": words,
                        "source_code": code,
                    }
                )
        self.tables = {
            "documents": DOCUMENTS.table(documents),
            "labels": LABELS.table(labels),
            "evidence": EVIDENCE.table(evidence),
        }

    def answers(
        self,
        given: Mapping[str, Sequence[str | Predicted]],
        system: str = "ours",
        unasked: Sequence[str] = (),
    ) -> pa.Table:
        """Predictions of a system: per document codes, each alone or with its quote, confidence and origin."""
        rows = []
        for note in self.notes:
            codes = [
                self._predicted(note, *((one,) if isinstance(one, str) else one))
                for one in given.get(note.document_id, ())
            ]
            rows.append(
                {
                    "system": system,
                    "corpus": self.corpus,
                    "split": self.split,
                    "document_id": note.document_id,
                    "chart_id": note.chart_id,
                    "raw_output": None,
                    "predictions": codes,
                    "problems": [],
                    "prompt_token_count": 0,
                    "completion_token_count": 0,
                    "seconds": 0.0,
                    "model": None,
                    "prompt_sha256": None,
                    "was_asked": note.document_id not in unasked,
                }
            )
        return PREDICTIONS.table(rows)

    @staticmethod
    def _predicted(
        note: Note,
        code: str,
        words: str | None = None,
        confidence: float | None = None,
        repaired_from: str | None = None,
    ) -> dict[str, Any]:
        begin = note.text.find(words) if words is not None else -1
        status = "none" if words is None else "verbatim" if begin >= 0 else "ungrounded"
        return {
            "code": code,
            "is_valid": code in BILLABLE,
            "evidence": words,
            "begin": begin if begin >= 0 else None,
            "end": begin + len(words or "") if begin >= 0 else None,
            "evidence_status": status,
            "confidence": confidence,
            "repaired_from": repaired_from,
        }


@pytest.fixture
def two_charts() -> Bench:
    """Chart c1 with a discharge summary and a progress note, chart c2 with a discharge summary."""
    return Bench(
        [
            Note("d1", "c1", ["I10", "E11.9"], "Hypertension. Type 2 diabetes.", marked=[("I10", "Hypertension")]),
            Note("d2", "c1", ["I10", "N17.9"], "HTN stable, AKI resolved.", "physician", [("N17.9", "AKI")]),
            Note("d3", "c2", ["J18.9"], "Pneumonia of the left lung.", marked=[("J18.9", "Pneumonia")]),
        ]
    )


@pytest.fixture
def bench() -> type[Bench]:
    return Bench


@pytest.fixture
def note() -> type[Note]:
    return Note


@pytest.fixture
def billable() -> frozenset[str]:
    return BILLABLE
