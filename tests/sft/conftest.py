"""A random Llama of 0.1 M parameters with its own tokenizer, and examples it can learn."""

import json
import os

import pytest

from ccl_assets.sft.recipes import LoraSettings, TrainingSettings
from ccl_assets.sft.training.config import TrainingConfig

os.environ["HF_HUB_OFFLINE"] = "1"  # the tests' own switch: nothing here may reach for the hub

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TERMS = {
    "hypertension": "I10 – Essential (primary) hypertension",
    "diabetes": "E11.9 – Type 2 diabetes mellitus",
    "kidney failure": "N17.9 – Acute kidney failure",
}


def example_row(number, term, filler=0):
    prompt = "Code this evidence: " + term + " stable" * filler
    return {"example_id": f"example-{number}", "prompt": prompt, "completion": f"### ICD-10-CM Codes\n- {TERMS[term]}"}


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Directory of the tiny model."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    directory = tmp_path_factory.mktemp("tiny-llama")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"]
    corpus = [row for term in TERMS for row in (example_row(0, term)["prompt"], example_row(0, term)["completion"])]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|pad|>")
    fast.chat_template = TEMPLATE
    fast.save_pretrained(directory)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(directory)
    return directory


@pytest.fixture
def make_config(tmp_path, tiny_model):
    """Build a configuration; keyword arguments override training settings."""

    def make(rows=None, validation=None, base=None, work="work", output="adapter", **settings):
        terms = list(TERMS)
        rows = rows or [example_row(i, terms[i % 3], filler=i % 5) for i in range(24)]
        values = {
            "epochs": 4,
            "learning_rate": 2e-2,
            "effective_batch_size": 4,
            "micro_batch_tokens": 64,
            "max_length": 256,
            "checkpoint_every_steps": 5,
            "lora": LoraSettings(dropout=0.05),
        }
        return TrainingConfig(
            recipe="scl",
            recipe_sha256="0" * 64,
            release="FY2026",
            train_file=write_rows(tmp_path / "train.jsonl", rows),
            validation_file=write_rows(tmp_path / "val.jsonl", validation) if validation else None,
            base_model_directory=base or tiny_model,
            base_model_name="tests/tiny-llama",
            output_directory=tmp_path / output,
            work_directory=tmp_path / work,
            seed=7,
            settings=TrainingSettings(**{**values, **settings}),
            threads=1,
        )

    return make


@pytest.fixture
def reporter():
    """Remembers what was reported."""

    class Remembering:
        def __init__(self):
            self.lines, self.summary = [], None

        def say(self, message):
            self.lines.append(message)

        def finish(self, summary):
            self.summary = dict(summary)

    return Remembering()
