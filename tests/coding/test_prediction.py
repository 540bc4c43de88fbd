"""Answers are read, checked against the release and traced to the note."""

from ccl_assets.coding.prediction import read_answer
from ccl_assets.evaluation.tables import PREDICTED_CODES

NOTE = "PMH: HTN, T2DM.\nCourse: HTN stable. Atrial fibrilation, rate controlled."
BILLABLE = {"I10", "E11.9", "I48.91"}
TITLES = {
    "I10": "Essential (primary) hypertension",
    "E11.9": "Type 2 diabetes mellitus without complications",
    "I48.91": "Unspecified atrial fibrillation",
}


def answer(*pairs):
    spans = "\n".join(f"- {evidence}" for evidence, _ in pairs)
    codes = "\n".join(f"- {code} – {TITLES.get(code, 'Something')}" for _, code in pairs)
    return f"### Evidence\n{spans}\n### ICD-10-CM Codes\n{codes}"


def test_every_prediction_has_the_columns_of_the_predictions_table():
    read = read_answer(NOTE, answer(("HTN", "I10")), BILLABLE)
    assert [set(prediction) for prediction in read.predictions] == [
        {field.name for field in PREDICTED_CODES.value_type.fields}
    ]
    assert read.predictions[0] == {
        "code": "I10", "is_valid": True, "evidence": "HTN", "begin": 5, "end": 8, "evidence_status": "verbatim",
    }  # fmt: skip
    assert read.problems == []


def test_a_repaired_quote_is_replaced_by_the_note_s_words_and_an_invented_one_is_kept_as_quoted():
    read = read_answer(NOTE, answer(("Atrial fibrillation", "I48.91"), ("sepsis due to MRSA", "A41.02")), BILLABLE)
    repaired, invented = read.predictions
    assert (repaired["evidence"], repaired["evidence_status"]) == ("Atrial fibrilation", "repaired")
    assert (invented["evidence"], invented["evidence_status"]) == ("sepsis due to MRSA", "ungrounded")
    assert invented["begin"] is None


def test_a_code_that_is_not_billable_stays_and_is_marked():
    read = read_answer(NOTE, "### ICD-10-CM Codes\n- E11 – Type 2 diabetes mellitus\n- I10 – x", BILLABLE)
    assert [(p["code"], p["is_valid"], p["evidence_status"]) for p in read.predictions] == [
        ("E11", False, "none"),
        ("I10", True, "none"),
    ]


def test_equal_quotes_go_to_successive_places():
    read = read_answer(NOTE, answer(("HTN", "I10"), ("HTN", "I48.91")), BILLABLE)
    assert [p["begin"] for p in read.predictions] == [NOTE.index("HTN"), NOTE.rindex("HTN")]


def test_a_title_of_another_code_is_reported():
    text = "### ICD-10-CM Codes\n- I10 – type 2 diabetes mellitus without complications"
    assert read_answer(NOTE, text, BILLABLE, TITLES).problems == ["title_differs"]
    assert read_answer(NOTE, answer(("HTN", "I10")), BILLABLE, TITLES).problems == []


def test_an_empty_answer_predicts_nothing():
    read = read_answer(NOTE, "", BILLABLE)
    assert (read.predictions, read.problems) == ([], ["empty_output"])
