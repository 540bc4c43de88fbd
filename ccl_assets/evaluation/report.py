"""What the report is made of: tables and artifacts in, :class:`ReportInputs` out."""

from __future__ import annotations

import platform
import subprocess
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ccl_assets.coding.systems import SYSTEMS
from ccl_assets.evaluation.html_report import ReportInputs
from ccl_assets.evaluation.note_view import note_views
from ccl_assets.evaluation.scoring import paired_differences, score_chapters
from ccl_assets.prompts import load_prompt
from ccl_assets.resources.settings import Settings
from ccl_assets.sft.adapter import adapter_sha256, read_summary

PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "trl",
    "sentence-transformers",
    "faiss-cpu",
    "pyarrow",
    "deltalake",
    "dagster",
)
PROMPTS = (
    "evidence_extraction", "evidence_extraction_json", "evidence_refinement", "evidence_synthesis",
    "document_coding", "code_only_coding", "span_coding", "cot_coding", "document_coding_with_evidence",
)  # fmt: skip
_COMPARED = "scl"


def report_inputs(
    *,
    codes: pa.Table,
    documents: pa.Table,
    labels: pa.Table,
    evidence: pa.Table,
    predictions: pa.Table,
    scores: pa.Table,
    left_out: list[str],
    card: Mapping[str, Any],
) -> ReportInputs:
    """Gather everything the report shows; notes of restricted corpora are left out of the viewer.

    Args:
        codes: ``icd/codes``.
        documents: ``corpus/documents`` of the test splits of all corpora.
        labels: ``corpus/labels``.
        evidence: ``corpus/evidence``.
        predictions: ``eval/predictions`` of all systems.
        scores: ``eval/scores`` of all systems.
        left_out: See :func:`left_out`.
        card: See :func:`reproduction_card`.
    """
    billable = frozenset(codes.filter(codes["is_billable"])["code"].to_pylist())
    present = set(predictions["system"].to_pylist())
    by_system = {name: predictions.filter(pc.equal(predictions["system"], name)) for name in SYSTEMS if name in present}
    restricted = {
        f"{row['corpus']}/{row['split']}"
        for row in documents.select(["corpus", "split", "is_restricted"]).to_pylist()
        if row["is_restricted"]
    }
    benchmarks = {f"{row['corpus']}/{row['split']}" for row in predictions.select(["corpus", "split"]).to_pylist()}
    is_open = pc.invert(documents["is_restricted"])
    titles = dict(zip(codes["code"].to_pylist(), codes["long_title"].to_pylist(), strict=True))
    asked: Counter[tuple[str, str]] = Counter()
    everything: Counter[tuple[str, str]] = Counter()
    for row in predictions.select(["system", "corpus", "split", "was_asked"]).to_pylist():
        key = (row["system"], f"{row['corpus']}/{row['split']}")
        everything[key] += 1
        asked[key] += row["was_asked"]
    return ReportInputs(
        title="ICD-10-CM coding: evaluation report",
        generated=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, ccl-assets {version('ccl-assets')}",
        systems={name: SYSTEMS[name].description for name in by_system},
        scores=scores.to_pylist(),
        differences=[
            row
            for name, other in by_system.items()
            if name != _COMPARED and _COMPARED in by_system
            for row in paired_differences(by_system[_COMPARED], other, documents, labels, evidence, billable)
        ],
        chapters=[
            row for table in by_system.values() for row in score_chapters(table, documents, labels, evidence, billable)
        ],
        left_out=left_out,
        reproduction=card,
        note_views=note_views(predictions, documents.filter(is_open), labels, evidence, titles),
        restricted_benchmarks=sorted(restricted & benchmarks),
        asked_counts={key: (asked[key], count) for key, count in everything.items()},
    )


