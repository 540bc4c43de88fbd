"""Inputs of the report: tables and artifacts in, :class:`ReportInputs` out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ccl_assets.coding.systems import SYSTEMS
from ccl_assets.evaluation.report.ablation import ladder_steps
from ccl_assets.evaluation.report.note_view import note_views
from ccl_assets.evaluation.report.page import ReportInputs
from ccl_assets.evaluation.report.reproduction import adapter_folders
from ccl_assets.evaluation.scoring.abstention import abstention_curve
from ccl_assets.evaluation.scoring.rule_violations import CodingRules
from ccl_assets.evaluation.scoring.score_rows import paired_differences
from ccl_assets.resources.models.small_language_model import PACKAGED
from ccl_assets.resources.settings import Settings
from ccl_assets.sft.adapter.directory import read_summary

# Systems the others are compared with, the first of them that was scored.
REFERENCES = ("scl", "index_lookup")


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
    coding_rules: CodingRules | None = None,
    shows_restricted: bool = False,
) -> ReportInputs:
    """Gather everything the report shows.

    Args:
        codes: ``icd/codes``.
        documents: ``corpus/documents`` of the benchmarks of all corpora.
        labels: ``corpus/labels``.
        evidence: ``corpus/evidence``.
        predictions: ``eval/predictions`` of all systems.
        scores: ``eval/scores`` of all systems.
        left_out: See :func:`left_out`.
        card: See :func:`reproduction.reproduction_card`.
        coding_rules: Rules of the release, to name those that an answer breaks.
        shows_restricted: Show notes of restricted corpora; they are left out otherwise.
    """
    billable = frozenset(codes.filter(codes["is_billable"])["code"].to_pylist())
    present = set(predictions["system"].to_pylist()) | set(scores["system"].to_pylist())
    systems = [*(name for name in SYSTEMS if name in present), *sorted(present - SYSTEMS.keys())]
    by_system = {name: predictions.filter(pc.equal(predictions["system"], name)) for name in systems}
    reference = next((name for name in REFERENCES if name in present), None)
    pairs = dict.fromkeys([(name, reference) for name in systems if name != reference] if reference else [])
    pairs |= dict.fromkeys(ladder_steps(present))
    restricted = {
        f"{row['corpus']}/{row['split']}"
        for row in documents.select(["corpus", "split", "is_restricted"]).to_pylist()
        if row["is_restricted"]
    }
    asked: Counter[tuple[str, str]] = Counter()
    everything: Counter[tuple[str, str]] = Counter()
    for row in predictions.select(["system", "corpus", "split", "was_asked"]).to_pylist():
        key = (row["system"], f"{row['corpus']}/{row['split']}")
        everything[key] += 1
        asked[key] += row["was_asked"]
    return ReportInputs(
        title="ICD-10-CM coding: evaluation report",
        generated=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, ccl-assets {version('ccl-assets')}",
        systems={name: SYSTEMS[name].description if name in SYSTEMS else "" for name in systems},
        scores=scores.to_pylist(),
        reference=reference,
        differences=[
            row
            for first, second in pairs
            for row in paired_differences(by_system[first], by_system[second], documents, labels, evidence, billable)
        ],
        abstention=[
            row
            for table in by_system.values()
            for row in abstention_curve(table, documents, labels, evidence, billable)
        ],
        chapter_titles=dict(zip(codes["chapter"].to_pylist(), codes["chapter_title"].to_pylist(), strict=True)),
        left_out=left_out,
        reproduction=card,
        note_views=note_views(
            predictions,
            documents,
            labels,
            evidence,
            dict(zip(codes["code"].to_pylist(), codes["long_title"].to_pylist(), strict=True)),
            systems=systems,
            coding_rules=coding_rules,
            shows_restricted=shows_restricted,
        ),
        restricted_benchmarks=sorted(restricted & {benchmark for _, benchmark in everything}),
        shows_restricted=shows_restricted,
        asked_counts={key: (asked[key], count) for key, count in everything.items()},
    )


def left_out(
    settings: Settings, coverage: pa.Table, extractions: pa.Table, pairs: pa.Table, adapters: Path
) -> list[str]:
    """Parts left out by the profile's bounds, one sentence each, with counts.

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
    if settings.model == PACKAGED:
        asked = [
            name
            for name, system in SYSTEMS.items()
            if system.needs_generator and (settings.limits.systems is None or name in settings.limits.systems)
        ]
        said.append(
            f"Path check, no results: {', '.join(asked)} ran on the packaged model, which shows that everything runs and codes "
            "nothing of use."
        )
    if settings.limits.is_training_bounded:
        said += [_training_sentence(folder.name, read_summary(folder)) for folder in adapter_folders(adapters)]
    if not said and settings.profile == "full":
        said.append("Nothing: the profile bounds nothing.")
    return said


def _training_sentence(recipe: str, summary: Mapping[str, Any]) -> str:
    shown = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in summary.items() if key in _SUMMARY_KEYS)
    return f"Training of {recipe}: bounded examples and time ({shown})."


_SUMMARY_KEYS = ("example_count", "steps", "planned_steps", "seconds", "stopped_by")
