"""The systems: what they ask, and what they make of the answers."""

import dataclasses
import math
import subprocess
import sys

import pytest

from ccl_assets.coding import systems
from ccl_assets.coding.prediction import HumanSpan, NoteToCode
from ccl_assets.coding.systems import SYSTEMS, CoderSettings, CodingSystem, Ingredients, build_system, system_modules
from ccl_assets.lakehouse.code_versions import reached
from ccl_assets.linking.rungs import RUNGS
from ccl_assets.linking.training import train
from ccl_assets.prompts import load_prompt
from ccl_assets.resources.text_generation.requests import Completion, TextGenerator

BILLABLE = {"I10", "E11.9", "E11.22"}
TITLES = {"I10": "Hypertension", "E11.9": "Diabetes", "E11.22": "Diabetes with kidney disease", "E11": "Type 2"}
NOTE = "PMH: HTN.\nA/P: type 2 DM, stable."
ANSWER = "### Evidence\n- HTN\n- type 2 DM\n### ICD-10-CM Codes\n- I10 – Hypertension\n- E11.9 – Diabetes"
SMALL = CoderSettings(
    context_window=400, max_tokens=100, overlap_tokens=10, count_tokens=lambda text: len(text.split())
)


class Model:
    """Answers from a function of the prompt, last request first."""

    model_name = "scripted"
    keeps_text_on_host = True
    supports_json_schema = False

    def __init__(self, answer, supports_grammar=False):
        self.answer = answer
        self.supports_grammar = supports_grammar
        self.requests = []

    def generate(self, requests):
        self.requests = list(requests)
        for request in reversed(self.requests):
            answer = self.answer(request.messages[-1].content)
            if answer is None:
                continue
            fields = {"finish_reason": "stop", **(answer if isinstance(answer, dict) else {"text": answer})}
            yield Completion(request.request_id, prompt_token_count=10, completion_token_count=5, seconds=0.5, **fields)


def code(name, answer, notes, settings=None, supports_grammar=False):
    model = Model(answer, supports_grammar)
    ingredients = Ingredients(BILLABLE, TITLES, model, settings=settings or CoderSettings())
    coded = list(build_system(name, ingredients).code(notes))
    return {note.document_id: note for note in coded}, model.requests


def test_the_scripted_model_is_a_text_generator():
    assert isinstance(Model(str), TextGenerator)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_keeps_the_interface(name):
    coders = {"en": train("en", [], []).coder}
    ingredients = Ingredients(BILLABLE, generator=Model(lambda prompt: ANSWER), gold_pairs=[], span_coders=coders)
    system = build_system(name, ingredients)
    assert isinstance(system, CodingSystem)
    assert system.name == name
    prompt = SYSTEMS[name].prompt
    assert system.prompt_sha256 == (load_prompt(prompt).sha256 if prompt else None)
    notes = [NoteToCode("1", NOTE, human_evidence=(HumanSpan(5, 8, "HTN"),)), NoteToCode("2", "")]
    assert sorted(coded.document_id for coded in system.code(notes)) == ["1", "2"]


def test_recipes_of_the_systems():
    assert {name: system.recipe for name, system in SYSTEMS.items()} == {
        "index_lookup": None,
        "base_cot": None,
        "cot_sc": None,
        "sft_code_only": "code_only",
        "sft_evidence": "evidence",
        "sft_evidence_gold": "evidence_gold",
        "scl": "scl",
        "scl_human_evidence": "scl",
    } | {name: None for name in SYSTEMS if name.startswith("span_coder")}
    assert {system.rung for system in SYSTEMS.values()} == {None, *RUNGS}


PAIRS = [
    {"code": "I10", "evidence": "Hypertension", "tier": "gold", "source": "title", "is_trainable": True},
    {"code": "I10", "evidence": "HTN", "tier": "gold", "source": "short_form", "is_trainable": True},
    {"code": "E11.9", "evidence": "Type 2 DM", "tier": "gold", "source": "short_form", "is_trainable": True},
]


