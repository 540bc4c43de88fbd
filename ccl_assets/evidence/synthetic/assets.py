"""Assets of the synthetic tier: what is uncovered, which covered codes are near, and the evidence written for them."""

from collections import Counter, defaultdict

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ccl_assets.evidence import checks
from ccl_assets.evidence.synthetic.coverage import coverage as compute_coverage
from ccl_assets.evidence.synthetic.families import families
from ccl_assets.evidence.synthetic.nearest import covered_texts, nearest_rows
from ccl_assets.evidence.synthetic.synthesis import Synthesis, uncovered_families
from ccl_assets.evidence.tables import COVERAGE, GOLD_PAIRS, NEAREST_CODES, SILVER_PAIRS, SYNTHETIC_PAIRS
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.partitions import CHAPTER
from ccl_assets.icd.tables import CODES
from ccl_assets.io_managers.faiss_index import IndexMismatchError, NearestCodeIndex
from ccl_assets.lakehouse.artifact_asset import artifact_asset
from ccl_assets.lakehouse.llm_step import EMBEDDER_POOL, LLM_POOL, LLM_RETRY, TOLERATED_ERRORS, answer_with
from ccl_assets.lakehouse.table_asset import ALL, Input, TableResult, inputs, table_asset
from ccl_assets.prompts import load_prompt
from ccl_assets.resources.embedding.embedder import Embedder
from ccl_assets.resources.models.language_models import LanguageModels
from ccl_assets.resources.settings import settings

INDEX_KEY = dg.AssetKey(["synthetic", "nearest_code_index"])
_SETTINGS = settings()


@table_asset(
    COVERAGE,
    settings={"titles_cover": _SETTINGS.titles_cover},
    description="What is not covered is left to synthesis. A direct gold pair or a trainable silver pair covers a code; a "
    "term printed at a stem does not cover the stem's 7th-character codes, nor a title its own code unless "
    "`CCL_TITLES_COVER` says so.",
    kinds={"python"},
    ins=inputs(codes=Input(CODES, carries=("release", "chapter", "code")), gold=GOLD_PAIRS, silver=SILVER_PAIRS),
)
def coverage(context: dg.AssetExecutionContext, codes: pa.Table, gold: pa.Table, silver: pa.Table) -> TableResult:
    """Tiers per billable code."""
    from ccl_assets.lakehouse.plots import as_markdown, bar_chart

    rows = compute_coverage(
        Ontology.from_table(codes),
        gold.select(["code", "expansion", "source", "term_id"]).to_pylist(),
        silver.select(["code", "is_trainable"]).to_pylist(),
        codes["release"][0].as_py(),
        titles_cover=_SETTINGS.titles_cover,
    )
    uncovered = Counter(row["chapter"] for row in rows if not row["is_covered"])
    everything = Counter(row["chapter"] for row in rows)
    shares = [100 * (1 - uncovered[chapter] / count) for chapter, count in sorted(everything.items())]
    title = "Codes covered before synthesis, by chapter"
    chart = bar_chart(title, sorted(everything), shares, "%")
    metadata = {
        "billable_codes": len(rows),
        "covered": len(rows) - uncovered.total(),
        "uncovered": uncovered.total(),
        "uncovered_families": len({row["family_code"] for row in rows if not row["is_covered"]}),
        "coverage_by_chapter": dg.MetadataValue.md(as_markdown(chart, title)),
    }
    return TableResult(rows, metadata)


@artifact_asset(
    INDEX_KEY,
    "FAISS index over covered codes.",
    "One unit vector each: title and inclusion terms of its family. Exact, or a graph (`CCL_NEAREST_INDEX=hnsw`); it says "
    "what it was built from and is refused where that changed.",
    ins=inputs(codes=CODES, coverage=COVERAGE),
    settings={"embedder": _SETTINGS.embedder, "kind": _SETTINGS.nearest_index},
    kinds={"faiss", "huggingface"},
    io_manager_key="faiss_index",
    pool=EMBEDDER_POOL,
    required_resource_keys={"embedder"},
)
def nearest_code_index(
    context: dg.AssetExecutionContext, codes: pa.Table, coverage: pa.Table
) -> dg.Output[NearestCodeIndex]:
    """Embed covered codes and index them."""
    ontology = Ontology.from_table(codes)
    embedder: Embedder = context.resources.embedder
    covered = coverage.filter(coverage["is_covered"])["code"].to_pylist()
    texts = covered_texts(covered, ontology, families(ontology))
    index = NearestCodeIndex.build(
        covered,
        embedder.encode(texts, context.log.info),
        embedder.model_name,
        codes["release"][0].as_py(),
        fingerprint=embedder.fingerprint,
        texts=texts,
        kind=_SETTINGS.nearest_index,
    )
    return dg.Output(index, data_version=dg.DataVersion(index.origin.checksum))


