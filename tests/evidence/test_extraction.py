"""Mining notes: which are asked, what is asked, how answers are read and checked against the note."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccl_assets.evidence.extraction import (
    NoteWithCodes,
    extraction_request,
    extraction_rows,
    notes_to_mine,
    read_extraction,
    shard_of,
    status_counts,
)
from ccl_assets.evidence.tables import EXTRACTIONS
from ccl_assets.prompts import load_prompt

TEXT = "68 yo M with longstanding high blood pressure and COPD, Na 128 on arrival."
NOTE = NoteWithCodes("mimic", "n1", "c1", "mimic_iv", TEXT, ("I10", "J44.9", "E87.1", "E11.9"), True)
LINES = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.builds(
            "{}{}{}{}".format,
            st.sampled_from(["", "- ", "* ", "**"]),
            st.sampled_from(["I10", "E11.9", "E119", "J44.1", "X"]),
            st.sampled_from([": ", " - ", " | ", "** = ", "", " (title): "]),
            st.text(max_size=20),
        ),
    ),
    max_size=8,
).map("\n".join)


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


@given(st.text(max_size=30), st.integers(1, 64))
@settings(deadline=None)
def test_a_shard_is_stable_and_in_range(chart, count):
    assert shard_of(chart, count) == shard_of(chart, count)
    assert 0 <= shard_of(chart, count) < count


def test_one_request_asks_for_all_codes_of_a_note_and_is_restricted_like_it():
    request = extraction_request(NOTE, {"I10": "Essential hypertension"}, load_prompt("evidence_extraction"))
    assert [message.role for message in request.messages] == ["user", "assistant", "user"]
    last = request.messages[-1].content
    assert TEXT in last and "- I10 Essential hypertension" in last and "- E11.9" in last
    assert request.is_restricted and request.request_id == "mimic/n1"
    assert request.parameters.max_tokens >= 20 * len(NOTE.codes)
    assert request.parameters.temperature == 0


@pytest.mark.parametrize(
    ("line", "quote"),
    [
        ('- I10 Essential (primary) hypertension: "HTN"', "HTN"),
        ("I10 essential (primary) hypertension - HTN", "HTN"),
        ("- I10 Essential (primary) hypertension: No evidence found", None),
    ],
)
def test_an_answer_line_may_repeat_the_title(line, quote):
    assert read_extraction(line, ["I10"], {"I10": "Essential (primary) hypertension"}) == {"I10": quote}


def test_a_title_without_a_quote_is_no_answer():
    line = "- I10 Essential (primary) hypertension"
    assert read_extraction(line, ["I10"], {"I10": "Essential (primary) hypertension"}) == {}


@pytest.mark.parametrize(
    ("line", "quote"),
    [
        ("I10: HTN", "HTN"),
        ("- I10: HTN", "HTN"),
        ("**I10**: HTN", "HTN"),
        ("**I10:** HTN", "HTN"),
        ("* **I10** – **HTN**", "HTN"),
        ("I10 (Essential hypertension): HTN", "HTN"),
        ("I10 = “HTN”", "HTN"),
        ('I10 | "HTN"', "HTN"),
        ("  I10 -  HTN  ", "HTN"),
        ("I10: HTN: poorly controlled", "HTN: poorly controlled"),
        ("I10: No evidence found", None),
        ("I10: no evidence found.", None),
        ("I10: None", None),
        ("I10: N/A", None),
        ("I10: n/a (not in the note)", None),
        ("I10: NA.", None),
        ("I10: Not documented", None),
        ("I10:", None),
        ('I10: ""', None),
    ],
)
def test_answer_lines_are_read_in_the_shapes_models_write(line, quote):
    assert read_extraction(line, ["I10"]) == {"I10": quote}


@pytest.mark.parametrize(
    "quote",
    ["Na 128", "NA low at 119", "nonexertional chest pain", "nonerosive reflux", "nonexudative macular degeneration"],
)
def test_findings_that_begin_like_a_refusal_are_quotes(quote):
    assert read_extraction(f"I10: {quote}", ["I10"]) == {"I10": quote}


def test_dots_in_codes_are_optional_the_first_answer_counts_and_other_codes_are_ignored():
    text = "E119: sugar\nE11.9: diabetes\nJ44.1: COPD\nHere you are: I10\ni10: htn"
    assert read_extraction(text, ["E11.9", "I10"]) == {"E11.9": "sugar"}


@given(st.one_of(st.text(), LINES), st.lists(st.sampled_from(["I10", "E11.9", "J44.1"]), unique=True))
@settings(deadline=None)
def test_any_answer_is_read(text, codes):
    found = read_extraction(text, codes)
    assert set(found) <= set(codes)
    assert all(quote is None or (quote == quote.strip() and quote in text) for quote in found.values())


@pytest.mark.parametrize("text", ["*" * 20_000, "-" * 20_000 + "I10", "I10" + " " * 20_000, "I10" + "(" * 20_000])
def test_degenerate_answers_are_read_in_linear_time(text):
    start = time.perf_counter()
    read_extraction(text, ["I10"])
    assert time.perf_counter() - start < 2


def test_each_quote_is_checked_against_the_note(answer):
    text = "I10: longstanding high blood presure\nJ44.9: COPD\nE87.1: fluid overload\nE11.9: No evidence found"
    rows = extraction_rows(NOTE, answer(text), "s0", "hash", "miner")
    assert [(row["code"], row["status"], row["evidence"], row["edit_distance"]) for row in rows] == [
        ("I10", "repaired", "longstanding high blood pressure", 1),
        ("J44.9", "verbatim", "COPD", 0),
        ("E87.1", "ungrounded", None, None),
        ("E11.9", "no_evidence", None, None),
    ]
    for row in rows[:2]:
        assert TEXT[row["begin"] : row["end"]] == row["evidence"]
    assert EXTRACTIONS.violations(EXTRACTIONS.table(rows)) == []


@given(st.one_of(st.text(), LINES))
@settings(deadline=None, max_examples=50)
def test_every_code_has_one_row_whatever_comes_back(text):
    from ccl_assets.resources.text_generation.requests import Completion

    rows = extraction_rows(NOTE, Completion("mimic/n1", text, "stop"), "s0", "hash", "miner")
    assert [row["code"] for row in rows] == list(NOTE.codes)
    grounded = [row for row in rows if row["status"] in ("verbatim", "repaired")]
    assert all(row["evidence"] == TEXT[row["begin"] : row["end"]] for row in grounded)
    assert all(row["evidence"] is None for row in rows if row not in grounded)


def test_without_a_request_nothing_is_said_of_model_or_prompt():
    rows = extraction_rows(NOTE, None, "s0", "hash", "miner")
    assert status_counts(rows) == {"not_asked": 4}
    assert {(row["prompt_sha256"], row["model"]) for row in rows} == {(None, None)}


@pytest.mark.parametrize(("text", "error"), [("I cannot help with that.", None), ("I10: COPD", "timed out")])
def test_answers_without_lines_and_failed_requests_are_unparsed(answer, text, error):
    rows = extraction_rows(NOTE, answer(text, error), "s0", "hash", "miner")
    assert status_counts(rows) == {"unparsed": 4}
    assert {row["model"] for row in rows} == {"miner"}
