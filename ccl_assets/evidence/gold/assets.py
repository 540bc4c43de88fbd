"""Asset of the gold tier."""

from __future__ import annotations

from collections import Counter
from typing import Any

import dagster as dg
import pyarrow as pa

from ccl_assets.evidence import checks
from ccl_assets.evidence.gold.pairs import INDEX_SOURCES, IndexReferences, coverage_by_step, gold_pairs
from ccl_assets.evidence.tables import GOLD_PAIRS
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.partitions import CHAPTER
from ccl_assets.icd.tables import CHAPTER_CODES, CHAPTER_INDEX_TERMS
from ccl_assets.lakehouse.plots import as_markdown, bar_chart
from ccl_assets.lakehouse.table_asset import Input, TableResult, inputs, table_asset


@table_asset(
    GOLD_PAIRS,
    description="Alphabetic Index terms as phrases with their "
    "codes, where the release has an Index; Tabular titles and inclusion terms always. With the packaged release, which has no "
    "Index, the source is titles and inclusion terms only. `expansion` says how far a pair goes beyond its term; `direct` "
    "alone is evidence for the whole code.",
    kinds={"python"},
    gates=(
        checks.pairs_about_billable_codes,
        checks.evidence_well_formed,
    ),
    ins=inputs(codes=Input(CHAPTER_CODES, carries=("release", "chapter", "code")), index_terms=CHAPTER_INDEX_TERMS),
    partitions_def=CHAPTER,
)
def gold(context: dg.AssetExecutionContext, codes: pa.Table, index_terms: pa.Table) -> TableResult:
    """Gold pairs of a chapter."""
    ontology = Ontology.from_table(codes)
    references = IndexReferences(ontology, index_terms.to_pylist())
    release = codes["release"][0].as_py() if codes.num_rows else ""  # an older release lacks a chapter
    rows = gold_pairs(ontology, references, context.partition_key, release)
    gates = [checks.pairs_about_billable_codes(rows, ontology.billable), checks.evidence_well_formed(rows)]
    return TableResult(rows, _metadata(rows, len(ontology.billable)), gates)


def _metadata(rows: list[dict[str, Any]], code_count: int) -> dict[str, Any]:
    by_index = coverage_by_step(rows)
    with_tabular = coverage_by_step(rows, (*INDEX_SOURCES, "title", "inclusion_term"))
    shares = {
        f"{name}, {step}": count / max(code_count, 1)
        for name, reached in (("Index", by_index), ("with titles", with_tabular))
        for step, count in reached.items()
        if name == "with titles" or any(by_index.values())
    }
    percent = [100 * share for share in shares.values()]
    chart = bar_chart("Codes reached, each step with those before it", list(shares), percent, "% of billable codes")
    return {
        "billable_codes": code_count,
        "direct_coverage": round(with_tabular["direct"] / max(code_count, 1), 4),
        "coverage": dg.MetadataValue.md(as_markdown(chart, "share of codes reached by step")),
        **{f"index_codes_{step}": count for step, count in by_index.items()},
        **{f"pairs_{source}": count for source, count in Counter(row["source"] for row in rows).items()},
        **{f"pairs_{step}": count for step, count in Counter(row["expansion"] for row in rows).items()},
    }


ASSETS = [gold]
