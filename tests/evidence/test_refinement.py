"""Usual wordings per code, each marked by what it is grounded in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccl_assets.evidence.silver.refinement import (
    CodeCandidates,
    by_code,
    human_spans,
    read_bullets,
    refinement_request,
    silver_rows,
    unknown_phrases,
)
from ccl_assets.evidence.silver.rewording import THRESHOLD, Nearest
from ccl_assets.evidence.tables import SILVER_PAIRS
from ccl_assets.prompts import load_prompt
from ccl_assets.resources.text_generation.requests import Completion
from ccl_assets.text.folding import fold
from ccl_assets.text.windows import approximate_token_count

ITEM = CodeCandidates(
    "I10", "Essential (primary) hypertension", (("HTN", 41), ("hypertension", 30)), ("High blood pressure",), True
)


def silver(item, completion, nearest=None):
    return silver_rows(
        item, completion, nearest or {}, release="FY2026", chapter="09_I00-I99", prompt_sha256="hash", model="miner"
    )


@pytest.mark.parametrize(
    ("line", "phrase"),
    [
        ("- HTN", "HTN"),
        ("* HTN", "HTN"),
        ("• HTN", "HTN"),
        ("  1. HTN", "HTN"),
        ("2) HTN", "HTN"),
        ('- "HTN" (41)', "HTN"),
        ("- **HTN**", "HTN"),
        ("- HTN, stage 2", "HTN, stage 2"),
    ],
)
def test_bullets_are_read_in_the_shapes_models_write(line, phrase):
    assert read_bullets(line) == [phrase]


def test_prose_empty_bullets_and_repetitions_are_left_out():
    assert read_bullets("Here is the list:\n- HTN\n- \n- ...\n- htn.\n-hypertension\n- high BP") == ["HTN", "high BP"]


def test_passages_and_half_a_phrase_at_the_token_limit_are_left_out():
    assert read_bullets("- HTN\n- " + "HTN (1); " * 30 + "\n- high B", is_cut=True) == ["HTN"]
    assert read_bullets("- HTN\n- high BP\n", is_cut=False) == ["HTN", "high BP"]


@given(st.text())
@settings(deadline=None)
def test_any_answer_is_read(text):
    found = read_bullets(text)
    assert all(fold(phrase) for phrase in found)
    assert len({fold(phrase) for phrase in found}) == len(found)


def test_candidates_are_grouped_by_code_the_best_documented_code_first():
    rows = [
        {"code": "I10", "evidence": "hypertension", "document_count": 2},
        {"code": "I10", "evidence": "HTN", "document_count": 5},
        {"code": "I10", "evidence": "HBP", "document_count": 2},
        {"code": "I11.9", "evidence": "HHD", "document_count": 10},
    ]
    found = by_code(rows, {"I10": ["High blood pressure"]}, {"I10": "Hypertension"}, is_restricted=True)
    assert [item.code for item in found] == ["I11.9", "I10"]
    assert found[1].candidates == (("HTN", 5), ("HBP", 2), ("hypertension", 2))
    assert (found[1].title, found[1].gold_terms, found[1].is_restricted) == (
        "Hypertension",
        ("High blood pressure",),
        True,
    )
    assert (found[0].title, found[0].gold_terms) == ("", ())


def test_a_request_bounds_what_it_shows():
    item = CodeCandidates(
        "I10", "t", tuple((f"phrase{n}", 1) for n in range(99)), tuple(f"term{n}" for n in range(99)), True
    )
    request = refinement_request(item, load_prompt("evidence_refinement"), 2048)
    content = request.messages[-1].content
    assert "phrase39 (1)" in content and "phrase40" not in content
    assert "term14" in content and "term15" not in content
    assert request.is_restricted


def test_rows_are_marked_by_their_ground_and_only_grounded_ones_are_trained_on(answer):
    rows = silver(ITEM, answer("- htn\n- high blood pressure\n- elevated tension"))
    assert [(row["evidence"], row["grounding"], row["is_trainable"], row["document_count"]) for row in rows] == [
        ("HTN", "candidate", True, 41),
        ("high blood pressure", "gold_term", True, 0),
        ("elevated tension", "ungrounded", False, 0),
    ]
    assert {(row["refined_by"], row["prompt_sha256"], row["model"]) for row in rows} == {("model", "hash", "miner")}
    assert SILVER_PAIRS.violations(SILVER_PAIRS.table(rows)) == []


def test_a_request_never_exceeds_the_window():
    item = CodeCandidates("I10", "t", tuple((f"{n} " + "long quoted sentence " * 20, 1) for n in range(40)), (), True)
    request = refinement_request(item, load_prompt("evidence_refinement"), 1024)
    tokens = sum(approximate_token_count(message.content) for message in request.messages)
    assert tokens + request.parameters.max_tokens <= 1024
    assert "0 long" in request.messages[-1].content and "30 long" not in request.messages[-1].content


def test_only_what_is_neither_candidate_nor_gold_term_is_looked_up(answer):
    completion = answer("- htn\n- High Blood Pressure\n- elevated tension")
    assert unknown_phrases(ITEM, completion) == ["elevated tension"]
    assert unknown_phrases(ITEM, answer("- HTN", "timed out")) == unknown_phrases(ITEM, None) == []


def test_a_rewording_is_trained_on_and_says_what_it_rewords_and_a_far_phrase_is_not(answer):
    nearest = {
        ("I10", "hypertensive disease"): Nearest("hypertension", THRESHOLD),
        ("I10", "elevated tension"): Nearest("High blood pressure", THRESHOLD - 0.01),
        ("I10", "HTN"): Nearest("hypertension", 1.0),
    }
    rows = silver(ITEM, answer("- hypertensive disease\n- elevated tension\n- nausea\n- HTN"), nearest)
    assert [(row["grounding"], row["rewords"], row["similarity"], row["is_trainable"]) for row in rows] == [
        ("rewording", "hypertension", THRESHOLD, True),
        ("ungrounded", None, THRESHOLD - 0.01, False),
        ("ungrounded", None, None, False),
        ("candidate", None, None, True),
    ]
    assert SILVER_PAIRS.violations(SILVER_PAIRS.table(rows)) == []


def test_where_no_phrase_is_grounded_the_most_frequent_candidates_are_taken(answer):
    rows = silver(ITEM, answer("- elevated tension"))
    assert [(row["evidence"], row["grounding"], row["refined_by"], row["model"]) for row in rows] == [
        ("elevated tension", "ungrounded", "model", "miner"),
        ("HTN", "candidate", "frequency", None),
        ("hypertension", "candidate", "frequency", None),
    ]


@pytest.mark.parametrize("completion", ["not asked", "failed", "prose"])
def test_without_a_usable_answer_frequency_decides(answer, completion):
    given_back = {"not asked": None, "failed": answer("- HTN", "timed out"), "prose": answer("I cannot.")}[completion]
    many = CodeCandidates("I10", "t", tuple((f"phrase{n}", 99 - n) for n in range(19)), (), False)
    rows = silver(many, given_back)
    assert [row["evidence"] for row in rows] == [f"phrase{n}" for n in range(10)]
    assert {(row["refined_by"], row["prompt_sha256"], row["is_trainable"]) for row in rows} == {
        ("frequency", None, True)
    }


def test_an_answer_is_cut_at_ten_phrases(answer):
    many = "\n".join(f"- HTN {n}" for n in range(19))
    assert len(silver(ITEM, answer(f"{many}\n- HTN"))) <= 10 + len(ITEM.candidates)
    assert len(silver(ITEM, answer(f"- HTN\n{many}"))) == 10


def test_the_human_evidence_of_training_notes_is_shown_and_a_ground():
    evidence = [
        {"corpus": "c", "document_id": note, "code": "I10", "evidence_text": text}
        for note, text in (("1", "elevated  BP"), ("2", "bp runs high"), ("2", "Elevated BP"), ("test", "secret words"))
    ]
    documents = [{"corpus": "c", "document_id": note, "is_restricted": note == "2"} for note in ("1", "2")]
    spans = human_spans(evidence, documents)
    assert spans["I10"] == (("elevated BP", "bp runs high"), True)
    rows = [{"code": "I10", "evidence": "HTN", "document_count": 5}]
    (item,) = by_code(rows, {}, {"I10": "Hypertension"}, spans, is_restricted=False)
    content = refinement_request(item, load_prompt("evidence_refinement"), 2048).messages[-1].content
    assert "KNOWN EVIDENCE: elevated BP; bp runs high\n" in content and item.is_restricted
    (row,) = silver(item, Completion("I10", "- BP runs high", "stop"))
    assert (row["grounding"], row["is_trainable"]) == ("human_evidence", True)
