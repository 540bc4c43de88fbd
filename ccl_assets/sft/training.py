"""The training process: ``python -m ccl_assets.sft.training CONFIG.json``.

Runs apart from Dagster, so that torch's memory goes with it and a crash is a failed step. A killed run resumes from its
last whole checkpoint when it is started again with the same configuration; the adapter appears at the end, whole.
"""

from __future__ import annotations

import argparse
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccl_assets.sft.batches import plan_micro_batches
from ccl_assets.sft.encoding import EncodedExample, encode_example
from ccl_assets.sft.jsonl_export import read_jsonl
from ccl_assets.sft.progress import Reporter, open_reporter, progress_line
from ccl_assets.sft.recipes import TrainingSettings
from ccl_assets.sft.training_config import TrainingConfig, file_sha256
from ccl_assets.sft.training_log import LOG_FILE, TrainingLogEntry, append_entry, rewind_log

if TYPE_CHECKING:
    from ccl_assets.sft.completion_trainer import CompletionTrainer


class ExampleTooLongError(ValueError):
    """Examples do not fit; they must be left out when the dataset is built, never cut here."""


@dataclass(frozen=True)
class EncodedFile:
    """Encoded examples of one file, in its order."""

    ids: tuple[str, ...]
    examples: tuple[EncodedExample, ...]

    @property
    def lengths(self) -> list[int]:
        """Tokens of each example."""
        return [example.length for example in self.examples]


