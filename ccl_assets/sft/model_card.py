"""The README.md of an adapter: what it was made of, how, and what came out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ccl_assets.sft.training_config import TrainingConfig


def render_model_card(config: TrainingConfig, summary: Mapping[str, Any], versions: Mapping[str, str]) -> str:
    """Write the card in the hub's format (YAML head, Markdown body).

    Args:
        config: The run's configuration.
        summary: What :func:`ccl_assets.sft.training.train` returns.
        versions: Package names and versions.
    """
    settings, lora = config.settings, config.settings.lora
    seconds = "" if settings.max_seconds is None else f", at most {settings.max_seconds:g} s"
    rows = {
        "Base model": config.base_model_name,
        "Recipe": f"{config.recipe} (`{config.recipe_sha256[:16]}`)",
        "ICD-10-CM release": config.release,
        "Training data": f"{summary['example_count']} examples, {summary['token_count']} tokens, "
        f"SHA-256 `{summary['data_sha256']}`",
        "LoRA": f"rank {lora.rank}, alpha {lora.alpha}, dropout {lora.dropout:g}, on {', '.join(lora.target_modules)}",
        "Optimisation": f"AdamW, learning rate {settings.learning_rate:g}, {settings.schedule}, warm-up ratio "
        f"{settings.warmup_ratio:g}, {settings.effective_batch_size} examples per step, "
        f"epochs: {settings.epochs}{seconds}",
        "Window": f"{settings.max_length} tokens; longer examples were left out, none was cut",
        "Steps": f"{summary['steps']} of {summary['planned_steps']} (stopped by {summary['stopped_by']})",
        "Seed": str(config.seed),
        "Speed": f"{summary['tokens_per_second']:g} tokens/s over {summary['seconds']:g} s on {summary['device']}",
    }
    losses = {
        "Training, first logged step": summary["first_loss"],
        "Training, last logged step": summary["last_loss"],
        "Validation, before": summary["validation_loss_before"],
        "Validation, after": summary["validation_loss_after"],
    }
    head = ["---", f"base_model: {json.dumps(config.base_model_name)}", "library_name: peft"]
    head += ["pipeline_tag: text-generation", "tags: [lora, icd-10-cm, clinical-coding, ccl-assets]", "---"]
    body = [
        f"# ccl-assets adapter: {config.recipe}",
        "",
        "Suggests ICD-10-CM codes for clinical notes. The suggestions need a coder's review; check every code against",
        "the release and every quoted span against the note. Weights may reflect the notes they were trained on: the",
        "terms of those notes' sources apply to this adapter.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows.items()),
        "",
        "## Loss",
        "",
        "Negative log-likelihood per completion token, in nats; prompts do not count.",
        "",
        "| | loss |",
        "|---|---:|",
        *(f"| {name} | {'–' if value is None else f'{value:.4f}'} |" for name, value in losses.items()),
        "",
        "![loss by step](loss.png)",
        "",
        "## Packages",
        "",
        ", ".join(f"{name} {version}" for name, version in versions.items()),
        "",
    ]
    return "\n".join(head + body)
