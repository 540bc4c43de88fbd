"""From tables to rows of ``eval/scores``: units, label spaces, what was asked, and how errors are told."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ccl_assets.evaluation.checks import scores_in_bounds
from ccl_assets.evaluation.scoring.score_rows import paired_differences, score_system
from ccl_assets.evaluation.scoring.units import ScoringInputError, read_benchmark
from ccl_assets.evaluation.tables import SCORES


def value(rows: list[dict[str, Any]], metric: str, unit: str = "chart", space: str = "release", macro: str = "none"):
    (row,) = [
        row
        for row in rows
        if (row["metric"], row["unit"], row["label_space"], row["macro_convention"]) == (metric, unit, space, macro)
    ]
    return row["value"]


def units_of(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {row["unit"]: row["document_count"] for row in rows}


def test_rows_fit_the_contract(two_charts, billable) -> None:
    rows = score_system(two_charts.answers({"d1": ["I10"]}), **two_charts.tables, codes=billable, resample_count=50)
    assert SCORES.violations(SCORES.table(rows)) == []


def test_units_differ_in_what_is_one_pair(two_charts, billable) -> None:
    answers = two_charts.answers({"d1": ["I10"], "d2": ["I10", "E11.9"], "d3": ["A41.9"]})
    rows = score_system(answers, **two_charts.tables, codes=billable, resample_count=0)
    # chart: c1 gold I10 E11.9 N17.9, predicted I10 E11.9; c2 gold J18.9, predicted A41.9
    assert value(rows, "micro_recall") == pytest.approx(2 / 4)
    assert value(rows, "micro_precision") == pytest.approx(2 / 3)
    # note: I10 counts in d1 and in d2, E11.9 was given in the wrong note
    assert value(rows, "micro_recall", "note") == pytest.approx(2 / 5)
    assert value(rows, "micro_precision", "note") == pytest.approx(2 / 4)
    # discharge: d2 is a progress note
    assert value(rows, "micro_recall", "discharge") == pytest.approx(1 / 3)
    assert units_of(rows) == {"chart": 2, "note": 3, "discharge": 2}


def test_both_label_spaces_and_macro_conventions(two_charts, billable) -> None:
    answers = two_charts.answers({"d1": ["I10", "A41.9"], "d2": ["Z99.99"], "d3": ["J18.9"]})
    rows = score_system(answers, **two_charts.tables, codes=billable, resample_count=0)
    assert value(rows, "micro_precision") == pytest.approx(2 / 4)
    assert value(rows, "micro_precision", space="gold") == 1
    assert value(rows, "macro_f1", macro="gold") == pytest.approx(2 / 4)
    assert value(rows, "macro_f1", macro="any") == pytest.approx(2 / 6)
    assert value(rows, "macro_f1", space="gold", macro="any") == pytest.approx(2 / 4)


def test_validity_is_judged_by_the_release_at_hand_not_by_the_stored_flag(two_charts, billable) -> None:
    answers = two_charts.answers({"d1": ["I10"], "d3": ["J18.9"]})
    rows = score_system(answers, **two_charts.tables, codes=billable - {"I10"}, resample_count=0)
    assert value(rows, "valid_code_rate") == 1 / 2
    assert value(rows, "micro_precision") == 1 / 2
    assert value(rows, "billable_gold_rate") == pytest.approx(3 / 4)


def test_rates_over_documents(two_charts, billable) -> None:
    answers = two_charts.answers(
        {"d1": [("I10", "Hypertension"), ("E11.9", "sugar disease"), "A41.9"], "d3": ["J18.9"]}
    )
    rows = score_system(answers, **two_charts.tables, codes=billable, resample_count=0)
    assert value(rows, "quoted_evidence_rate") == 2 / 4
    assert value(rows, "verbatim_evidence_rate") == 1 / 2
    assert value(rows, "codes_per_document") == pytest.approx(4 / 3)
    assert value(rows, "empty_output_rate") == pytest.approx(1 / 3)


def test_evidence_is_micro_over_charts(two_charts, billable) -> None:
    answers = two_charts.answers({"d1": [("I10", "Hypertension")], "d2": [("N17.9", "AKI resolved")], "d3": []})
    rows = score_system(answers, **two_charts.tables, codes=billable, resample_count=0)
    assert value(rows, "evidence_span_exact_f1") == pytest.approx(2 / (2 + 1 + 2))
    assert value(rows, "evidence_token_exact_precision") == pytest.approx(2 / 3)  # hypertension, aki; not "resolved"
    assert value(rows, "evidence_token_exact_recall") == pytest.approx(2 / 3)


def test_a_benchmark_without_human_evidence_has_no_evidence_figures(bench, note, billable) -> None:
    benchmark = bench([note("d1", "c1", ["I10"], "HTN")])
    rows = score_system(benchmark.answers({"d1": [("I10", "HTN")]}), **benchmark.tables, codes=billable)
    assert not [row for row in rows if row["metric"].startswith("evidence_")]
    assert value(rows, "verbatim_evidence_rate") == 1


def test_codes_given_to_charts_allow_the_chart_unit_only(bench, note, billable) -> None:
    benchmark = bench([note("d1", "c1", ["I10"]), note("d2", "c1", ["N17.9"])], chart_labels=True)
    rows = score_system(benchmark.answers({"d1": ["I10"]}), **benchmark.tables, codes=billable, resample_count=0)
    assert units_of(rows) == {"chart": 1}
    assert value(rows, "micro_recall") == 1 / 2


def test_a_chart_counts_only_if_all_its_notes_were_asked(two_charts, billable) -> None:
    answers = two_charts.answers({"d1": ["I10"], "d3": ["J18.9"]}, unasked=["d2"])
    rows = score_system(answers, **two_charts.tables, codes=billable, resample_count=0)
    assert units_of(rows) == {"chart": 1, "note": 2, "discharge": 2}
    assert value(rows, "micro_recall") == 1


def test_the_gold_space_is_that_of_the_whole_split_asked_or_not(two_charts, billable) -> None:
    answers = two_charts.answers({"d3": ["J18.9", "I10"]}, unasked=["d1", "d2"])
    rows = score_system(answers, **two_charts.tables, codes=billable, resample_count=0)
    assert value(rows, "micro_precision", space="gold") == 1 / 2


def test_nothing_asked_gives_rows_without_figures(two_charts, billable) -> None:
    answers = two_charts.answers({}, unasked=["d1", "d2", "d3"])
    rows = score_system(answers, **two_charts.tables, codes=billable)
    assert rows
    pair_counts = {"gold_pairs": 0, "predicted_pairs": 0}
    assert all(row["value"] == pair_counts.get(row["metric"]) and row["lower"] is row["upper"] is None for row in rows)
    assert {(row["document_count"], row["resample_count"]) for row in rows} == {(0, 0)}
    other = two_charts.answers({}, "theirs", unasked=["d1", "d2", "d3"])
    assert {row["value"] for row in paired_differences(answers, other, **two_charts.tables, codes=billable)} == {None}


def test_no_predictions_give_no_rows(two_charts, billable) -> None:
    empty = two_charts.answers({}).slice(0, 0)
    assert score_system(empty, **two_charts.tables, codes=billable) == []
    assert paired_differences(empty, empty, **two_charts.tables, codes=billable) == []


def test_a_benchmark_without_labels_has_rates_only(bench, note, billable) -> None:
    benchmark = bench([note("d1", "c1", [], "HTN")])
    rows = score_system(benchmark.answers({"d1": ["I10"]}), **benchmark.tables, codes=billable)
    assert value(rows, "valid_code_rate") == 1
    assert not [row for row in rows if "f1" in row["metric"]]


def test_all_empty_answers_are_scored_as_such(two_charts, billable) -> None:
    rows = score_system(two_charts.answers({}), **two_charts.tables, codes=billable, resample_count=20)
    assert value(rows, "micro_recall") == value(rows, "micro_f1") == value(rows, "macro_f1", macro="gold") == 0
    assert value(rows, "micro_precision") is value(rows, "valid_code_rate") is None
    assert value(rows, "empty_output_rate") == 1
    assert (value(rows, "gold_pairs"), value(rows, "predicted_pairs")) == (4, 0)
    assert SCORES.violations(SCORES.table(rows)) == []


def test_one_chart_has_figures_without_intervals(bench, note, billable) -> None:
    benchmark = bench([note("d1", "c1", ["I10", "E11.9"], "HTN", marked=[("I10", "HTN")])])
    rows = score_system(benchmark.answers({"d1": [("I10", "HTN")]}), **benchmark.tables, codes=billable)
    assert value(rows, "micro_recall") == 1 / 2
    assert {(row["lower"], row["upper"], row["resample_count"]) for row in rows} == {(None, None, 0)}


def test_no_documents_at_all_is_told_unless_nothing_was_predicted(two_charts, billable) -> None:
    nothing = {name: table.slice(0, 0) for name, table in two_charts.tables.items()}
    with pytest.raises(ScoringInputError, match=r"3 predicted documents are not in corpus/documents.*materialize"):
        score_system(two_charts.answers({"d1": ["I10"]}), **nothing, codes=billable)
    assert score_system(two_charts.answers({}).slice(0, 0), **nothing, codes=billable) == []


def test_documents_without_labels_or_evidence_tables_have_rates_only(two_charts, billable) -> None:
    bare = two_charts.tables | {name: two_charts.tables[name].slice(0, 0) for name in ("labels", "evidence")}
    rows = score_system(two_charts.answers({"d1": ["I10"]}), **bare, codes=billable, resample_count=20)
    assert {row["unit"] for row in rows} == {"chart"}
    assert not [row["metric"] for row in rows if "f1" in row["metric"] or row["metric"].endswith("_pairs")]
    assert value(rows, "valid_code_rate") == 1


def test_figures_out_of_their_bounds_fail_the_gate(two_charts, billable) -> None:
    rows = score_system(two_charts.answers({"d1": ["I10"]}), **two_charts.tables, codes=billable, resample_count=20)
    assert scores_in_bounds(rows).passed
    for metric, wrong in (("micro_f1", 1.01), ("gold_pairs", -1.0), ("codes_per_document", float("nan"))):
        gate = scores_in_bounds([row | {"value": wrong} if row["metric"] == metric else row for row in rows])
        assert not gate.passed
        assert metric in str(gate.details)


def test_other_splits_and_corpora_do_not_mix_in(two_charts, bench, note, billable) -> None:
    train = bench([note("d9", "c9", ["A41.9"])], split="train")
    elsewhere = bench([note("d1", "c1", ["A41.9"])], corpus="mdace")
    tables = {
        name: pa.concat_tables([part.tables[name] for part in (two_charts, train, elsewhere)])
        for name in two_charts.tables
    }
    answers = two_charts.answers({"d1": ["I10"], "d3": ["J18.9"]})
    assert score_system(answers, **tables, codes=billable) == score_system(answers, **two_charts.tables, codes=billable)


def test_differences_are_on_the_units_both_were_asked(two_charts, billable) -> None:
    ours = two_charts.answers({"d1": ["I10", "E11.9"], "d2": ["N17.9"], "d3": ["J18.9"]})
    theirs = two_charts.answers({"d1": [], "d3": ["J18.9", "A41.9"]}, "theirs", unasked=["d1"])
    rows = paired_differences(ours, theirs, **two_charts.tables, codes=billable, resample_count=20)
    assert value(rows, "micro_f1") == pytest.approx(1 - 2 / 3)
    assert units_of(rows) == {"chart": 1, "note": 2, "discharge": 1}
    assert {(row["first_system"], row["second_system"]) for row in rows} == {("ours", "theirs")}


def test_a_difference_is_the_first_less_the_second(two_charts, billable) -> None:
    ours = two_charts.answers({"d1": ["I10"], "d3": ["J18.9"]})
    theirs = two_charts.answers({"d1": ["A41.9"], "d2": ["I10"], "d3": []}, "theirs")
    scored = [score_system(one, **two_charts.tables, codes=billable) for one in (ours, theirs)]
    rows = paired_differences(ours, theirs, **two_charts.tables, codes=billable)
    for unit in ("chart", "note"):
        found = value(rows, "micro_f1", unit)
        assert found == pytest.approx(value(scored[0], "micro_f1", unit) - value(scored[1], "micro_f1", unit))


def test_errors_name_the_document_and_never_quote_the_note(two_charts, billable) -> None:
    answers = two_charts.answers({"d1": [("I10", "Hypertension")]})
    documents = two_charts.tables["documents"]
    fewer = documents.filter(pc.field("document_id") != "d3")
    with pytest.raises(ScoringInputError, match=r"'d3'.*materialize"):
        score_system(answers, **(two_charts.tables | {"documents": fewer}), codes=billable)
    column = documents.schema.get_field_index("text")
    shorter = documents.set_column(column, documents.schema.field("text"), pa.array(["Hyper"] * 3))
    with pytest.raises(ScoringInputError, match=r"document 'd\d' lie outside its 5 characters") as caught:
        score_system(answers, **(two_charts.tables | {"documents": shorter}), codes=billable)
    assert "Hyper" not in str(caught.value)


def test_two_systems_in_one_table_are_refused(two_charts, billable) -> None:
    both = pa.concat_tables([two_charts.answers({}), two_charts.answers({}, "theirs")])
    with pytest.raises(ScoringInputError, match="'ours', 'theirs'"):
        score_system(both, **two_charts.tables, codes=billable)


def test_units_of_the_published_test_split(bench, note, development_corpora) -> None:
    """The numbers of pairs by unit are those of MDACE's own release: 616, 645, 552."""
    folder = development_corpora / "mdace_annotations"
    split = folder / "splits" / "Inpatient" / "MDace-ev-test.csv"
    notes = []
    for chart in split.read_text().split():
        path = folder / "data" / "Inpatient" / "ICD-10" / "1.0" / f"{chart}-ICD-10.json"
        for one in json.loads(path.read_text())["notes"]:
            codes = {it["code"] for it in one["annotations"] if it["code_system"] == "ICD-10-CM"}
            category = one["category"].strip().lower().replace(" ", "_")
            notes.append(note(str(one["note_id"]), chart, sorted(codes), category=category))
    benchmark = read_benchmark("mdace", "test", **bench(notes, corpus="mdace").tables)
    units = {kind: benchmark.units(kind) for kind in benchmark.unit_kinds()}
    assert len(units["chart"]) == 61
    assert {kind: sum(len(unit.gold) for unit in its) for kind, its in units.items()} == {
        "chart": 616,
        "note": 645,
        "discharge": 552,
    }
    assert len(frozenset().union(*(unit.gold for unit in units["chart"]))) == 320
    assert len(frozenset().union(*(unit.gold for unit in units["discharge"]))) == 290
