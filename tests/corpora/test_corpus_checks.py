from pathlib import Path

import pytest

from ccl_assets.corpora.checks import misquotes, offsets_inside_notes, rows_readable
from ccl_assets.corpora.documents import AnnotatedNote, Document, EvidenceSpan, LoadCounts

NOTE = Document("sample", "n1", "c1", "mdace", "train", "physician", "a secret HTN", False)


def counts(kind, kept, unreadable):
    found = LoadCounts()
    found.keep(kind, kept)
    for line in range(unreadable):
        found.refuse(kind, "malformed_code", Path("codes.csv"), line + 2)
    return found


@pytest.mark.parametrize(
    ("kept", "unreadable", "passes"), [(999, 1, True), (998, 1, False), (0, 0, True), (0, 1, False)]
)
def test_more_than_one_unreadable_row_in_a_thousand_fails(kept, unreadable, passes):
    gate = rows_readable(counts("labels", kept, unreadable))
    assert gate.passed is passes
    assert gate.is_blocking
    assert gate.details["unreadable"] == unreadable


def test_many_readable_codes_do_not_make_up_for_lost_notes():
    found = counts("documents", 90, 10)
    found.keep("labels", 1_000_000)
    assert not rows_readable(found).passed


def test_rows_that_are_not_wanted_are_not_unreadable():
    found = LoadCounts()
    found.keep("labels", 1)
    found.drop("labels", "icd_9", 500)
    assert rows_readable(found).passed


def test_the_gate_says_reasons_and_the_first_places_only():
    details = rows_readable(counts("labels", 10, 500)).details
    assert details["reasons"] == {"labels/malformed_code": 500}
    assert details["first"] == [f"codes.csv, line {line}: malformed_code" for line in range(2, 12)]


@pytest.mark.parametrize(
    ("fragments", "text", "document_id"),
    [(((9, 12),), "htn", "n1"), (((9, 40),), "HTN and more", "n1"), (((9, 9),), "", "n1"), (((9, 12),), "HTN", "n2")],
)
def test_a_span_that_does_not_quote_its_note_is_named_by_place(fragments, text, document_id):
    good = EvidenceSpan.cut(NOTE, "I10", "I10", [(9, 12)])
    odd = EvidenceSpan("sample", "c1", document_id, "I10", "I10", fragments, text)
    found = misquotes(AnnotatedNote(NOTE, (), (good, odd)))
    assert found == [f"{document_id}:{odd.begin}-{odd.end}"]
    gate = offsets_inside_notes(2, found)
    assert not gate.passed
    assert "secret" not in repr(gate)
    assert offsets_inside_notes(1, misquotes(AnnotatedNote(NOTE, (), (good,)))).passed