def left_out(
    settings: Settings, coverage: pa.Table, extractions: pa.Table, pairs: pa.Table, adapters: Path
) -> list[str]:
    """What the profile's bounds left out, one sentence each, with counts.

    Args:
        settings: The profile's settings.
        coverage: ``synthetic/coverage``.
        extractions: ``silver/extractions`` (corpus, document_id, status).
        pairs: ``knowledge_base/pairs`` (code, tier, is_trainable, expansion).
        adapters: Folder with an adapter per recipe.
    """
    said = []
    statuses = extractions.to_pylist()
    notes = {(row["corpus"], row["document_id"]) for row in statuses}
    not_asked = {(row["corpus"], row["document_id"]) for row in statuses if row["status"] == "not_asked"}
    if not_asked:
        said.append(f"Mining: {len(not_asked)} of {len(notes)} notes were not sent to the miner.")
    if (bound := settings.limits.refined_codes) is not None:
        said.append(
            f"Refinement: at most {bound} code(s) per chapter were refined by the model; the others keep their most frequent "
            "candidates."
        )
    direct = pairs.filter(pc.equal(pairs["expansion"], "direct"))
    covered = set(direct["code"].to_pylist())
    billable = coverage["code"].to_pylist()
    synthesized = len(set(pairs.filter(pc.equal(pairs["tier"], "synthetic"))["code"].to_pylist()))
    uncovered = sum(code not in covered for code in billable)
    if uncovered:
        before = coverage["is_covered"].to_pylist().count(False)
        said.append(
            f"Synthesis: of {before:,} codes without evidence of their own, {synthesized:,} were given some; {uncovered:,} of "
            f"{len(billable):,} billable codes remain without."
        )
    if settings.limits.systems is not None:
        others = [name for name in SYSTEMS if name not in settings.limits.systems]
        said.append(
            f"Systems: {', '.join(others)} were not asked to code the benchmark notes; the others answered each note with at most "
            f"{settings.limits.answer_tokens} tokens."
        )
    for folder in sorted(adapters.iterdir()) if adapters.exists() else []:
        if folder.name.startswith("."):
            continue
        summary = read_summary(folder)
        if settings.limits.is_training_bounded:
            said.append(_training_sentence(folder.name, summary))
    if not said and settings.profile == "full":
        said.append("Nothing: the profile bounds nothing.")
    return said


def _training_sentence(recipe: str, summary: Mapping[str, Any]) -> str:
    shown = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in summary.items() if key in _SUMMARY_KEYS)
    return f"Training of {recipe}: bounded examples and time ({shown})."


_SUMMARY_KEYS = ("example_count", "steps", "planned_steps", "seconds", "stopped_by")


def reproduction_card(
    settings: Settings, release: pa.Table, documents: pa.Table, predictions: pa.Table, adapters: Path
) -> dict[str, Any]:
    """What is needed to repeat the run."""
    return {
        "Release": {
            "label": release["release"][0].as_py(),
            **dict(zip(release["file_name"].to_pylist(), release["sha256"].to_pylist(), strict=True)),
        },
        "Benchmarks": {
            f"{corpus}/{split}": f"{count} notes"
            for (corpus, split), count in sorted(
                Counter(
                    (row["corpus"], row["split"]) for row in documents.select(["corpus", "split"]).to_pylist()
                ).items()
            )
        },
        "Profile": settings.profile,
        "Models": {
            "base": settings.model,
            "miner": settings.model_of("miner"),
            "synthesizer": settings.model_of("synthesizer"),
            "encoder": settings.embedder,
            "backend": settings.backend,
            **dict.fromkeys(sorted({m for m in predictions["model"].to_pylist() if m}), "asked"),
        },
        "Adapters": {
            folder.name: adapter_sha256(folder)
            for folder in (sorted(adapters.iterdir()) if adapters.exists() else ())
            if not folder.name.startswith(".")
        },
        "Prompts (sha256)": {name: load_prompt(name).sha256 for name in PROMPTS},
        "Packages": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "Code": {"ccl-assets": version("ccl-assets"), "git commit": _git_commit()},
    }


def _git_commit() -> str:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607
            cwd=Path(__file__).parent, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown (not run from a git checkout)"
    return done.stdout.strip()
