"""The answers about a long note's windows become one answer about the note."""

from ccl_assets.coding.window import merge_predictions
from ccl_assets.evidence.note_windows import Window


def prediction(code, begin, status="verbatim"):
    end = None if begin is None else begin + 3
    return {
        "code": code, "is_valid": True, "evidence": "abc", "begin": begin, "end": end, "evidence_status": status,
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
