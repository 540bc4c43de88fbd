"""Which codes are seen, frequent, covered; and figures of such subsets."""

import pyarrow as pa
import pytest

from ccl_assets.corpora.code_counts import code_counts
from ccl_assets.evaluation.scoring.code_subsets import SUBSETS, CodeSubsets, code_subsets
from ccl_assets.evaluation.scoring.score_rows import paired_differences, score_system
from ccl_assets.evaluation.tables import SCORES


def pairs(*rows: tuple[str, str, bool]) -> pa.Table:
    names = ("code", "tier", "is_trainable")
    return pa.table({name: [row[at] for row in rows] for at, name in enumerate(names)})


NO_PAIRS = pairs(("I10", "gold", False))


def joined(*benches):
    names = ("documents", "labels", "evidence")
    return {name: pa.concat_tables([bench.tables[name] for bench in benches]) for name in names}


def test_frequency_counts_training_charts_not_labels(bench, note) -> None:
    notes = [note(f"t{chart}{part}", f"c{chart}", ["I10"]) for chart in range(6) for part in "ab"]
    found = code_subsets(code_counts(*tables_of(bench(notes, split="train"))), NO_PAIRS)
    assert found.training_charts == {"sample": {"I10": 6}}
    assert found.of("sample", "I10") == ("seen", "frequency:6-50", "chapter:09_I00-I99")


def tables_of(bench):
    return bench.tables["documents"], bench.tables["labels"]


@pytest.mark.parametrize(
    ("charts", "name"), [(1, "1-5"), (5, "1-5"), (6, "6-50"), (50, "6-50"), (51, "over 50"), (4000, "over 50")]
)
def test_bins_of_frequency(charts: int, name: str) -> None:
    assert f"frequency:{name}" in CodeSubsets({"sample": {"I10": charts}}).of("sample", "I10")


def test_only_the_training_split_of_the_same_corpus_counts(bench, note) -> None:
    train = bench([note("t1", "c1", ["I10"])], split="train")
    test = bench([note("d1", "c9", ["E11.9"])])
    elsewhere = bench([note("m1", "c1", ["J18.9"])], corpus="mdace", split="train")
    tables = joined(train, test, elsewhere)
    found = code_subsets(code_counts(tables["documents"], tables["labels"]), NO_PAIRS)
    assert found.training_charts == {"sample": {"I10": 1}, "mdace": {"J18.9": 1}}
    assert "unseen" in found.of("sample", "J18.9")


def test_codes_given_to_charts_count_if_the_chart_is_in_training(bench, note) -> None:
    train = bench([note("t1", "c1", ["I10"])], split="train", chart_labels=True)
    test = bench([note("d1", "c2", ["E11.9"])], chart_labels=True)
    tables = joined(train, test)
    assert code_subsets(code_counts(tables["documents"], tables["labels"]), NO_PAIRS).training_charts == {
        "sample": {"I10": 1}
    }


def test_the_best_tier_of_trainable_pairs_is_told_for_unseen_codes() -> None:
    given = pairs(
        ("E11.9", "synthetic", True), ("E11.9", "silver", True), ("E11.9", "gold", False), ("N17.9", "gold", True)
    )
    empty = pa.table(
        {name: pa.array([], pa.string()) for name in ("corpus", "chart_id", "document_id", "code", "split")}
    )
    tiers = code_subsets(code_counts(empty, empty), given).tiers
    assert tiers == {"E11.9": "silver", "N17.9": "gold"}
    subsets = CodeSubsets({"sample": {"I10": 1}}, tiers)
    assert "unseen:silver" in subsets.of("sample", "E11.9")
    assert "unseen:none" in subsets.of("sample", "J18.9")
    assert not [name for name in subsets.of("sample", "I10") if name.startswith("unseen")]


def test_without_training_labels_nothing_is_seen_or_unseen() -> None:
    assert CodeSubsets().of("aci_bench", "I10") == ("chapter:09_I00-I99",)


@pytest.mark.parametrize("code", ["E11.99", "???", "", "i10"])
def test_any_string_has_its_subsets(code: str) -> None:
    assert set(CodeSubsets({"sample": {"I10": 1}}).of("sample", code)) <= set(SUBSETS)


