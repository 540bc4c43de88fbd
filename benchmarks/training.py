"""Training speed and padding: the project's set-up beside a plain TRL run, unpacked, in one process.

Both train the same adapter on the same examples for the same steps of 16: spans of 60-120 tokens and some notes, as in the
published mix. The plain run is ``SFTTrainer`` as its documentation starts with it: prompt and completion columns, the batch padded
to its longest example. Seconds are of the training loop alone; processor seconds beside them, since other programs take part of
the machine's time. ``python benchmarks/training.py --help`` lists the parameters.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ccl_assets.resources.models.small_language_model import resolve_model
from ccl_assets.sft.recipes import LoraSettings, TrainingSettings
from ccl_assets.sft.training.batches import plan_steps
from ccl_assets.sft.training.config import TrainingConfig
from ccl_assets.sft.training.progress import SilentReporter

_TEXT = (
    "acute kidney failure with tubular necrosis denies chest pain history of type 2 diabetes mellitus on metformin "
    "essential hypertension left lower lobe pneumonia discharged home stable no fever cough for three days"
)


def examples(tokenizer: Any, spans: int, notes: int, longest_note: int) -> list[dict[str, str]]:
    """Spans of 60-120 tokens and notes of 300 to ``longest_note``, of random words, in random order."""
    draw, words = random.Random(3), _TEXT.split()
    rows = []
    for number in range(spans + notes):
        wanted = draw.randint(60, 120) if number < spans else draw.randint(300, longest_note)
        completion = "### ICD-10-CM Codes\n- N17.0 – Acute kidney failure with tubular necrosis"
        text = " ".join(draw.choice(words) for _ in range(wanted))
        room = wanted - len(tokenizer.encode(completion)) - 40  # the template
        prompt = tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)[: max(8, room)])
        rows.append({"example_id": f"e{number}", "prompt": prompt, "completion": completion})
    draw.shuffle(rows)
    return rows


def ours(model: Path, rows: list[dict[str, str]], folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """The project's training, and what it cost."""
    from ccl_assets.sft.training import completion_trainer
    from ccl_assets.sft.training.process import train

    file = folder / "train.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    config = TrainingConfig(
        recipe="scl", recipe_sha256="0" * 64, release="FY2026", train_file=file, validation_file=None,
        base_model_directory=model, base_model_name=model.name, output_directory=folder / "adapter",
        work_directory=folder / "work", seed=1, threads=options.threads,
        settings=TrainingSettings(
            epochs=1, micro_batch_tokens=options.row_tokens, checkpoint_every_steps=10**6, lora=LoraSettings(dropout=0.0)
        ),
    )  # fmt: skip
    trained = completion_trainer.CompletionTrainer.train
    clock = {}

    def timed(self: Any, *args: Any, **kwargs: Any) -> Any:
        began = time.process_time()
        try:
            return trained(self, *args, **kwargs)
        finally:
            clock["processor"] = time.process_time() - began

    completion_trainer.CompletionTrainer.train = timed  # type: ignore[method-assign]
    summary = train(config, SilentReporter())
    return {
        "tokens": summary["token_count"], "seconds": summary["seconds"], "processor": clock["processor"],
        "padding": summary["padding_share"], "loss": summary["last_loss"],
    }  # fmt: skip


def plain(model: Path, rows: list[dict[str, str]], folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """TRL's own way on the examples in the same steps, and what it cost."""
    import torch
    from datasets import Dataset, disable_progress_bars
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback
    from trl import SFTConfig, SFTTrainer

    disable_progress_bars()
    has_cuda = torch.cuda.is_available()
    lora = LoraSettings()
    steps = plan_steps(len(rows), 16, 1, seed=1)
    ordered = [rows[number] for step in steps for number in step]
    columns = {
        "prompt": [[{"role": "user", "content": row["prompt"]}] for row in ordered],
        "completion": [[{"role": "assistant", "content": row["completion"]}] for row in ordered],
    }
    positions = {"all": 0, "tokens": 0}

    class Counting(SFTTrainer):
        def _get_train_sampler(self, dataset: Any = None) -> Any:
            return torch.utils.data.SequentialSampler(dataset if dataset is not None else self.train_dataset)

        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            positions["all"] += args[1]["attention_mask"].numel()
            positions["tokens"] += int(args[1]["attention_mask"].sum())
            return super().training_step(*args, **kwargs)

    trainer = Counting(
        model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16 if has_cuda else torch.float32),
        args=SFTConfig(
            output_dir=str(folder / "plain"), per_device_train_batch_size=16, num_train_epochs=1, learning_rate=1e-4,
            lr_scheduler_type="cosine", warmup_steps=-(-len(steps) // 10), max_length=None, save_strategy="no",
            gradient_checkpointing=has_cuda, bf16=has_cuda, use_cpu=not has_cuda, report_to="none", disable_tqdm=True,
            logging_steps=1, seed=1,
        ),
        train_dataset=Dataset.from_dict(columns),
        processing_class=AutoTokenizer.from_pretrained(model),
        peft_config=LoraConfig(
            r=lora.rank, lora_alpha=lora.alpha, lora_dropout=0.0, target_modules=list(lora.target_modules),
            task_type="CAUSAL_LM",
        ),
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    began, busy = time.monotonic(), time.process_time()
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {
        "tokens": positions["tokens"], "seconds": time.monotonic() - began, "processor": time.process_time() - busy,
        "padding": 1 - positions["tokens"] / positions["all"], "loss": losses[-1],
    }  # fmt: skip


def lines(name: str, found: dict[str, float]) -> Iterator[str]:
    """Figures of a run."""
    yield (
        f"{name:9} {found['tokens']:.0f} tokens in {found['seconds']:.1f} s ({found['processor']:.1f} processor seconds): "
        f"{found['tokens'] / found['seconds']:.0f} tokens/s, {found['tokens'] / found['processor']:.0f} a processor second; "
        f"padding {found['padding']:.1%} of the positions; last loss {found['loss']:.3f}"
    )


def main() -> None:
    """Run both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="packaged", help="`packaged`, a directory, or a hub id")
    parser.add_argument(
        "--models", type=Path, default=Path("data/artifacts/models"), help="where `packaged` is unpacked"
    )
    parser.add_argument("--spans", type=int, default=78)
    parser.add_argument("--notes", type=int, default=2)
    parser.add_argument("--longest-note", type=int, default=1500)
    parser.add_argument("--row-tokens", type=int, help="tokens of a packed row; unset: as the project chooses")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()

    import torch
    from transformers import AutoTokenizer
    from transformers.utils import logging

    torch.set_num_threads(options.threads)
    logging.disable_progress_bar()
    model = resolve_model(options.model, options.models)
    rows = examples(AutoTokenizer.from_pretrained(model), options.spans, options.notes, options.longest_note)
    runs = {}
    with tempfile.TemporaryDirectory() as name:
        for run in (ours, plain):
            runs[run.__name__] = run(model, rows, Path(name), options)
            print(*lines(run.__name__, runs[run.__name__]), flush=True)
    speeds = {name: found["tokens"] / found["seconds"] for name, found in runs.items()}
    work = {name: found["tokens"] / found["processor"] for name, found in runs.items()}
    print(
        f"ratio ours / plain: {speeds['ours'] / speeds['plain']:.2f} by time, {work['ours'] / work['plain']:.2f} by processor time"
    )


if __name__ == "__main__":
    main()
