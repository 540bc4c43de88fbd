"""Asset of the gold tier."""

from __future__ import annotations

from collections import Counter

import dagster as dg
import pyarrow as pa

from ccl_assets.code_versions import code_version
from ccl_assets.evidence import checks
from ccl_assets.evidence.gold import gold_pairs
from ccl_assets.evidence.tables import GOLD_PAIRS
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.tables import CODES, INDEX_TERMS
from ccl_assets.partitions import CHAPTER
from ccl_assets.table_asset import TableResult, inputs, table_asset


@table_asset(
    GOLD_PAIRS,
    code_version=code_version("evidence.gold", "evidence.folding", "icd.ontology", "evidence.checks"),
    description="Evidence-code pairs of the release itself (paper section 3.3): Alphabetic Index terms with their codes, where "
    "the release has an Index; Tabular titles and inclusion terms always. With the packaged release the source is titles and "
    "inclusion terms only.",
    kinds={"python"},
    gates=checks.PAIR_GATES,
    ins=inputs(codes=CODES, index_terms=INDEX_TERMS),
    partitions_def=CHAPTER,
)
def gold(context: dg.AssetExecutionContext, codes: pa.Table, index_terms: pa.Table) -> TableResult:
    """Gold pairs of a chapter."""
    ontology = Ontology.from_table(codes)
    chapter = context.partition_key
    rows = gold_pairs(ontology, index_terms.to_pylist(), chapter, codes["release"][0].as_py())
    in_chapter = {code.code for code in ontology if code.is_billable and code.chapter == chapter}
    direct = {row["code"] for row in rows if row["expansion"] == "direct"}
    metadata = {
        "billable_codes": len(in_chapter),
        "codes_with_direct_pair": len(direct),
        "direct_coverage": round(len(direct) / len(in_chapter), 4) if in_chapter else 0.0,
        **{f"pairs_{source}": count for source, count in Counter(row["source"] for row in rows).items()},
        **{f"pairs_{kind}": count for kind, count in Counter(row["expansion"] for row in rows).items()},
    }
    gates = [checks.pairs_about_billable_codes(rows, ontology.billable), checks.evidence_well_formed(rows)]
    return TableResult(rows, metadata, gates)


ASSETS = [gold]
