"""Codes of other editions become codes of the release or are reported; nothing is ever cut off a code."""

import pytest

from ccl_assets.corpora.documents import AnnotatedNote, Document, EvidenceSpan, Label
from ccl_assets.corpora.edition import Edition
from ccl_assets.icd.changes.crosswalk import Crosswalk
from ccl_assets.icd.tables import CROSSWALK

BILLABLE = frozenset({"I10", "H54.10", "M33.03", "M33.13"})
TEXT = "blind, juvenile dermatomyositis, HTN"


def successors(old, *new, rule="official"):
    rows = new or (None,)
    return [
        {
            "release": "FY2026", "old_code": old, "new_code": code, "successor_count": len(new), "rule": rule,
            "effective_year": None,
        }
        for code in rows
    ]  # fmt: skip


@pytest.fixture
def edition():
    rows = [
        *successors("H54.1", "H54.10", rule="more_digits"),
        *successors("M33", "M33.03", "M33.13"),
        *successors("F32.8", rule="unmapped"),
    ]
    return Edition(BILLABLE, Crosswalk.from_table(CROSSWALK.table(rows)))


def note(*codes, marked=()):
    document = Document("mdace", "n1", "c1", "mdace", "train", "physician", TEXT, True)
    labels = tuple(
        Label("mdace", "c1", "n1", position, code, code.replace(".", "")) for position, code in enumerate(codes, 1)
    )
    spans = tuple(
        EvidenceSpan.cut(document, code, code, [(TEXT.index(words), TEXT.index(words) + len(words))])
        for code, words in marked
    )
    return AnnotatedNote(document, labels, spans)


def test_a_code_with_one_successor_is_replaced_and_its_source_form_kept(edition):
    found = edition.apply(note("H54.1", "I10", marked=[("H54.1", "blind"), ("I10", "HTN")]))
    assert [(label.code, label.source_code, label.position) for label in found.labels] == [
        ("H54.10", "H541", 1),
        ("I10", "I10", 2),
    ]
    assert [(span.code, span.source_code, span.evidence_text) for span in found.evidence] == [
        ("H54.10", "H54.1", "blind"),
        ("I10", "I10", "HTN"),
    ]
    assert edition.labels.metadata() == {"not_in_release": 1, "not_in_release_mapped": 1}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("M33", "several_successors"),
        ("F32.8", "unmapped"),
        ("I10.9", "not_an_old_code"),  # I10 is billable, and yet not what this says
        ("H54.101", "not_an_old_code"),
    ],
)
def test_a_code_without_one_successor_is_left_out_and_counted_by_reason(edition, code, reason):
    found = edition.apply(note(code, "I10", marked=[(code, "blind")]))
    assert [label.code for label in found.labels] == ["I10"]
    assert found.evidence == ()
    expected = {"not_in_release": 1, f"not_in_release_{reason}": 1, "not_in_release_first": [code]}
    assert edition.labels.metadata() == edition.evidence.metadata() == expected


def test_a_successor_that_the_place_already_has_is_counted_and_the_given_row_stays(edition):
    found = edition.apply(
        note("H54.1", "H54.10", marked=[("H54.1", "blind"), ("H54.10", "blind"), ("H54.1", "HTN"), ("H54.10", "juv")])
    )
    assert [(label.code, label.source_code) for label in found.labels] == [("H54.10", "H5410")]
    assert [(span.source_code, span.evidence_text) for span in found.evidence] == [
        ("H54.10", "blind"),
        ("H54.1", "HTN"),
        ("H54.10", "juv"),
    ]
    assert edition.labels.outcomes == {"repeated": 1}
    assert edition.evidence.outcomes == {"repeated": 1, "mapped": 1}


def test_a_note_of_the_release_s_edition_is_passed_on(edition):
    given = note("I10", marked=[("I10", "HTN")])
    assert edition.apply(given) == given
    assert edition.labels.metadata() == {"not_in_release": 0}
