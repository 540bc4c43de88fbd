"""Assets of the silver tier: extraction over notes, candidates and refined pairs over codes."""

from __future__ import annotations

from collections import Counter, defaultdict

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ccl_assets.corpora.partitions import NOTE_SHARD
from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS
from ccl_assets.evidence import checks
from ccl_assets.evidence.gold.expansions import STATED
from ccl_assets.evidence.silver.candidates import candidates as candidate_rows
from ccl_assets.evidence.silver.candidates import label_noise, label_noise_table, mined_codes
from ccl_assets.evidence.silver.extraction import (
    ExtractionPrompt,
    Question,
    notes_to_mine,
    status_counts,
    worth_asking_again,
)
from ccl_assets.evidence.silver.refinement import by_code, human_spans, refinement_request, silver_rows, unknown_phrases
from ccl_assets.evidence.silver.rewording import nearest_known
from ccl_assets.evidence.tables import CANDIDATES, EXTRACTIONS, GOLD_PAIRS, SILVER_PAIRS
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.partitions import CHAPTER
from ccl_assets.icd.tables import BILLABLE_TITLES, CHAPTER_CODES
from ccl_assets.io_managers.table_io_manager import PARTITION
from ccl_assets.lakehouse.llm_step import LLM_POOL, LLM_RETRY, TOLERATED_ERRORS, answer, answer_with
from ccl_assets.lakehouse.plots import as_markdown, bar_chart
from ccl_assets.lakehouse.table_asset import ALL, Input, TableResult, inputs, table_asset
from ccl_assets.prompts import load_prompt
from ccl_assets.resources.embedding.embedder import Embedder
from ccl_assets.resources.models.language_models import LanguageModels
from ccl_assets.resources.settings import settings
from ccl_assets.resources.text_generation.collect import Collected
from ccl_assets.resources.text_generation.requests import Completion, LazyRequests

_SETTINGS = settings()
_NOTE_COLUMNS = ("corpus", "document_id", "chart_id", "source", "split", "text", "is_restricted")


@table_asset(
    EXTRACTIONS,
    settings={
            "miner": _SETTINGS.model_of("miner"),
            "notes_per_shard": _SETTINGS.limits.mined_notes,
            "context_tokens": _SETTINGS.context_tokens,
        },
    description="Stage one of silver mining: per note one request with all its codes, several where the "
    "model's window is short; each quoted span is checked against the note. Notes with human evidence and notes of validation and "
    "test splits are not mined.",
    kinds={"huggingface"},
    gates=(checks.answers_parsed, checks.quotes_verbatim,),
    ins=inputs(
        codes=Input(BILLABLE_TITLES, columns=("code", "long_title")),
        documents=Input(DOCUMENTS, ALL, _NOTE_COLUMNS, {"note_shard": (PARTITION,)}),
        labels=Input(LABELS, ALL, ("corpus", "chart_id", "document_id", "code"), {"note_shard": (PARTITION,)}),
        evidence=Input(EVIDENCE, ALL, columns=("corpus", "document_id")),
    ),
    partitions_def=NOTE_SHARD,
    pool=LLM_POOL,
    retry_policy=LLM_RETRY,
    required_resource_keys={"language_models"},
)  # fmt: skip
def extractions(
    context: dg.AssetExecutionContext, codes: pa.Table, documents: pa.Table, labels: pa.Table, evidence: pa.Table
) -> TableResult:
    """Spans that the miner quoted for a shard's notes."""
    titles = dict(zip(codes["code"].to_pylist(), codes["long_title"].to_pylist(), strict=True))
    annotated = set(zip(evidence["corpus"].to_pylist(), evidence["document_id"].to_pylist(), strict=True))
    notes = notes_to_mine(documents.to_pylist(), labels.to_pylist(), annotated)
    asked = notes[: _SETTINGS.limits.mined_notes]
    models: LanguageModels = context.resources.language_models
    model, collected = models.model_name("miner"), Collected()
    generator = models.generator("miner") if asked else None
    prompt = ExtractionPrompt(
        titles, _SETTINGS.context_tokens, has_json_answer=generator is not None and generator.supports_json_schema
    )
    questions: dict[str, list[Question]] = {
        f"{note.corpus}/{note.document_id}": prompt.questions(note) for note in asked
    }
    by_request = {question.request_id: question for some in questions.values() for question in some}
    if generator is not None:
        model = generator.model_name

        def is_readable(completion: Completion) -> bool:
            return prompt.is_readable(by_request[completion.request_id], completion)

        collected = answer_with(
            context, generator, LazyRequests(list(by_request.values()), prompt.request), is_readable=is_readable,
            note_of={question.request_id: name for name, some in questions.items() for question in some},
            tolerated_error_share=TOLERATED_ERRORS,
        )  # fmt: skip
        again = worth_asking_again(
            list(by_request.values()),
            {name: prompt.again(one, collected.completions[name]) for name, one in by_request.items()},
        )
        for one in again:
            by_request[one.request_id] = one
            questions[f"{one.note.corpus}/{one.note.document_id}"].append(one)
        if again:
            more = answer_with(
                context, generator, LazyRequests(again, prompt.request), is_readable=is_readable,
                note_of={one.request_id: f"{one.note.corpus}/{one.note.document_id}" for one in again},
                tolerated_error_share=TOLERATED_ERRORS,
            )  # fmt: skip
            collected.completions.update(more.completions)
            collected.seconds += more.seconds
            collected.unreadable_count = more.unreadable_count
    answers = collected.completions
    rows = [
        row
        for note in notes
        for row in prompt.rows(
            note,
            [(one, answers[one.request_id]) for one in questions.get(f"{note.corpus}/{note.document_id}", ())],
            shard=context.partition_key,
            model=model,
        )
    ]
    metadata = {
        "notes": len(notes),
        "notes_asked": len(asked),
        "notes_in_several_requests": sum(len(some) > 1 for some in questions.values()),
        "codes_not_in_release": sum(row["code"] not in titles for row in rows),
        "codes_asked_again_alone": sum(one.is_again for one in by_request.values()),
        "answers_cut_off": sum(completion.finish_reason == "length" for completion in answers.values()),
        **{f"status_{status}": count for status, count in status_counts(rows).items()},
        **collected.cost,
    }
    gates = [
        checks.answers_parsed(rows, is_packaged_model=model == "packaged"),
        checks.quotes_verbatim(rows),
    ]
    return TableResult(rows, metadata, gates)


