"""Code figures: values worked by hand, conventions told apart, scikit-learn as the reference."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccl_assets.evaluation.scoring import metrics
from ccl_assets.evaluation.scoring.metrics import Tally, UnitCodes

CODES = ["I10", "E11.9", "E11.65", "I50.9", "N17.9", "J18.9"]


def point(counts: metrics.Counts, figure: metrics.Aggregation, unit_count: int) -> float:
    totals = {kind: tally.totals(np.ones((unit_count, 1))) for kind, tally in counts.items()}
    return float(figure(totals)[0])


def scores(units: list[UnitCodes]) -> dict[str, float]:
    counts = metrics.outcome_counts(units)
    figures = {
        "f1": metrics.micro_f1,
        "precision": metrics.micro_precision,
        "recall": metrics.micro_recall,
        "gold": metrics.macro_f1_gold,
        "any": metrics.macro_f1_any,
    }
    result = {name: point(counts, figure, len(units)) for name, figure in figures.items()}
    return result | {"exact": point(metrics.exact_match_counts(units), metrics.rate, len(units))}


def test_figures_worked_by_hand() -> None:
    units = [
        UnitCodes({"I10", "E11.9"}, {"I10", "I50.9"}),  # TP I10, FP I50.9, FN E11.9
        UnitCodes({"I10"}, {"I10"}),  # TP I10
        UnitCodes({"N17.9"}, set()),  # FN N17.9
    ]
    found = scores(units)
    assert found["f1"] == pytest.approx(4 / 7)
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["recall"] == pytest.approx(2 / 4)
    assert found["gold"] == pytest.approx(1 / 3)  # I10 1, E11.9 0, N17.9 0
    assert found["any"] == pytest.approx(1 / 4)  # and I50.9 0
    assert found["exact"] == pytest.approx(1 / 3)


def test_an_invalid_prediction_is_a_false_positive_even_where_it_equals_the_gold_code() -> None:
    unit = UnitCodes({"I10", "X99"}, {"I10", "X99"}, invalid={"X99"})
    assert unit.outcomes() == ({"I10"}, {"X99"}, {"X99"})
    assert scores([unit])["exact"] == 0


def test_gold_space_drops_what_the_split_does_not_know_and_so_hides_false_positives() -> None:
    unit = UnitCodes({"I10"}, {"I10", "N17.9", "ZZZ"}, invalid={"ZZZ"})
    assert scores([unit])["precision"] == pytest.approx(1 / 3)
    assert scores([unit.in_gold_space({"I10", "N17.9"})])["precision"] == pytest.approx(1 / 2)
    assert scores([unit.in_gold_space({"I10"})])["precision"] == 1


def test_a_category_counts_near_misses_but_nothing_for_invalid_codes() -> None:
    near = UnitCodes({"E11.9", "I10"}, {"E11.65", "I10"}).categories()
    assert near.outcomes() == ({"E11", "I10"}, set(), set())
    invalid = UnitCodes({"E11.9"}, {"E11.99"}, invalid={"E11.99"}).categories()
    assert invalid.outcomes() == (set(), {"E11"}, {"E11"})


def test_undefined_figures_are_nan_not_zero() -> None:
    silent = scores([UnitCodes({"I10"}, set())])
    assert math.isnan(silent["precision"])
    assert silent["recall"] == silent["f1"] == 0
    assert math.isnan(scores([UnitCodes(set(), set())])["f1"])
    assert math.isnan(scores([])["gold"])


def test_totals_equal_a_dense_matrix_product() -> None:
    generator = np.random.default_rng(5)
    dense = generator.integers(0, 2, size=(7, 4))
    weights = generator.integers(0, 4, size=(7, 9)).astype(float)
    tally = Tally.of([(int(row), int(column)) for row, column in np.argwhere(dense)], 4)
    assert np.array_equal(tally.totals(weights), dense.T @ weights)


def test_some_groups_have_the_counts_they_have_among_all() -> None:
    tally = Tally.of([(0, 0), (1, 2), (2, 2), (1, 3)], 4)
    weights = np.array([[1.0, 2.0], [1.0, 0.0], [1.0, 3.0]])
    for groups in ([2, 3], [0], [1], [], [3, 0]):
        chosen = tally.of_groups(np.array(groups, dtype=np.intp))
        assert np.array_equal(chosen.totals(weights), tally.totals(weights)[groups])


def test_pair_counts_and_rates_per_hundred() -> None:
    units = [UnitCodes({"I10", "E11.9"}, {"I10", "I50.9"}), UnitCodes({"N17.9"}, set())]
    counts = metrics.outcome_counts(units)
    assert metrics.distinct_codes(units) == ["E11.9", "I10", "I50.9", "N17.9"]
    assert point(counts, metrics.gold_pairs, 2) == 3
    assert point(counts, metrics.predicted_pairs, 2) == 2
    assert point(metrics.rate_counts([1, 2], [4, 8]), metrics.per_hundred, 2) == 25
    assert math.isnan(point(metrics.rate_counts([0], [0]), metrics.per_hundred, 1))


code_sets = st.frozensets(st.sampled_from(CODES))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(code_sets, code_sets), min_size=1, max_size=12))
def test_figures_equal_scikit_learn(pairs: list[tuple[frozenset[str], frozenset[str]]]) -> None:
    from sklearn.metrics import precision_recall_fscore_support
    from sklearn.preprocessing import MultiLabelBinarizer

    indicator = MultiLabelBinarizer(classes=CODES)
    gold = indicator.fit_transform([gold for gold, _ in pairs])
    predicted = indicator.transform([predicted for _, predicted in pairs])
    found = scores([UnitCodes(gold_codes, predicted_codes) for gold_codes, predicted_codes in pairs])

    precision, recall, f1, _ = precision_recall_fscore_support(gold, predicted, average="micro", zero_division=np.nan)
    assert found["precision"] == pytest.approx(precision, nan_ok=True)
    assert found["recall"] == pytest.approx(recall, nan_ok=True)
    assert found["f1"] == pytest.approx(f1, nan_ok=True)
    assert found["exact"] == pytest.approx((gold == predicted).all(axis=1).mean())

    per_code = precision_recall_fscore_support(gold, predicted, average=None, zero_division=0)[2]
    supported, seen = gold.any(axis=0), gold.any(axis=0) | predicted.any(axis=0)
    assert found["gold"] == pytest.approx(per_code[supported].mean() if supported.any() else np.nan, nan_ok=True)
    assert found["any"] == pytest.approx(per_code[seen].mean() if seen.any() else np.nan, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(code_sets, code_sets), min_size=1, max_size=8), st.sets(st.sampled_from(CODES), min_size=1))
def test_figures_of_a_subset_equal_scikit_learn_with_its_labels(
    pairs: list[tuple[frozenset[str], frozenset[str]]], subset: set[str]
) -> None:
    from sklearn.metrics import precision_recall_fscore_support
    from sklearn.preprocessing import MultiLabelBinarizer

    units = [UnitCodes(gold, predicted) for gold, predicted in pairs]
    columns = [place for place, code in enumerate(metrics.distinct_codes(units)) if code in subset]
    groups = np.array(columns, dtype=np.intp)
    counts = {name: tally.of_groups(groups) for name, tally in metrics.outcome_counts(units).items()}

    indicator = MultiLabelBinarizer(classes=CODES)
    gold, predicted = indicator.fit_transform([it for it, _ in pairs]), indicator.transform([it for _, it in pairs])
    labels = [CODES.index(code) for code in sorted(subset)]
    expected = precision_recall_fscore_support(gold, predicted, labels=labels, average="micro", zero_division=np.nan)[
        :3
    ]
    figures = (metrics.micro_precision, metrics.micro_recall, metrics.micro_f1)
    assert [point(counts, figure, len(units)) for figure in figures] == pytest.approx(expected, nan_ok=True)
    assert point(counts, metrics.gold_pairs, len(units)) == gold[:, labels].sum()


@given(st.lists(st.tuples(code_sets, code_sets), min_size=1, max_size=8))
def test_category_micro_f1_equals_scikit_learn_on_categories(
    pairs: list[tuple[frozenset[str], frozenset[str]]],
) -> None:
    from sklearn.metrics import f1_score
    from sklearn.preprocessing import MultiLabelBinarizer

    cut = [({code[:3] for code in gold}, {code[:3] for code in predicted}) for gold, predicted in pairs]
    indicator = MultiLabelBinarizer(classes=sorted({code[:3] for code in CODES}))
    gold, predicted = indicator.fit_transform([it for it, _ in cut]), indicator.transform([it for _, it in cut])
    counts = metrics.micro_counts([UnitCodes(*pair).categories() for pair in pairs])
    expected = f1_score(gold, predicted, average="micro", zero_division=np.nan)
    assert point(counts, metrics.micro_f1, len(pairs)) == pytest.approx(expected, nan_ok=True)


@given(st.lists(st.tuples(code_sets, code_sets), min_size=1, max_size=8))
def test_categories_keep_micro_counts_consistent(pairs: list[tuple[frozenset[str], frozenset[str]]]) -> None:
    units = [UnitCodes(gold, predicted).categories() for gold, predicted in pairs]
    by_code, by_unit = metrics.outcome_counts(units), metrics.micro_counts(units)
    for figure in (metrics.micro_f1, metrics.micro_precision, metrics.micro_recall):
        assert point(by_code, figure, len(units)) == pytest.approx(point(by_unit, figure, len(units)), nan_ok=True)
