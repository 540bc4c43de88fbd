"""From settings to a trainer: the base model, the adapter's shape, and what TRL is told."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccl_assets.sft.dataset.encoded_file import EncodedFile
from ccl_assets.sft.recipes import TrainingSettings
from ccl_assets.sft.training.batches import BatchPlan
from ccl_assets.sft.training.config import TrainingConfig

if TYPE_CHECKING:
    from ccl_assets.sft.training.completion_trainer import CompletionTrainer
    from ccl_assets.sft.training.watch import TrainingWatch

# Attention runs over whole rows. On a CPU that costs more than it gains beyond two or three spans; a GPU is busy with some
# two thousand tokens.
_CPU_ROW_TOKENS, _GPU_ROW_TOKENS = 256, 2048


def load_base_model(directory: Path) -> Any:
    """The base model, in bfloat16 where there is hardware for it, else in float32."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    return AutoModelForCausalLM.from_pretrained(
        directory, dtype=torch.bfloat16 if _has_bf16() else torch.float32, local_files_only=True
    )


def row_tokens_of(settings: TrainingSettings, model: Any) -> int:
    """Tokens of a packed row; 1, so that every example has a row of its own, for a model that would see across examples."""
    import torch

    from ccl_assets.sft.training.packing import keeps_examples_apart

    if not keeps_examples_apart(model):
        return 1
    return settings.micro_batch_tokens or (_GPU_ROW_TOKENS if torch.cuda.is_available() else _CPU_ROW_TOKENS)


def build_trainer(
    config: TrainingConfig,
    model: Any,
    tokenizer: Any,
    training: EncodedFile,
    validation: EncodedFile | None,
    plan: BatchPlan,
    checkpoints: Path,
    watch: TrainingWatch,
) -> CompletionTrainer:
    """Put an adapter on the model and make the trainer of a run."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import PrinterCallback
    from trl import SFTConfig

    from ccl_assets.sft.training.completion_trainer import CompletionTrainer
    from ccl_assets.sft.training.packing import packed_row

    settings, lora = config.settings, config.settings.lora
    has_cuda = torch.cuda.is_available()
    recompute = has_cuda if settings.gradient_checkpointing is None else settings.gradient_checkpointing
    stops_early = settings.early_stopping_patience is not None
    evaluates = validation is not None and settings.evaluate_every_steps is not None
    arguments = SFTConfig(
        output_dir=str(checkpoints),
        max_steps=len(plan.steps),
        per_device_train_batch_size=1,  # a batch is a process's share of a step
        gradient_accumulation_steps=1,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=_schedule(settings),
        warmup_steps=math.ceil(settings.warmup_ratio * len(plan.steps)),
        max_length=None,  # nothing is truncated: lengths were checked
        dataset_kwargs={"skip_prepare_dataset": True},
        # recomputing activations saves memory on a GPU; on a CPU it costs a third of the speed
        gradient_checkpointing=recompute,
        gradient_checkpointing_kwargs={"use_reentrant": False} if recompute else None,
        ddp_find_unused_parameters=False,
        bf16=_has_bf16(),
        use_cpu=not has_cuda,
        eval_strategy="steps" if evaluates else "no",
        eval_steps=settings.evaluate_every_steps,
        load_best_model_at_end=stops_early,
        metric_for_best_model="eval_loss" if stops_early else None,
        greater_is_better=False if stops_early else None,
        save_steps=settings.evaluate_every_steps if stops_early else settings.checkpoint_every_steps,
        save_total_limit=3,  # the best, the last whole one, and the one being written
        logging_steps=max(1, len(plan.steps) // 500),
        logging_nan_inf_filter=False,  # the default hides a diverging loss
        disable_tqdm=True,
        report_to="none",
        seed=config.seed,
    )
    if has_cuda:
        arguments._n_gpu = 1  # several visible to one process do not make it split batches; processes are asked for
    evaluation_rows = []
    if validation:
        together = BatchPlan((tuple(range(len(validation.ids))),), validation.lengths, plan.row_tokens)
        rows = together.rows(0, arguments.process_index, arguments.world_size)
        evaluation_rows = [packed_row([validation.examples[number] for number in row]) for row in rows]
    trainer = CompletionTrainer(
        plan,
        training.examples,
        evaluation_rows,
        model=model,
        args=arguments,
        # the examples come by the plan; these stand for them where the trainer asks whether there are any
        train_dataset=Dataset.from_dict({"example_id": training.ids}),
        eval_dataset=Dataset.from_dict({"example_id": validation.ids}) if validation else None,
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
    trainer.remove_callback(PrinterCallback)  # our log says the same
    return trainer


def _has_bf16() -> bool:
    import torch

    return bool(torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False))


def _schedule(settings: TrainingSettings) -> str:
    return "constant_with_warmup" if settings.schedule == "constant" else settings.schedule