@table_asset(
    CANDIDATES,
    description="The share of notes without evidence maps the label noise.",
    kinds={"python"},
    ins=inputs(
        extractions=Input(EXTRACTIONS, ALL, ("code", "status", "evidence"), {"chapter": (PARTITION,)}, ("code",))
    ),
    partitions_def=CHAPTER,
)
def candidates(context: dg.AssetExecutionContext, extractions: pa.Table) -> TableResult:
    """Candidate phrases of a chapter's codes."""
    codes = mined_codes(extractions)
    metadata: dict[str, object] = {
        "codes": len(codes),
        "code_notes_mined": sum(mined.note_count for mined in codes.values()),
        "code_notes_without_evidence": sum(mined.no_evidence_count for mined in codes.values()),
    }
    if noisy := label_noise(codes):
        title = f"Notes without evidence for their code, {context.partition_key}"
        shares = [100 * mined.no_evidence_share for _, mined in noisy]
        chart = bar_chart(title, [code for code, _ in noisy], shares, "% of the notes that have the code")
        metadata["label_noise"] = dg.MetadataValue.md(label_noise_table(codes))
        metadata["label_noise_chart"] = dg.MetadataValue.md(as_markdown(chart, title))
    return TableResult(candidate_rows(codes, context.partition_key), metadata)


@table_asset(
    SILVER_PAIRS,
    settings={
            "miner": _SETTINGS.model_of("miner"),
            "codes_per_chapter": _SETTINGS.limits.refined_codes,
            "context_tokens": _SETTINGS.context_tokens,
            "embedder": _SETTINGS.embedder,
        },
    description="Stage two of silver mining: per code a few usual wordings chosen from index terms, the human evidence of "
    "training notes and frequency-ranked candidates. A phrase that is none of these, nor near enough to one to reword it, is kept "
    "out of training.",
    kinds={"huggingface"},
    gates=(checks.pairs_about_billable_codes, checks.evidence_well_formed, checks.grounded,),
    ins=inputs(
        codes=Input(CHAPTER_CODES, carries=("release", "chapter")),
        candidates=Input(CANDIDATES, carries=("code",)),
        gold=GOLD_PAIRS,
        documents=Input(DOCUMENTS, ALL, ("corpus", "document_id", "is_restricted"), where={"split": ("train",)}),
        evidence=Input(EVIDENCE, ALL, ("corpus", "document_id", "code", "evidence_text")),
    ),
    partitions_def=CHAPTER,
    pool=LLM_POOL,
    retry_policy=LLM_RETRY,
    required_resource_keys={"language_models", "embedder"},
)  # fmt: skip
def silver(
    context: dg.AssetExecutionContext,
    codes: pa.Table,
    candidates: pa.Table,
    gold: pa.Table,
    documents: pa.Table,
    evidence: pa.Table,
) -> TableResult:
    """Refined evidence of a chapter's codes."""
    ontology = Ontology.from_table(codes)
    terms: dict[str, list[str]] = defaultdict(list)
    wanted = pa.array(sorted(set(candidates["code"].to_pylist())), type=pa.string())
    own = pc.is_in(gold["expansion"], value_set=pa.array(STATED))
    known_terms = gold.filter(pc.and_(own, pc.is_in(gold["code"], value_set=wanted)))
    for row in known_terms.sort_by([("code", "ascending"), ("rank", "ascending")]).to_pylist():
        terms[row["code"]].append(row["evidence"])
    models: LanguageModels = context.resources.language_models
    known = [row for row in candidates.to_pylist() if row["code"] in ontology.billable]
    spans = human_spans(evidence.to_pylist(), documents.to_pylist())
    items = by_code(known, terms, ontology.titles, spans, is_restricted=models.mines_restricted_notes)
    prompt = load_prompt("evidence_refinement")
    asked = items[: _SETTINGS.limits.refined_codes]
    requests = [refinement_request(item, prompt, _SETTINGS.context_tokens) for item in asked]
    model, collected = answer(context, "miner", requests, tolerated_error_share=TOLERATED_ERRORS)
    answers = collected.completions
    embedder: Embedder = context.resources.embedder
    nearest = nearest_known(
        {item.code: unknown_phrases(item, answers.get(item.code)) for item in asked},
        {item.code: item.known_phrases for item in asked},
        embedder.encode,
    )
    rows = [
        row
        for item in items
        for row in silver_rows(
            item,
            answers.get(item.code),
            nearest,
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
