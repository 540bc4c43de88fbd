"""Training and inference show a model the same tokens."""

import pytest
from transformers import AutoTokenizer

from ccl_assets.coding.prediction import NoteToCode
from ccl_assets.coding.systems import SYSTEMS, Ingredients, build_system
from ccl_assets.prompts import load_prompt
from ccl_assets.resources.text_generation.chat_template import encode_prompt, render_prompt
from ccl_assets.sft.dataset.building import (
    SPAN_PROMPT,
    DatasetAccount,
    document_examples,
    document_prompt,
    span_examples,
)
from ccl_assets.sft.dataset.encoding import TokenCounter, encode_example, encode_examples, masked_markdown
from ccl_assets.sft.dataset.planned_notes import CodedSpan, PlannedNote
from ccl_assets.sft.recipes import load_recipe

NOTE = "\n\n Hx: HTN,  <|end|> T2DM.\r\n\tµg ≥ 5 {{ note }} \n"
TITLES = {"I10": "Essential (primary) hypertension"}


@pytest.fixture(params=["with chat template", "without"])
def tokenizer(request, tiny_model):
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    if request.param == "without":
        tokenizer.chat_template = None
    return tokenizer


class Overhears:
    """A generator that keeps what it is asked and answers nothing."""

    model_name = "none"

    def generate(self, requests):
        self.requests = list(requests)
        return iter(())


def asked(system, note):
    """The turns a system puts before its model."""
    generator = Overhears()
    with pytest.raises(RuntimeError, match="unanswered"):
        list(build_system(system, Ingredients({"I10"}, generator=generator)).code([note]))
    (request,) = generator.requests
    return [(message.role, message.content) for message in request.messages]


def trained(example, tokenizer):
    """Token ids before the loss begins."""
    encoded = encode_example(tokenizer, render_prompt, example.prompt, example.completion)
    return encoded.input_ids[: encoded.prompt_length]


@pytest.mark.parametrize(
    ("recipe", "system"),
    [
        ("code_only", "sft_code_only"),
        ("evidence", "sft_evidence"),
        ("evidence_gold", "sft_evidence_gold"),
        ("scl", "scl"),
    ],
)
def test_a_note_is_asked_about_with_the_very_tokens_it_was_trained_with(tokenizer, recipe, system):
    chosen = load_recipe(recipe)
    assert SYSTEMS[system].prompt == document_prompt(chosen)
    begin = NOTE.index("HTN")
    spans = (CodedSpan("I10", "HTN", begin, begin + 3),)
    note = PlannedNote("c/1", "train", False, ("I10",), spans, chosen.document_format == "evidence")
    counter = TokenCounter(tokenizer, render_prompt, 10**6)
    (example,) = document_examples([(note, NOTE)], TITLES, chosen, counter, DatasetAccount())
    tokens = encode_prompt(tokenizer, asked(system, NoteToCode("c/1", NOTE, False)))
    assert trained(example, tokenizer) == tokens and example.prompt_token_count == len(tokens)


def test_a_span_is_asked_about_with_the_very_tokens_it_was_trained_with(tokenizer):
    pair = {
        "pair_id": "p",
        "code": "I10",
        "evidence": "high  <|end|> BP",
        "tier": "gold",
        "rank": 0,
        "is_trainable": True,
    }
    (example,) = span_examples([pair], TITLES, load_recipe("scl"))
    turns = load_prompt(SPAN_PROMPT).turns(evidence="high <|end|> BP")
    assert trained(example, tokenizer) == encode_prompt(tokenizer, turns)


def test_several_examples_are_encoded_as_one_by_one_and_the_loss_covers_completion_and_end_token(tokenizer):
    texts = [("Code this: HTN", "### ICD-10-CM Codes\n- I10 – x"), ("Code this: a longer one", "- I10")]
    together = encode_examples(tokenizer, render_prompt, texts)
    assert together == [encode_example(tokenizer, render_prompt, *text) for text in texts]
    for (prompt, completion), encoded in zip(texts, together, strict=True):
        learned = [token for token in encoded.labels if token >= 0]
        assert tokenizer.decode(learned[:-1]) == completion and learned[-1] == tokenizer.eos_token_id
        skipped = encoded.input_ids[: encoded.prompt_length]
        assert tokenizer.decode(skipped) == render_prompt(tokenizer, [("user", prompt)])
        assert encoded.completion_length == len(learned)


def test_the_masked_example_shows_the_template_and_the_end_token(tokenizer):
    counter = TokenCounter(tokenizer, render_prompt, 100)
    masked, learned = masked_markdown(counter, "Code this: HTN", "- I10").split("**Learned")
    assert render_prompt(tokenizer, [("user", "Code this: HTN")]) in masked
    assert "- I10<|end|>" in learned and f"({sum(counter.count([('x', '- I10')])[0][1:])} tokens)" in learned


def test_a_tokenizer_without_end_token_and_an_empty_completion_are_refused(tokenizer):
    with pytest.raises(ValueError, match="completion is empty"):
        encode_example(tokenizer, render_prompt, "p", "")
    tokenizer.eos_token = None
    with pytest.raises(ValueError, match=r"no end-of-text token.*eos_token.*tokenizer_config\.json"):
        TokenCounter(tokenizer, render_prompt, 10).count([("p", "c")])
