"""Asset of the knowledge base: all tiers together."""

from __future__ import annotations

from collections import Counter

import dagster as dg
import pyarrow as pa

from ccl_assets.code_versions import code_version
from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE
from ccl_assets.evidence import checks
from ccl_assets.evidence.knowledge_base import knowledge_base
from ccl_assets.evidence.tables import GOLD_PAIRS, KNOWLEDGE_BASE_PAIRS, SILVER_PAIRS, SYNTHETIC_PAIRS
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.tables import CODES
from ccl_assets.partitions import ALL, CHAPTER
from ccl_assets.resources.settings import settings
from ccl_assets.table_asset import Input, TableResult, inputs, table_asset


@table_asset(
    KNOWLEDGE_BASE_PAIRS,
    code_version=code_version(
        "evidence.knowledge_base", "evidence.folding", "evidence.checks",
        settings={"is_bounded": settings().limits.synthesized_families is not None},
    ),
    description="The knowledge base D = gold + silver + synthetic (paper section 3.3), duplicates removed: a direct statement goes "
    "first, then gold, silver, synthetic; ambiguous evidence and overlap with benchmark spans marked.",
    kinds={"python"},
    gates=checks.KNOWLEDGE_BASE_GATES,
    ins=inputs(
        codes=CODES, gold=GOLD_PAIRS, silver=SILVER_PAIRS, synthetic=SYNTHETIC_PAIRS,
        documents=Input(DOCUMENTS, ALL, ("corpus", "document_id"), where={"split": ("test",)}),
        evidence=Input(EVIDENCE, ALL, ("corpus", "document_id", "evidence_text")),
    ),
    partitions_def=CHAPTER,
)  # fmt: skip
def pairs(
    context: dg.AssetExecutionContext,
    codes: pa.Table,
    gold: pa.Table,
    silver: pa.Table,
    synthetic: pa.Table,
    documents: pa.Table,
    evidence: pa.Table,
) -> TableResult:
    """All pairs of a chapter."""
    ontology = Ontology.from_table(codes)
    test_documents = {(row["corpus"], row["document_id"]) for row in documents.to_pylist()}
    spans = [
        row["evidence_text"] for row in evidence.to_pylist() if (row["corpus"], row["document_id"]) in test_documents
    ]
    rows = knowledge_base(gold.to_pylist(), silver.to_pylist(), synthetic.to_pylist(), spans)
    expected = [code.code for code in ontology if code.is_billable and code.chapter == context.partition_key]
    is_bounded = settings().limits.synthesized_families is not None
    gates = [
        checks.pairs_about_billable_codes(rows, ontology.billable),
        checks.evidence_well_formed(rows),
        checks.every_code_covered(rows, expected, is_bounded=is_bounded),
        checks.ambiguity_resolved(rows),
    ]
    tiers = Counter(row["tier"] for row in rows)
    metadata = {
        "trainable_pairs": sum(row["is_trainable"] for row in rows),
        "ambiguous_pairs": sum(row["is_ambiguous"] for row in rows),
        "benchmark_spans": sum(row["is_benchmark_span"] for row in rows),
        **{f"pairs_{tier}": count for tier, count in sorted(tiers.items())},
    }
    return TableResult(rows, metadata, gates)


ASSETS = [pairs]
