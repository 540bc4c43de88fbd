"""Assets of evaluation: each system's predictions and scores, and the report over all systems."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from ccl_assets.coding.partitions import ADAPTER_OF_SYSTEM, CODER_OF_SYSTEM, SYSTEM
from ccl_assets.coding.systems import SYSTEMS, CoderSettings, Ingredients, build_system, system_modules
from ccl_assets.corpora.tables import CODE_COUNTS, DOCUMENTS, EVIDENCE, LABELS
from ccl_assets.evaluation import checks
from ccl_assets.evaluation.benchmarks import BENCHMARK_SPLITS, SPLITS, asked_notes, benchmark_notes
from ccl_assets.evaluation.report.score_plots import metadata_plots
from ccl_assets.evaluation.rows import notes_to_code, prediction_row, row_not_asked
from ccl_assets.evaluation.scoring.code_subsets import code_subsets
from ccl_assets.evaluation.scoring.rule_violations import CodingRules
from ccl_assets.evaluation.scoring.score_rows import score_system
from ccl_assets.evaluation.tables import PREDICTIONS, SCORES
from ccl_assets.evidence.tables import COVERAGE, EXTRACTIONS, GOLD_PAIRS, KNOWLEDGE_BASE_PAIRS
from ccl_assets.icd.instructions.lookup import Instructions
from ccl_assets.icd.tables import CODES, INSTRUCTIONS, RELEASE
from ccl_assets.lakehouse.artifact_asset import artifact_asset
from ccl_assets.lakehouse.llm_step import LLM_POOL, LLM_RETRY
from ccl_assets.lakehouse.pace import Pace
from ccl_assets.lakehouse.table_asset import ALL, Input, TableResult, inputs, table_asset
from ccl_assets.linking.assets import CODER_KEY
from ccl_assets.resources.models.language_models import LanguageModels
from ccl_assets.resources.settings import settings
from ccl_assets.sft.assets import ADAPTER_KEY

_SETTINGS = settings()
_BENCHMARKS = {"split": SPLITS}
REPORT_KEY = dg.AssetKey(["eval", "report"])


@table_asset(
    PREDICTIONS,
    also=system_modules(),
    settings={
            "base": _SETTINGS.model,
            "context_tokens": _SETTINGS.context_tokens,
            "answer_tokens": _SETTINGS.limits.answer_tokens,
            "benchmark_notes": _SETTINGS.limits.benchmark_notes,
            "benchmarks": ",".join(f"{corpus}/{split}" for corpus, splits in BENCHMARK_SPLITS.items() for split in splits),
            "constrain_codes": _SETTINGS.constrain_codes,
            "repair_codes": _SETTINGS.repair_codes,
        },
    description="Codes checked against the release, quoted evidence located in the note.",
    kinds={"huggingface"},
    gates=(checks.every_document_predicted, checks.codes_valid,),
    ins={
        **inputs(
            codes=Input(CODES, columns=("release", "code", "long_title", "is_billable")),
            documents=Input(DOCUMENTS, ALL, where=_BENCHMARKS), labels=Input(LABELS, ALL, ("corpus", "chart_id")),
            evidence=Input(EVIDENCE, ALL, ("corpus", "document_id", "begin", "end", "evidence_text")),
            gold=Input(GOLD_PAIRS, ALL, ("code", "evidence", "source", "expansion", "modifier")),
        ),
        "adapter": dg.AssetIn(key=ADAPTER_KEY, partition_mapping=ADAPTER_OF_SYSTEM),
        "coder": dg.AssetIn(key=CODER_KEY, partition_mapping=CODER_OF_SYSTEM),
    },
    partitions_def=SYSTEM,
    pool=LLM_POOL,
    retry_policy=LLM_RETRY,
    required_resource_keys={"language_models"},
)  # fmt: skip
def predictions(
    context: dg.AssetExecutionContext,
    codes: pa.Table,
    documents: pa.Table,
    labels: pa.Table,
    evidence: pa.Table,
    gold: pa.Table,
    adapter: Path | None,
    coder: Path | None,
) -> TableResult:
    """Code the notes of every benchmark that has labels."""
    from ccl_assets.sft.adapter.directory import adapter_name

    name = context.partition_key
    description = SYSTEMS[name]
    benchmark = benchmark_notes(documents.to_pylist(), labels.to_pylist())
    asked = asked_notes(benchmark, _SETTINGS.limits.benchmark_notes if description.is_bounded else None)
    of_note = {f"{row['corpus']}/{row['document_id']}": row for row in benchmark}
    notes = notes_to_code({k: v for k, v in of_note.items() if (v["corpus"], v["document_id"]) in asked}, evidence)
    generator = None
    if description.needs_generator:
        models: LanguageModels = context.resources.language_models
        generator = models.generator("coder", adapter, adapter_name(adapter))
    ingredients = Ingredients(
        billable=frozenset(codes.filter(codes["is_billable"])["code"].to_pylist()),
        titles=dict(zip(codes["code"].to_pylist(), codes["long_title"].to_pylist(), strict=True)),
        generator=generator,
        gold_pairs=gold.to_pylist() if description.needs_gold_pairs else None,
        settings=CoderSettings(
            context_window=_SETTINGS.context_tokens,
            max_tokens=_SETTINGS.limits.answer_tokens,
            constrain_codes=_SETTINGS.constrain_codes,
            repair_codes=_SETTINGS.repair_codes,
        ),
    )
    if coder is not None:
        from ccl_assets.linking.coder_folder import read_folder

        ingredients = replace(ingredients, span_coders=read_folder(coder, codes["release"][0].as_py()))
    model = generator.model_name if generator is not None else None
    rows = []
    pace = Pace("notes coded", len(notes), context.log.info)
    for coded in build_system(name, ingredients).code(notes):
        rows.append(prediction_row(name, of_note[coded.document_id], coded, model))
        pace.step()
    rows += [row_not_asked(name, row, model) for row in benchmark if (row["corpus"], row["document_id"]) not in asked]
    metadata = {
        "documents": len(rows),
        "documents_asked": len(notes),
        "predicted_codes": sum(len(row["predictions"]) for row in rows),
        "completion_tokens": sum(row["completion_token_count"] for row in rows),
        "seconds": round(sum(row["seconds"] for row in rows), 1),
    }
    gates = [
        checks.every_document_predicted(rows, [row["document_id"] for row in benchmark]),
        checks.codes_valid(rows),
    ]
    return TableResult(rows, metadata, gates)


@table_asset(
    SCORES,
    description="Every figure with its unit, label space, macro convention and 95 % bootstrap interval; for all codes and for "
    "those seen in training or not, frequent or rare, covered by which tier, by chapter.",
    kinds={"numpy"},
    gates=(checks.scores_in_bounds,),
    ins=inputs(
        codes=CODES, instructions=INSTRUCTIONS, predictions=PREDICTIONS,
        documents=Input(DOCUMENTS, ALL, where=_BENCHMARKS), labels=Input(LABELS, ALL), evidence=Input(EVIDENCE, ALL),
        counts=Input(CODE_COUNTS, ALL), pairs=Input(KNOWLEDGE_BASE_PAIRS, ALL, ("code", "tier", "is_trainable")),
    ),
    partitions_def=SYSTEM,
)  # fmt: skip
def scores(
    context: dg.AssetExecutionContext,
    codes: pa.Table,
    instructions: pa.Table,
    predictions: pa.Table,
    documents: pa.Table,
    labels: pa.Table,
    evidence: pa.Table,
    counts: pa.Table,
    pairs: pa.Table,
) -> TableResult:
    """Score a system."""
    billable = frozenset(codes.filter(codes["is_billable"])["code"].to_pylist())
    rows = score_system(
        predictions,
        documents,
        labels,
        evidence,
        billable,
        subsets=code_subsets(counts, pairs),
        coding_rules=CodingRules(Instructions.from_tables(codes, instructions)),
    )
    headline = {
        f"{row['benchmark']} {row['metric']}": round(row["value"], 4)
        for row in rows
        if (row["unit"], row["label_space"], row["subset"]) == ("chart", "release", "all")
        and row["metric"]
        in ("micro_f1", "micro_precision", "micro_recall", "valid_code_rate", "verbatim_evidence_rate")
        and row["value"] is not None
    }
    return TableResult(rows, {**headline, **_plots(rows)}, [checks.scores_in_bounds(rows)])


def _plots(rows: list[dict[str, Any]]) -> dict[str, dg.MetadataValue[Any]]:
    return {name: dg.MetadataValue.md(text) for name, text in metadata_plots(rows).items()}


@artifact_asset(
    REPORT_KEY,
    "One self-contained HTML file.",
    "All systems side by side with intervals, per chapter, beside the published figures; what the profile left out; a note "
    "viewer for open corpora; the reproduction card.",
    ins=inputs(
        release=RELEASE, codes=CODES, instructions=INSTRUCTIONS, coverage=COVERAGE,
        documents=Input(DOCUMENTS, ALL, where=_BENCHMARKS), labels=Input(LABELS, ALL), evidence=Input(EVIDENCE, ALL),
        extractions=Input(EXTRACTIONS, ALL, ("corpus", "document_id", "status")),
        pairs=Input(KNOWLEDGE_BASE_PAIRS, ALL, ("code", "tier", "is_trainable", "expansion")),
        predictions=Input(PREDICTIONS, ALL), scores=Input(SCORES, ALL),
    ),
    deps=[dg.AssetDep(ADAPTER_KEY, partition_mapping=ALL)],
    settings={"profile": _SETTINGS.profile, "restricted_notes": _SETTINGS.report_restricted_notes},
    kinds={"report", "html"},
)  # fmt: skip
def report(
    context: dg.AssetExecutionContext,
    release: pa.Table,
    codes: pa.Table,
    instructions: pa.Table,
    coverage: pa.Table,
    documents: pa.Table,
    labels: pa.Table,
    evidence: pa.Table,
    extractions: pa.Table,
    pairs: pa.Table,
    predictions: pa.Table,
    scores: pa.Table,
) -> dg.Output[Path]:
    """Render the report."""
    from ccl_assets.evaluation.report.exports import write_report
    from ccl_assets.evaluation.report.inputs import left_out, report_inputs
    from ccl_assets.evaluation.report.reproduction import reproduction_card

    adapters, folder = _SETTINGS.adapters, _SETTINGS.report
    sizes = write_report(
        folder,
        report_inputs(
            codes=codes,
            documents=documents,
            labels=labels,
            evidence=evidence,
            predictions=predictions,
            scores=scores,
            left_out=left_out(_SETTINGS, coverage, extractions, pairs, adapters),
            card=reproduction_card(_SETTINGS, release, documents, predictions, adapters),
            coding_rules=CodingRules(Instructions.from_tables(codes, instructions)),
            shows_restricted=_SETTINGS.report_restricted_notes,
        ),
    )
    metadata = {
        "html": dg.MetadataValue.path(str(folder / "index.html")),
        "systems": scores["system"].unique().to_pylist(),
        **{f"bytes of {name}": size for name, size in sizes.items()},
        **_plots(scores.to_pylist()),
    }
    return dg.Output(folder, metadata=metadata)


ASSETS = [predictions, scores, report]
