"""CodiEsp's official measures: worked by hand, beside scikit-learn, and on the published development set."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccl_assets.evaluation.scoring.codiesp_measures import average_precision, located_codes
from ccl_assets.evaluation.scoring.score_rows import score_system
from ccl_assets.evaluation.scoring.spans import EvidenceSpan

CODES = [f"C{number:02d}" for number in range(12)]


def span(code: str, *fragments: tuple[int, int]) -> EvidenceSpan:
    return EvidenceSpan.at("d", code, fragments)


@pytest.mark.parametrize(
    ("ranked", "gold", "value"),
    [
        ("ab", "ab", 1),
        ("xab", "ab", (1 / 2 + 2 / 3) / 2),
        ("axb", "ab", (1 + 2 / 3) / 2),
        ("a", "ab", 1 / 2),  # the missed one counts as 0
        ("x", "ab", 0),
        ("", "ab", 0),
    ],
)
def test_average_precision_worked_by_hand(ranked: str, gold: str, value: float) -> None:
    assert average_precision(list(ranked), set(gold)) == pytest.approx(value)


@settings(max_examples=30)
@given(st.permutations(CODES), st.sets(st.sampled_from(CODES), min_size=1))
def test_average_precision_of_a_full_ranking_equals_scikit_learn(ranked: list[str], gold: set[str]) -> None:
    from sklearn.metrics import average_precision_score

    truth = np.array([code in gold for code in ranked])
    assert average_precision(ranked, gold) == pytest.approx(average_precision_score(truth, -np.arange(len(ranked))))


@pytest.mark.parametrize(
    ("predicted", "is_hit"),
    [
        ((100, 120), True),
        ((90, 130), True),  # ten characters on either side
        ((89, 120), False),
        ((100, 131), False),
        ((101, 120), False),  # inside the gold span: the reference must cover it
        ((100, 119), False),
    ],
)
def test_a_reference_covers_the_gold_span_with_at_most_ten_characters_to_spare(predicted, is_hit) -> None:
    assert located_codes([span("I10", (100, 120))], [span("I10", predicted)], {"I10"}) == (
        (1, 0, 0) if is_hit else (0, 1, 1)
    )


def test_of_a_discontinuous_reference_the_outermost_positions_count_in_any_order() -> None:
    for fragments in (((10, 15), (40, 50)), ((40, 50), (10, 15))):
        assert located_codes([span("I10", *fragments)], [span("I10", (8, 52))], {"I10"}) == (1, 0, 0)
        assert located_codes([span("I10", *fragments)], [span("I10", (10, 15))], {"I10"}) == (0, 1, 1)


def test_one_of_several_references_is_enough_and_counts_once() -> None:
    gold = [span("I10", (0, 5)), span("I10", (50, 55)), span("E11.9", (70, 80))]
    predicted = [span("I10", (0, 5)), span("I10", (50, 55)), span("I10", (30, 35))]
    assert located_codes(gold, predicted, {"I10"}) == (1, 0, 1)


def test_the_span_of_another_code_or_without_a_place_hits_nothing() -> None:
    gold = [span("I10", (0, 5))]
    assert located_codes(gold, [span("E11.9", (0, 5))], {"E11.9"}) == (0, 1, 1)
    assert located_codes(gold, [EvidenceSpan("d", "I10", (), "high pressure")], {"I10"}) == (0, 1, 1)
    assert located_codes(gold, [span("I10", (0, 5))], set()) == (0, 0, 1)  # an invalid code is dropped first
    assert located_codes([], [], set()) == (0, 0, 0)


def values(rows) -> dict[str, float | None]:
    return {row["metric"]: row["value"] for row in rows if row["metric"].startswith("codiesp_")}


def test_figures_are_given_where_charts_are_single_notes(bench, note, two_charts, billable) -> None:
    benchmark = bench(
        [
            note("d1", "d1", ["I10", "E11.9"], "HTN and diabetes.", marked=[("I10", "HTN"), ("E11.9", "diabetes")]),
            note("d2", "d2", ["J18.9"], "Pneumonia.", marked=[("J18.9", "Pneumonia")]),
            note("d3", "d3", [], "Nothing found."),
        ]
    )
    given = {"d1": ["ZZZ", "A41.9", ("I10", "HTN"), ("E11.9", "and")], "d3": ["I10"]}
    rows = score_system(benchmark.answers(given), **benchmark.tables, codes=billable, resample_count=0)
    assert {row["unit"] for row in rows if row["metric"].startswith("codiesp_")} == {"note"}
    assert values(rows) == pytest.approx(
        {
            "codiesp_d_map": ((1 / 2 + 2 / 3) / 2 + 0) / 2,  # ZZZ is dropped, d2 unanswered counts 0, d3 has no codes
            "codiesp_x_f1": 2 * 1 / (2 * 1 + 3 + 2),
            "codiesp_x_precision": 1 / 4,
            "codiesp_x_recall": 1 / 3,
        }
    )
    of_charts = score_system(two_charts.answers({"d1": ["I10"]}), **two_charts.tables, codes=billable)
    assert values(of_charts) == {}


def test_without_human_evidence_there_is_task_d_only(bench, note, billable) -> None:
    benchmark = bench([note("d1", "d1", ["I10"], "HTN")])
    rows = score_system(benchmark.answers({"d1": ["I10"]}), **benchmark.tables, codes=billable)
    assert values(rows) == {"codiesp_d_map": 1}


def test_the_development_set_against_itself(development_corpora) -> None:
    """Wider references hit all 2,677 pairs; too wide ones only those where two references of the code overlap."""
    lines = (development_corpora / "codiesp_v4" / "dev" / "devX.tsv").read_text("utf-8").splitlines()
    gold: dict[str, list[EvidenceSpan]] = {}
    for document, label, code, _, places in (line.split("\t") for line in lines):
        if label == "DIAGNOSTICO":
            fragments = [(int(begin), int(end)) for begin, end in (part.split() for part in places.split(";"))]
            gold.setdefault(document, []).append(EvidenceSpan.at(document, code, fragments))
    assert sum(len({it.code for it in spans}) for spans in gold.values()) == 2677

    def found(left: int, right: int) -> int:
        hits = 0
        for document, spans in gold.items():
            outermost = [(it.code, it.fragments[0][0], max(end for _, end in it.fragments)) for it in spans]
            moved = [EvidenceSpan.at(document, code, [(begin - left, end + right)]) for code, begin, end in outermost]
            hits += located_codes(spans, moved, {it.code for it in spans})[0]
        return hits

    assert [found(0, 0), found(10, 10), found(11, 0), found(0, 11)] == [2677, 2677, 2, 7]