def test_span_coders_give_evidence_places_and_reasons():
    coders = {"en": train("en", PAIRS, []).coder}
    text = NOTE + " HTN again. No gout."
    (coded,) = build_system("span_coder", Ingredients(BILLABLE, span_coders=coders)).code([NoteToCode("1", text)])
    by_code = {prediction["code"]: prediction for prediction in coded.predictions}
    assert set(by_code) == {"I10", "E11.9"}
    places = by_code["I10"]["places"]
    assert [text[place["begin"] : place["end"]] for place in places] == ["HTN", "HTN"]
    assert by_code["I10"]["why"].startswith("short_form: term found whole")
    with pytest.raises(ValueError, match="needs span_coders"):
        build_system("span_coder", Ingredients(BILLABLE))


def test_human_spans_bound_what_a_span_coder_finds():
    coders = {"en": train("en", PAIRS, []).coder}
    system = build_system("span_coder_human_evidence", Ingredients(BILLABLE, span_coders=coders))
    (coded,) = system.code([NoteToCode("1", NOTE, human_evidence=(HumanSpan(5, 8, "HTN"),))])
    assert [prediction["code"] for prediction in coded.predictions] == ["I10"]


def test_a_system_without_what_it_needs_is_refused():
    with pytest.raises(ValueError, match="no system 'nope'"):
        build_system("nope", Ingredients(BILLABLE))
    with pytest.raises(ValueError, match="needs a generator"):
        build_system("scl", Ingredients(BILLABLE))
    with pytest.raises(ValueError, match="needs gold_pairs"):
        build_system("index_lookup", Ingredients(BILLABLE))


def test_adding_a_system_is_one_file(tmp_path, monkeypatch):
    source = """
from ccl_assets.coding.coding_system import SystemDescription
SYSTEM = SystemDescription(name="{}", rank=11, description="", build=lambda description, ingredients: description)
"""
    monkeypatch.setattr(systems, "__path__", [*systems.__path__, str(tmp_path)])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    (tmp_path / "new_system.py").write_text(source.format("new_system"))
    assert list(systems._found())[:3] == ["index_lookup", "new_system", "span_coder_gold"]
    (tmp_path / "misnamed.py").write_text(source.format("other"))
    with pytest.raises(ValueError, match="misnamed describes a system 'other'"):
        systems._found()


def test_the_modules_of_all_systems_are_told_with_what_they_import():
    assert {f"coding.systems.{name}" for name in SYSTEMS} < set(system_modules())
    whole = [(f"ccl_assets.{module}", name) for module in system_modules() for name in ("SYSTEM", "build_system")]
    followed = {module for module, _ in reached(whole)}
    used = ("coding.prompted_coder", "coding.code_repair", "answers.coding_format", "text.assertions")
    assert {f"ccl_assets.{module}" for module in used} <= followed


def test_listing_the_systems_loads_nothing_heavy():
    heavy = {"torch", "transformers", "rapidfuzz", "dagster", "pyarrow"}
    program = f"import sys; import ccl_assets.coding.systems; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_a_note_is_coded_with_one_request():
    coded, requests = code("scl", lambda prompt: ANSWER, [NoteToCode("d", NOTE, is_restricted=True)])
    assert len(requests) == 1
    assert requests[0].is_restricted
    assert NOTE in requests[0].messages[-1].content
    note = coded["d"]
    assert [(p["code"], p["evidence"], p["begin"]) for p in note.predictions] == [
        ("I10", "HTN", 5),
        ("E11.9", "type 2 DM", 15),
    ]
    assert (note.raw_output, note.problems, note.prompt_token_count, note.seconds) == (ANSWER, [], 10, 0.5)


def test_answers_in_any_order_go_to_their_notes():
    notes = [NoteToCode(word, f"Note about {word}.") for word in ("alpha", "beta", "gamma")]
    coded, _ = code("scl", lambda prompt: next(w for w in ("alpha", "beta", "gamma") if w in prompt), notes)
    assert {name: note.raw_output for name, note in coded.items()} == {w: w for w in ("alpha", "beta", "gamma")}


def test_reasoning_of_the_base_model_is_not_read_as_codes():
    coded, requests = code(
        "base_cot", lambda prompt: f"E11.22 might fit, but CKD is absent.\n\n{ANSWER}", [NoteToCode("d", NOTE)]
    )
    assert [p["code"] for p in coded["d"].predictions] == ["I10", "E11.9"]
    assert "Reason" in requests[0].messages[-1].content or "reason" in requests[0].messages[-1].content


