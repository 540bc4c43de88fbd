"""Self-consistency: what three of five runs agree on."""

from ccl_assets.coding.coder_settings import CoderSettings
from ccl_assets.coding.prediction import NoteToCode
from ccl_assets.coding.systems import Ingredients, build_system
from ccl_assets.coding.systems.cot_sc import vote
from ccl_assets.resources.text_generation.requests import Completion
from ccl_assets.resources.text_generation.scripted import ScriptedGenerator

NOTE = "PMH: HTN.\nA/P: type 2 DM, stable."
BILLABLE = {"I10", "E11.9"}
BOTH = "### Evidence\n- HTN\n- type 2 DM\n### ICD-10-CM Codes\n- I10 – x\n- E11.9 – y"
ONE = "### Evidence\n- htn\n### ICD-10-CM Codes\n- I10 – x"


def predicted(code, status="verbatim", repaired_from=None):
    return {
        "code": code, "is_valid": True, "evidence": status, "begin": 1, "end": 2, "evidence_status": status,
        "confidence": None, "repaired_from": repaired_from,
    }  # fmt: skip


def coded(answers, notes, settings=None):
    """Code with a model that answers by note text and run."""
    model = ScriptedGenerator(lambda request: answers(request.messages[-1].content, request.sample))
    system = build_system("cot_sc", Ingredients(BILLABLE, generator=model, settings=settings or CoderSettings()))
    return list(system.code(notes)), model.calls


def test_a_code_is_kept_from_three_runs_on():
    runs = [[predicted("I10"), predicted("E11.9")], [predicted("E11.9")], [predicted("I10")], [], [predicted("I10")]]
    assert [(p["code"], p["confidence"]) for p in vote(runs)] == [("I10", 0.6)]
    assert vote([[]] * 5) == []


def test_the_best_grounded_quote_of_the_runs_is_the_evidence():
    statuses = ("ungrounded", "repaired", "verbatim", "verbatim", "none")
    runs = [[{**predicted("I10", status), "begin": run}] for run, status in enumerate(statuses)]
    (kept,) = vote(runs)
    assert (kept["evidence_status"], kept["begin"], kept["confidence"]) == ("verbatim", 2, 1.0)


def test_a_code_that_one_run_gave_is_not_marked_as_repaired_in_the_others():
    runs = [[predicted("I10", repaired_from="I10.0")]] * 2 + [[predicted("I10", "ungrounded")]] + [[]] * 2
    (kept,) = vote(runs)
    assert (kept["repaired_from"], kept["confidence"]) == (None, 0.6)


def test_five_samples_of_a_prompt_are_asked_for_side_by_side_and_shown_in_order():
    (note,), requests = coded(lambda _, run: BOTH if run < 3 else ONE, [NoteToCode("d", NOTE, is_restricted=True)])
    assert [request.sample for request in requests] == [0, 1, 2, 3, 4]
    assert {request.parameters.temperature for request in requests} == {0.7}
    assert len({request.messages for request in requests}) == 1
    assert all(request.is_restricted and not request.wants_probabilities for request in requests)
    assert len({request.cache_key("m") for request in requests}) == 5
    assert [(p["code"], p["confidence"], p["evidence_status"]) for p in note.predictions] == [
        ("I10", 1.0, "verbatim"),
        ("E11.9", 0.6, "verbatim"),
    ]
    parts = (f"=== run {run + 1} ===\n\n{BOTH if run < 3 else ONE}" for run in range(5))
    assert note.raw_output == "\n\n".join(parts)


def test_a_run_counts_a_code_once_whichever_window_it_comes_from():
    text = "HTN.\n" + "Nothing of note here today.\n" * 80 + "HTN again."
    settings = CoderSettings(400, 100, 10, count_tokens=lambda text: len(text.split()))
    (note,), requests = coded(
        lambda prompt, run: ONE if ("HTN again" in prompt if run else "HTN.\n" in prompt) else "none",
        [NoteToCode("d", text)],
        settings,
    )
    assert len(requests) > 5 and len(requests) % 5 == 0
    (kept,) = note.predictions
    assert (kept["code"], kept["confidence"]) == ("I10", 1.0)
    assert text[kept["begin"] : kept["end"]] == "HTN"


def test_failed_runs_lower_the_share_but_not_the_bar():
    failed = Completion("", "", "error", error="timeout")
    (note,), _ = coded(lambda _, run: ONE if run < 3 else failed, [NoteToCode("d", NOTE)])
    assert [(p["code"], p["confidence"]) for p in note.predictions] == [("I10", 0.6)]
    assert "generation_error" in note.problems
    assert "run 4" not in note.raw_output
    (note,), _ = coded(lambda _, run: ONE if run < 2 else failed, [NoteToCode("d", NOTE)])
    assert note.predictions == []