@table_asset(
    NEAREST_CODES,
    settings={"embedder": _SETTINGS.embedder, "kind": _SETTINGS.nearest_index},
    description="Codes that differ in side, trimester, intent or 7th character are one family with one query.",
    kinds={"faiss", "huggingface"},
    ins={
        **inputs(codes=CODES, coverage=Input(COVERAGE, carries=("chapter", "code", "neighbour_code=code"))),
        "index": dg.AssetIn(key=INDEX_KEY),
    },
    partitions_def=CHAPTER,
    pool=EMBEDDER_POOL,
    required_resource_keys={"embedder"},
)
def nearest_codes(
    context: dg.AssetExecutionContext, codes: pa.Table, coverage: pa.Table, index: NearestCodeIndex
) -> TableResult:
    """Neighbours of a chapter's uncovered codes."""
    embedder: Embedder = context.resources.embedder
    try:
        index.require(codes["release"][0].as_py(), embedder)
    except IndexMismatchError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    ontology = Ontology.from_table(codes)
    uncovered = coverage.filter(
        pc.and_(pc.equal(coverage["chapter"], context.partition_key), pc.invert(coverage["is_covered"]))
    )
    rows = nearest_rows(
        uncovered["code"].to_pylist(),
        ontology,
        families(ontology),
        index,
        lambda texts: embedder.encode(texts, context.log.info),
        context.partition_key,
    )
    best = [row for row in rows if row["rank"] == 1]
    metadata = {
        "uncovered_codes": uncovered.num_rows,
        "uncovered_families": len(set(uncovered["family_code"].to_pylist())),
        "mean_similarity_of_best": round(sum(row["similarity"] for row in best) / max(len(best), 1), 4),
        **{f"best_shares_{relation}": count for relation, count in Counter(row["relation"] for row in best).items()},
    }
    return TableResult(rows, metadata)


@table_asset(
    SYNTHETIC_PAIRS,
    settings={
            "synthesizer": _SETTINGS.model_of("synthesizer"),
            "families_per_chapter": _SETTINGS.limits.synthesized_families,
        },
    description="Written from what is known of the nearest covered codes: one request per family, its phrases said of each "
    "member. What breaks a rule is asked for again with the reason, at most twice; then title and inclusion terms stand in, "
    "marked as fallback.",
    kinds={"huggingface"},
    gates=(checks.pairs_about_billable_codes, checks.evidence_well_formed, checks.no_sibling_duplicates,
        checks.every_uncovered_code_written),
    ins=inputs(
        codes=Input(CODES, carries=("release",)),
        nearest=Input(NEAREST_CODES, carries=("chapter", "code", "neighbour_code")),
        gold=Input(GOLD_PAIRS, ALL, ("code", "evidence"), where={"expansion": ("direct",)}),
        silver=Input(SILVER_PAIRS, ALL, ("code", "evidence"), where={"is_trainable": (True,)}),
    ),
    partitions_def=CHAPTER,
    pool=LLM_POOL,
    retry_policy=LLM_RETRY,
    required_resource_keys={"language_models"},
)  # fmt: skip
def synthetic(
    context: dg.AssetExecutionContext, codes: pa.Table, nearest: pa.Table, gold: pa.Table, silver: pa.Table
) -> TableResult:
    """Synthetic pairs of a chapter."""
    ontology = Ontology.from_table(codes)
    evidence: dict[str, list[str]] = defaultdict(list)
    for pairs in (silver, gold):  # what notes say goes before what the release says
        for code, text in zip(pairs["code"].to_pylist(), pairs["evidence"].to_pylist(), strict=True):
            evidence[code].append(text)
    found = uncovered_families(nearest.to_pylist(), ontology)
    models: LanguageModels = context.resources.language_models
    synthesis = Synthesis(
        found[: _SETTINGS.limits.synthesized_families],
        ontology,
        evidence,
        load_prompt("evidence_synthesis"),
        is_restricted=models.mines_restricted_notes,
    )
    cost: dict[str, float] = {}
    generator = models.generator("synthesizer") if found else None  # one for all rounds: a model takes long to load
    while generator is not None and (requests := synthesis.requests()):
        collected = answer_with(context, generator, requests, tolerated_error_share=TOLERATED_ERRORS)
        synthesis.take(collected.completions)
        cost = {name: cost.get(name, 0) + value for name, value in collected.cost.items()}
    model = models.model_name("synthesizer")
    rows = synthesis.rows(release=codes["release"][0].as_py(), chapter=context.partition_key, model=model)
    uncovered = {code for family in found for code in family.nearest}
    metadata = {
        "families": len(found),
        "codes_covered": len({row["code"] for row in rows}),
        "fallback_pairs": sum(row["is_fallback"] for row in rows),
        **synthesis.summary,
        **cost,
    }
    gates = [
        checks.pairs_about_billable_codes(rows, ontology.billable),
        checks.evidence_well_formed(rows),
        checks.no_sibling_duplicates(rows),
        checks.every_uncovered_code_written(
            rows, uncovered, is_bounded=_SETTINGS.limits.synthesized_families is not None
        ),
    ]
    return TableResult(rows, metadata, gates)


ASSETS = [coverage, nearest_code_index, nearest_codes, synthetic]
