"""The asset of linking: a span coder for each rung of the ladder."""

import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS
from ccl_assets.evidence.tables import KNOWLEDGE_BASE_PAIRS
from ccl_assets.icd.tables import BILLABLE_TITLES
from ccl_assets.lakehouse.artifact_asset import artifact_asset
from ccl_assets.lakehouse.table_asset import ALL, Input, check_result, inputs, stop_if_failed
from ccl_assets.linking import checks
from ccl_assets.linking.encoder_assets import encoder
from ccl_assets.linking.partitions import RUNG
from ccl_assets.linking.rungs import RUNGS
from ccl_assets.resources.settings import settings

CODER_KEY = dg.AssetKey(["linking", "coder"])
_SETTINGS = settings()


@artifact_asset(
    CODER_KEY,
    "Span coder of a rung of the ladder; no language model.",
    "Terms of the knowledge base (and, on the last rung, human spans of training notes), what they were worth in training notes, "
    "and a verifier on features that a person can read, for each language of the training notes. Learned from training splits; "
    "validation notes set the threshold. The rung `linked` has a linker besides: an encoder that finds terms near to what no term "
    "says. JSON and arrays, with a card.",
    ins=inputs(
        codes=Input(BILLABLE_TITLES, columns=("release", "code", "long_title")),
        documents=Input(
            DOCUMENTS, ALL, ("corpus", "document_id", "chart_id", "split", "text"), where={"split": ("train", "val")}
        ),
        labels=Input(LABELS, ALL, ("corpus", "chart_id", "document_id", "code")),
        evidence=Input(EVIDENCE, ALL, ("corpus", "document_id", "code", "evidence_text")),
        pairs=Input(KNOWLEDGE_BASE_PAIRS, ALL, ("code", "evidence", "tier", "source", "is_trainable")),
    ),
    partitions_def=RUNG,
    gates=(checks.has_terms, checks.weights_finite, checks.calibrated),
    kinds={"scikitlearn", "numpy"},
)
def coder(
    context: dg.AssetExecutionContext,
    codes: pa.Table,
    documents: pa.Table,
    labels: pa.Table,
    evidence: pa.Table,
    pairs: pa.Table,
) -> Iterator[Any]:
    """Train the coders of a rung."""
    from ccl_assets.lakehouse.plots import as_markdown, line_plot
    from ccl_assets.linking.annotated_texts import NoLabelsError, annotated_texts, require_labels
    from ccl_assets.linking.calibration import calibration_error
    from ccl_assets.linking.card import bins_of, card, figures
    from ccl_assets.linking.coder import pair_rows
    from ccl_assets.linking.coder_folder import ReleaseCodes, write_folder
    from ccl_assets.linking.linker_training import encoders_of_rung
    from ccl_assets.linking.storage import content_version
    from ccl_assets.linking.training import Trained, train
    from ccl_assets.text.assertions import language_of
    from ccl_assets.text.note_tokens import tokenize

    rung = context.partition_key
    tiers = RUNGS[rung]
    known = pair_rows(pairs.to_pylist(), tiers)
    release = codes["release"][0].as_py()
    split_of = {f"{row['corpus']}/{row['document_id']}": row["split"] for row in documents.to_pylist()}
    notes = defaultdict(list)
    texts = annotated_texts(documents.to_pylist(), labels.to_pylist(), evidence.to_pylist())
    for corpus, count in Counter(key.split("/")[0] for key, split in split_of.items() if split == "train").items():
        try:
            require_labels(corpus, count, texts)
        except NoLabelsError as error:
            context.log.warning(f"nothing is learned from it: {error}")
    for note in texts:
        notes[language_of(tokenize(note.text)), split_of[note.note]].append(note)
    trained: dict[str, Trained] = {}
    title_of = dict(zip(codes["code"].to_pylist(), codes["long_title"].to_pylist(), strict=True))
    for language in ("en", *(["es"] if notes["es", "train"] else [])):
        context.log.info(f"{language}: {len(notes[language, 'train'])} training notes")
        trained[language] = train(
            language,
            known if language == "en" else [],
            notes[language, "train"],
            notes[language, "val"],
            with_human="human" in tiers,
            release=release,
            encoder_without=encoders_of_rung(rung, language, known, title_of, notes[language, "train"]),
        )
    coders = {language: one.coder for language, one in trained.items()}
    counts: Counter[str] = Counter()
    for one in coders.values():
        for tier, count in one.terms.tiers().items():
            counts[tier if tier in {"human", "silver", "synthetic"} else "gold"] += count
    errors = {language: calibration_error(bins_of(one)) for language, one in trained.items() if one.probabilities}
    gates = [checks.has_terms(counts, tiers), checks.weights_finite(coders), checks.calibrated(errors)]
    for gate in gates:
        yield check_result(gate, CODER_KEY)
    stop_if_failed({"linking/coder": [gate for gate in gates if not gate.passed and gate.is_blocking]})

    folder = _SETTINGS.artifacts / "linking" / "coder" / rung
    made = _SETTINGS.artifacts / "linking" / "work" / rung
    shutil.rmtree(made, ignore_errors=True)
    write_folder(made, coders, ReleaseCodes(release, title_of))
    text = card(rung, trained)
    (made / "README.md").write_text(text, encoding="utf-8")
    _take_place(made, folder)
    metadata: dict[str, Any] = {
        f"{language}_{name}": value for language, one in trained.items() for name, value in figures(one).items()
    }
    metadata["card"] = dg.MetadataValue.md(text)
    for language, learned in trained.items():
        if learned.probabilities:
            points = [(found.stated, found.right) for found in bins_of(learned)]
            png = line_plot(
                f"Reliability, {language}", "stated probability", {"real share": points, "as stated": [(0, 0), (1, 1)]}
            )
            metadata[f"reliability_{language}"] = dg.MetadataValue.md(as_markdown(png, f"Reliability, {language}"))
    yield dg.Output(folder, metadata=metadata, data_version=dg.DataVersion(content_version(folder)))


def _take_place(made: Path, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)


ASSETS = [coder, encoder]
