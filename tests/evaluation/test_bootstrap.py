"""The bootstrap: equal to scoring each resample by itself, reproducible, paired, and covering."""

import numpy as np
import pytest

from ccl_assets.evaluation.scoring import metrics
from ccl_assets.evaluation.scoring.bootstrap import estimate, estimate_differences, resample_weights
from ccl_assets.evaluation.scoring.figures import CODE_FIGURES
from ccl_assets.evaluation.scoring.metrics import Figure, UnitCodes

RATE = {"rate": Figure(metrics.rate)}


def random_units(count: int, seed: int, hit_rate: float = 0.6) -> list[UnitCodes]:
    generator = np.random.default_rng(seed)
    shares = 1 / np.arange(1, 41)
    codes = [f"C{number:02d}" for number in range(40)]
    units = []
    for _ in range(count):
        gold = set(generator.choice(codes, size=6, p=shares / shares.sum()))
        predicted = {code for code in sorted(gold) if generator.random() < hit_rate}
        units.append(UnitCodes(gold, predicted | set(generator.choice(codes, size=3, p=shares / shares.sum()))))
    return units


def test_weights_draw_as_many_units_as_there_are_and_depend_on_the_seed() -> None:
    weights = resample_weights(13, 50, 1)
    assert weights.shape == (13, 50)
    assert (weights.sum(axis=0) == 13).all()
    assert not np.array_equal(weights, resample_weights(13, 50, 2))


def test_every_figure_of_a_resample_equals_scoring_the_drawn_units() -> None:
    units = random_units(9, seed=3)
    counts = metrics.outcome_counts(units)
    weights = resample_weights(len(units), 25, 7)
    totals = {kind: tally.totals(weights) for kind, tally in counts.items()}
    for number in range(25):
        drawn = [unit for row, unit in enumerate(units) for _ in range(int(weights[row, number]))]
        redone = metrics.outcome_counts(drawn)
        alone = {kind: tally.totals(np.ones((len(drawn), 1))) for kind, tally in redone.items()}
        for figure in CODE_FIGURES.values():
            assert figure.aggregate(totals)[number] == pytest.approx(figure.aggregate(alone)[0], abs=1e-6)


def test_intervals_are_reproducible_and_do_not_depend_on_how_many_resamples_are_held_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts = metrics.outcome_counts(random_units(30, seed=4))
    first = estimate(counts, 30, CODE_FIGURES, resample_count=200, seed=5)
    assert first == estimate(counts, 30, CODE_FIGURES, resample_count=200, seed=5)
    assert first != estimate(counts, 30, CODE_FIGURES, resample_count=200, seed=6)
    monkeypatch.setattr("ccl_assets.evaluation.scoring.bootstrap._CELLS_AT_ONCE", 900)
    pieces = estimate(counts, 30, CODE_FIGURES, resample_count=200, seed=5)
    assert {key: it.lower for key, it in pieces.items()} == pytest.approx({key: it.lower for key, it in first.items()})


def test_macro_intervals_hold_their_figure() -> None:
    counts = metrics.outcome_counts(random_units(60, seed=8))
    for key, found in estimate(counts, 60, CODE_FIGURES, resample_count=300).items():
        assert found.lower <= found.value <= found.upper, key


def test_a_system_does_not_differ_from_itself() -> None:
    counts = metrics.outcome_counts(random_units(20, seed=1))
    for found in estimate_differences(counts, counts, 20, CODE_FIGURES, resample_count=100).values():
        assert (found.value, found.lower, found.upper) == pytest.approx((0, 0, 0))


def test_pairing_narrows_the_interval_of_a_difference() -> None:
    first = random_units(60, seed=2)
    # The second system makes one more mistake in each unit, so the difference hardly varies.
    second = [UnitCodes(unit.gold, unit.predicted | {"X00"}) for unit in first]
    counts = [metrics.outcome_counts(units) for units in (first, second)]
    key = ("micro_f1", "none")
    difference = estimate_differences(*counts, 60, CODE_FIGURES, resample_count=400)[key]
    alone = [estimate(one, 60, CODE_FIGURES, resample_count=400)[key] for one in counts]
    assert difference.lower > 0
    assert difference.value == pytest.approx(alone[0].value - alone[1].value)
    assert difference.upper - difference.lower < 0.5 * (alone[0].upper - alone[0].lower)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    generator = np.random.default_rng(11)
    covered = 0
    for _ in range(300):
        hits = generator.binomial(8, 0.6, size=60).astype(float)
        found = estimate(metrics.rate_counts(hits, [8.0] * 60), 60, RATE, resample_count=300)["rate"]
        covered += found.lower <= 0.6 <= found.upper
    assert 0.90 <= covered / 300 <= 0.985


def test_no_interval_without_resamples_or_with_one_unit_and_no_figure_without_units() -> None:
    one = estimate(metrics.rate_counts([1], [2]), 1, RATE)["rate"]
    assert (one.value, one.lower, one.resample_count) == (0.5, None, 0)
    assert estimate(metrics.rate_counts([1, 0], [2, 2]), 2, RATE, resample_count=0)["rate"].upper is None
    none = estimate(metrics.rate_counts([], []), 0, RATE)["rate"]
    assert (none.value, none.lower, none.upper, none.resample_count) == (None, None, None, 0)


def test_resamples_without_a_figure_are_left_out_and_counted() -> None:
    found = estimate(metrics.rate_counts([1, 0], [1, 0]), 2, RATE, resample_count=400)["rate"]
    assert (found.value, found.lower, found.upper) == (1, 1, 1)
    assert 250 < found.resample_count < 350  # a quarter draws the empty unit twice
