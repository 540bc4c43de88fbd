"""How often each split of a corpus uses each code."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def code_counts(documents: pa.Table, labels: pa.Table) -> pa.Table:
    """Charts per corpus, split and code; a chart with notes in two splits counts in both. Arrow all the way: there may be millions.

    Args:
        documents: ``corpus/documents`` (corpus, chart_id, split).
        labels: ``corpus/labels`` (corpus, chart_id, code).

    Returns:
        Columns corpus, split, code, chart_count, sorted by the first three.
    """
    charts = documents.select(["corpus", "chart_id", "split"]).group_by(["corpus", "chart_id", "split"]).aggregate([])
    coded = labels.select(["corpus", "chart_id", "code"]).group_by(["corpus", "chart_id", "code"]).aggregate([])
    joined = coded.join(charts, ["corpus", "chart_id"], join_type="inner")
    counted = joined.group_by(["corpus", "split", "code"]).aggregate([("chart_id", "count")])
    named = counted.rename_columns({"chart_id_count": "chart_count"}).select(["corpus", "split", "code", "chart_count"])
    counts = pc.cast(named["chart_count"], pa.int32())
    order = [(name, "ascending") for name in ("corpus", "split", "code")]
    return named.set_column(3, "chart_count", counts).sort_by(order).combine_chunks()
