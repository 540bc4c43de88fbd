"""The published figures as data."""

from ccl_assets.evaluation.report.published import ABLATION, BACKBONES, METHOD, RESULTS


def test_rows_that_contradict_their_own_rates_say_so() -> None:
    for row in RESULTS + ABLATION:
        assert row.f1_of_its_own_rates is not None
        # One decimal each of precision and recall moves F1 by about 0.1.
        is_off = abs(row.f1_of_its_own_rates - row.micro_f1) > 0.2
        assert is_off == ("its own precision and recall give" in row.note), (row.system, row.benchmark)


def test_the_method_stands_in_every_table_with_the_same_figure() -> None:
    (main,) = [row for row in RESULTS if (row.system, row.benchmark) == (METHOD, "MDACE")]
    (backbone,) = [row for row in BACKBONES if row.backbone == main.backbone]
    full = ABLATION[-1]
    assert main.micro_f1 == backbone.micro_f1 == full.micro_f1 == 59.3
    assert (main.macro_f1, main.recall, main.precision) == (full.macro_f1, full.recall, full.precision)


def test_no_row_is_there_twice() -> None:
    for table in (RESULTS, ABLATION, BACKBONES):
        keys = [(row.system, row.backbone, row.benchmark) for row in table]
        assert len(keys) == len(set(keys))
