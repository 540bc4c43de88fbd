"""Predictions in, rows of ``eval/scores`` out; also differences between systems and scores per chapter.

Only documents the system was asked about count, and every row says how many units that left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from ccl_assets.evaluation.bootstrap import (
    RESAMPLES,
    SEED,
    estimate,
    estimate_differences,
)
from ccl_assets.evaluation.figures import EvidenceKeys, FigureKey, families
from ccl_assets.evaluation.spans import DEFAULT_RULES, SpanRules
from ccl_assets.evaluation.units import ScoringInputError, answered, benchmarks_of, read_answers
from ccl_assets.icd.chapters import chapter_of

NO_CHAPTER = "none"


def score_system(
    predictions: pa.Table,
    documents: pa.Table,
    labels: pa.Table,
    evidence: pa.Table,
    codes: Set[str],
    *,
    resample_count: int = RESAMPLES,
    seed: int = SEED,
    rules: SpanRules = DEFAULT_RULES,
) -> list[dict[str, Any]]:
    """Score one system on every benchmark it has rows for.

    Validity is judged by ``codes``, not by the stored ``is_valid``, so figures follow the release at hand. Evidence
    figures are given where people marked evidence; figures over documents (rates, evidence) stand in the ``release``
    label space. A benchmark without labels has no code figures.

    Args:
        predictions: ``eval/predictions`` of one system; no rows give no scores.
        documents: ``corpus/documents``, at least the benchmarks predicted.
        labels: ``corpus/labels``.
        evidence: ``corpus/evidence``.
        codes: Billable codes of the release.
        resample_count: Bootstrap resamples.
        seed: Seed of the resamples.
        rules: How evidence spans are matched.

    Returns:
        Rows of ``eval/scores``. Where no unit was asked, values are ``None`` and the document count is 0.

    Raises:
        ScoringInputError: The tables do not belong together, or hold several systems.
    """
    if not predictions.num_rows:
        return []
    system = _only_system(predictions)
    rows = []
    for benchmark in benchmarks_of(predictions, documents, labels, evidence):
        answers = read_answers(predictions, benchmark)
        keys = EvidenceKeys.of(benchmark, answers, rules)
        for kind in benchmark.unit_kinds():
            units = answered(benchmark.units(kind), answers)
            for family in families(benchmark, kind, units, answers, codes, keys):
                estimates = estimate(
                    family.counts, len(units), family.figures, resample_count=resample_count, seed=seed
                )
                rows += [
                    {
                        "system": system,
                        **_names(benchmark.name, kind, family.label_space, key),
                        **asdict(estimates[key]),
                        "document_count": len(units),
                    }
                    for key in family.figures
                ]
    return rows


def paired_differences(
    first: pa.Table,
    second: pa.Table,
    documents: pa.Table,
    labels: pa.Table,
    evidence: pa.Table,
    codes: Set[str],
    *,
    resample_count: int = RESAMPLES,
    seed: int = SEED,
    rules: SpanRules = DEFAULT_RULES,
) -> list[dict[str, Any]]:
    """First system less second, on the units both were asked about, resampled alike.

    Arguments are those of :func:`score_system`, with the predictions of two systems.

    Returns:
        Rows with ``first_system``, ``second_system``, benchmark, unit, label space, macro convention and metric as in
        ``eval/scores``, ``value`` (the difference), ``lower``, ``upper``, ``document_count`` and ``resample_count``.
        Benchmarks that only one of them has are left out.

    Raises:
        ScoringInputError: As for :func:`score_system`.
    """
    if not first.num_rows or not second.num_rows:
        return []
    systems = {"first_system": _only_system(first), "second_system": _only_system(second)}
    others = {benchmark.name for benchmark in benchmarks_of(second, documents, labels, evidence)}
    rows = []
    for benchmark in benchmarks_of(first, documents, labels, evidence):
        if benchmark.name not in others:
            continue
        sides = [read_answers(predictions, benchmark) for predictions in (first, second)]
        keys = [EvidenceKeys.of(benchmark, answers, rules) for answers in sides]
        for kind in benchmark.unit_kinds():
            units = answered(benchmark.units(kind), sides[0].keys() & sides[1].keys())
            ours, theirs = (
                families(benchmark, kind, units, answers, codes, evidence_keys)
                for answers, evidence_keys in zip(sides, keys, strict=True)
            )
            for our, their in zip(ours, theirs, strict=True):
                estimates = estimate_differences(
                    our.counts, their.counts, len(units), our.figures, resample_count=resample_count, seed=seed
                )
                rows += [
                    {
                        **systems,
                        **_names(benchmark.name, kind, our.label_space, key),
                        **asdict(estimates[key]),
                        "document_count": len(units),
                    }
                    for key in our.figures
                ]
    return rows


def score_chapters(
    predictions: pa.Table, documents: pa.Table, labels: pa.Table, evidence: pa.Table, codes: Set[str]
) -> list[dict[str, Any]]:
    """Pairs of chart and code per ICD-10-CM chapter, label space ``release``; no intervals, the counts are small.

    Returns:
        Rows with system, benchmark, unit, label space, ``chapter`` (``none`` for what belongs to no chapter),
        ``gold_count``, ``predicted_count``, ``correct_count`` and ``micro_f1``.
    """
    if not predictions.num_rows:
        return []
    system = _only_system(predictions)
    rows = []
    for benchmark in benchmarks_of(predictions, documents, labels, evidence):
        if not benchmark.has_labels:
            continue
        answers = read_answers(predictions, benchmark)
        units = answered(benchmark.units("chart"), answers)
        gold, predicted, correct = Counter[str](), Counter[str](), Counter[str]()
        for unit in units:
            given = frozenset(code for document in unit.documents for code in answers[document.document_id].codes)
            gold.update(map(_chapter, unit.gold))
            predicted.update(map(_chapter, given))
            correct.update(map(_chapter, unit.gold & given & codes))
        for chapter in sorted(gold.keys() | predicted.keys(), key=lambda key: (key == NO_CHAPTER, key)):
            rows.append(
                {
                    "system": system,
                    "benchmark": benchmark.name,
                    "unit": "chart",
                    "label_space": "release",
                    "chapter": chapter,
                    "gold_count": gold[chapter],
                    "predicted_count": predicted[chapter],
                    "correct_count": correct[chapter],
                    "micro_f1": 2 * correct[chapter] / (gold[chapter] + predicted[chapter]),
                }
            )
    return rows


def _names(benchmark: str, kind: str, label_space: str, key: FigureKey) -> dict[str, str]:
    metric, macro_convention = key
    return {
        "benchmark": benchmark,
        "unit": kind,
        "label_space": label_space,
        "macro_convention": macro_convention,
        "metric": metric,
    }


def _only_system(predictions: pa.Table) -> str:
    systems = predictions["system"].unique().to_pylist()
    if len(systems) != 1:
        raise ScoringInputError(f"expected predictions of one system, found {sorted(systems)}; filter by `system`")
    return str(systems[0])


def _chapter(code: str) -> str:
    try:
        return chapter_of(code).key
    except KeyError:
        return NO_CHAPTER
