"""Asset of code frequencies."""

import dagster as dg
import pyarrow as pa

from ccl_assets.corpora.code_counts import code_counts
from ccl_assets.corpora.partitions import CORPUS
from ccl_assets.corpora.tables import CODE_COUNTS, DOCUMENTS, LABELS
from ccl_assets.lakehouse.table_asset import Input, TableResult, inputs, table_asset


@table_asset(
    CODE_COUNTS,
    description="How many charts of each split have each code: what is seen in training, and how often.",
    kinds={"python"},
    ins=inputs(
        documents=Input(DOCUMENTS, columns=("corpus", "chart_id", "document_id", "split")),
        labels=Input(LABELS, columns=("corpus", "chart_id", "document_id", "code")),
    ),
    partitions_def=CORPUS,
)
def counts(context: dg.AssetExecutionContext, documents: pa.Table, labels: pa.Table) -> TableResult:
    """Code frequencies of a corpus."""
    table = code_counts(documents, labels)
    distinct = table.group_by("split").aggregate([("code", "count")]).to_pylist()
    metadata = {f"codes_{row['split']}": row["code_count"] for row in sorted(distinct, key=lambda row: row["split"])}
    return TableResult(CODE_COUNTS.table(table.to_pylist()), metadata)


ASSETS = [counts]
