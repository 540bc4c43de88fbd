"""Notes cut into marked segments, codes with their verdicts, restricted notes kept out."""

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.evaluation.note_view import documents_of, note_views, segments
from ccl_assets.evaluation.spans import EvidenceSpan

TEXT = "Acute on chronic heart failure"
place = st.tuples(st.integers(0, 29), st.integers(0, 29)).map(lambda it: (min(it), max(it) + 1))
spans = st.lists(st.builds(lambda at, code: EvidenceSpan.at("d", code, [at]), place, st.sampled_from("AB")), max_size=6)


def test_overlaps_are_split_at_the_boundaries() -> None:
    gold, predicted = EvidenceSpan.at("d", "I50.9", [(0, 8)]), EvidenceSpan.at("d", "I50.23", [(6, 16)])
    found = [(it.text, it.classes) for it in segments(TEXT, [gold], [predicted])]
    assert found == [
        ("Acute ", "gold"),
        ("on", "gold predicted"),
        (" chronic", "predicted"),
        (" heart failure", ""),
    ]
    assert segments(TEXT, [gold], [predicted])[1].label == "human evidence: I50.9; quoted by the system: I50.23"


@given(spans, spans)
def test_segments_joined_are_the_note_and_cover_every_mark(gold, predicted) -> None:
    pieces = segments(TEXT, gold, predicted)
    assert "".join(piece.text for piece in pieces) == TEXT
    at = 0
    for piece in pieces:
        for position in range(at, at + len(piece.text)):
            for found, marks in ((piece.gold, gold), (piece.predicted, predicted)):
                covering = {m.code for m in marks if any(begin <= position < end for begin, end in m.fragments)}
                assert set(found) == covering
        at += len(piece.text)


def test_an_empty_note_has_no_segments() -> None:
    assert segments("", [], []) == ()


def test_codes_get_verdicts_titles_and_quotes(two_charts) -> None:
    answers = two_charts.answers({"d1": [("I10", "Hypertension"), ("A41.9", "sepsis"), "QQQ"]})
    (view, *_) = note_views(answers, **two_charts.tables, titles={"I10": "Essential hypertension"})
    assert [(line.code, line.verdict) for line in view.lines] == [
        ("I10", "correct"),
        ("A41.9", "wrong"),
        ("QQQ", "not billable"),
        ("E11.9", "missed"),
    ]
    assert (view.lines[0].title, view.lines[0].quote) == ("Essential hypertension", "Hypertension")
    assert not view.lines[1].is_grounded
    assert view.count("missed") == 1


def test_restricted_notes_and_notes_beyond_the_limit_are_not_viewed(bench, note) -> None:
    notes = [note(f"d{number}", f"c{number}", ["I10"], "text", is_restricted=number == 1) for number in range(4)]
    benchmark = bench(notes)
    views = note_views(benchmark.answers({}), **benchmark.tables, titles={}, limit=2)
    assert [view.document_id for view in views] == ["d0", "d2"]


def test_answers_of_several_systems_are_viewed_and_documents_not_handed_over_are_skipped(two_charts) -> None:
    both = pa.concat_tables([two_charts.answers({"d1": ["I10"]}), two_charts.answers({}, "theirs")])
    documents = two_charts.tables["documents"]
    fewer = documents.filter(pc.field("document_id") != "d2")
    views = note_views(both, **(two_charts.tables | {"documents": fewer}), titles={})
    assert list(documents_of(views)) == [("sample/test", "d1"), ("sample/test", "d3")]
    assert [view.system for view in views] == ["ours", "ours", "theirs", "theirs"]
