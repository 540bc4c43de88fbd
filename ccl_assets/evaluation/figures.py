"""Which figures there are: name, convention, meaning, and how a unit's answers are counted for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

from ccl_assets.evaluation import metrics
from ccl_assets.evaluation.metrics import Counts, Figure, LabelSpace, UnitCodes
from ccl_assets.evaluation.spans import CRITERIA, SpanKeys, SpanRules, match_keys, span_keys
from ccl_assets.evaluation.units import Answer, Benchmark, Unit, UnitKind

NO_MACRO = "none"

# metric and macro convention
FigureKey = tuple[str, str]

CODE_FIGURES: dict[FigureKey, Figure] = {
    ("micro_f1", NO_MACRO): Figure(metrics.micro_f1),
    ("micro_precision", NO_MACRO): Figure(metrics.micro_precision),
    ("micro_recall", NO_MACRO): Figure(metrics.micro_recall),
    ("macro_f1", "gold"): Figure(metrics.macro_f1_gold, is_macro=True),
    ("macro_f1", "any"): Figure(metrics.macro_f1_any, is_macro=True),
}
CATEGORY_FIGURES: dict[FigureKey, Figure] = {("category_micro_f1", NO_MACRO): Figure(metrics.micro_f1)}
EXACT_MATCH: dict[FigureKey, Figure] = {("exact_match_ratio", NO_MACRO): Figure(metrics.rate)}

DESCRIPTIONS = {
    "micro_f1": "2TP / (2TP + FP + FN) over all pairs of unit and code.",
    "micro_precision": "TP / (TP + FP); undefined where nothing was predicted.",
    "micro_recall": "TP / (TP + FN).",
    "macro_f1": "Mean F1 per code: over codes with gold support (gold), or over codes with TP + FP + FN > 0 (any).",
    "exact_match_ratio": "Share of units with all their codes and no other.",
    "category_micro_f1": "Micro-F1 on three-character categories: counts near misses as right.",
    "billable_gold_rate": "Share of gold pairs whose code is billable in the release: the ceiling of recall.",
    "valid_code_rate": "Share of predicted codes that are billable in the release.",
    "quoted_evidence_rate": "Share of predicted codes that came with a quote.",
    "verbatim_evidence_rate": "Share of quotes that stand in the note word for word, white space aside.",
    "codes_per_document": "Predicted codes per note (a number, not a share).",
    "empty_output_rate": "Share of notes without any predicted code.",
    "evidence_span_exact": "Human and quoted spans agree in note, begin, end and code (micro F1, precision, recall).",
    "evidence_span_position_independent": "They agree in lower-cased text and code.",
    "evidence_token_exact": "Tokens agree in note, position and code.",
    "evidence_token_position_independent": "Tokens agree in lower-cased text and code.",
}
NOT_SHARES = frozenset({"codes_per_document"})


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
    """Counts and the figures read off them, in one label space."""

    label_space: LabelSpace
    counts: Counts
    figures: Mapping[FigureKey, Figure]


def families(
    benchmark: Benchmark,
    kind: UnitKind,
    units: Sequence[Unit],
    answers: Mapping[str, Answer],
    billable: Set[str],
    keys: EvidenceKeys | None,
) -> list[Family]:
    """Count a system's answers in every way the figures need.

    Which families there are, and their order, depends on the benchmark alone, so those of two systems line up.

    Args:
        benchmark: Where the units come from; the gold label space is that of all its units, asked or not.
        kind: Kind of the units.
        units: Units scored, all their documents answered.
        answers: By document id.
        billable: Codes valid in the release.
        keys: Evidence of the documents; ``None`` where people marked none.
    """
    result = []
    if benchmark.has_labels:
        gold_codes: frozenset[str] = frozenset().union(*(unit.gold for unit in benchmark.units(kind)))
        in_release = [_unit_codes(unit, answers, billable) for unit in units]
        spaces: dict[LabelSpace, list[UnitCodes]] = {
            "release": in_release,
            "gold": [codes.in_gold_space(gold_codes) for codes in in_release],
        }
        for space, codes in spaces.items():
            result.append(Family(space, metrics.outcome_counts(codes), CODE_FIGURES))
            result.append(Family(space, metrics.exact_match_counts(codes), EXACT_MATCH))
            categories = [unit.categories() for unit in codes]
            result.append(Family(space, metrics.micro_counts(categories), CATEGORY_FIGURES))
        gold = [unit.gold for unit in units]
        result.append(_rate("billable_gold_rate", [len(codes & billable) for codes in gold], [len(c) for c in gold]))
    result += _answer_rates(units, answers, billable)
    if keys is not None:
        result += _evidence_families(units, keys)
    return result


def _unit_codes(unit: Unit, answers: Mapping[str, Answer], billable: Set[str]) -> UnitCodes:
    predicted = frozenset().union(*(answers[document.document_id].codes for document in unit.documents))
    return UnitCodes(unit.gold, predicted, predicted - billable)


def _answer_rates(units: Sequence[Unit], answers: Mapping[str, Answer], billable: Set[str]) -> list[Family]:
    """Figures that count over documents, whatever the unit; the unit is what gets resampled."""
    of_units = [[answers[document.document_id] for document in unit.documents] for unit in units]

    def summed(measure: Callable[[Answer], int]) -> list[int]:
        return [sum(map(measure, unit)) for unit in of_units]

    documents = [len(unit) for unit in of_units]
    codes = summed(lambda answer: len(answer.codes))
    quotes = summed(lambda answer: answer.quote_count)
    return [
        _rate("valid_code_rate", summed(lambda answer: len(answer.codes & billable)), codes),
        _rate("quoted_evidence_rate", quotes, codes),
        _rate("verbatim_evidence_rate", summed(lambda answer: answer.verbatim_count), quotes),
        _rate("codes_per_document", codes, documents),
        _rate("empty_output_rate", summed(lambda answer: not answer.codes), documents),
    ]


def _rate(name: str, hits: Sequence[float], cases: Sequence[float]) -> Family:
    return Family("release", metrics.rate_counts(hits, cases), {(name, NO_MACRO): Figure(metrics.rate)})


def _evidence_families(units: Sequence[Unit], keys: EvidenceKeys) -> list[Family]:
    matches = []
    for unit in units:
        ids = [document.document_id for document in unit.documents]
        matches.append(match_keys((keys.gold[id_] for id_ in ids), (keys.predicted[id_] for id_ in ids)))
    readings = {"f1": metrics.micro_f1, "precision": metrics.micro_precision, "recall": metrics.micro_recall}
    return [
        Family(
            "release",
            metrics.match_counts([unit[criterion] for unit in matches]),
            {(f"evidence_{criterion}_{name}", NO_MACRO): Figure(reading) for name, reading in readings.items()},
        )
        for criterion in CRITERIA
    ]
