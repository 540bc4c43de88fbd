"""Asset of the knowledge base: all tiers together."""

from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE
from ccl_assets.evidence import checks
from ccl_assets.evidence.knowledge_base.chapter_pages import chapter_pages
from ccl_assets.evidence.knowledge_base.pairs import MixedReleasesError, knowledge_base, tier_counts
from ccl_assets.evidence.tables import CANDIDATES, GOLD_PAIRS, KNOWLEDGE_BASE_PAIRS, SILVER_PAIRS, SYNTHETIC_PAIRS
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.partitions import CHAPTER
from ccl_assets.icd.tables import CHAPTER_CODES, CODES
from ccl_assets.lakehouse.artifact_asset import artifact_asset
from ccl_assets.lakehouse.plots import as_markdown, bar_chart
from ccl_assets.lakehouse.table_asset import ALL, Input, TableResult, inputs, table_asset
from ccl_assets.resources.models.language_models import LanguageModels
from ccl_assets.resources.settings import settings

_SETTINGS = settings()
REPORT_KEY = dg.AssetKey(["knowledge_base", "report"])
_COUNTED = ("code", "evidence", "document_count", "labelled_document_count")
_CARRIED = ("release", "chapter", "pair_id", "code", "evidence")


@table_asset(
    KNOWLEDGE_BASE_PAIRS,
    settings={"is_bounded": settings().limits.synthesized_families is not None},
    description="The paper's D = gold + silver + synthetic. Of duplicates a direct statement goes first, then gold, silver, "
    "synthetic. A text that several codes have goes to the one it means, or is marked ambiguous; overlap "
    "with benchmark spans is marked.",
    kinds={"python"},
    gates=(checks.pairs_about_billable_codes, checks.evidence_well_formed, checks.every_code_covered, checks.ambiguity_resolved,),
    ins=inputs(
        codes=CODES,
        gold=Input(GOLD_PAIRS, carries=_CARRIED),
        silver=Input(SILVER_PAIRS, carries=_CARRIED),
        synthetic=Input(SYNTHETIC_PAIRS, carries=_CARRIED),
        candidates=Input(CANDIDATES, columns=_COUNTED),
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
    candidates: pa.Table,
    documents: pa.Table,
    evidence: pa.Table,
) -> TableResult:
    """All pairs of a chapter."""
    ontology = Ontology.from_table(codes)
    test_documents = {(row["corpus"], row["document_id"]) for row in documents.to_pylist()}
    spans = [
        row["evidence_text"] for row in evidence.to_pylist() if (row["corpus"], row["document_id"]) in test_documents
    ]
    try:
        rows = knowledge_base(
            ontology, gold.to_pylist(), silver.to_pylist(), synthetic.to_pylist(), spans, candidates.to_pylist()
        )
    except MixedReleasesError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    expected = [code.code for code in ontology if code.is_billable and code.chapter == context.partition_key]
    is_bounded = settings().limits.synthesized_families is not None
    gates = [
        checks.pairs_about_billable_codes(rows, ontology.billable),
        checks.evidence_well_formed(rows),
        checks.every_code_covered(rows, expected, is_bounded=is_bounded),
        checks.ambiguity_resolved(rows),
    ]
    table = KNOWLEDGE_BASE_PAIRS.table(rows)
    of_release = table.filter(pc.equal(table["tier"], "gold"))  # says nothing of any note
    return TableResult(table, _metadata(context.partition_key, rows), gates, of_release)


def _metadata(chapter: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    counts = tier_counts(rows)
    overlaps = Counter(row["benchmark_overlap"] for row in rows if row["benchmark_overlap"])
    bars = {f"{tier}: {name}": count for tier, of_tier in counts.items() for name, count in of_tier.items()}
    chart = bar_chart(f"{chapter}: pairs and codes by tier", list(bars), list(bars.values()), "pairs or codes")
    return {
        "trainable_pairs": sum(row["is_trainable"] for row in rows),
        "ambiguous_pairs": sum(row["is_ambiguous"] for row in rows),
        "given_to_another_code": sum(row["resolved_code"] not in (None, row["code"]) for row in rows),
        "equal_to_a_benchmark_span": overlaps["equal"],
        "near_a_benchmark_span": overlaps["near"],
        **{f"{name}_{tier}": count for tier, of_tier in counts.items() for name, count in of_tier.items()},
        "by_tier": dg.MetadataValue.md(as_markdown(chart, f"Knowledge base of {chapter} by tier")),
    }


@artifact_asset(
    REPORT_KEY,
    "Pages that show the knowledge base of a chapter.",
    "All phrases of each code by tier with counts and shares, the codes they collide with, what was left out of training and why. "
    "Phrases of restricted notes are counted and not shown, unless `CCL_REPORT_RESTRICTED_NOTES` says so.",
    ins=inputs(codes=Input(CHAPTER_CODES, columns=("code", "long_title")), pairs=KNOWLEDGE_BASE_PAIRS),
    settings={"restricted_notes": _SETTINGS.report_restricted_notes},
    kinds={"report", "html"},
    partitions_def=CHAPTER,
    required_resource_keys={"language_models"},
)
def report(context: dg.AssetExecutionContext, codes: pa.Table, pairs: pa.Table) -> dg.Output[Path]:
    """Write the pages of a chapter."""
    models: LanguageModels = context.resources.language_models
    folder = _SETTINGS.artifacts.joinpath(*REPORT_KEY.path) / context.partition_key
    titles = dict(zip(codes["code"].to_pylist(), codes["long_title"].to_pylist(), strict=True))
    shows_silver = _SETTINGS.report_restricted_notes or not models.mines_restricted_notes
    folder.mkdir(parents=True, exist_ok=True)
    written: set[str] = set()
    for name, text in chapter_pages(context.partition_key, pairs.to_pylist(), titles, shows_silver=shows_silver):
        partial = folder / f".{name}.partial"
        partial.write_text(text, encoding="utf-8")
        partial.replace(folder / name)
        written.add(name)
    for old in folder.glob("*.html"):
        if old.name not in written:
            old.unlink()
    metadata: dict[str, Any] = {"html": dg.MetadataValue.path(str(folder / "index.html")), "pages": len(written)}
    return dg.Output(folder, metadata=metadata)


ASSETS = [pairs, report]
