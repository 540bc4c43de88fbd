"""What lies beside the page: the same figures as data, no note text, every file whole."""

import csv
import json
from dataclasses import replace

import pytest

from ccl_assets.evaluation.report.exports import DIFFERENCE_COLUMNS, SCORE_COLUMNS, as_json, report_data, write_report
from ccl_assets.evaluation.report.inputs import report_inputs
from ccl_assets.evaluation.report.note_view import note_views
from ccl_assets.evaluation.report.page import ReportInputs
from ccl_assets.evaluation.scoring.score_rows import paired_differences, score_system
from ccl_assets.evaluation.tables import SCORES
from ccl_assets.icd.tables import CODES

FILES = {"index.html", "report.json", "reproduction.json", "scores.csv", "differences.csv"}


@pytest.fixture
def inputs(two_charts, billable) -> ReportInputs:
    ours = two_charts.answers({"d1": [("I10", "Hypertension", 0.75), "E11.65"]}, "scl")
    theirs = two_charts.answers({"d3": ["J18.9"]}, "index_lookup")
    return ReportInputs(
        title="Report, with a comma",
        generated="today",
        systems={"index_lookup": "", "scl": ""},
        scores=[row for one in (ours, theirs) for row in score_system(one, **two_charts.tables, codes=billable)],
        reference="scl",
        differences=paired_differences(theirs, ours, **two_charts.tables, codes=billable),
        reproduction={"Seeds": {"bootstrap": 1}},
        note_views=note_views(ours, **two_charts.tables, titles={}),
        asked_counts={("scl", "sample/test"): (3, 3)},
    )


def test_all_files_are_written_and_nothing_else_is_left(inputs, tmp_path) -> None:
    folder = tmp_path / "eval" / "report"
    sizes = write_report(folder, inputs)
    assert {path.name for path in folder.iterdir()} == set(sizes) == FILES
    assert all(folder.joinpath(name).stat().st_size == size > 0 for name, size in sizes.items())


def test_the_tables_hold_every_row_with_its_values(inputs, tmp_path) -> None:
    write_report(tmp_path, inputs)
    with tmp_path.joinpath("scores.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(SCORE_COLUMNS)
    assert set(SCORE_COLUMNS) == {column.name for column in SCORES.columns}
    assert len(rows) == len(inputs.scores)
    assert [row["value"] and float(row["value"]) for row in rows] == [
        "" if row["value"] is None else row["value"] for row in inputs.scores
    ]
    with tmp_path.joinpath("differences.csv").open(newline="", encoding="utf-8") as file:
        differences = list(csv.DictReader(file))
    assert list(differences[0]) == list(DIFFERENCE_COLUMNS)
    assert {(row["first_system"], row["second_system"]) for row in differences} == {("index_lookup", "scl")}


def test_the_data_names_codes_and_verdicts_but_quotes_no_note(inputs, tmp_path) -> None:
    write_report(tmp_path, inputs)
    text = tmp_path.joinpath("report.json").read_text(encoding="utf-8")
    data = json.loads(text)
    first = data["notes"][0]["answers"][0]["codes"][0]
    assert (first["code"], first["verdict"], first["confidence"]) == ("I10", "correct", 0.75)
    near = {code["code"]: code["verdict"] for code in data["notes"][0]["answers"][0]["codes"]}
    assert near["E11.65"] == "near miss"
    assert "Hypertension" not in text
    assert data["reproduction"] == json.loads(tmp_path.joinpath("reproduction.json").read_text(encoding="utf-8"))
    assert len(data["published"]["results"]) > 10


def test_restricted_notes_never_reach_the_data(bench, note, billable) -> None:
    benchmark = bench([note("d1", "c1", ["I10"], "text", is_restricted=True)])
    answers = benchmark.answers({"d1": ["I10"]})
    views = note_views(answers, **benchmark.tables, titles={}, shows_restricted=True)
    inputs = ReportInputs(
        "t", "g", {"ours": ""}, [], note_views=views, restricted_benchmarks=["sample/test"], shows_restricted=True
    )
    assert len(views) == 1
    assert report_data(inputs)["notes"] == []


def test_a_report_that_cannot_be_made_leaves_the_earlier_one_alone(inputs, tmp_path) -> None:
    write_report(tmp_path, inputs)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="restricted"):
        write_report(tmp_path, replace(inputs, title="new", restricted_benchmarks=["sample/test"]))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_is_no_json_value_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        as_json({"value": float("nan")})


