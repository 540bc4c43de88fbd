"""Assets of evaluation: each system's predictions and scores, and the report over all systems."""

from pathlib import Path

import dagster as dg
import pyarrow as pa

from ccl_assets.code_versions import code_version
from ccl_assets.coding.systems import SYSTEMS
from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS
from ccl_assets.evaluation import checks
from ccl_assets.evaluation.scoring import score_system
from ccl_assets.evaluation.tables import PREDICTIONS, SCORES
from ccl_assets.evidence.tables import COVERAGE, EXTRACTIONS, GOLD_PAIRS, KNOWLEDGE_BASE_PAIRS
from ccl_assets.icd.tables import CODES, RELEASE
from ccl_assets.llm_step import LLM_POOL, LLM_RETRY
from ccl_assets.partitions import ADAPTER_OF_SYSTEM, ALL, SYSTEM
from ccl_assets.resources.language_models import LanguageModels
from ccl_assets.resources.settings import settings
from ccl_assets.sft.assets import ADAPTER_KEY
from ccl_assets.table_asset import OWNERS, Input, TableResult, inputs, table_asset

_SETTINGS = settings()
_TEST = {"split": ("test",)}
REPORT_KEY = dg.AssetKey(["eval", "report"])


@table_asset(
    PREDICTIONS,
    code_version=code_version(
        "coding.output_format", "coding.prediction", "coding.index_lookup_terms", "coding.negation", "coding.window",
        "coding.systems.index_lookup", "coding.systems.base_cot", "coding.systems.adapter_coder",
        "coding.systems.prompted_coder", "evidence.grounding",
        prompts=("cot_coding", "document_coding", "code_only_coding", "document_coding_with_evidence"),
        settings={
            "base": _SETTINGS.model,
            "context_tokens": _SETTINGS.context_tokens,
            "answer_tokens": _SETTINGS.limits.answer_tokens,
        },
    ),
    description="What each system answers for the benchmark notes (paper section 4): codes checked against the release, quoted "
    "evidence located in the note.",
    kinds={"huggingface"},
    gates=checks.PREDICTION_GATES,
    ins={
        **inputs(
            codes=Input(CODES, columns=("code", "long_title", "is_billable")),
            documents=Input(DOCUMENTS, ALL, where=_TEST), labels=Input(LABELS, ALL, ("corpus", "chart_id")),
            evidence=Input(EVIDENCE, ALL, ("corpus", "document_id", "begin", "end", "evidence_text")),
            gold=Input(GOLD_PAIRS, ALL, ("code", "evidence", "source", "expansion")),
        ),
        "adapter": dg.AssetIn(key=ADAPTER_KEY, partition_mapping=ADAPTER_OF_SYSTEM),
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
) -> TableResult:
    """Code the test notes of every corpus that has labels."""
    from ccl_assets.coding.prediction import HumanSpan, NoteToCode
    from ccl_assets.coding.systems import CoderSettings, build_system

    name = context.partition_key
    description = SYSTEMS[name]
    titles = dict(zip(codes["code"].to_pylist(), codes["long_title"].to_pylist(), strict=True))
    billable = frozenset(codes.filter(codes["is_billable"])["code"].to_pylist())
    labelled = {(row["corpus"], row["chart_id"]) for row in labels.to_pylist()}
    test = [row for row in documents.to_pylist() if (row["corpus"], row["chart_id"]) in labelled]
    spans: dict[str, list[HumanSpan]] = {}
    for row in evidence.to_pylist():
        spans.setdefault(f"{row['corpus']}/{row['document_id']}", []).append(
            HumanSpan(row["begin"], row["end"], row["evidence_text"])
        )
    notes = [
        NoteToCode(key, row["text"], row["is_restricted"], tuple(sorted(spans.get(key, ()), key=lambda s: s.begin)))
        for row in test
        if (key := f"{row['corpus']}/{row['document_id']}")
    ]
    generator = None
    if description.needs_model:
        models: LanguageModels = context.resources.language_models
        generator = models.generator("coder", adapter, adapter_name(adapter))
    system = build_system(
        name,
        billable,
        generator=generator,
        gold_pairs=None if description.needs_model else gold.to_pylist(),
        titles=titles,
        settings=CoderSettings(context_window=_SETTINGS.context_tokens, max_tokens=_SETTINGS.limits.answer_tokens),
    )
    of_note = {f"{row['corpus']}/{row['document_id']}": row for row in test}
    rows = []
    for number, coded in enumerate(system.code(notes), start=1):
        row = of_note[coded.document_id]
        rows.append(
            {
                "system": name,
                "corpus": row["corpus"],
                "split": row["split"],
                "document_id": row["document_id"],
                "chart_id": row["chart_id"],
                "raw_output": coded.raw_output,
                "predictions": [dict(prediction) for prediction in coded.predictions],
                "problems": list(coded.problems),
                "prompt_token_count": coded.prompt_token_count,
                "completion_token_count": coded.completion_token_count,
                "seconds": coded.seconds,
                "model": generator.model_name if generator is not None else None,
                "prompt_sha256": coded.prompt_sha256,
                "was_asked": True,
            }
        )
        context.log.info(f"{number}/{len(notes)} notes coded")
    predicted = sum(len(row["predictions"]) for row in rows)
    metadata = {
        "documents": len(rows),
        "predicted_codes": predicted,
        "completion_tokens": sum(row["completion_token_count"] for row in rows),
        "seconds": round(sum(row["seconds"] for row in rows), 1),
    }
    gates = [
        checks.every_document_predicted(rows, [row["document_id"] for row in test]),
        checks.codes_valid(rows),
    ]
    return TableResult(rows, metadata, gates)


def adapter_name(adapter: Path | None) -> str:
    """Name of an adapter for stored completions: recipe and content hash, so that another training run is another model."""
    if adapter is None:
        return ""
    from ccl_assets.sft.adapter import adapter_sha256

    return f"{adapter.name}@{adapter_sha256(adapter)[:12]}"


@table_asset(
    SCORES,
    code_version=code_version(
        "evaluation.scoring", "evaluation.metrics", "evaluation.figures", "evaluation.units", "evaluation.spans",
        "evaluation.bootstrap",
    ),
    description="Every figure with its unit, label space, macro convention and 95 % bootstrap interval.",
    kinds={"numpy"},
    gates=checks.SCORE_GATES,
    ins=inputs(
        codes=Input(CODES, columns=("code", "is_billable")), predictions=PREDICTIONS,
        documents=Input(DOCUMENTS, ALL, where=_TEST), labels=Input(LABELS, ALL), evidence=Input(EVIDENCE, ALL),
    ),
    partitions_def=SYSTEM,
)  # fmt: skip
def scores(
    context: dg.AssetExecutionContext,
    codes: pa.Table,
    predictions: pa.Table,
    documents: pa.Table,
    labels: pa.Table,
    evidence: pa.Table,
) -> TableResult:
    """Score a system."""
    billable = frozenset(codes.filter(codes["is_billable"])["code"].to_pylist())
    rows = score_system(predictions, documents, labels, evidence, billable)
    headline = {
        f"{row['benchmark']} {row['metric']}": round(row["value"], 4)
        for row in rows
        if (row["unit"], row["label_space"]) == ("chart", "release")
        and row["metric"]
        in ("micro_f1", "micro_precision", "micro_recall", "valid_code_rate", "verbatim_evidence_rate")
        and row["value"] is not None
    }
    return TableResult(rows, headline, [checks.scores_in_bounds(rows)])


@dg.asset(
    key=REPORT_KEY,
    group_name="eval",
    description="One self-contained HTML file: all systems side by side with intervals, per chapter, beside the published figures; "
    "what the profile left out; a note viewer for open corpora; the reproduction card.",
    ins=inputs(
        release=RELEASE, codes=CODES, coverage=COVERAGE,
        documents=Input(DOCUMENTS, ALL, where=_TEST), labels=Input(LABELS, ALL), evidence=Input(EVIDENCE, ALL),
        extractions=Input(EXTRACTIONS, ALL, ("corpus", "document_id", "status")),
        pairs=Input(KNOWLEDGE_BASE_PAIRS, ALL, ("code", "tier", "is_trainable", "expansion")),
        predictions=Input(PREDICTIONS, ALL), scores=Input(SCORES, ALL),
    ),
    deps=[dg.AssetDep(ADAPTER_KEY, partition_mapping=ALL)],
    code_version=code_version(
        "evaluation.html_report", "evaluation.report", "evaluation.report_tables", "evaluation.note_view",
        "evaluation.published", "evaluation.forest", "evaluation.scoring", "evaluation.metrics", "evaluation.figures",
        "evaluation.units", "evaluation.spans", "evaluation.bootstrap",
        templates=("evaluation/report.html.jinja",),
        settings={"profile": _SETTINGS.profile},
    ),
    kinds={"html"},
    owners=OWNERS,
    io_manager_key="artifact_directory",
)  # fmt: skip
def report(
    context: dg.AssetExecutionContext,
    release: pa.Table,
    codes: pa.Table,
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
    from ccl_assets.evaluation.html_report import render_report
    from ccl_assets.evaluation.report import left_out, report_inputs, reproduction_card

    adapters = _SETTINGS.artifacts / "sft" / "adapter"
    html = render_report(
        report_inputs(
            codes=codes,
            documents=documents,
            labels=labels,
            evidence=evidence,
            predictions=predictions,
            scores=scores,
            left_out=left_out(_SETTINGS, coverage, extractions, pairs, adapters),
            card=reproduction_card(_SETTINGS, release, documents, predictions, adapters),
        )
    )
    folder = _SETTINGS.artifacts / "eval" / "report"
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / ".index.html.partial"
    partial.write_text(html, encoding="utf-8")
    partial.replace(folder / "index.html")
    metadata = {
        "html": dg.MetadataValue.path(str(folder / "index.html")),
        "bytes": len(html.encode()),
        "systems": scores["system"].unique().to_pylist(),
    }
    return dg.Output(folder, metadata=metadata)


ASSETS = [predictions, scores, report]
