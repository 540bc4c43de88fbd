"""Phrases that notes gave, counted by note."""

from ccl_assets.evidence.candidates import candidates
from ccl_assets.evidence.tables import CANDIDATES

CIRCULATORY = "09_I00-I99"


def extraction(code: str, document_id: str, evidence: str | None = None, status: str = "verbatim", corpus: str = "m"):
    return {"code": code, "corpus": corpus, "document_id": document_id, "evidence": evidence, "status": status}


def test_phrases_are_counted_by_note_and_the_most_frequent_wording_stands_for_them():
    rows = candidates(
        [
            extraction("I10", "1", "HTN"),
            extraction("I10", "2", "HTN"),
            extraction("I10", "3", "htn.", "repaired"),
            extraction("I10", "3", "HTN", corpus="other"),
            extraction("I10", "4", "high\nblood  pressure"),
        ],
        CIRCULATORY,
    )
    assert [(row["evidence"], row["surface_forms"], row["document_count"]) for row in rows] == [
        ("high blood pressure", ["high blood pressure"], 1),
        ("HTN", ["HTN", "htn."], 4),
    ]
    assert CANDIDATES.violations(CANDIDATES.table(rows)) == []


def test_notes_without_grounded_evidence_are_counted_and_unanswered_ones_are_not():
    (row,) = candidates(
        [
            extraction("I10", "1", "HTN"),
            extraction("I10", "2", status="no_evidence"),
            extraction("I10", "3", status="ungrounded"),
            extraction("I10", "4", status="unparsed"),
            extraction("I10", "5", status="not_asked"),
            extraction("I10", "6", "..."),
        ],
        CIRCULATORY,
    )
    assert (row["document_count"], row["labelled_document_count"], row["no_evidence_count"]) == (1, 4, 3)


def test_only_the_chapter_s_codes_are_collected():
    rows = [extraction("I10", "1", "HTN"), extraction("E11.9", "1", "diabetes"), extraction("QA0.8", "1", "SYNGAP1")]
    assert [row["code"] for row in candidates(rows, CIRCULATORY)] == ["I10"]
    assert [row["code"] for row in candidates(rows, "17_Q00-Q99")] == ["QA0.8"]


def test_a_label_that_is_no_code_of_any_chapter_does_not_stop_the_others():
    rows = [extraction("F00.9", "1", "dementia"), extraction("I10", "1", "HTN")]
    assert [row["code"] for row in candidates(rows, CIRCULATORY)] == ["I10"]


def test_order_of_arrival_does_not_matter():
    rows = [extraction("I10", str(number), text) for number, text in enumerate(["HTN", "htn", "HBP", "hbp", "Htn"])]
    assert candidates(rows, CIRCULATORY) == candidates(rows[::-1], CIRCULATORY)
