"""Benchmarks: the splits that the corpora declare as such, and the notes of them that a system is asked about."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ccl_assets.corpora.readers import CORPORA

Row = Mapping[str, Any]

BENCHMARK_SPLITS: dict[str, tuple[str, ...]] = {name: source.benchmark_splits for name, source in CORPORA.items()}
SPLITS = tuple(sorted({split for splits in BENCHMARK_SPLITS.values() for split in splits}))


def benchmark_notes(documents: Iterable[Row], labels: Iterable[Row]) -> list[Row]:
    """The notes of all benchmarks that have labels.

    A note without codes belongs to its benchmark as any other does: what is predicted for it is wrong.

    Args:
        documents: Rows of ``corpus/documents`` (corpus, document_id, chart_id, split, …).
        labels: Rows of ``corpus/labels`` (corpus, chart_id).
    """
    rows = [row for row in documents if row["split"] in BENCHMARK_SPLITS.get(row["corpus"], ())]
    coded = {(row["corpus"], row["chart_id"]) for row in labels}
    labelled = {(row["corpus"], row["split"]) for row in rows if (row["corpus"], row["chart_id"]) in coded}
    return [row for row in rows if (row["corpus"], row["split"]) in labelled]


def asked_notes(notes: Sequence[Row], limit: int | None) -> set[tuple[str, str]]:
    """The notes a system is asked about, as ``(corpus, document_id)``: at least ``limit`` of each benchmark, whole charts.

    Charts are taken by a hash of their id, so the choice is the same for all systems and stays when others join.

    Args:
        notes: See :func:`benchmark_notes`.
        limit: Notes of each benchmark; ``None`` for all.
    """
    charts: dict[tuple[str, str], dict[str, list[str]]] = {}
    for row in notes:
        charts.setdefault((row["corpus"], row["split"]), {}).setdefault(row["chart_id"], []).append(row["document_id"])
    asked: set[tuple[str, str]] = set()
    for (corpus, _), of_chart in charts.items():
        count = 0
        for chart in sorted(of_chart, key=_place):
            if limit is not None and count >= limit:
                break
            asked |= {(corpus, document_id) for document_id in of_chart[chart]}
            count += len(of_chart[chart])
    return asked


def _place(chart_id: str) -> str:
    return hashlib.sha256(chart_id.encode()).hexdigest()