def test_a_cut_answer_loses_its_unfinished_line():
    cut = {"text": "### ICD-10-CM Codes\n- I10 – Hypertension\n- E11.2", "finish_reason": "length"}
    coded, _ = code("sft_code_only", lambda prompt: cut, [NoteToCode("d", NOTE)])
    assert [p["code"] for p in coded["d"].predictions] == ["I10"]
    assert coded["d"].problems == ["cut_off_at_max_tokens"]
    assert coded["d"].raw_output == cut["text"]


def test_a_failed_request_leaves_an_empty_note_with_a_reason():
    failed = {"text": "", "finish_reason": "error", "error": "timeout"}
    coded, _ = code("scl", lambda prompt: failed, [NoteToCode("d", NOTE)])
    assert (coded["d"].predictions, coded["d"].problems, coded["d"].raw_output) == ([], ["generation_error"], None)


def test_a_generator_that_leaves_requests_unanswered_is_reported():
    with pytest.raises(RuntimeError, match="left 1 of 1 requests unanswered"):
        code("scl", lambda prompt: None, [NoteToCode("d", NOTE)])


def test_a_long_note_is_shown_whole_in_windows_and_merged():
    text = "HTN.\n" + "Nothing of note here today.\n" * 80 + "Also type 2 DM, stable."
    answers = {"HTN": ("HTN", "I10"), "type 2 DM": ("type 2 DM", "E11.9")}

    def answer(prompt):
        found = [answers[words] for words in answers if words in prompt]
        spans, codes = "".join(f"- {s}\n" for s, _ in found), "".join(f"- {c} – x\n" for _, c in found)
        return f"### Evidence\n{spans}### ICD-10-CM Codes\n{codes}"

    coded, requests = code("scl", answer, [NoteToCode("d", text)], SMALL)
    assert len(requests) > 1
    assert sum("Nothing of note" in request.messages[-1].content for request in requests) == len(requests)
    note = coded["d"]
    assert [p["code"] for p in note.predictions] == ["I10", "E11.9"]
    assert all(text[p["begin"] : p["end"]] == p["evidence"] for p in note.predictions)
    assert note.prompt_token_count == 10 * len(requests)


def test_a_window_that_leaves_no_room_for_the_note_is_refused():
    settings = CoderSettings(context_window=300, max_tokens=256)
    with pytest.raises(ValueError, match="lower max_tokens"):
        code("scl", lambda prompt: ANSWER, [NoteToCode("d", NOTE)], settings)


def test_human_evidence_is_shown_in_note_order_and_aligned_with_the_codes():
    spans = (HumanSpan(15, 24, "type 2 DM"), HumanSpan(5, 8, "HTN"))
    answer = "### ICD-10-CM Codes\n- I10 – Hypertension\n- E11.9 – Diabetes"
    coded, requests = code("scl_human_evidence", lambda prompt: answer, [NoteToCode("d", NOTE, human_evidence=spans)])
    assert requests[0].messages[-1].content.endswith("### Evidence\n- HTN\n- type 2 DM")
    assert [(p["code"], p["begin"], p["evidence_status"]) for p in coded["d"].predictions] == [
        ("I10", 5, "verbatim"),
        ("E11.9", 15, "verbatim"),
    ]


def test_human_evidence_goes_to_the_window_that_holds_it():
    text = "HTN.\n" + "Nothing of note here today.\n" * 80 + "Also type 2 DM, stable."
    begin = text.index("type 2")
    spans = (HumanSpan(0, 3, "HTN"), HumanSpan(begin, begin + 9, "type 2 DM"))
    coded, requests = code(
        "scl_human_evidence",
        lambda prompt: "### ICD-10-CM Codes\n- " + ("I10 – x" if prompt.endswith("HTN") else "E11.9 – x"),
        [NoteToCode("d", text, human_evidence=spans)],
        SMALL,
    )
    assert len(requests) == 2  # windows between have nothing to code
    assert [(p["code"], p["begin"]) for p in coded["d"].predictions] == [("I10", 0), ("E11.9", begin)]


def test_a_note_without_human_evidence_is_not_asked_for():
    coded, requests = code("scl_human_evidence", lambda prompt: ANSWER, [NoteToCode("d", NOTE)])
    assert requests == []
    assert coded["d"].problems == ["no_human_evidence"]


