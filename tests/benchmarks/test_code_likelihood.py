"""The likelihoods that ``benchmarks/span_to_code`` chooses by are those of reading every answer by itself."""

import code_likelihood
import pytest

pytestmark = pytest.mark.slow

CODES = [
    ("J45.20", "Mild intermittent asthma, uncomplicated"),
    ("J45.2", "A code that another begins with"),
    ("J44.9", "Chronic obstructive pulmonary disease – unspecified"),
    ("I10", "Essential (primary) hypertension"),
]


@pytest.fixture(scope="module")
def tiny_model():
    """A random Llama of bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({"<end>": 0} | {letter: place for place, letter in enumerate(alphabet, 1)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=257, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval(), PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>")


def read_alone(model, tokenizer, prompt, code, title):
    """Log-likelihood of the code with its dash and of the whole answer, everything read at once."""
    import torch

    from ccl_assets.answers.coding_format import render_coding
    from ccl_assets.resources.text_generation.chat_template import render_prompt
    from ccl_assets.sft.dataset.encoding import encode_example

    encoded = encode_example(tokenizer, render_prompt, prompt, render_coding([(None, code, title)]))
    with torch.inference_mode():
        logits = torch.log_softmax(model(torch.tensor([encoded.input_ids])).logits[0], dim=-1)
    values = [
        float(logits[place - 1, encoded.input_ids[place]]) for place in range(encoded.prompt_length, encoded.length)
    ]
    head = len(tokenizer.encode(f"### ICD-10-CM Codes\n- {code} –", add_special_tokens=False))
    return sum(values[:head]), sum(values), len(values)


def test_reading_what_is_shared_once_changes_nothing(
    tiny_model,
):
    model, tokenizer = tiny_model
    scorer = code_likelihood.CodeLikelihood(model, tokenizer)
    for phrase in ("wheezing", "a much longer phrase for it", "wheezing", "wheezing"):
        found = scorer.score(phrase, CODES)
        prompt = code_likelihood.span_prompt(phrase)
        alone = [read_alone(model, tokenizer, prompt, *candidate) for candidate in CODES]
        assert [one.code for one in found] == pytest.approx([code for code, _, _ in alone], abs=1e-3)
        assert [one.line for one in found] == pytest.approx([line for _, line, _ in alone], abs=1e-3)
        assert [one.token_count for one in found] == [count for _, _, count in alone]


def test_one_candidate_alone_can_be_scored(
    tiny_model,
):
    (found,) = code_likelihood.CodeLikelihood(*tiny_model).score("high pressure", CODES[3:])
    assert found.line < found.code < 0


def test_more_candidates_than_are_read_together_change_nothing(tiny_model, monkeypatch):
    scorer = code_likelihood.CodeLikelihood(*tiny_model)
    together = scorer.score("wheezing", CODES)
    monkeypatch.setattr(code_likelihood, "_ROWS_AT_ONCE", 3)
    apart = scorer.score("wheezing", CODES)
    assert [one.line for one in apart] == pytest.approx([one.line for one in together], abs=1e-3)
