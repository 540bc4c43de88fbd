"""The README.md of an adapter: what it was made of, how, and what came out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ccl_assets.resources.models.base_model_identity import BaseModelIdentity
from ccl_assets.sft.training.config import TrainingConfig


def render_model_card(
    config: TrainingConfig, identity: BaseModelIdentity, summary: Mapping[str, Any], versions: Mapping[str, str]
) -> str:
    """Write the card in the hub's format (YAML head, Markdown body).

    Args:
        config: The run's configuration.
        identity: The base model.
        summary: What :func:`ccl_assets.sft.training.process.train` returns.
        versions: Package names and versions.
    """
    settings, lora = config.settings, config.settings.lora
    seconds = "" if settings.max_seconds is None else f", at most {settings.max_seconds:g} s"
    early = settings.early_stopping_patience
    stopping = "" if early is None else f"; the best of the evaluations every {settings.evaluate_every_steps} steps"
    rows = {
        "Base model": config.base_model_name,
        "Base revision": f"{identity.revision or 'not from a hub'}, weights `{identity.weights_sha256[:16]}`",
        "Recipe": f"{config.recipe} (`{config.recipe_sha256[:16]}`)",
        "ICD-10-CM release": config.release,
        "Training data": f"{summary['example_count']} examples, {summary['token_count']} tokens, "
        f"SHA-256 `{summary['data_sha256']}`",
        "LoRA": f"rank {lora.rank}, alpha {lora.alpha}, dropout {lora.dropout:g}, on {', '.join(lora.target_modules)}",
        "Optimisation": f"AdamW, learning rate {settings.learning_rate:g}, {settings.schedule}, warm-up ratio "
        f"{settings.warmup_ratio:g}, {settings.effective_batch_size} examples per step, "
        f"epochs: {settings.epochs}{seconds}{stopping}",
        "Window": f"{settings.max_length} tokens; none was cut",
        "Steps": f"{summary['steps']} of {summary['planned_steps']} (stopped by {summary['stopped_by']}"
        + (f", weights of step {summary['best_step']})" if summary["best_step"] else ")"),
        "Seed": str(config.seed),
        "Speed": f"{summary['tokens_per_second']:g} tokens/s over {summary['seconds']:g} s on {summary['device']} "
        f"({summary['weights_type']}, processes: {summary['process_count']}), padding {summary['padding_share']:.1%}",
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
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows.items()),
        "",
        "## Use and limits",
        "",
        "Given a clinical note in the prompts of ccl-assets, the adapter names ICD-10-CM codes and, unless it was trained on",
        "codes alone, quotes the words each rests on. It is meant for research and for suggestions that a trained coder",
        "reviews, not for billing or care without review. It can name codes that do not exist, quote words that are not in the",
        "note, and miss what its training notes did not hold: check every code against the release and every quote against the",
        f"note. It knows {config.release} only, and English only.",
        "",
        "## Licences",
        "",
        f"- Base model: {identity.license or 'its files state none; look it up before you pass the adapter on'}.",
        f"- Training data: {_data_terms(summary)}",
        "- ICD-10-CM is a work of the US Government.",
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


def _data_terms(summary: Mapping[str, Any]) -> str:
    if summary["restricted_example_count"]:
        return (
            f"{summary['restricted_example_count']} of {summary['example_count']} examples quote notes of restricted corpora. "
            "Weights can give away what they were trained on: keep the adapter under the terms of those corpora."
        )
    return "no example quotes a note of a restricted corpus."
