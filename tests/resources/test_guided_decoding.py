"""Answers of a model that are held to a list of codes, and what each of their tokens was worth to it."""

from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from ccl_assets.resources.text_generation.answer_grammar import CodeListGrammar
from ccl_assets.resources.text_generation.chat_template import encode_prompt
from ccl_assets.resources.text_generation.in_process import loaded_model
from ccl_assets.resources.text_generation.in_process.decoding import Row, decode_batch
from ccl_assets.resources.text_generation.in_process.loaded_model import LoadedModel
from ccl_assets.resources.text_generation.in_process.transformers_engine import TransformersEngine

HEADING = "### ICD-10-CM Codes"
LINES = (
    "I10 – Hypertension",
    "I11.0 – Heart disease",
    "I11.9 – Other heart disease",
    "B20 – HIV",
    "M1A.00X0 – Gout – old",
)
GRAMMAR = CodeListGrammar(HEADING, LINES)
ANY = 200.0  # a temperature at which every token is as likely as another: answers end, and codes are met by chance


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def loaded(random_llama):
    model = AutoModelForCausalLM.from_pretrained(random_llama, dtype=torch.float32).eval()
    return LoadedModel(AutoTokenizer.from_pretrained(random_llama), model)


@pytest.fixture
def engine(random_llama):
    yield TransformersEngine(random_llama)
    loaded_model.release_model()


def by_id(completions):
    return {completion.request_id: completion for completion in completions}


def listed(text):
    """Lines below the heading."""
    _, heading, codes = text.partition(HEADING + "\n")
    return codes.splitlines() if heading else []


def decoded(loaded, *rows):
    decode_batch(loaded.model, loaded.tokenizer, rows, 64)
    return rows


def guided_row(loaded, sample, max_tokens, grammar=GRAMMAR):
    return row_of(loaded, max_tokens=max_tokens, temperature=ANY, sample=sample, guide=loaded.guide(grammar))


def row_of(loaded, prompt="fever", max_tokens=160, **given):
    return Row(encode_prompt(loaded.tokenizer, [("user", prompt)]), max_tokens, **given)


def test_finished_lines_are_lines_of_the_list_and_none_repeats(loaded):
    rows = decoded(loaded, *(guided_row(loaded, n, 200) for n in range(40)))
    lists = [listed(row.text) for row in rows if HEADING in row.text]
    allowed = {f"- {line}" for line in LINES}
    assert max(map(len, lists)) > 1
    for row in rows:
        finished = listed(row.text)
        if row.finish_reason == "length" and finished and finished[-1] not in allowed:
            cut = finished.pop()
            assert any(line.startswith(cut) for line in allowed)
        assert allowed.issuperset(finished)
        assert len(set(finished)) == len(finished)
        assert row.finish_reason == "length" or HEADING in row.text


def test_a_list_of_one_line_is_written_or_left_empty(loaded):
    only = CodeListGrammar(HEADING, LINES[:1])
    rows = decoded(loaded, *(guided_row(loaded, n, 120, only) for n in range(24)))
    ended = [listed(row.text) for row in rows if row.finish_reason == "stop"]
    assert ended
    assert all(lines in ([], [f"- {LINES[0]}"]) for lines in ended)


def test_an_answer_may_be_cut_before_within_and_after_a_line(loaded):
    def rows_of(limits, samples):
        return decoded(loaded, *(guided_row(loaded, n, limit) for limit in limits for n in samples))

    whole = next(row for row in rows_of([120], range(24)) if row.finish_reason == "stop" and listed(row.text))
    for row in rows_of(range(1, len(whole.tokens)), [whole.sample]):
        assert row.tokens == whole.tokens[: row.max_tokens]
        assert row.finish_reason == "length"


