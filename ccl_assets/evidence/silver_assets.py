"""Assets of the silver tier: extraction over notes, candidates and refined pairs over codes."""

from __future__ import annotations

from collections import Counter, defaultdict

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ccl_assets.code_versions import code_version
from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS
from ccl_assets.evidence import checks
from ccl_assets.evidence.candidates import candidates as collect_candidates
from ccl_assets.evidence.extraction import (
    extraction_request,
    extraction_rows,
    notes_to_mine,
    shard_of,
    status_counts,
)
from ccl_assets.evidence.refinement import by_code, refinement_request, silver_rows
from ccl_assets.evidence.tables import CANDIDATES, EXTRACTIONS, GOLD_PAIRS, SILVER_PAIRS
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.tables import CODES
from ccl_assets.llm_step import LLM_POOL, LLM_RETRY, answer
from ccl_assets.partitions import ALL, CHAPTER, NOTE_SHARD, NOTE_SHARD_COUNT
from ccl_assets.prompts import load_prompt
from ccl_assets.resources.language_models import LanguageModels
from ccl_assets.resources.settings import settings
from ccl_assets.table_asset import Input, TableResult, inputs, table_asset

# A small corpus fills few shards, so that each of its shards holds a batch worth of notes.
_SHARDS_OF_CORPUS = {"sample": 1}
_SETTINGS = settings()


@table_asset(
    EXTRACTIONS,
    code_version=code_version(
        "evidence.extraction", "evidence.grounding", "evidence.checks",
        prompts=("evidence_extraction",),
        settings={"miner": _SETTINGS.model_of("miner"), "notes_per_shard": _SETTINGS.limits.mined_notes},
    ),
    description="Stage one of silver mining (paper section 3.3): per note one request with all its codes; each quoted span is "
    "checked against the note. Notes with human evidence and notes of validation and test splits are not mined.",
    kinds={"huggingface"},
    gates=checks.EXTRACTION_GATES,
    ins=inputs(codes=CODES, documents=Input(DOCUMENTS, ALL), labels=Input(LABELS, ALL), evidence=Input(EVIDENCE, ALL)),
    partitions_def=NOTE_SHARD,
    pool=LLM_POOL,
    retry_policy=LLM_RETRY,
    required_resource_keys={"language_models"},
)  # fmt: skip
def extractions(
    context: dg.AssetExecutionContext, codes: pa.Table, documents: pa.Table, labels: pa.Table, evidence: pa.Table
) -> TableResult:
    """Spans that the miner quoted for a shard's notes."""
    shard = context.partition_key
    number = NOTE_SHARD.get_partition_keys().index(shard)
    annotated = set(zip(evidence["corpus"].to_pylist(), evidence["document_id"].to_pylist(), strict=True))
    notes = [
        note
        for note in notes_to_mine(documents.to_pylist(), labels.to_pylist(), annotated)
        if shard_of(note.chart_id, _SHARDS_OF_CORPUS.get(note.corpus, NOTE_SHARD_COUNT)) == number
    ]
    prompt = load_prompt("evidence_extraction")
    titles = dict(zip(codes["code"].to_pylist(), codes["long_title"].to_pylist(), strict=True))
    asked = notes[: _SETTINGS.limits.mined_notes]
    requests = [extraction_request(note, titles, prompt) for note in asked]
    model, collected = answer(context, "miner", requests)
    rows = [
        row
        for note in notes
        for row in extraction_rows(
            note, collected.completions.get(f"{note.corpus}/{note.document_id}"), shard, prompt.sha256, model, titles
        )
    ]
    metadata = {"notes": len(notes), "notes_asked": len(asked), **status_counts(rows), **collected.cost}
    gates = [
        checks.answers_parsed(rows, is_packaged_model=model == "packaged"),
        checks.quotes_verbatim(rows),
    ]
    return TableResult(rows, metadata, gates)


@table_asset(
    CANDIDATES,
    code_version=code_version("evidence.candidates", "evidence.folding"),
    description="Per code the distinct phrases that notes gave, with document frequency, and how many notes gave none (paper's "
    "E_c; the share of notes without evidence maps the label noise).",
    kinds={"python"},
    ins=inputs(extractions=Input(EXTRACTIONS, ALL)),
    partitions_def=CHAPTER,
)
def candidates(context: dg.AssetExecutionContext, extractions: pa.Table) -> TableResult:
    """Candidate phrases of a chapter's codes."""
    rows = collect_candidates(extractions.to_pylist(), context.partition_key)
    codes = {row["code"]: row for row in rows}
    mined = sum(row["labelled_document_count"] for row in codes.values())
    without = sum(row["no_evidence_count"] for row in codes.values())
    metadata = {"codes": len(codes), "code_notes_mined": mined, "code_notes_without_evidence": without}
    return TableResult(rows, metadata)


@table_asset(
    SILVER_PAIRS,
    code_version=code_version(
        "evidence.refinement", "evidence.folding", "evidence.checks",
        prompts=("evidence_refinement",),
        settings={"miner": _SETTINGS.model_of("miner"), "codes_per_chapter": _SETTINGS.limits.refined_codes},
    ),
    description="Stage two of silver mining (paper section 3.3): per code a few usual wordings chosen from index terms and "
    "frequency-ranked candidates. Rows that are neither are marked and kept out of training.",
    kinds={"huggingface"},
    gates=checks.SILVER_GATES,
    ins=inputs(codes=CODES, candidates=CANDIDATES, gold=GOLD_PAIRS),
    partitions_def=CHAPTER,
    pool=LLM_POOL,
    retry_policy=LLM_RETRY,
    required_resource_keys={"language_models"},
)  # fmt: skip
def silver(context: dg.AssetExecutionContext, codes: pa.Table, candidates: pa.Table, gold: pa.Table) -> TableResult:
    """Refined evidence of a chapter's codes."""
    ontology = Ontology.from_table(codes)
    terms: dict[str, list[str]] = defaultdict(list)
    wanted = pa.array(sorted(set(candidates["code"].to_pylist())), type=pa.string())
    for row in gold.filter(pc.is_in(gold["code"], value_set=wanted)).to_pylist():
        terms[row["code"]].append(row["evidence"])
    models: LanguageModels = context.resources.language_models
    known = [row for row in candidates.to_pylist() if row["code"] in ontology.billable]
    items = by_code(known, terms, ontology.titles, is_restricted=models.mines_restricted_notes)
    prompt = load_prompt("evidence_refinement")
    asked = items[: _SETTINGS.limits.refined_codes]
    model, collected = answer(context, "miner", [refinement_request(item, prompt) for item in asked])
    rows = [
        row
        for item in items
        for row in silver_rows(
            item,
            collected.completions.get(item.code),
            release=codes["release"][0].as_py(),
            chapter=context.partition_key,
            prompt_sha256=prompt.sha256,
            model=model,
        )
    ]
    metadata = {
        "codes": len(items),
        "codes_refined_by_model": len(asked),
        "candidates_of_unknown_codes": candidates.num_rows - len(known),
        **{f"grounding_{kind}": count for kind, count in Counter(row["grounding"] for row in rows).items()},
        **collected.cost,
    }
    gates = [
        checks.pairs_about_billable_codes(rows, ontology.billable),
        checks.evidence_well_formed(rows),
        checks.grounded(rows),
    ]
    return TableResult(rows, metadata, gates)


ASSETS = [extractions, candidates, silver]
