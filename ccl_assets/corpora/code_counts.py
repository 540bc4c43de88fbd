"""Counts of each code in each split of a corpus."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_COUNTED = ["corpus", "split", "code"]


def code_counts(documents: pa.Table, labels: pa.Table) -> pa.Table:
    """Charts per corpus, split and code. Arrow all the way: there may be millions of labels.

    A label of a note counts in the note's split, one of a whole chart in every split that has notes of it.

    Args:
        documents: ``corpus/documents`` (corpus, chart_id, document_id, split).
        labels: ``corpus/labels`` (corpus, chart_id, document_id, code).

    Returns:
        Columns corpus, split, code, chart_count, sorted by the first three.
    """
    of_chart = pc.is_null(labels["document_id"])
    of_charts = labels.filter(of_chart).select(["corpus", "chart_id", "code"])
    of_notes = labels.filter(pc.invert(of_chart)).select(["corpus", "chart_id", "document_id", "code"])
    chart_splits = documents.group_by(["corpus", "chart_id", "split"]).aggregate([])
    note_splits = documents.select(["corpus", "document_id", "split"])
    columns = ["corpus", "chart_id", "code", "split"]
    joined = pa.concat_tables(
        [
            of_charts.join(chart_splits, ["corpus", "chart_id"], join_type="inner").select(columns),
            of_notes.join(note_splits, ["corpus", "document_id"], join_type="inner").select(columns),
        ]
    )
    counted = joined.group_by(columns).aggregate([]).group_by(_COUNTED).aggregate([("chart_id", "count")])
    counts = pc.cast(counted["chart_id_count"], pa.int32())
    table = counted.select(_COUNTED).append_column("chart_count", counts)
    return table.sort_by([(name, "ascending") for name in _COUNTED]).combine_chunks()