def test_rows_beside_a_guided_one_answer_as_if_alone(engine, ask):
    plain = [ask("greedy", max_tokens=30), ask("sampled", max_tokens=30, temperature=1.0)]
    alone = by_id(engine.generate(plain))
    guided = [replace(ask(f"g{n}", content="greedy", temperature=ANY), sample=n, grammar=GRAMMAR) for n in range(3)]
    together = by_id(engine.generate([*plain, *guided]))
    assert engine.supports_grammar
    assert {name: together[name].text for name in alone} == {name: alone[name].text for name in alone}


def test_a_guided_answer_repeats(engine, ask):
    requests = [replace(ask(f"g{n}", content="a", temperature=ANY), sample=n, grammar=GRAMMAR) for n in range(3)]
    first = {name: completion.text for name, completion in by_id(engine.generate(requests)).items()}
    assert {name: completion.text for name, completion in by_id(engine.generate(requests[::-1])).items()} == first


def test_a_model_that_keeps_to_the_list_by_itself_is_left_alone(loaded):
    (free,) = decoded(loaded, row_of(loaded, max_tokens=40))
    assert HEADING not in free.text
    (guided,) = decoded(loaded, row_of(loaded, max_tokens=40, guide=loaded.guide(GRAMMAR)))
    assert guided.tokens == free.tokens


def test_log_probabilities_are_the_models_own_whatever_temperature_or_grammar(loaded):
    rows = decoded(
        loaded,
        row_of(loaded, "fever", max_tokens=30, wants_probabilities=True),
        row_of(loaded, "cough and pain", max_tokens=50, temperature=1.3, wants_probabilities=True),
        row_of(loaded, "chills", temperature=ANY, guide=loaded.guide(GRAMMAR), wants_probabilities=True),
        row_of(loaded, "rash", max_tokens=9),
    )
    assert HEADING in rows[2].text
    assert rows[3].log_probabilities == []
    for row in rows[:3]:
        ids = torch.tensor([[*row.prompt, *row.tokens]])
        with torch.inference_mode():
            logits = loaded.model(ids).logits[0, len(row.prompt) - 1 : -1]
        expected = (
            torch.log_softmax(logits.double(), dim=-1).gather(1, torch.tensor(row.tokens).unsqueeze(1)).squeeze(1)
        )
        assert row.log_probabilities == pytest.approx(expected.tolist(), abs=1e-3)


def test_completions_know_the_probability_of_any_span(engine, ask):
    request = replace(ask("fever", max_tokens=40), wants_probabilities=True)
    (completion,) = engine.generate([request])
    assert len(completion.token_ends) == len(completion.log_probabilities) == 40
    assert completion.token_ends[-1] == len(completion.text)
    whole = completion.probability(0, len(completion.text))
    assert whole == pytest.approx(float(torch.tensor(completion.log_probabilities).double().sum().exp()))
    assert completion.probability(0, len(completion.text) + 1) is None
    (silent,) = engine.generate([ask("fever", max_tokens=40)])
    assert (silent.text, silent.token_ends, silent.log_probabilities) == (completion.text, (), ())


def test_tokens_behind_a_stop_text_are_left_out(engine, ask):
    (whole,) = engine.generate([replace(ask("fever", max_tokens=40), wants_probabilities=True)])
    stop = whole.text[12:15]
    (cut,) = engine.generate([replace(ask("fever", max_tokens=40, stop=[stop]), wants_probabilities=True)])
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.token_ends[-1] == len(cut.text)
    assert len(cut.token_ends) == len(cut.log_probabilities) < 40
    assert cut.log_probabilities == whole.log_probabilities[: len(cut.log_probabilities)]


def test_without_known_bytes_there_are_no_probabilities_and_no_error(loaded, monkeypatch):
    monkeypatch.setattr(
        "ccl_assets.resources.text_generation.in_process.loaded_model.read_token_bytes", lambda tokenizer: None
    )
    assert LoadedModel(loaded.tokenizer, loaded.model).ends_of([5, 6], "ab") == ()