def scored(bench, billable, given, subsets, **others):
    return score_system(
        bench.answers(given), **bench.tables, codes=billable, subsets=subsets, resample_count=40, **others
    )


def figure(rows, metric, subset, macro="none"):
    (row,) = [row for row in rows if (row["metric"], row["subset"], row["macro_convention"]) == (metric, subset, macro)]
    return row


GIVEN = {"d1": ["I10", "E11.65", "E11.99"], "d2": ["I10", "A41.9"], "d3": ["J18.9"]}
SEEN = CodeSubsets({"sample": {"I10": 60, "J18.9": 2}}, {"E11.9": "gold", "E11.65": "gold", "N17.9": "synthetic"})


def test_gold_and_predicted_codes_are_cut_to_the_subset(two_charts, billable) -> None:
    rows = scored(two_charts, billable, GIVEN, SEEN)
    # c1 gold I10 E11.9 N17.9, given I10 E11.65 E11.99 (invalid) A41.9; c2 gold and given J18.9
    assert figure(rows, "micro_f1", "seen")["value"] == 1
    assert figure(rows, "micro_f1", "frequency:over 50")["value"] == 1
    assert figure(rows, "micro_recall", "unseen")["value"] == 0
    assert figure(rows, "gold_pairs", "unseen")["value"] == 2
    assert figure(rows, "predicted_pairs", "unseen")["value"] == 3
    assert figure(rows, "predicted_pairs", "unseen:gold")["value"] == 1  # E11.65
    assert figure(rows, "gold_pairs", "chapter:04_E00-E89")["value"] == 1
    assert figure(rows, "predicted_pairs", "chapter:04_E00-E89")["value"] == 2  # the invalid E11.99 counts against it
    assert figure(rows, "micro_precision", "chapter:14_N00-N99")["value"] is None
    assert figure(rows, "macro_f1", "chapter:09_I00-I99", "gold")["value"] == 1


def test_subsets_stand_in_one_unit_and_label_space_with_intervals_and_fit_the_contract(two_charts, billable) -> None:
    rows = scored(two_charts, billable, GIVEN, SEEN)
    of_subsets = [row for row in rows if row["subset"] != "all"]
    assert {(row["unit"], row["label_space"]) for row in of_subsets} == {("chart", "release")}
    assert figure(of_subsets, "micro_f1", "seen")["resample_count"] == 40
    assert {row["resample_count"] for row in of_subsets if row["metric"].endswith("_pairs")} == {0}
    assert {row["subset"] for row in of_subsets} == {
        "seen", "unseen", "frequency:0", "frequency:1-5", "frequency:over 50", "unseen:gold", "unseen:synthetic",
        "chapter:04_E00-E89", "chapter:09_I00-I99", "chapter:10_J00-J99", "chapter:14_N00-N99",
    }  # those with gold codes: not A41.9's chapter  # fmt: skip
    assert SCORES.violations(SCORES.table(rows)) == []


def test_figures_over_all_codes_are_the_same_with_and_without_subsets(two_charts, billable) -> None:
    rows = scored(two_charts, billable, GIVEN, SEEN)
    assert [row for row in rows if row["subset"] == "all"] == scored(two_charts, billable, GIVEN, None)


def test_chapters_together_hold_every_gold_pair(two_charts, billable) -> None:
    rows = scored(two_charts, billable, GIVEN, SEEN)
    counts = [row["value"] for row in rows if row["metric"] == "gold_pairs" and row["subset"].startswith("chapter:")]
    assert sum(counts) == 4


def test_subsets_of_two_systems_are_compared_on_the_same_pairs(two_charts, billable) -> None:
    ours, theirs = two_charts.answers(GIVEN), two_charts.answers({"d1": ["E11.9"], "d3": ["A41.9"]}, "theirs")
    rows = paired_differences(ours, theirs, **two_charts.tables, codes=billable, subsets=SEEN, resample_count=20)
    assert figure(rows, "micro_recall", "seen")["value"] == 1
    assert figure(rows, "micro_recall", "unseen:gold")["value"] == -1
    assert not [row for row in rows if row["metric"].endswith("_pairs")]
