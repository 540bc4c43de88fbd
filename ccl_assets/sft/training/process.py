"""The training process: ``python -m ccl_assets.sft.training CONFIG.json``.

Runs apart from Dagster, so that torch's memory goes with it and a crash is a failed step. A killed run resumes from its
last whole checkpoint when it is started again with the same configuration; the adapter appears at the end, whole. Started by
``accelerate launch``, several processes share every step, and the first of them writes and speaks for all.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ccl_assets.sft.dataset.encoded_file import encode_file
from ccl_assets.sft.training.batches import BatchPlan, plan_steps
from ccl_assets.sft.training.config import TrainingConfig, file_sha256
from ccl_assets.sft.training.disk_space import DiskFullError, names_full_disk
from ccl_assets.sft.training.log import LOG_FILE, TrainingLogEntry, append_entry, read_training_log, rewind_log
from ccl_assets.sft.training.progress import Reporter, open_reporter, progress_line
from ccl_assets.sft.training.trainer_setup import build_trainer, load_base_model, row_tokens_of


def train(config: TrainingConfig, reporter: Reporter) -> dict[str, Any]:
    """Train one adapter and publish it at ``config.output_directory``.

    Returns:
        The summary that is also stored in the adapter: steps, tokens, losses, seconds, why it stopped.

    Raises:
        DiskFullError: A checkpoint or the adapter could not be written.
        ExampleTooLongError: An example is longer than ``max_length`` or the model's window.
        NonFiniteLossError: Training diverged; nothing is left behind.
        ValueError: There is no example, the tokenizer has no end token, or early stopping has nothing to go by.
    """
    import torch
    from accelerate import PartialState
    from transformers import AutoConfig, AutoTokenizer

    from ccl_assets.sft.adapter.directory import publish_adapter
    from ccl_assets.sft.training.completion_trainer import NonFiniteLossError, require_finite_weights
    from ccl_assets.sft.training.watch import TrainingWatch

    if config.threads is not None:
        torch.set_num_threads(config.threads)
    processes = PartialState(cpu=not torch.cuda.is_available())
    settings = config.settings
    tokenizer = AutoTokenizer.from_pretrained(config.base_model_directory, local_files_only=True)
    window = getattr(AutoConfig.from_pretrained(config.base_model_directory), "max_position_embeddings", None)
    limit = min(settings.max_length, window or settings.max_length)
    training = encode_file(tokenizer, config.train_file, limit)
    validation = encode_file(tokenizer, config.validation_file, limit) if config.validation_file else None
    if settings.early_stopping_patience is not None and validation is None:
        raise ValueError(
            f"recipe {config.recipe} stops early by its validation loss, but has no validation example: give it some, or "
            "unset early_stopping_patience"
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token  # nothing is padded here, but who uses the adapter may

    model = load_base_model(config.base_model_directory)
    row_tokens = row_tokens_of(settings, model)
    steps = plan_steps(len(training.examples), settings.effective_batch_size, settings.epochs, config.seed)
    plan = BatchPlan(steps[: settings.max_steps], training.lengths, row_tokens)
    total_steps = len(plan.steps)

    checkpoints = config.work_directory / config.fingerprint[:16]
    log_path = checkpoints / LOG_FILE
    with processes.main_process_first():  # the first one clears away what a kill left half-written
        checkpoints.mkdir(parents=True, exist_ok=True)
        resumed_from = last_whole_checkpoint(checkpoints)
        first_step = int(resumed_from.name.rpartition("-")[2]) if resumed_from else 0
        entries = rewind_log(log_path, first_step) if processes.is_main_process else read_training_log(log_path)

    def log(entry: TrainingLogEntry) -> None:
        entries.append(entry)
        if processes.is_main_process:
            append_entry(log_path, entry)
            reporter.say(progress_line(entry, total_steps))

    watch = TrainingWatch(log, plan, settings, entries)
    trainer = build_trainer(config, model, tokenizer, training, validation, plan, checkpoints, watch)
    reporter.say(
        f"recipe {config.recipe}: {len(training.ids)} examples, {sum(training.lengths)} tokens, {total_steps} steps"
        + (f", {processes.num_processes} processes" if processes.num_processes > 1 else "")
        + (f", resumed after step {first_step}" if resumed_from else "")
    )
    try:
        with names_full_disk(checkpoints, "a checkpoint"):
            if validation and not any(entry.eval_loss is not None for entry in entries):
                trainer.evaluate()
            trainer.train(resume_from_checkpoint=str(resumed_from) if resumed_from else None)
            require_finite_weights(trainer.model)
            best = trainer.state.best_model_checkpoint
            was_evaluated = bool(entries) and entries[-1].step == trainer.state.global_step and entries[-1].eval_loss
            if validation and (best or not was_evaluated):
                trainer.evaluate()
    except NonFiniteLossError:
        if processes.is_main_process:
            shutil.rmtree(checkpoints)  # they lead to the same end
        raise
    except DiskFullError:
        last_whole_checkpoint(checkpoints)
        raise

    losses = [entry.loss for entry in entries if entry.loss is not None]
    evaluations = [entry.eval_loss for entry in entries if entry.eval_loss is not None]
    last_step = trainer.state.global_step
    summary = {
        "steps": last_step,
        "planned_steps": total_steps,
        "resumed_after_step": first_step,
        "best_step": int(best.rpartition("-")[2]) if best else None,
        "stopped_by": watch.stopped_by,
        "example_count": len(training.ids),
        "restricted_example_count": training.restricted_count,
        "token_count": sum(training.lengths),
        "padding_share": round(trainer.padding_share, 4),
        "micro_batch_tokens": row_tokens,
        "seconds": round(watch.training_seconds, 1),
        "tokens_per_second": round(plan.token_count(first_step, last_step) / max(watch.training_seconds, 1e-9), 1),
        "first_loss": losses[0] if losses else None,
        "last_loss": losses[-1] if losses else None,
        "validation_loss_before": evaluations[0] if evaluations else None,
        "validation_loss_after": evaluations[-1] if evaluations else None,
        "data_sha256": file_sha256(config.train_file),
        "device": trainer.args.device.type,
        "process_count": processes.num_processes,
        "weights_type": str(model.dtype).removeprefix("torch."),
    }
    if processes.is_main_process:
        publish_adapter(config, summary, trainer.model, tokenizer, log_path)
        shutil.rmtree(checkpoints)
        reporter.finish(summary)
    return summary


def last_whole_checkpoint(directory: Path) -> Path | None:
    """The latest checkpoint that was written to its end; others are removed."""
    from ccl_assets.sft.training.watch import COMPLETE_MARKER

    whole = []
    for path in directory.glob("checkpoint-*"):
        if (path / COMPLETE_MARKER).exists():
            whole.append(path)
        else:
            shutil.rmtree(path)
    return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line entry."""
    import torch
    from accelerate import PartialState

    parser = argparse.ArgumentParser(description="Train one adapter.")
    parser.add_argument("config", type=Path, help="configuration written by TrainingConfig.write")
    config = TrainingConfig.read(parser.parse_args(arguments).config)
    processes = PartialState(cpu=not torch.cuda.is_available())
    with open_reporter(processes.is_main_process) as reporter:
        train(config, reporter)
    processes.destroy_process_group()
