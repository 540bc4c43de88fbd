"""An adapter of ours behind ``vllm serve --enable-lora``: greedy answers beside those of plain PEFT.

Trains an adapter for a few steps on examples it can learn by heart, unless one is given, serves it, asks through the ``openai``
client with the training prompt, and compares texts; the base model is asked too, to show that the adapter is what answers.
``python benchmarks/adapter_serving.py --help`` lists the parameters. Without a ``vllm`` executable it ends with status 0.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from serving import SERVED_NAME, vllm_server

from ccl_assets.resources.models.small_language_model import resolve_model
from ccl_assets.resources.text_generation.chat_template import render_prompt

TERMS = {
    "essential hypertension": "I10 – Essential (primary) hypertension",
    "type 2 diabetes": "E11.9 – Type 2 diabetes mellitus without complications",
    "acute kidney failure": "N17.9 – Acute kidney failure, unspecified",
    "atrial fibrillation": "I48.91 – Unspecified atrial fibrillation",
}
_ANSWER_TOKENS = 32


def prompt_of(term: str) -> str:
    """What is asked about a term."""
    return f"### Evidence\n- {term}"


def train_adapter(model: Path, folder: Path, steps: int) -> Path:
    """An adapter that knows the terms."""
    from ccl_assets.sft.recipes import LoraSettings, TrainingSettings
    from ccl_assets.sft.training.config import TrainingConfig
    from ccl_assets.sft.training.process import train
    from ccl_assets.sft.training.progress import StderrReporter

    file = folder / "train.jsonl"
    rows = (
        {"example_id": term, "prompt": prompt_of(term), "completion": f"### ICD-10-CM Codes\n- {line}"}
        for term, line in TERMS.items()
    )
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    settings = TrainingSettings(
        epochs=steps, learning_rate=2e-3, warmup_ratio=0.0, effective_batch_size=4, lora=LoraSettings(dropout=0.0)
    )
    config = TrainingConfig(
        recipe="scl", recipe_sha256="0" * 64, release="FY2026", train_file=file, validation_file=None,
        base_model_directory=model, base_model_name=model.name, output_directory=folder / "adapter",
        work_directory=folder / "work", seed=1, threads=1, settings=settings,
    )  # fmt: skip
    train(config, StderrReporter())
    return folder / "adapter"


def peft_answers(model: Path, adapter: Path) -> dict[str, str]:
    """Greedy answers of base and adapter joined by PEFT."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(adapter)
    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    joined = PeftModel.from_pretrained(base, str(adapter)).eval()
    answers = {}
    for term in TERMS:
        text = render_prompt(tokenizer, [("user", prompt_of(term))])
        ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            out = joined.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=_ANSWER_TOKENS
            )
        answers[term] = tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
    return answers


def served_answers(url: str, name: str) -> dict[str, str]:
    """Greedy answers of a served model."""
    from openai import OpenAI

    client = OpenAI(base_url=url, api_key="none")
    answers = {}
    for term in TERMS:
        asked = client.chat.completions.create(
            model=name,
            messages=[{"role": "user", "content": prompt_of(term)}],
            temperature=0,
            max_tokens=_ANSWER_TOKENS,
        )
        answers[term] = asked.choices[0].message.content or ""
    return answers


def main() -> int:
    """Train, serve, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vllm", default=shutil.which("vllm"), help="executable of vLLM")
    parser.add_argument("--model", default="packaged", help="`packaged`, a directory, or a hub id")
    parser.add_argument(
        "--models", type=Path, default=Path("data/artifacts/models"), help="where `packaged` is unpacked"
    )
    parser.add_argument("--adapter", type=Path, help="adapter to serve instead of a new one")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--port", type=int, default=18432)
    parser.add_argument("--options", default="--dtype float32 --enforce-eager", help="more of vllm serve's")
    chosen = parser.parse_args()
    if not chosen.vllm:
        print("skipped: no `vllm` executable; install vLLM and name it with --vllm")
        return 0
    model = resolve_model(chosen.model, chosen.models)
    with tempfile.TemporaryDirectory() as folder:
        adapter = chosen.adapter or train_adapter(model, Path(folder), chosen.steps)
        expected = peft_answers(model, adapter)
        options = [
            "--enable-lora",
            "--max-lora-rank",
            "8",
            "--lora-modules",
            f"trained={adapter}",
            "--max-model-len",
            "512",
        ]
        with vllm_server(chosen.vllm, model, [*options, *chosen.options.split()], chosen.port) as url:
            served, base = served_answers(url, "trained"), served_answers(url, SERVED_NAME)
    equal = sum(served[term] == expected[term] for term in TERMS)
    right = sum(line in served[term] for term, line in TERMS.items())
    print(
        f"{equal}/{len(TERMS)} answers of the served adapter equal PEFT's, {right} name the code trained on; "
        f"{sum(base[term] == served[term] for term in TERMS)} equal the base model's"
    )
    for term in TERMS:
        print(
            f"  {term}: {served[term]!r}" + ("" if served[term] == expected[term] else f" but PEFT {expected[term]!r}")
        )
    return 0 if equal == len(TERMS) else 1


if __name__ == "__main__":
    sys.exit(main())
