"""Phrases that notes gave, counted by note, and how often notes gave none."""

import pyarrow as pa

from ccl_assets.evidence.silver import candidates as module
from ccl_assets.evidence.silver.candidates import candidates, label_noise, label_noise_table
from ccl_assets.evidence.tables import CANDIDATES, EXTRACTIONS

CIRCULATORY = "09_I00-I99"


def extraction(code: str, evidence: str | None = None, status: str = "verbatim"):
    return {"code": code, "evidence": evidence, "status": status}


def mined_codes(rows):
    schema = pa.schema([EXTRACTIONS.schema.field(name).with_nullable(True) for name in ("code", "status", "evidence")])
    return module.mined_codes(pa.Table.from_pylist(rows, schema))


def rows_of(*extractions):
    return candidates(mined_codes(extractions), CIRCULATORY)


def test_phrases_are_counted_by_note_and_the_most_frequent_wording_stands_for_them():
    rows = rows_of(
        extraction("I10", "HTN"),
        extraction("I10", "HTN"),
        extraction("I10", "htn.", "repaired"),
        extraction("I10", "HTN"),
        extraction("I10", "high\nblood  pressure"),
    )
    assert [(row["evidence"], row["surface_forms"], row["document_count"]) for row in rows] == [
        ("high blood pressure", ["high blood pressure"], 1),
        ("HTN", ["HTN", "htn."], 4),
    ]
    assert CANDIDATES.violations(CANDIDATES.table(rows)) == []


def test_notes_without_grounded_evidence_are_counted_and_unanswered_ones_are_not():
    (row,) = rows_of(
        extraction("I10", "HTN"),
        extraction("I10", status="no_evidence"),
        extraction("I10", status="ungrounded"),
        extraction("I10", status="unparsed"),
        extraction("I10", status="not_asked"),
        extraction("I10", "..."),
    )
    assert (row["document_count"], row["labelled_document_count"], row["no_evidence_count"]) == (1, 4, 3)


def test_a_passage_supports_its_code_but_is_no_phrase():
    codes = mined_codes([extraction("I10", "blood pressure was high again " * 20), extraction("I10", "HTN")])
    assert [row["evidence"] for row in candidates(codes, CIRCULATORY)] == ["HTN"]
    assert (codes["I10"].note_count, codes["I10"].no_evidence_count) == (2, 0)


def test_order_of_arrival_does_not_matter():
    rows = [extraction("I10", text) for text in ["HTN", "htn", "HBP", "hbp", "Htn"]]
    assert rows_of(*rows) == rows_of(*rows[::-1])


def test_the_label_noise_map_holds_codes_without_any_phrase_and_leaves_out_those_with_few_notes():
    nothing = [extraction("I25.5", status="no_evidence")] * 6
    few = [extraction("I48.91", status="no_evidence")] * 4
    some = [extraction("I10", "HTN")] * 18 + [extraction("I10", status="no_evidence")] * 2
    codes = mined_codes([*some, *few, *nothing])
    assert [code for code, _ in label_noise(codes)] == ["I25.5", "I10"]
    assert label_noise_table(codes).splitlines()[2:] == ["| I25.5 | 6 | 6 | 100% |", "| I10 | 20 | 2 | 10% |"]
    assert [row["code"] for row in candidates(codes, CIRCULATORY)] == ["I10"]
    assert len(label_noise(codes, most=1)) == 1


def test_the_map_quotes_no_note():
    codes = mined_codes([extraction("I10", "secret words")] * 9)
    assert "secret" not in label_noise_table(codes)
