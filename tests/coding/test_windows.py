"""The answers about a long note's windows become one answer about the note."""

from ccl_assets.coding.window import merge_predictions
from ccl_assets.text.windows import Window


def prediction(code, begin, status="verbatim", repaired_from=None):
    end = None if begin is None else begin + 3
    return {
        "code": code, "is_valid": True, "evidence": "abc", "begin": begin, "end": end, "evidence_status": status,
        "confidence": None, "repaired_from": repaired_from,
    }  # fmt: skip


def test_merged_offsets_are_those_of_the_note_and_each_code_counts_once():
    merged = merge_predictions(
        [Window(0, 50), Window(40, 90)],
        [
            [prediction("I10", 42), prediction("E11.9", None, "ungrounded")],
            [prediction("I10", 2), prediction("E11.9", 7)],
        ],
    )
    assert [(p["code"], p["begin"], p["end"], p["evidence_status"]) for p in merged] == [
        ("I10", 42, 45, "verbatim"),
        ("E11.9", 47, 50, "verbatim"),
    ]


def test_merging_leaves_the_answers_as_they_were():
    answers = [[prediction("I10", 1)]]
    merge_predictions([Window(10, 20)], answers)
    assert answers[0][0]["begin"] == 1


def test_a_given_code_goes_before_a_repaired_one_with_better_evidence():
    given, repaired = prediction("I10", None, "none"), prediction("I10", 3, repaired_from="I10.0")
    for answers in ([[repaired], [given]], [[given], [repaired]]):
        (merged,) = merge_predictions([Window(0, 9), Window(9, 18)], answers)
        assert merged["repaired_from"] is None
