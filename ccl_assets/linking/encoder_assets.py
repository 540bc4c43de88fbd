"""The asset of the static encoder: trained on the knowledge base and on human spans of training notes."""

import shutil
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pyarrow as pa

from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE
from ccl_assets.evidence.tables import KNOWLEDGE_BASE_PAIRS
from ccl_assets.icd.tables import BILLABLE_TITLES
from ccl_assets.lakehouse.artifact_asset import artifact_asset
from ccl_assets.lakehouse.table_asset import ALL, Input, check_result, inputs, stop_if_failed
from ccl_assets.linking import checks
from ccl_assets.resources.settings import settings

ENCODER_KEY = dg.AssetKey(["linking", "encoder"])
_SETTINGS = settings()


@artifact_asset(
    ENCODER_KEY,
    "Static encoder of terms, for each language of the training notes.",
    "A text is the mean of the vectors of its word pieces. They start from the word table of the packaged sentence encoder and are "
    "trained on terms of one code (knowledge base, human spans of training notes) against siblings and other codes. A part of the "
    "terms is held out whole; recall of these, by tier and chapter, is in the card. Arrays and JSON; needs no torch to be used.",
    ins=inputs(
        titles=Input(BILLABLE_TITLES, columns=("code", "long_title")),
        documents=Input(DOCUMENTS, ALL, ("corpus", "document_id", "split", "text"), where={"split": ("train",)}),
        evidence=Input(EVIDENCE, ALL, ("corpus", "document_id", "code", "evidence_text")),
        pairs=Input(KNOWLEDGE_BASE_PAIRS, ALL, ("code", "evidence", "tier", "source", "is_trainable")),
    ),
    gates=(checks.vectors_finite, checks.recall_above_words),
    kinds={"pytorch", "numpy"},
)
def encoder(
    context: dg.AssetExecutionContext, titles: pa.Table, documents: pa.Table, evidence: pa.Table, pairs: pa.Table
) -> Iterator[Any]:
    """Train the encoders."""
    from ccl_assets.lakehouse.plots import as_markdown, line_plot
    from ccl_assets.linking.encoder_languages import (
        BUCKETS,
        WIDTH,
        TrainedEncoder,
        encoder_card,
        pair_terms,
        span_terms,
        start_of,
        train_language,
    )  # fmt: skip
    from ccl_assets.linking.encoder_training import packaged_start
    from ccl_assets.linking.storage import content_version
    from ccl_assets.text.assertions import language_of
    from ccl_assets.text.note_tokens import tokenize

    language_of_note = {
        (row["corpus"], row["document_id"]): language_of(tokenize(row["text"])) for row in documents.to_pylist()
    }
    spans: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in evidence.to_pylist():
        if language := language_of_note.get((row["corpus"], row["document_id"])):
            spans[language].append((row["code"], row["evidence_text"]))
    title_of = dict(zip(titles["code"].to_pylist(), titles["long_title"].to_pylist(), strict=True))
    pieces, table = packaged_start()
    trained: dict[str, TrainedEncoder] = {}
    for language in ("en", *(["es"] if spans["es"] else [])):
        terms = [*(pair_terms(pairs.to_pylist()) if language == "en" else []), *span_terms(spans[language])]
        context.log.info(f"{language}: {len(terms)} terms")
        start = start_of(pieces, table, WIDTH, BUCKETS[language])
        trained[language] = train_language(language, start, terms, title_of, say=context.log.info)
    gates = [checks.vectors_finite(trained), checks.recall_above_words(trained)]
    for gate in gates:
        yield check_result(gate, ENCODER_KEY)
    stop_if_failed({"linking/encoder": [gate for gate in gates if not gate.passed and gate.is_blocking]})

    folder = _SETTINGS.artifacts / "linking" / "encoder"
    made = _SETTINGS.artifacts / "linking" / "work" / "encoder"
    shutil.rmtree(made, ignore_errors=True)
    for language, one in trained.items():
        one.encoder.write(made / language)
    text = encoder_card(trained)
    (made / "README.md").write_text(text, encoding="utf-8")
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)
    metadata: dict[str, Any] = {"card": dg.MetadataValue.md(text)}
    for language, one in trained.items():
        metadata |= {f"{language}_terms": one.terms, f"{language}_held_out": one.after["all"].terms if one.after else 0}
        if one.after:
            metadata |= {
                f"{language}_recall_at_1": round(one.after["all"].first, 4),
                f"{language}_recall_at_10": round(one.after["all"].ten, 4),
                f"{language}_recall_at_1_untrained": round(one.before["all"].first, 4),
                f"{language}_recall_at_10_untrained": round(one.before["all"].ten, 4),
            }
        png = line_plot(f"Loss, {language}", "step", {"training": list(one.curve)})
        metadata[f"curve_{language}"] = dg.MetadataValue.md(as_markdown(png, f"Loss, {language}"))
    yield dg.Output(folder, metadata=metadata, data_version=dg.DataVersion(content_version(folder)))


ASSETS = [encoder]