CONSTRAINED = CoderSettings(constrain_codes=True)
ASKED = [name for name, system in SYSTEMS.items() if system.needs_generator]
HUMAN = (HumanSpan(5, 8, "HTN"), HumanSpan(15, 24, "type 2 DM"))


@pytest.mark.parametrize("name", ASKED)
def test_every_system_can_be_held_to_the_billable_codes(name):
    notes = [NoteToCode("1", NOTE, human_evidence=HUMAN), NoteToCode("2", NOTE, human_evidence=HUMAN)]
    coded, requests = code(name, lambda prompt: ANSWER, notes, CONSTRAINED, supports_grammar=True)
    grammar = requests[0].grammar
    assert all(request.grammar is grammar for request in requests)  # prepared once
    assert grammar.heading == "### ICD-10-CM Codes"
    assert set(grammar.lines) == {"I10 – Hypertension", "E11.9 – Diabetes", "E11.22 – Diabetes with kidney disease"}
    assert coded["1"].problems == []


@pytest.mark.parametrize("name", ASKED)
def test_a_backend_that_cannot_be_held_to_codes_is_reported_with_each_note(name):
    notes = [NoteToCode("1", NOTE, human_evidence=HUMAN), NoteToCode("2", "")]
    coded, requests = code(name, lambda prompt: ANSWER, notes, CONSTRAINED)
    assert requests[0].grammar is None
    assert coded["1"].problems == ["not_constrained"]
    assert len(coded["1"].predictions) == 2
    assert "not_constrained" not in coded["2"].problems  # it was not asked about


@pytest.mark.parametrize("name", ASKED)
def test_every_system_repairs_codes_and_says_how_sure_it_is(name):
    answer = "### Evidence\n- HTN\n- type 2 DM\n### ICD-10-CM Codes\n- I10.9 – Hypertension\n- E11.9 – Diabetes"
    sure = {"text": answer, "token_ends": tuple(range(1, len(answer) + 1)), "log_probabilities": (-0.1,) * len(answer)}
    coded, requests = code(
        name, lambda prompt: sure, [NoteToCode("1", NOTE, human_evidence=HUMAN)], CoderSettings(repair_codes=True)
    )
    found = [(p["code"], p["repaired_from"], p["begin"]) for p in coded["1"].predictions]
    assert found == [("I10", "I10.9", 5), ("E11.9", None, 15)]
    assert coded["1"].problems == ["title_differs", "repaired_code"]
    shares = [p["confidence"] for p in coded["1"].predictions]
    if len(requests) == 1:
        assert requests[0].wants_probabilities
        assert shares == pytest.approx([math.exp(-0.5)] * 2)  # five characters, five tokens
    else:
        assert shares == [1, 1]


def test_repair_and_confidence_hold_across_windows():
    text = "HTN.\n" + "Nothing of note here today.\n" * 80 + "Also HTN, stable."

    def answer(prompt):
        written = "### Evidence\n- HTN\n### Codes\n- " + ("I10" if "Also" in prompt else "I10.9") + " – Hypertension"
        return {
            "text": written,
            "token_ends": (len(written),),
            "log_probabilities": (0.0 if "Also" in prompt else -1.0,),
        }

    settings = CoderSettings(400, 100, 10, lambda text: len(text.split()), repair_codes=True)
    coded, _ = code("scl", answer, [NoteToCode("d", text)], settings)
    (kept,) = coded["d"].predictions
    assert (kept["code"], kept["repaired_from"], kept["confidence"]) == ("I10", None, 1.0)
    assert text[kept["begin"] - 5 : kept["end"]] == "Also HTN"


@pytest.mark.parametrize("switch", ["constrain_codes", "repair_codes"])
def test_titles_are_needed_to_constrain_and_to_repair(switch):
    with pytest.raises(ValueError, match="give titles"):
        build_system("scl", Ingredients(BILLABLE, generator=Model(str), settings=CoderSettings(**{switch: True})))


def test_a_profile_bounds_what_asks_a_generator_and_what_says_it_is_costly():
    assert SYSTEMS["scl"].is_bounded
    assert not SYSTEMS["index_lookup"].is_bounded
    costly = dataclasses.replace(SYSTEMS["index_lookup"], is_costly=True)
    assert costly.is_bounded and not costly.needs_generator
