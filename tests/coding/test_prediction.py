"""Answers are read, checked against the release and traced to the note."""

from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.coding.code_repair import CodeRepair
from ccl_assets.coding.prediction import PredictedCode, read_answer
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
    of_span_coders = {"places", "why"}
    assert [set(prediction) for prediction in read.predictions] == [
        {field.name for field in PREDICTED_CODES.value_type.fields} - of_span_coders
    ]
    assert of_span_coders <= PredictedCode.__annotations__.keys()
    assert read.predictions[0] == {
        "code": "I10", "is_valid": True, "evidence": "HTN", "begin": 5, "end": 8, "evidence_status": "verbatim",
        "confidence": None, "repaired_from": None,
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


def test_confidence_is_the_probability_of_the_code_as_it_stands_in_the_code_section():
    text = "I10 may fit, E11.9 too.\n### ICD-10-CM Codes\n- i10 – x\n- E119 – y"
    asked = []

    def probability(begin, end):
        asked.append((begin, text[begin:end]))
        return 0.5 if len(asked) == 1 else None

    read = read_answer(NOTE, text, BILLABLE, probability=probability)
    assert [(p["code"], p["confidence"]) for p in read.predictions] == [("I10", 0.5), ("E11.9", None)]
    assert asked == [(text.index("i10"), "i10"), (text.index("E119"), "E119")]


REPAIR = CodeRepair(BILLABLE, TITLES)


def test_an_invalid_code_is_replaced_by_its_title_and_marked():
    text = "### Evidence\n- T2DM\n### ICD-10-CM Codes\n- E11.90 – type 2 diabetes mellitus, without complications"
    read = read_answer(NOTE, text, BILLABLE, TITLES, probability=lambda begin, end: 0.25, repair=REPAIR)
    assert read.predictions == [
        {
            "code": "E11.9", "is_valid": True, "evidence": "T2DM", "begin": 10, "end": 14,
            "evidence_status": "verbatim", "confidence": 0.25, "repaired_from": "E11.90",
        }
    ]  # fmt: skip
    assert read.problems == ["title_differs", "repaired_code"]


def test_an_invalid_code_without_a_known_title_stays_invalid():
    read = read_answer(NOTE, "### ICD-10-CM Codes\n- E11.90 – sugar\n- Z99.99", BILLABLE, TITLES, repair=REPAIR)
    assert [(p["code"], p["is_valid"], p["repaired_from"]) for p in read.predictions] == [
        ("E11.90", False, None),
        ("Z99.99", False, None),
    ]
    assert "repaired_code" not in read.problems


def test_a_valid_code_is_kept_whatever_title_stands_beside_it():
    read = read_answer(NOTE, f"### Codes\n- I10 – {TITLES['E11.9']}", BILLABLE, TITLES, repair=REPAIR)
    assert [(p["code"], p["repaired_from"]) for p in read.predictions] == [("I10", None)]


def test_a_given_code_wins_over_a_repaired_one_wherever_it_stands():
    invalid = {"E11.90": TITLES["E11.9"], "I10.9": TITLES["I10"]}
    text = answer(("T2DM", "E11.90"), ("HTN", "I10"), ("HTN", "I10.9"), ("T2DM", "E11.9"))
    for code, title in invalid.items():
        text = text.replace(f"{code} – Something", f"{code} – {title}")
    read = read_answer(NOTE, text, BILLABLE, TITLES, repair=REPAIR)
    assert [(p["code"], p["repaired_from"]) for p in read.predictions] == [("I10", None), ("E11.9", None)]
    assert "repaired_code" in read.problems


def test_two_codes_repaired_to_the_same_one_are_one():
    text = f"### Codes\n- I10.1 – {TITLES['I10']}\n- I10.2 – {TITLES['I10']}"
    read = read_answer(NOTE, text, BILLABLE, TITLES, repair=REPAIR)
    assert [(p["code"], p["repaired_from"]) for p in read.predictions] == [("I10", "I10.1")]


LINES = st.sampled_from(["### Evidence", "### ICD-10-CM Codes", "- HTN", "- T2DM", "- Diabetes", "- I10 – x", "- e119"])
REPAIRABLE = st.sampled_from([f"- {code} – {title}" for code in ("I10.0", "Z9", "E11") for title in TITLES.values()])


@given(st.lists(LINES | REPAIRABLE | st.text(max_size=8)).map("\n".join), st.sampled_from([None, REPAIR]))
def test_any_answer_gives_distinct_codes_and_quotes_that_stand_in_the_note(text, repair):
    read = read_answer(NOTE, text, BILLABLE, TITLES, repair=repair)
    codes = [p["code"] for p in read.predictions]
    assert len(set(codes)) == len(codes)
    for p in read.predictions:
        assert p["is_valid"] == (p["code"] in BILLABLE)
        assert (p["begin"] is not None) == (p["evidence_status"] in {"verbatim", "repaired"})
        if p["begin"] is not None:
            assert NOTE[p["begin"] : p["end"]] == p["evidence"]
        if p["repaired_from"] is not None:
            assert repair and p["is_valid"] and p["repaired_from"] not in BILLABLE and "repaired_code" in read.problems
