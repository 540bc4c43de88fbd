"""List of the figures: name, macro convention, meaning, and how each is read off counts."""

from __future__ import annotations

from ccl_assets.evaluation.scoring import metrics
from ccl_assets.evaluation.scoring.metrics import Figure
from ccl_assets.evaluation.scoring.rule_violations import CODE_ORDER

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
PAIR_COUNTS: dict[FigureKey, Figure] = {
    ("gold_pairs", NO_MACRO): Figure(metrics.gold_pairs, is_count=True),
    ("predicted_pairs", NO_MACRO): Figure(metrics.predicted_pairs, is_count=True),
}
CATEGORY_FIGURES: dict[FigureKey, Figure] = {("category_micro_f1", NO_MACRO): Figure(metrics.micro_f1)}
EXACT_MATCH: dict[FigureKey, Figure] = {("exact_match_ratio", NO_MACRO): Figure(metrics.rate)}

PER_100 = "_violations_per_100_codes"
ALL_RULES = "rule"  # the sum of RULE_KINDS
_RULES = {
    "excludes1": "Pairs of predicted codes that an Excludes1 note forbids together",
    "code_first": "Manifestations without any code that could be their etiology",
    "use_additional": "Codes without the code for type, stage, severity or site that a note demands of them",
    "seventh_character": "Codes whose 7th character is missing, misplaced or not one that they take",
    "guideline": "Codes against a presumption or demand of the guidelines that codes alone show (I.C.9.a, I.C.15.n)",
    ALL_RULES: "Excludes1 conflicts, missing etiologies, missing additional codes, wrong 7th characters and guidelines together",
    CODE_ORDER: "Manifestations listed before all their etiologies, which is the order of the note and no part of the sum",
}
OF_GOLD = "gold_"

DESCRIPTIONS = {
    "micro_f1": "2TP / (2TP + FP + FN) over all pairs of unit and code; of the unit note, CodiEsp's official micro-F1 of task D.",
    "micro_precision": "TP / (TP + FP); undefined where nothing was predicted.",
    "micro_recall": "TP / (TP + FN).",
    "macro_f1": "Mean F1 per code: over codes with gold support (gold), or over codes with TP + FP + FN > 0 (any).",
    "gold_pairs": "Pairs of unit and gold code that the figures rest on (a number).",
    "predicted_pairs": "Pairs of unit and predicted code (a number).",
    "exact_match_ratio": "Share of units with all their codes and no other.",
    "category_micro_f1": "Micro-F1 on three-character categories: counts near misses as right.",
    "billable_gold_rate": "Share of gold pairs whose code is billable in the release: the ceiling of recall.",
    "valid_code_rate": "Share of predicted codes that are billable in the release.",
    "repaired_code_rate": "Share of predicted codes that were put in the place of an invalid one.",
    "quoted_evidence_rate": "Share of predicted codes that came with a quote.",
    "verbatim_evidence_rate": "Share of quotes that stand in the note word for word, white space aside.",
    "mean_confidence": "Mean confidence of the predicted codes that have one.",
    "precision_at_half_coverage": "Precision of the surer half of the predicted codes, by the system's own confidence.",
    "codes_per_document": "Predicted codes per note (a number, not a share).",
    "empty_output_rate": "Share of notes without any predicted code.",
    "codiesp_d_map": "CodiEsp task D: mean average precision in the order given; codes outside the release dropped first.",
    "codiesp_x": "CodiEsp task X: a pair of note and code is found if a quote begins 0 to 10 characters before a human reference "
    "and ends 0 to 10 after it; codes outside the release dropped first.",
    "evidence_span_exact": "Human and quoted spans agree in note, begin, end and code (micro F1, precision, recall).",
    "evidence_span_position_independent": "They agree in lower-cased text and code.",
    "evidence_token_exact": "Tokens agree in note, position and code.",
    "evidence_token_position_independent": "Tokens agree in lower-cased text and code.",
    **{f"{kind}{PER_100}": f"{what}, per 100 predicted codes." for kind, what in _RULES.items()},
    **{
        f"{OF_GOLD}{kind}{PER_100}": f"{what.replace('predicted', 'gold')}, per 100 gold codes: the coders' own rate."
        for kind, what in _RULES.items()
        if kind != CODE_ORDER
    },
}
NOT_SHARES = frozenset(
    {
        "codes_per_document",
        *(metric for metric, _ in PAIR_COUNTS),
        *(name for name in DESCRIPTIONS if name.endswith(PER_100)),
    }
)
