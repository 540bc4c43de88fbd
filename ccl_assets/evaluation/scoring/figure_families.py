"""Counts of a system's answers for the figures: one family for each label space, subset of codes and kind of outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from ccl_assets.evaluation.scoring import metrics
from ccl_assets.evaluation.scoring.abstention import chart_confidences, half_coverage_threshold
from ccl_assets.evaluation.scoring.code_subsets import ALL_CODES, SUBSETS, CodeSubsets
from ccl_assets.evaluation.scoring.codiesp_measures import average_precision, located_codes
from ccl_assets.evaluation.scoring.figures import (
    ALL_RULES,
    CATEGORY_FIGURES,
    CODE_FIGURES,
    EXACT_MATCH,
    NO_MACRO,
    OF_GOLD,
    PAIR_COUNTS,
    PER_100,
    FigureKey,
)  # fmt: skip
from ccl_assets.evaluation.scoring.metrics import Counts, Figure, LabelSpace, UnitCodes
from ccl_assets.evaluation.scoring.rule_violations import CODE_ORDER, RULE_KINDS, CodingRules, Violation
from ccl_assets.evaluation.scoring.spans import CRITERIA, SpanKeys, SpanRules, match_keys, span_keys
from ccl_assets.evaluation.scoring.units import Answer, Benchmark, Unit, UnitKind


@dataclass(frozen=True)
class Yardstick:
    """Data that answers are held against, besides the benchmark.

    Attributes:
        billable: Codes valid in the release.
        spans: How evidence spans are matched.
        subsets: Kinds of codes to give figures for; ``None`` for all codes together only.
        rules: Coding rules to look for violations of; ``None`` to leave them out.
    """

    billable: Set[str]
    spans: SpanRules
    subsets: CodeSubsets | None = None
    rules: CodingRules | None = None


@dataclass(frozen=True)
class EvidenceKeys:
    """Comparison keys of human and quoted evidence by document id, worked out once for all kinds of units."""

    gold: Mapping[str, SpanKeys]
    predicted: Mapping[str, SpanKeys]

    @classmethod
    def of(cls, benchmark: Benchmark, answers: Mapping[str, Answer], rules: SpanRules) -> EvidenceKeys | None:
        """Keys of the documents answered; ``None`` where the benchmark has no human evidence."""
        if not benchmark.has_evidence:
            return None
        documents = [benchmark.documents[document_id] for document_id in answers]
        return cls(
            {it.document_id: span_keys(it.evidence, it.text, rules) for it in documents},
            {it.document_id: span_keys(answers[it.document_id].evidence, it.text, rules) for it in documents},
        )


@dataclass(frozen=True)
class Family:
    """Counts and the figures read off them, in one label space and for one subset of codes."""

    label_space: LabelSpace
    counts: Counts
    figures: Mapping[FigureKey, Figure]
    subset: str = ALL_CODES


def families(
    benchmark: Benchmark,
    kind: UnitKind,
    units: Sequence[Unit],
    answers: Mapping[str, Answer],
    keys: EvidenceKeys | None,
    yardstick: Yardstick,
) -> list[Family]:
    """Count a system's answers in every way the figures need.

    Which families there are, and their order, depends on the benchmark and the yardstick, so those of two systems line up.

    Args:
        benchmark: Where the units come from; the gold label space is that of all its units, asked or not.
        kind: Kind of the units.
        units: Units scored, all their documents answered.
        answers: By document id.
        keys: Evidence of the documents; ``None`` where people marked none.
        yardstick: What is valid, which subsets, which rules.
    """
    billable = yardstick.billable
    result = []
    if benchmark.has_labels:
        gold_codes: frozenset[str] = frozenset().union(*(unit.gold for unit in benchmark.units(kind)))
        in_release = [_unit_codes(unit, answers, billable) for unit in units]
        spaces: dict[LabelSpace, list[UnitCodes]] = {
            "release": in_release,
            "gold": [codes.in_gold_space(gold_codes) for codes in in_release],
        }
        for space, codes in spaces.items():
            counts = metrics.outcome_counts(codes)
            result.append(Family(space, counts, CODE_FIGURES | PAIR_COUNTS))
            result.append(Family(space, metrics.exact_match_counts(codes), EXACT_MATCH))
            categories = [unit.categories() for unit in codes]
            result.append(Family(space, metrics.micro_counts(categories), CATEGORY_FIGURES))
            if yardstick.subsets is not None and (kind, space) == ("chart", "release"):
                wanted = _subsets_with_gold(gold_codes, benchmark.corpus, yardstick.subsets)
                result += _subset_families(codes, counts, benchmark.corpus, yardstick.subsets, wanted)
        gold = [unit.gold for unit in units]
        result.append(_rate("billable_gold_rate", [len(codes & billable) for codes in gold], [len(c) for c in gold]))
        if kind == "chart":
            result.append(_surer_half(units, answers, billable))
        if kind == "note" and benchmark.has_note_charts:
            result += _codiesp_families(units, answers, billable, benchmark.has_evidence)
    if kind == "chart" and yardstick.rules is not None:
        result += _rule_families(units, answers, yardstick.rules, has_gold=benchmark.has_labels)
    result += _answer_rates(units, answers, billable)
    if keys is not None:
        result += _evidence_families(units, keys)
    return result


def _unit_codes(unit: Unit, answers: Mapping[str, Answer], billable: Set[str]) -> UnitCodes:
    predicted = frozenset().union(*(answers[document.document_id].codes for document in unit.documents))
    return UnitCodes(unit.gold, predicted, predicted - billable)


def _subsets_with_gold(gold_codes: Set[str], corpus: str, subsets: CodeSubsets) -> list[str]:
    """Subsets in which the benchmark has anything to find, in their usual order."""
    present = {name for code in gold_codes for name in subsets.of(corpus, code)}
    return [name for name in SUBSETS if name in present]


def _subset_families(
    units: Sequence[UnitCodes], counts: Counts, corpus: str, subsets: CodeSubsets, wanted: Sequence[str]
) -> Iterator[Family]:
    """The code figures once more, gold and predicted codes cut to each subset."""
    members: dict[str, list[int]] = {name: [] for name in wanted}
    for column, code in enumerate(metrics.distinct_codes(units)):
        for name in subsets.of(corpus, code):
            if name in members:
                members[name].append(column)
    for name, columns in members.items():
        groups = np.array(columns, dtype=np.intp)
        cut = {outcome: tally.of_groups(groups) for outcome, tally in counts.items()}
        yield Family("release", cut, CODE_FIGURES | PAIR_COUNTS, name)


def _surer_half(units: Sequence[Unit], answers: Mapping[str, Answer], billable: Set[str]) -> Family:
    """Precision of the surer half; the threshold is that of all units and held fixed in the resamples."""
    has_any = any(answers[document.document_id].confidences for unit in units for document in unit.documents)
    sure = [chart_confidences(unit, answers) if has_any else {} for unit in units]
    threshold = half_coverage_threshold(confidence for unit in sure for confidence in unit.values())
    kept = [{code for code, confidence in unit.items() if confidence >= threshold} for unit in sure]
    hits = [len(codes & unit.gold & billable) for codes, unit in zip(kept, units, strict=True)]
    return _rate("precision_at_half_coverage", hits, [len(codes) for codes in kept])


def _codiesp_families(
    units: Sequence[Unit], answers: Mapping[str, Answer], billable: Set[str], has_evidence: bool
) -> Iterator[Family]:
    notes = [(unit.documents[0], answers[unit.documents[0].document_id]) for unit in units]
    valid = [[code for code in answer.ranked if code in billable] for _, answer in notes]
    precisions = [
        average_precision(codes, note.codes) if note.codes else 0.0
        for codes, (note, _) in zip(valid, notes, strict=True)
    ]
    yield _rate("codiesp_d_map", precisions, [bool(note.codes) for note, _ in notes])
    if has_evidence:
        matches = [
            located_codes(note.evidence, answer.evidence, set(codes))
            for codes, (note, answer) in zip(valid, notes, strict=True)
        ]
        yield _match_family("codiesp_x", matches)


def _rule_families(
    units: Sequence[Unit], answers: Mapping[str, Answer], rules: CodingRules, *, has_gold: bool
) -> Iterator[Family]:
    given = [[answers[document.document_id].ranked for document in unit.documents] for unit in units]
    charts = [sorted(set().union(*ranked)) for ranked in given]
    sizes = [len(codes) for codes in charts]
    yield from _violation_families("", [rules.violations(codes) for codes in charts], sizes)
    disordered = [sum(len(rules.out_of_order(ranked)) for ranked in notes) for notes in given]
    yield _per_hundred(f"{CODE_ORDER}{PER_100}", disordered, sizes)
    if has_gold:
        gold = [rules.violations(sorted(unit.gold)) for unit in units]
        yield from _violation_families(OF_GOLD, gold, [len(unit.gold) for unit in units])


def _violation_families(prefix: str, found: Sequence[Sequence[Violation]], sizes: Sequence[int]) -> Iterator[Family]:
    for kind in (*RULE_KINDS, ALL_RULES):
        counts = [sum(kind in (violation.kind, ALL_RULES) for violation in chart) for chart in found]
        yield _per_hundred(f"{prefix}{kind}{PER_100}", counts, sizes)


def _answer_rates(units: Sequence[Unit], answers: Mapping[str, Answer], billable: Set[str]) -> list[Family]:
    """Figures that count over documents, whatever the unit; the unit is what gets resampled."""
    of_units = [[answers[document.document_id] for document in unit.documents] for unit in units]

    def summed(measure: Callable[[Answer], float]) -> list[float]:
        return [sum(map(measure, unit)) for unit in of_units]

    documents = [len(unit) for unit in of_units]
    codes = summed(lambda answer: len(answer.codes))
    quotes = summed(lambda answer: answer.quote_count)
    return [
        _rate("valid_code_rate", summed(lambda answer: len(answer.codes & billable)), codes),
        _rate("repaired_code_rate", summed(lambda answer: answer.repaired_count), codes),
        _rate("quoted_evidence_rate", quotes, codes),
        _rate("verbatim_evidence_rate", summed(lambda answer: answer.verbatim_count), quotes),
        _rate(
            "mean_confidence",
            summed(lambda answer: sum(answer.confidences.values())),
            summed(lambda answer: len(answer.confidences)),
        ),
        _rate("codes_per_document", codes, documents),
        _rate("empty_output_rate", summed(lambda answer: not answer.codes), documents),
    ]


def _rate(name: str, hits: Sequence[float], cases: Sequence[float]) -> Family:
    return Family("release", metrics.rate_counts(hits, cases), {(name, NO_MACRO): Figure(metrics.rate)})


def _per_hundred(name: str, hits: Sequence[float], cases: Sequence[float]) -> Family:
    figures = {(name, NO_MACRO): Figure(metrics.per_hundred)}
    return Family("release", metrics.rate_counts(hits, cases), figures)


def _evidence_families(units: Sequence[Unit], keys: EvidenceKeys) -> list[Family]:
    matches = []
    for unit in units:
        ids = [document.document_id for document in unit.documents]
        matches.append(match_keys((keys.gold[id_] for id_ in ids), (keys.predicted[id_] for id_ in ids)))
    return [_match_family(f"evidence_{criterion}", [unit[criterion] for unit in matches]) for criterion in CRITERIA]


def _match_family(stem: str, matches: Sequence[tuple[int, int, int]]) -> Family:
    readings = {"f1": metrics.micro_f1, "precision": metrics.micro_precision, "recall": metrics.micro_recall}
    figures = {(f"{stem}_{name}", NO_MACRO): Figure(reading) for name, reading in readings.items()}
    return Family("release", metrics.match_counts(matches), figures)
