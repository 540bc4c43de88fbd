"""Assets of the synthetic tier: what is uncovered, which covered codes are near, and the evidence written for them."""

from collections import Counter, defaultdict

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ccl_assets.code_versions import code_version
from ccl_assets.evidence import checks
from ccl_assets.evidence.coverage import coverage as compute_coverage
from ccl_assets.evidence.nearest import code_text, nearest_covered, nearest_rows
from ccl_assets.evidence.synthesis import families, synthesis_request, synthetic_rows
from ccl_assets.evidence.tables import COVERAGE, GOLD_PAIRS, NEAREST_CODES, SILVER_PAIRS, SYNTHETIC_PAIRS
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.tables import CODES
from ccl_assets.io_managers.faiss_index import NearestCodeIndex
from ccl_assets.llm_step import EMBEDDER_POOL, LLM_POOL, LLM_RETRY, answer
from ccl_assets.partitions import CHAPTER
from ccl_assets.prompts import load_prompt
from ccl_assets.resources.embedder import Embedder
from ccl_assets.resources.settings import settings
from ccl_assets.table_asset import OWNERS, TableResult, inputs, table_asset

INDEX_KEY = dg.AssetKey(["synthetic", "nearest_code_index"])
_SETTINGS = settings()


@table_asset(
    COVERAGE,
    code_version=code_version("evidence.coverage"),
    description="Which billable codes gold and silver cover, and which are left to synthesis. A direct gold pair or a trainable "
    "silver pair covers a code; a term printed at a stem does not cover the stem's 7th-character codes.",
    kinds={"python"},
    ins=inputs(codes=CODES, gold=GOLD_PAIRS, silver=SILVER_PAIRS),
)
def coverage(context: dg.AssetExecutionContext, codes: pa.Table, gold: pa.Table, silver: pa.Table) -> TableResult:
    """Tiers per billable code."""
    from ccl_assets.plots import as_markdown, bar_chart

    rows = compute_coverage(
        Ontology.from_table(codes),
        gold.select(["code", "expansion"]).to_pylist(),
        silver.select(["code", "is_trainable"]).to_pylist(),
        codes["release"][0].as_py(),
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


@dg.asset(
    key=INDEX_KEY,
    group_name="synthetic",
    description="FAISS index (exact inner product) over covered codes: title and inclusion terms, one unit vector each.",
    ins=inputs(codes=CODES, coverage=COVERAGE),
    code_version=code_version("evidence.nearest", settings={"embedder": _SETTINGS.embedder}),
    kinds={"faiss", "huggingface"},
    owners=OWNERS,
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
    flags = zip(coverage["code"].to_pylist(), coverage["is_covered"].to_pylist(), strict=True)
    covered = [code for code, is_covered in flags if is_covered]
    vectors = embedder.encode(
        [code_text(ontology[code]) for code in covered],
        lambda done, total: context.log.info(f"{done}/{total} texts embedded"),
    )
    index = NearestCodeIndex.build(covered, vectors, embedder.model_name, codes["release"][0].as_py())
    version = f"{embedder.model_name}|{hash_of([covered, [code_text(ontology[code]) for code in covered]])}"
    metadata = {"codes": len(covered), "dimension": vectors.shape[1], "embedder": embedder.model_name}
    return dg.Output(index, metadata=metadata, data_version=dg.DataVersion(version))


@table_asset(
    NEAREST_CODES,
    code_version=code_version("evidence.nearest", settings={"embedder": _SETTINGS.embedder}),
    description="For each uncovered code its nearest covered codes: FAISS similarity re-ranked by distance in the hierarchy "
    "(paper section 3.3). Codes of a 7th-character family share their neighbours.",
    kinds={"faiss", "huggingface"},
    ins={**inputs(codes=CODES, coverage=COVERAGE), "index": dg.AssetIn(key=INDEX_KEY)},
    partitions_def=CHAPTER,
    pool=EMBEDDER_POOL,
    required_resource_keys={"embedder"},
)
def nearest_codes(
    context: dg.AssetExecutionContext, codes: pa.Table, coverage: pa.Table, index: NearestCodeIndex
) -> TableResult:
    """Neighbours of a chapter's uncovered codes."""
    release = codes["release"][0].as_py()
    embedder: Embedder = context.resources.embedder
    if (index.release, index.embedder) != (release, embedder.model_name):
        raise dg.Failure(
            f"the index was built of {index.release} with {index.embedder}, not of {release} with {embedder.model_name}: "
            "materialize synthetic/nearest_code_index again",
            allow_retries=False,
        )
    ontology = Ontology.from_table(codes)
    members: dict[str, list[str]] = defaultdict(list)
    uncovered = pc.and_(pc.equal(coverage["chapter"], context.partition_key), pc.invert(coverage["is_covered"]))
    for row in coverage.filter(uncovered).to_pylist():
        members[row["family_code"]].append(row["code"])
    names = list(members)
    queries = embedder.encode([code_text(ontology[name]) for name in names])
    rows = nearest_rows(ontology, members, nearest_covered(ontology, names, queries, index), context.partition_key)
    best = [row["similarity"] for row in rows if row["rank"] == 1]
    metadata = {
        "uncovered_codes": sum(map(len, members.values())),
        "uncovered_families": len(members),
        "mean_similarity_of_best": round(sum(best) / len(best), 4) if best else 0.0,
    }
    return TableResult(rows, metadata)


@table_asset(
    SYNTHETIC_PAIRS,
    code_version=code_version(
        "evidence.synthesis", "evidence.refinement", "evidence.checks",
        prompts=("evidence_synthesis",),
        settings={
            "synthesizer": _SETTINGS.model_of("synthesizer"),
            "families_per_chapter": _SETTINGS.limits.synthesized_families,
        },
    ),
    description="Conservative evidence for uncovered codes, written from the nearest covered code (paper section 3.3); phrases "
    "that break the rules are refused, and the title stands in where none is left.",
    kinds={"huggingface"},
    gates=checks.PAIR_GATES,
    ins=inputs(codes=CODES, nearest=NEAREST_CODES, gold=GOLD_PAIRS, silver=SILVER_PAIRS),
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
    for row in silver.select(["code", "evidence", "is_trainable"]).to_pylist():
        if row["is_trainable"]:
            evidence[row["code"]].append(row["evidence"])
    for row in gold.select(["code", "evidence", "expansion"]).to_pylist():
        if row["expansion"] == "direct":
            evidence[row["code"]].append(row["evidence"])
    found = families(nearest.to_pylist(), ontology, evidence)
    asked = found[: _SETTINGS.limits.synthesized_families]
    prompt = load_prompt("evidence_synthesis")
    restricted = context.resources.language_models.mines_restricted_notes
    model, collected = answer(
        context,
        "synthesizer",
        [synthesis_request(family, ontology, prompt, is_restricted=restricted) for family in asked],
    )
    rows, refused = [], Counter[str]()
    for family in asked:
        family_rows, family_refused = synthetic_rows(
            family,
            collected.completions[family.family_code],
            ontology,
            release=codes["release"][0].as_py(),
            chapter=context.partition_key,
            prompt_sha256=prompt.sha256,
            model=model,
        )
        rows += family_rows
        refused.update(family_refused)
    metadata = {
        "families": len(found),
        "families_asked": len(asked),
        "codes_covered": len({row["code"] for row in rows}),
        "fallback_pairs": sum(row["is_fallback"] for row in rows),
        **{f"refused_{reason}": count for reason, count in refused.items()},
        **collected.cost,
    }
    gates = [checks.pairs_about_billable_codes(rows, ontology.billable), checks.evidence_well_formed(rows)]
    return TableResult(rows, metadata, gates)


def hash_of(value: object) -> str:
    """Sixteen hexadecimal digits that stand for a JSON value."""
    import hashlib
    import json

    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


ASSETS = [coverage, nearest_code_index, nearest_codes, synthetic]