def train(config: TrainingConfig, reporter: Reporter) -> dict[str, Any]:
    """Train one adapter and publish it at ``config.output_directory``.

    Returns:
        The summary that is also stored in the adapter: steps, tokens, losses, seconds, why it stopped.

    Raises:
        ExampleTooLongError: An example is longer than ``max_length`` or the model's window.
        NonFiniteLossError: Training diverged; nothing is left behind.
        ValueError: The tokenizer has no end token.
    """
    import torch
    from transformers import AutoConfig, AutoTokenizer

    from ccl_assets.sft.adapter import publish_adapter
    from ccl_assets.sft.completion_trainer import NonFiniteLossError, TrainingWatch, require_finite_weights

    if config.threads is not None:
        torch.set_num_threads(config.threads)
    settings = config.settings
    tokenizer = AutoTokenizer.from_pretrained(config.base_model_directory, local_files_only=True)
    window = getattr(AutoConfig.from_pretrained(config.base_model_directory), "max_position_embeddings", None)
    limit = min(settings.max_length, window or settings.max_length)
    training = encode_file(tokenizer, config.train_file, limit)
    validation = encode_file(tokenizer, config.validation_file, limit) if config.validation_file else None
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token  # padding is masked, so any token will do

    plan = plan_micro_batches(
        training.lengths, settings.effective_batch_size, settings.micro_batches, settings.epochs, config.seed
    )
    total_steps = min(len(plan) // settings.micro_batches, settings.max_steps or len(plan))
    plan = plan[: total_steps * settings.micro_batches]

    checkpoints = config.work_directory / config.fingerprint[:16]
    log_path = checkpoints / LOG_FILE
    checkpoints.mkdir(parents=True, exist_ok=True)
    resumed_from = last_whole_checkpoint(checkpoints)
    first_step = int(resumed_from.name.rpartition("-")[2]) if resumed_from else 0
    entries = rewind_log(log_path, first_step)

    def log(entry: TrainingLogEntry) -> None:
        entries.append(entry)
        append_entry(log_path, entry)
        reporter.say(progress_line(entry, total_steps))

    watch = TrainingWatch(log, settings.max_seconds)
    trainer = _trainer(config, tokenizer, training, validation, plan, checkpoints, watch)
    watch.count_tokens_with(lambda: trainer.trained_token_count)
    reporter.say(
        f"recipe {config.recipe}: {len(training.ids)} examples, {sum(training.lengths)} tokens, {total_steps} steps"
        + (f", resumed after step {first_step}" if resumed_from else "")
    )
    try:
        if validation and not any(entry.eval_loss is not None for entry in entries):
            trainer.evaluate()
        trainer.train(resume_from_checkpoint=str(resumed_from) if resumed_from else None)
        require_finite_weights(trainer.model)
        if validation:
            trainer.evaluate()
    except NonFiniteLossError:
        shutil.rmtree(checkpoints)  # they lead to the same end
        raise

    losses = [entry.loss for entry in entries if entry.loss is not None]
    evaluations = [entry.eval_loss for entry in entries if entry.eval_loss is not None]
    summary = {
        "steps": trainer.state.global_step,
        "planned_steps": total_steps,
        "resumed_after_step": first_step,
        "stopped_by": "max_seconds" if watch.is_out_of_time else "last_step",
        "example_count": len(training.ids),
        "token_count": sum(training.lengths),
        "seconds": round(watch.training_seconds, 1),
        "tokens_per_second": round(trainer.trained_token_count / max(watch.training_seconds, 1e-9), 1),
        "first_loss": losses[0] if losses else None,
        "last_loss": losses[-1] if losses else None,
        "validation_loss_before": evaluations[0] if evaluations else None,
        "validation_loss_after": evaluations[-1] if evaluations else None,
        "data_sha256": file_sha256(config.train_file),
        "device": trainer.args.device.type,
    }
    publish_adapter(config, summary, trainer.model, tokenizer, log_path)
    shutil.rmtree(checkpoints)
    reporter.finish(summary)
    return summary


def encode_file(tokenizer: Any, path: Path, limit: int) -> EncodedFile:
    """Encode every example of an exported file.

    Raises:
        ExampleTooLongError: Examples have more than ``limit`` tokens; their ids are named.
    """
    from ccl_assets.resources.text_generation.chat_template import render_prompt

    rows = read_jsonl(path)
    if not rows:
        raise ValueError(f"{path} holds no example; build the dataset again")
    encoded = [encode_example(tokenizer, render_prompt, row["prompt"], row["completion"]) for row in rows]
    too_long = [row["example_id"] for row, example in zip(rows, encoded, strict=True) if example.length > limit]
    if too_long:
        raise ExampleTooLongError(
            f"{path}: {len(too_long)} of {len(rows)} examples have more than {limit} tokens, first {too_long[:5]}; "
            "leave them out when the dataset is built, or raise max_length up to the model's window"
        )
    return EncodedFile(tuple(row["example_id"] for row in rows), tuple(encoded))


def last_whole_checkpoint(directory: Path) -> Path | None:
    """The latest checkpoint that was written to its end; others are removed."""
    from ccl_assets.sft.completion_trainer import COMPLETE_MARKER

    whole = []
    for path in directory.glob("checkpoint-*"):
        if (path / COMPLETE_MARKER).exists():
            whole.append(path)
        else:
            shutil.rmtree(path)
    return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _trainer(
    config: TrainingConfig,
    tokenizer: Any,
    training: EncodedFile,
    validation: EncodedFile | None,
    plan: list[list[int]],
    checkpoints: Path,
    watch: Any,
) -> CompletionTrainer:
    import torch
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, PrinterCallback
    from transformers.utils import logging as transformers_logging
    from trl import SFTConfig

    from ccl_assets.sft.completion_trainer import CompletionTrainer

    transformers_logging.disable_progress_bar()
    settings = config.settings
    has_cuda = torch.cuda.is_available()
    model = AutoModelForCausalLM.from_pretrained(
        config.base_model_directory, dtype=torch.bfloat16 if has_cuda else torch.float32, local_files_only=True
    )
    lora = settings.lora
    total_steps = len(plan) // settings.micro_batches
    arguments = SFTConfig(
        output_dir=str(checkpoints),
        max_steps=total_steps,
        per_device_train_batch_size=math.ceil(settings.effective_batch_size / settings.micro_batches),
        gradient_accumulation_steps=settings.micro_batches,
        per_device_eval_batch_size=1,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=_schedule(settings),
        warmup_steps=math.ceil(settings.warmup_ratio * total_steps),
        max_length=None,  # nothing is truncated: lengths were checked
        completion_only_loss=True,
        dataset_kwargs={"skip_prepare_dataset": True},  # rows are tokenized and labelled
        # recomputing activations saves memory on a GPU; on a CPU it costs a third of the speed
        gradient_checkpointing=has_cuda,
        bf16=has_cuda,
        use_cpu=not has_cuda,
        save_steps=settings.checkpoint_every_steps,
        save_total_limit=2,
        logging_steps=max(1, total_steps // 500),
        logging_nan_inf_filter=False,  # the default hides a diverging loss
        disable_tqdm=True,
        report_to="none",
        seed=config.seed,
    )
    trainer = CompletionTrainer(
        plan,
        model=model,
        args=arguments,
        train_dataset=_dataset(training),
        eval_dataset=_dataset(validation) if validation else None,
        processing_class=tokenizer,
        callbacks=[watch],
        peft_config=LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=list(lora.target_modules),
            task_type="CAUSAL_LM",
        ),
    )
    if trainer.args.world_size > 1:
        raise ValueError("training runs in one process on one device: start it without torchrun or accelerate launch")
    trainer.remove_callback(PrinterCallback)  # our log says the same
    return trainer


def _schedule(settings: TrainingSettings) -> str:
    return "constant_with_warmup" if settings.schedule == "constant" else settings.schedule


def _dataset(file: EncodedFile) -> Any:
    from datasets import Dataset

    columns = {"input_ids": [e.input_ids for e in file.examples], "labels": [e.labels for e in file.examples]}
    return Dataset.from_dict(columns)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description="Train one adapter.")
    parser.add_argument("config", type=Path, help="configuration written by TrainingConfig.write")
    config = TrainingConfig.read(parser.parse_args(arguments).config)
    with open_reporter() as reporter:
        train(config, reporter)


if __name__ == "__main__":
    main()
