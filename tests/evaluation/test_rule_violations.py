"""Broken coding rules on the packaged release: what counts, what is left alone, and how figures are made of it."""

import pytest

from ccl_assets.corpora.loaders import CorpusPaths, load
from ccl_assets.evaluation.scoring.figures import DESCRIPTIONS, NOT_SHARES
from ccl_assets.evaluation.scoring.rule_violations import RULE_KINDS, CodingRules
from ccl_assets.evaluation.scoring.score_rows import paired_differences, score_system
from ccl_assets.evaluation.tables import SCORES
from ccl_assets.icd.instructions.lookup import Instructions
from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tables import CODES, INSTRUCTIONS
from ccl_assets.icd.tabular.tabular_list import parse_tabular


@pytest.fixture(scope="module")
def rules() -> CodingRules:
    release = open_release()
    tabular = parse_tabular(release.tabular, release.label)
    return CodingRules(Instructions.from_tables(CODES.table(tabular.codes), INSTRUCTIONS.table(tabular.instructions)))


def broken(rules: CodingRules, *codes: str) -> list[tuple[str, str]]:
    return [(found.kind, found.code) for found in rules.violations(codes)]


def test_an_excludes1_conflict_names_both_codes_and_quotes_the_note(rules) -> None:
    (found,) = rules.conflicts(["I10", "E11.9", "E10.9"])
    assert (found.code, found.other) == ("E11.9", "E10.9")
    assert found.sentence == (
        "E11.9 is not coded together with E10.9: Excludes1 at E11, “type 1 diabetes mellitus (E10.-)”."
    )
    assert rules.violations(["I10", "E11.9", "E10.9"]) == [found]


@pytest.mark.parametrize(
    ("codes", "is_broken"),
    [
        (["D63.1"], True),  # "underlying chronic kidney disease (CKD) (N18.-)": nothing else will do
        (["D63.1", "I10"], True),
        (["D63.1", "N18.4"], False),
        (["D63.0", "N18.4"], True),
        (["D63.0", "C34.90"], False),
        (["G63"], True),  # "underlying disease, such as:" is an open list
        (["G63", "H42"], True),  # another manifestation is no etiology
        (["G63", "I10"], False),  # may not be the etiology, but nobody can tell by the codes
        (["B39.4"], False),  # "associated AIDS": no manifestation
        (["R33.8"], False),  # "if applicable, any causal condition"
    ],
)
def test_a_manifestation_needs_an_etiology_that_its_note_allows(rules, codes, is_broken) -> None:
    assert ("code_first" in [kind for kind, _ in broken(rules, *codes)]) is is_broken


@pytest.mark.parametrize(
    ("codes", "is_broken"),
    [
        (["I11.0"], True),  # type of heart failure (I50.-)
        (["I11.0", "I50.9"], False),
        (["E11.22"], True),  # stage of chronic kidney disease (N18.1-N18.6)
        (["E11.22", "N18.9"], False),  # the stage is not known: the category is enough
        (["E11.621", "I10"], True),
        (["E11.621", "L97.509"], False),
        (["E11.9"], False),  # control using insulin (Z79.4): not every patient
        (["J44.9"], False),  # tobacco use
        (["N39.0"], False),  # infectious agent (B95-B97): may not be known
        (["I50.9"], False),
    ],
)
def test_a_demand_that_every_case_meets_needs_its_code(rules, codes, is_broken) -> None:
    assert ("use_additional" in [kind for kind, _ in broken(rules, *codes)]) is is_broken


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("S72.001", "needs a 7th character (A, B, C"),
        ("W19", "needs a 7th character (A, D, S)"),
        ("W19.XXX", "needs a 7th character"),
        ("W19.A", "lacks the placeholders (X) before its 7th character A"),
        ("T36.0X1", "needs a 7th character"),
        ("S72.001Z", "has no 7th character that S72.001 takes"),
        ("O36.80X", "needs a 7th character (0, 1"),
    ],
)
def test_a_7th_character_is_missing_misplaced_or_wrong(rules, code: str, words: str) -> None:
    (found,) = rules.violations([code])
    assert found.kind == "seventh_character"
    assert words in found.sentence


