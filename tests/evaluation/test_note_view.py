"""Notes cut into marked segments, codes with verdicts a coder understands, restricted notes kept out."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.evaluation.report.note_marks import segments
from ccl_assets.evaluation.report.note_view import note_views, notes_by_benchmark
from ccl_assets.evaluation.scoring.rule_violations import CodingRules
from ccl_assets.evaluation.scoring.spans import EvidenceSpan
from ccl_assets.icd.instructions.lookup import Instructions
from ccl_assets.icd.release.contents import ReleaseFile
from ccl_assets.icd.tables import CODES, INSTRUCTIONS
from ccl_assets.icd.tabular.tabular_list import parse_tabular

TEXT = "Acute on chronic heart failure"
place = st.tuples(st.integers(0, 29), st.integers(0, 29)).map(lambda it: (min(it), max(it) + 1))
spans = st.lists(st.builds(lambda at, code: EvidenceSpan.at("d", code, [at]), place, st.sampled_from("AB")), max_size=6)


def test_overlaps_are_split_at_the_boundaries() -> None:
    gold, predicted = EvidenceSpan.at("d", "I50.9", [(0, 8)]), EvidenceSpan.at("d", "I50.23", [(6, 16)])
    found = [(it.text, it.classes) for it in segments(TEXT, [gold], [[], [predicted]])]
    assert found == [("Acute ", "g"), ("on", "g p1"), (" chronic", "p1"), (" heart failure", "")]


@given(spans, spans, spans)
def test_segments_joined_are_the_note_and_cover_every_mark(gold, ours, theirs) -> None:
    pieces = segments(TEXT, gold, [ours, theirs])
    assert "".join(piece.text for piece in pieces) == TEXT
    at = 0
    for piece in pieces:
        for position in range(at, at + len(piece.text)):
            given_by = dict(piece.predicted)
            for found, marks in ((piece.gold, gold), (given_by.get(0, ()), ours), (given_by.get(1, ()), theirs)):
                covering = {m.code for m in marks if any(begin <= position < end for begin, end in m.fragments)}
                assert set(found) == covering
        at += len(piece.text)


def test_an_empty_note_has_no_segments() -> None:
    assert segments("", [], []) == ()


def test_codes_get_verdicts_titles_and_quotes(two_charts) -> None:
    answers = two_charts.answers({"d1": [("I10", "Hypertension", 0.9), ("A41.9", "sepsis"), "QQQ"]})
    (view, *_) = note_views(answers, **two_charts.tables, titles={"I10": "Essential hypertension"})
    (answer,) = view.answers
    assert [(line.code, line.verdict) for line in answer.lines] == [
        ("I10", "correct"),
        ("A41.9", "wrong"),
        ("QQQ", "not billable"),
        ("E11.9", "missed"),
    ]
    first = answer.lines[0]
    assert (first.title, first.quote, first.confidence) == ("Essential hypertension", "Hypertension", 0.9)
    assert not answer.lines[1].is_grounded
    assert answer.counts == {"correct": 1, "wrong": 1, "not billable": 1, "missed": 1}


def reasons(bench, note, gold, given) -> dict[str, tuple[str, str]]:
    """Verdict and reason by code."""
    benchmark = bench([note("d1", "c1", gold, "Diabetes mellitus with high glucose.")])
    (view,) = note_views(benchmark.answers({"d1": given}), **benchmark.tables, titles={"E11": "Type 2 diabetes"})
    return {line.code: (line.verdict, line.reason) for line in view.answers[0].lines}


def test_another_code_of_a_missed_category_is_a_near_miss_on_both_sides(bench, note) -> None:
    found = reasons(bench, note, ["E11.65"], ["E11.9"])
    assert found["E11.9"] == ("near miss", "expected E11.65, of the same category")
    assert found["E11.65"] == ("missed", "E11.9 given, of the same category")


def test_a_second_code_of_a_found_category_is_wrong_and_no_near_miss(bench, note) -> None:
    found = reasons(bench, note, ["E11.65"], ["E11.65", "E11.9", "I10"])
    assert found["E11.9"] == ("wrong", "of the category of E11.65, which was found")
    assert found["I10"] == ("wrong", "category not expected")


def test_a_heading_and_an_invented_code_are_told_apart(bench, note) -> None:
    found = reasons(bench, note, ["E11.65"], ["E11", "E11.99"])
    assert found["E11"] == ("not billable", "a heading: more characters are needed")
    assert found["E11.99"] == ("not billable", "no code of the release")


def test_a_right_code_quoted_from_elsewhere_says_so(bench, note) -> None:
    text = "HTN stable. Hypertension."
    benchmark = bench([note("d1", "c1", ["I10"], text, marked=[("I10", "HTN")])])
    for words, expected in (("Hypertension", "quoted from another place than people marked"), ("HTN stable", "")):
        (view,) = note_views(benchmark.answers({"d1": [("I10", words)]}), **benchmark.tables, titles={})
        assert (view.answers[0].lines[0].verdict, view.answers[0].lines[0].reason) == ("correct", expected)


def test_a_repaired_code_shows_what_was_written(two_charts) -> None:
    answers = two_charts.answers({"d1": [("I10", None, None, "I10.99")]})
    (view, *_) = note_views(answers, **two_charts.tables, titles={})
    assert view.answers[0].lines[0].repaired_from == "I10.99"


def test_rules_of_the_release_that_an_answer_breaks_are_named(bench, note) -> None:
    diabetes = """<?xml version="1.0"?><ICD10CM.tabular><version>2026</version>
        <chapter><name>4</name><desc>Endocrine (E00-E89)</desc><section id="E08-E13"><desc>Diabetes (E08-E13)</desc>
        <diag><name>E10</name><desc>Type 1 diabetes</desc><diag><name>E10.9</name><desc>Type 1, plain</desc></diag></diag>
        <diag><name>E11</name><desc>Type 2 diabetes</desc><excludes1><note>type 1 diabetes (E10.-)</note></excludes1>
        <diag><name>E11.9</name><desc>Type 2, plain</desc></diag></diag></section></chapter></ICD10CM.tabular>"""
    tabular = parse_tabular(ReleaseFile("tabular", "tiny.xml", diabetes.encode()), "FY2026")
    rules = CodingRules(Instructions.from_tables(CODES.table(tabular.codes), INSTRUCTIONS.table(tabular.instructions)))
    benchmark = bench([note("d1", "c1", ["E11.9"])])
    (view,) = note_views(
        benchmark.answers({"d1": ["E11.9", "E10.9"]}), **benchmark.tables, titles={}, coding_rules=rules
    )
    (violation,) = view.answers[0].violations
    assert (violation.code, violation.other) == ("E11.9", "E10.9")
    assert "Excludes1" in violation.sentence


def test_restricted_notes_are_viewed_on_request_only(bench, note) -> None:
    notes = [note(f"d{number}", f"c{number}", ["I10"], "text", is_restricted=number == 1) for number in range(4)]
    benchmark = bench(notes)
    views = note_views(benchmark.answers({}), **benchmark.tables, titles={}, limit=2)
    assert [view.document_id for view in views] == ["d0", "d2"]
    everything = note_views(benchmark.answers({}), **benchmark.tables, titles={}, shows_restricted=True)
    assert [view.document_id for view in everything if view.is_restricted] == ["d1"]


def test_the_limit_is_shared_by_the_benchmarks(bench, note) -> None:
    few = bench([note("d1", "c1", ["I10"], "one")], corpus="aci_bench")
    many = bench([note(f"d{number}", f"c{number}", ["I10"], "two") for number in range(9)])
    tables = {name: pa.concat_tables([few.tables[name], many.tables[name]]) for name in few.tables}
    views = note_views(pa.concat_tables([many.answers({}), few.answers({})]), **tables, titles={}, limit=4)
    shown = {name: [view.document_id for view in found] for name, found in notes_by_benchmark(views).items()}
    assert shown == {"aci_bench/test": ["d1"], "sample/test": ["d0", "d1", "d2"]}


@pytest.mark.parametrize("order", [["ours", "theirs"], ["theirs", "ours"]])
def test_answers_of_several_systems_stand_below_one_text_in_the_order_asked_for(two_charts, order) -> None:
    both = pa.concat_tables([two_charts.answers({"d1": ["I10"]}), two_charts.answers({}, "theirs", ["d3"])])
    documents = two_charts.tables["documents"]
    fewer = documents.filter(pc.field("document_id") != "d2")
    views = note_views(both, **(two_charts.tables | {"documents": fewer}), titles={}, systems=order)
    assert [(view.document_id, [answer.system for answer in view.answers]) for view in views] == [
        ("d1", order),
        ("d3", ["ours"]),
    ]
