"""Mining notes: which are asked, what is asked, how answers are checked against the note and joined."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccl_assets.evidence.silver.extraction import (
    ExtractionPrompt,
    NoteWithCodes,
    Question,
    answer_schema,
    notes_to_mine,
    status_counts,
    worth_asking_again,
)
from ccl_assets.evidence.tables import EXTRACTIONS
from ccl_assets.resources.text_generation.requests import Completion
from ccl_assets.text.windows import approximate_token_count

TEXT = "68 yo M with longstanding high blood pressure and COPD, Na 128 on arrival."
CODES = ("I10", "J44.9", "E87.1", "E11.9")
TITLES = {
    "I10": "Essential (primary) hypertension",
    "J44.9": "Chronic obstructive pulmonary disease, unspecified",
    "E87.1": "Hypo-osmolality and hyponatremia",
    "E11.9": "Type 2 diabetes mellitus without complications",
}
NOTE = NoteWithCodes("mimic", "n1", "c1", "mimic_iv", TEXT, CODES, True)
LINES = ExtractionPrompt(TITLES, 2048, has_json_answer=False)
JSON = ExtractionPrompt(TITLES, 2048, has_json_answer=True)


def note(text, codes=CODES):
    return NoteWithCodes("mimic", "n1", "c1", "mimic_iv", text, tuple(codes), True)


def document(document_id: str, split: str = "train", corpus: str = "mimic", chart: str = "c1") -> dict:
    return {
        "corpus": corpus,
        "document_id": document_id,
        "chart_id": chart,
        "source": "mimic_iv",
        "text": TEXT,
        "split": split,
        "is_restricted": True,
    }


def label(code: str, document_id: str | None, chart: str = "c1", corpus: str = "mimic") -> dict:
    return {"corpus": corpus, "chart_id": chart, "document_id": document_id, "code": code}


def rows(prompt, of, *texts, finish_reason="stop", error=None):
    """Rows if the requests of a note are answered by these texts."""
    questions = prompt.questions(of)
    completions = [
        Completion(q.request_id, t, finish_reason, error=error) for q, t in zip(questions, texts, strict=True)
    ]
    return prompt.rows(of, list(zip(questions, completions, strict=True)), shard="shard_00", model="miner")


def outcome(found):
    return [(row["code"], row["status"], row["evidence"], row["edit_distance"]) for row in found]


def test_a_chart_s_codes_count_for_each_of_its_notes_once():
    labels = [label("I10", "n1"), label("I10", None), label("E11.9", None), label("J44.1", None, chart="c2")]
    found = notes_to_mine([document("n1"), document("n2")], labels, set())
    assert [(note.document_id, note.codes) for note in found] == [("n1", ("I10", "E11.9")), ("n2", ("I10", "E11.9"))]


def test_held_out_annotated_and_uncoded_notes_are_not_mined():
    documents = [
        document("n1", "val"),
        document("n2", "test"),
        document("n3"),
        document("n4", chart="uncoded"),
        document("n5", corpus="other"),
        document("n6"),
    ]
    assert [note.document_id for note in notes_to_mine(documents, [label("I10", None)], {("mimic", "n3")})] == ["n6"]


def test_one_request_asks_for_all_codes_of_a_note_that_fits_and_is_restricted_like_it():
    (question,) = LINES.questions(NOTE)
    request = LINES.request(question)
    assert [message.role for message in request.messages] == ["user", "assistant", "user"]
    last = request.messages[-1].content
    assert last.startswith("Codes:\n- I10 Essential (primary) hypertension\n- J44.9") and last.endswith(
        f"Note:\n{TEXT}"
    )
    assert request.is_restricted and request.request_id == "mimic/n1" and request.json_schema is None
    assert request.parameters.max_tokens >= 20 * len(CODES)
    assert request.parameters.temperature == 0


def test_where_answers_are_constrained_the_schema_has_exactly_the_codes():
    (question,) = JSON.questions(NOTE)
    schema = JSON.request(question).json_schema
    assert schema == answer_schema(CODES)
    assert schema["required"] == list(schema["properties"]) == list(CODES)
    assert JSON.sha256 != LINES.sha256


def test_a_code_that_the_release_lacks_is_never_asked_for():
    (question,) = LINES.questions(note(TEXT, ("I10", "F00.9")))
    assert question.codes == ("I10",)
    assert LINES.questions(note(TEXT, ("F00.9",))) == []
    found = rows(LINES, note(TEXT, ("F00.9", "I10")), "I10: COPD")
    assert [(row["status"], row["chapter"], row["model"]) for row in found] == [
        ("not_asked", None, None),
        ("verbatim", "09_I00-I99", "miner"),
    ]


def test_an_empty_note_is_not_asked():
    assert LINES.questions(note(" \n")) == []
    assert status_counts(rows(LINES, note(" \n"))) == {"not_asked": 4}


@pytest.mark.parametrize("prompt", [LINES, JSON])
@pytest.mark.parametrize("code_count", [3, 60])
def test_a_note_of_200_000_characters_is_asked_in_pieces_that_fit_and_nothing_is_left_out(prompt, code_count):
    codes = [f"S82.{number:03d}A" for number in range(code_count)]
    titles = dict.fromkeys(codes, "Unspecified fracture of shaft of right tibia, initial encounter")
    prompt = ExtractionPrompt(titles, 2048, has_json_answer=prompt is JSON)
    of = note("Pt with chronic pulmonary disease, R leg fx.\n" * 4_445, codes)
    questions = prompt.questions(of)
    covered = dict.fromkeys(codes, 0)
    for question in questions:
        for code in question.codes:
            assert question.window.begin <= covered[code] < question.window.end
            covered[code] = question.window.end
    assert set(covered.values()) == {len(of.text)}
    assert len({question.request_id for question in questions}) == len(questions)
    for question in questions[:8]:
        request = prompt.request(question)
        tokens = sum(approximate_token_count(message.content) for message in request.messages)
        assert tokens + request.parameters.max_tokens <= 2048


def test_requests_about_one_piece_stand_together_and_share_all_but_their_codes():
    codes = [f"S82.{number:03d}A" for number in range(60)]
    prompt = ExtractionPrompt(dict.fromkeys(codes, "Fracture of shaft of right tibia"), 2048, has_json_answer=True)
    of = note("Fell at home, R leg fx.\n" * 400, codes)
    questions = prompt.questions(of)
    assert [question.window for question in questions] == sorted(
        (question.window for question in questions), key=lambda window: window.begin
    )
    first, second = (prompt.request(question) for question in questions[:2])
    assert questions[0].window == questions[1].window and not set(questions[0].codes) & set(questions[1].codes)
    assert first.messages[:-1] == second.messages[:-1]
    piece = of.text[questions[0].window.begin : questions[0].window.end].strip()
    assert first.messages[-1].content.startswith(f"Note:\n{piece}") and second.messages[-1].content.startswith(
        f"Note:\n{piece}"
    )


def test_groups_of_codes_are_even():
    codes = [f"S82.{number:03d}A" for number in range(61)]
    prompt = ExtractionPrompt(dict.fromkeys(codes, "Fracture of shaft of right tibia"), 2048, has_json_answer=True)
    sizes = {len(question.codes) for question in prompt.questions(note("R leg fx.\n" * 500, codes))}
    assert max(sizes) - min(sizes) <= 2


def test_a_window_too_short_for_anything_says_what_to_set():
    with pytest.raises(ValueError, match="CCL_CONTEXT_TOKENS"):
        ExtractionPrompt(TITLES, 300, has_json_answer=False).questions(note("COPD. " * 500))


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        (LINES, "I10: longstanding high blood presure\nJ44.9: COPD\nE87.1: fluid overload\nE11.9: No evidence found"),
        (
            JSON,
            '{"I10": "longstanding high blood presure", "J44.9": "COPD", "E87.1": "fluid overload", "E11.9": null}',
        ),
    ],
)
def test_each_quote_is_checked_against_the_note(prompt, text):
    found = rows(prompt, NOTE, text)
    assert outcome(found) == [
        ("I10", "repaired", "longstanding high blood pressure", 1),
        ("J44.9", "verbatim", "COPD", 0),
        ("E87.1", "ungrounded", None, None),
        ("E11.9", "no_evidence", None, None),
    ]
    for row in found[:2]:
        assert TEXT[row["begin"] : row["end"]] == row["evidence"]
    assert {row["prompt_sha256"] for row in found} == {prompt.sha256}
    assert EXTRACTIONS.violations(EXTRACTIONS.table(found)) == []


LONG = "COPD, on home O2. " + "Walks daily. " * 700 + "Known COPD. BP high."
LONG_NOTE = note(LONG, ("J44.9", "I10"))


def answered(by_number, otherwise="J44.9: No evidence found\nI10: No evidence found"):
    count = len(LINES.questions(LONG_NOTE))
    assert count > 2
    return rows(LINES, LONG_NOTE, *(by_number.get(number % count, otherwise) for number in range(count)))


def test_offsets_of_pieces_are_those_of_the_note():
    found = answered({-1 % len(LINES.questions(LONG_NOTE)): "J44.9: COPD\nI10: BP high"})
    for row in found:
        assert row["status"] == "verbatim" and LONG[row["begin"] : row["end"]] == row["evidence"]
    assert found[0]["begin"] == LONG.rindex("COPD")


def test_the_first_grounded_quote_counts_verbatim_before_repaired():
    last = len(LINES.questions(LONG_NOTE)) - 1
    found = answered({0: "J44.9: COPD\nI10: no such words", last: "J44.9: COPD\nI10: bp high"})
    assert outcome(found) == [("J44.9", "verbatim", "COPD", 0), ("I10", "repaired", "BP high", 0)]
    assert found[0]["begin"] == 0
    found = answered({0: "J44.9: copd\nI10: x", last: "J44.9: COPD\nI10: BP high"})
    assert found[0]["status"] == "verbatim" and found[0]["begin"] == LONG.rindex("COPD")


def test_there_is_no_evidence_only_if_every_piece_says_so():
    assert status_counts(answered({})) == {"no_evidence": 2}
    assert outcome(answered({1: "J44.9: asbestosis\nI10: No evidence found"}))[0][1] == "ungrounded"
    assert outcome(answered({1: "Sorry."})) == [("J44.9", "unparsed", None, None), ("I10", "unparsed", None, None)]


def test_an_answer_cut_off_keeps_the_codes_it_answered():
    found = rows(LINES, NOTE, "I10: high blood pressure\nJ44.9: CO", finish_reason="length")
    assert [row["status"] for row in found] == ["verbatim", "unparsed", "unparsed", "unparsed"]
    found = rows(JSON, NOTE, '{"I10": "high blood pressure", "J44.9": "CO', finish_reason="length")
    assert [row["status"] for row in found] == ["verbatim", "unparsed", "unparsed", "unparsed"]


@given(st.text(max_size=200), st.sampled_from(["stop", "length"]))
@settings(deadline=None, max_examples=50)
def test_every_code_has_one_row_whatever_comes_back(text, finish_reason):
    found = rows(LINES, NOTE, text, finish_reason=finish_reason)
    assert [row["code"] for row in found] == list(NOTE.codes)
    grounded = [row for row in found if row["status"] in ("verbatim", "repaired")]
    assert all(row["evidence"] == TEXT[row["begin"] : row["end"]] for row in grounded)
    assert all(row["evidence"] is None for row in found if row not in grounded)


def test_without_a_request_nothing_is_said_of_model_or_prompt():
    found = LINES.rows(NOTE, [], shard="shard_00", model="miner")
    assert status_counts(found) == {"not_asked": 4}
    assert {(row["prompt_sha256"], row["model"]) for row in found} == {(None, None)}


@pytest.mark.parametrize(("text", "error"), [("I cannot help with that.", None), ("I10: COPD", "timed out")])
def test_answers_without_codes_and_failed_requests_are_unparsed(text, error):
    found = rows(LINES, NOTE, text, error=error)
    assert status_counts(found) == {"unparsed": 4}
    assert {row["model"] for row in found} == {"miner"}
    (question,) = LINES.questions(NOTE)
    assert not LINES.is_readable(question, Completion("mimic/n1", text, "stop", error=error))


def test_a_code_that_a_cut_answer_leaves_out_is_asked_again_alone_and_once():
    (question,) = LINES.questions(NOTE)
    cut = Completion(question.request_id, "I10: high blood pressure\nJ44.9: CO", "length")
    again = LINES.again(question, cut)
    assert [(one.request_id, one.codes) for one in again] == [
        (f"mimic/n1!{code}", (code,)) for code in ("J44.9", "E87.1", "E11.9")
    ]
    assert LINES.request(again[0]).parameters.max_tokens > 200
    assert LINES.again(again[0], Completion(again[0].request_id, "", "stop")) == []
    assert LINES.again(question, Completion(question.request_id, "", "error", error="refused")) == []
    said = [
        Completion(again[0].request_id, "J44.9: COPD", "stop"),
        Completion(again[1].request_id, "E87.1: None", "stop"),
    ]
    answers = [
        (question, cut),
        *zip(again[:2], said, strict=True),
        (again[2], Completion(again[2].request_id, "", "stop")),
    ]
    found = LINES.rows(NOTE, answers, shard="shard_00", model="miner")
    assert [row["status"] for row in found] == ["verbatim", "verbatim", "no_evidence", "unparsed"]


@pytest.mark.parametrize(("unsaid", "expected"), [(1, 1), (2, 2), (3, 0)])
def test_a_miner_that_says_nothing_of_most_codes_is_not_asked_again(unsaid, expected):
    codes = ("I10", "E11.9", "J44.9", "K21.9")
    question = Question("n1", None, None, codes)
    alone = [Question(f"n1!{code}", None, None, (code,), is_again=True) for code in codes[:unsaid]]
    assert len(worth_asking_again([question], {"n1": alone})) == expected