@pytest.mark.parametrize("code", ["S72.001A", "W19.XXXA", "S72.0", "S72", "I10", "I10.A", "E11.99", "Q", "", ".", "😀"])
def test_other_codes_valid_or_not_have_no_fault_of_the_7th_character(rules, code: str) -> None:
    assert broken(rules, code) == []


def test_order_is_asked_of_one_note_and_only_where_an_etiology_is_there(rules) -> None:
    assert [found.other for found in rules.out_of_order(["D63.1", "I10", "N18.4"])] == ["N18.4"]
    assert rules.out_of_order(["N18.4", "D63.1"]) == []
    assert rules.out_of_order(["N18.4", "D63.1", "N18.9"]) == []
    assert rules.out_of_order(["D63.1", "I10"]) == []
    assert [found.code for found in rules.out_of_order(["F02.80", "G30.9"])] == ["F02.80"]  # of an open list
    assert "code_order" not in dict(broken(rules, "D63.1", "N18.4"))


def test_nothing_is_wrong_with_no_codes_or_with_one_said_twice(rules) -> None:
    assert rules.violations([]) == []
    assert rules.violations(["E11.9", "E11.9"]) == []


def test_the_sample_corpus_keeps_the_rules(rules) -> None:
    charts: dict[str, set[str]] = {}
    for label in load("sample", CorpusPaths()).labels:
        charts.setdefault(label.chart_id, set()).add(label.code)
    assert {chart: found for chart, codes in charts.items() if (found := rules.violations(sorted(codes)))} == {}


def figures(rows, subject: str = "") -> dict[str, float | None]:
    ending = "_violations_per_100_codes"
    return {
        row["metric"].removesuffix(ending): row["value"]
        for row in rows
        if row["metric"].endswith(ending) and row["unit"] == "chart"
    }


def test_figures_count_per_hundred_codes_of_charts_beside_the_coders_own(bench, note, rules) -> None:
    benchmark = bench([note("d1", "c1", ["E11.9"]), note("d2", "c1", ["E10.9"]), note("d3", "c2", ["I10", "N18.9"])])
    given = {"d1": ["E11.9", "D63.1", "N18.9"], "d2": ["E10.9", "I11.0"], "d3": ["S72.001", "I10", "D63.0"]}
    codes = rules.ontology.billable
    answers = benchmark.answers(given)
    rows = score_system(answers, **benchmark.tables, codes=codes, coding_rules=rules, resample_count=50)
    assert figures(rows) == pytest.approx(
        {
            "excludes1": 100 / 8,  # across the notes of c1
            "code_first": 100 / 8,  # D63.0 without a neoplasm
            "use_additional": 100 / 8,  # I11.0 without heart failure
            "seventh_character": 100 / 8,
            "guideline": 100 / 8,  # I11.0 with N18.9
            "rule": 500 / 8,
            "code_order": 100 / 8,  # D63.1 before N18.9
            "gold_excludes1": 100 / 4,
            "gold_code_first": 0,
            "gold_use_additional": 0,
            "gold_seventh_character": 0,
            "gold_guideline": 100 / 4,  # I10 with N18.9
            "gold_rule": 200 / 4,
        }
    )
    assert SCORES.violations(SCORES.table(rows)) == []
    assert all(row["resample_count"] == 50 for row in rows if row["metric"] == "rule_violations_per_100_codes")
    silent = benchmark.answers({}, "theirs")
    differences = paired_differences(answers, silent, **benchmark.tables, codes=codes, coding_rules=rules)
    assert figures(differences)["gold_rule"] == 0
    assert figures(differences)["rule"] is None  # nothing predicted, no rate


def test_charts_without_gold_codes_have_the_systems_violations_only(bench, note, rules) -> None:
    benchmark = bench([note("d1", "c1")])
    rows = score_system(
        benchmark.answers({"d1": ["E11.9", "E10.9"]}),
        **benchmark.tables,
        codes=rules.ontology.billable,
        coding_rules=rules,
    )
    assert figures(rows)["excludes1"] == 50
    assert not [metric for metric in figures(rows) if metric.startswith("gold_")]


def test_every_kind_is_a_number_with_a_description() -> None:
    for kind in (*RULE_KINDS, "rule", "code_order", "gold_rule"):
        assert f"{kind}_violations_per_100_codes" in NOT_SHARES & DESCRIPTIONS.keys()
