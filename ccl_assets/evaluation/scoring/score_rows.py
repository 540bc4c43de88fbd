"""Predictions in, rows of ``eval/scores`` out; also differences between systems.

Only documents the system was asked about count, and every row says how many units that left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from ccl_assets.evaluation.scoring.bootstrap import (
    RESAMPLES,
    SEED,
    Estimate,
    estimate,
    estimate_differences,
)
from ccl_assets.evaluation.scoring.code_subsets import CodeSubsets
from ccl_assets.evaluation.scoring.figure_families import EvidenceKeys, Family, Yardstick, families
from ccl_assets.evaluation.scoring.figures import FigureKey
from ccl_assets.evaluation.scoring.rule_violations import CodingRules
from ccl_assets.evaluation.scoring.spans import DEFAULT_RULES, SpanRules
from ccl_assets.evaluation.scoring.units import (
    UnitKind,
    answered,
    benchmarks_of,
    only_system,
    read_answers,
    read_benchmark,
    splits_of,
)


def score_system(
    predictions: pa.Table,
    documents: pa.Table,
    labels: pa.Table,
    evidence: pa.Table,
    codes: Set[str],
    *,
    subsets: CodeSubsets | None = None,
    coding_rules: CodingRules | None = None,
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
        subsets: Kinds of codes to give the code figures for separately (unit ``chart``, label space ``release``), those in which
            the benchmark has gold codes; without it there is the subset ``all`` only.
        coding_rules: Rules whose violations are counted; without it there are no such figures.
        resample_count: Bootstrap resamples.
        seed: Seed of the resamples.
        rules: How evidence spans are matched.

    Returns:
        Rows of ``eval/scores``. Where no unit was asked, shares are ``None`` and the document count is 0.

    Raises:
        ScoringInputError: The tables do not belong together, or hold several systems.
    """
    if not predictions.num_rows:
        return []
    system = only_system(predictions)
    yardstick = Yardstick(codes, rules, subsets, coding_rules)
    rows: list[dict[str, Any]] = []
    for benchmark in benchmarks_of(predictions, documents, labels, evidence):
        answers = read_answers(predictions, benchmark)
        keys = EvidenceKeys.of(benchmark, answers, rules)
        for kind in benchmark.unit_kinds():
            units = answered(benchmark.units(kind), answers)
            for family in families(benchmark, kind, units, answers, keys, yardstick):
                estimates = estimate(
                    family.counts, len(units), family.figures, resample_count=resample_count, seed=seed
                )
                rows += _rows({"system": system}, benchmark.name, kind, family, estimates, len(units))
    return rows


def paired_differences(
    first: pa.Table,
    second: pa.Table,
    documents: pa.Table,
    labels: pa.Table,
    evidence: pa.Table,
    codes: Set[str],
    *,
    subsets: CodeSubsets | None = None,
    coding_rules: CodingRules | None = None,
    resample_count: int = RESAMPLES,
    seed: int = SEED,
    rules: SpanRules = DEFAULT_RULES,
) -> list[dict[str, Any]]:
    """First system less second, on the units both were asked about, resampled alike.

    Arguments are those of :func:`score_system`, with the predictions of two systems.

    Returns:
        Rows with ``first_system``, ``second_system``, benchmark, unit, label space, macro convention, metric and subset as in
        ``eval/scores``, ``value`` (the difference), ``lower``, ``upper``, ``document_count`` and ``resample_count``; counts of
        pairs are no figures to compare and have none. Benchmarks that only one of them has are left out.

    Raises:
        ScoringInputError: As for :func:`score_system`.
    """
    if not first.num_rows or not second.num_rows:
        return []
    systems = {"first_system": only_system(first), "second_system": only_system(second)}
    yardstick = Yardstick(codes, rules, subsets, coding_rules)
    shared = set(splits_of(second))
    rows: list[dict[str, Any]] = []
    for corpus, split in splits_of(first):
        if (corpus, split) not in shared:
            continue
        benchmark = read_benchmark(corpus, split, documents, labels, evidence)
        sides = [read_answers(predictions, benchmark) for predictions in (first, second)]
        keys = [EvidenceKeys.of(benchmark, answers, rules) for answers in sides]
        for kind in benchmark.unit_kinds():
            units = answered(benchmark.units(kind), sides[0].keys() & sides[1].keys())
            ours, theirs = (
                families(benchmark, kind, units, answers, evidence_keys, yardstick)
                for answers, evidence_keys in zip(sides, keys, strict=True)
            )
            for our, their in zip(ours, theirs, strict=True):
                estimates = estimate_differences(
                    our.counts, their.counts, len(units), our.figures, resample_count=resample_count, seed=seed
                )
                rows += _rows(systems, benchmark.name, kind, our, estimates, len(units))
    return rows


def _rows(
    systems: Mapping[str, str],
    benchmark: str,
    kind: UnitKind,
    family: Family,
    estimates: Mapping[FigureKey, Estimate],
    unit_count: int,
) -> Iterator[dict[str, Any]]:
    for (metric, macro_convention), figure in estimates.items():
        yield {
            **systems,
            "benchmark": benchmark,
            "unit": kind,
            "label_space": family.label_space,
            "macro_convention": macro_convention,
            "metric": metric,
            "subset": family.subset,
            **asdict(figure),
            "document_count": unit_count,
        }