def codes_table(billable):
    rows = []
    for code in sorted({*billable, *(code[:3] for code in billable)}):
        row = {column.name: "" for column in CODES.columns}
        row |= {"code": code, "parent_code": None, "long_title": f"Title of {code}", "chapter": "09_I00-I99"}
        row |= {"chapter_title": "Circulatory", "category": code[:3], "level": len(code.replace(".", ""))}
        row |= {"is_billable": code in billable, "is_expanded": False, "stem_code": None, "seventh_character": None}
        rows.append(row | {"inclusion_terms": [], "includes": []})
    return CODES.table(rows)


def gathered(benchmark, billable, systems, **options) -> ReportInputs:
    import pyarrow as pa

    answers = [benchmark.answers({"d1": [("I10", None, 0.5)]}, system) for system in systems]
    scores = [row for one in answers for row in score_system(one, **benchmark.tables, codes=billable)]
    predictions = pa.concat_tables(answers) if answers else benchmark.answers({})[:0]
    return report_inputs(
        codes=codes_table(billable),
        **benchmark.tables,
        predictions=predictions,
        scores=SCORES.table(scores),
        left_out=[],
        card={},
        **options,
    )


def test_systems_are_compared_with_scl_and_rung_by_rung(two_charts, billable) -> None:
    inputs = gathered(two_charts, billable, ["scl", "base_cot", "index_lookup", "sft_evidence"])
    assert list(inputs.systems) == ["index_lookup", "base_cot", "sft_evidence", "scl"]
    assert inputs.reference == "scl"
    assert {(row["first_system"], row["second_system"]) for row in inputs.differences} == {
        ("index_lookup", "scl"),
        ("base_cot", "scl"),
        ("sft_evidence", "scl"),
        ("sft_evidence", "base_cot"),
        ("scl", "sft_evidence"),
    }
    assert {row["system"] for row in inputs.abstention} == set(inputs.systems)
    assert inputs.chapter_titles == {"09_I00-I99": "Circulatory"}


def test_without_scl_the_look_up_is_the_reference(two_charts, billable) -> None:
    inputs = gathered(two_charts, billable, ["base_cot", "index_lookup"])
    assert inputs.reference == "index_lookup"
    assert {row["first_system"] for row in inputs.differences} == {"base_cot"}


def test_nothing_predicted_at_all_is_still_a_report(two_charts, billable, tmp_path) -> None:
    inputs = gathered(two_charts, billable, [])
    assert (inputs.systems, inputs.reference, inputs.note_views) == ({}, None, [])
    write_report(tmp_path, inputs)
    assert "No system has been scored yet." in tmp_path.joinpath("index.html").read_text(encoding="utf-8")


def test_a_restricted_benchmark_alone_leaves_a_report_without_notes(bench, note, billable, tmp_path) -> None:
    benchmark = bench([note(f"d{n}", f"c{n}", ["I10"], "secret", is_restricted=True) for n in (1, 2)], corpus="mdace")
    write_report(tmp_path, gathered(benchmark, billable, ["scl"]))
    page = tmp_path.joinpath("index.html").read_text(encoding="utf-8")
    assert "Notes of mdace/test are not shown" in page
    assert "secret" not in page
    shown = gathered(benchmark, billable, ["scl"], shows_restricted=True)
    write_report(tmp_path, shown)
    assert "secret" in tmp_path.joinpath("index.html").read_text(encoding="utf-8")
    assert "secret" not in tmp_path.joinpath("report.json").read_text(encoding="utf-8")
