"""The adapter directory: written whole by training, checked before it is used.

Holds ``adapter_model.safetensors``, ``adapter_config.json``, the tokenizer, ``base_model.json`` (which base it belongs to),
``training_log.jsonl``, ``loss.png``, ``training_summary.json``, the model card ``README.md`` and, by setting, ``merged/``: base
and adapter as one plain model.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ccl_assets.resources.models.base_model_identity import (
    BaseModelIdentity,
    BaseModelMismatchError,
    identify,
    require_same_base,
    write_identity,
)
from ccl_assets.sft.adapter.model_card import render_model_card
from ccl_assets.sft.training.config import TrainingConfig
from ccl_assets.sft.training.disk_space import names_full_disk
from ccl_assets.sft.training.log import LOG_FILE, loss_series, read_training_log

WEIGHTS_FILE = "adapter_model.safetensors"
SUMMARY_FILE = "training_summary.json"
MERGED_DIRECTORY = "merged"
PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate")


class AdapterError(RuntimeError):
    """An adapter directory cannot be used; the message says what is wrong with it."""


@dataclass(frozen=True)
class AdapterCheck:
    """Findings of a look at a usable adapter.

    Attributes:
        parameter_count: Weights of the adapter.
        logit_change: Largest change of any next-token logit on a probe text, against the base model.
        sha256: Hash of weights and configuration.
    """

    parameter_count: int
    logit_change: float
    sha256: str


def publish_adapter(
    config: TrainingConfig, summary: Mapping[str, Any], model: Any, tokenizer: Any, log_path: Path
) -> None:
    """Write the adapter beside its place and move it there; an earlier adapter stays until then.

    With ``merge`` the model is merged and is no PEFT model any more.

    Raises:
        DiskFullError: There is no space; nothing is left of the new adapter.
    """
    target = config.output_directory
    partial = target.with_name(f".{target.name}.partial")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(partial, ignore_errors=True)  # of a killed run
    try:
        with names_full_disk(target.parent, "the adapter"):
            identity = identify(config.base_model_directory, config.base_model_name)
            _write(partial, config, identity, summary, model, tokenizer, log_path)
            if config.settings.merge:
                _write_merged(partial / MERGED_DIRECTORY, model, tokenizer, config.base_model_directory)
        move_into_place(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write(
    directory: Path,
    config: TrainingConfig,
    identity: BaseModelIdentity,
    summary: Mapping[str, Any],
    model: Any,
    tokenizer: Any,
    log_path: Path,
) -> None:
    from ccl_assets.lakehouse.plots import line_plot

    for adapter_config in model.peft_config.values():
        adapter_config.base_model_name_or_path = config.base_model_name  # not the path on this machine
    # the embeddings are untouched; "auto" would look for the base model on the hub
    model.save_pretrained(directory, safe_serialization=True, save_embedding_layers=False)
    tokenizer.save_pretrained(directory)
    write_identity(identity, directory)
    shutil.copyfile(log_path, directory / LOG_FILE)
    (directory / SUMMARY_FILE).write_text(json.dumps(dict(summary), indent=2) + "\n", encoding="utf-8")
    curves = loss_series(read_training_log(log_path))
    (directory / "loss.png").write_bytes(line_plot(f"Training loss, recipe {config.recipe}", "step", curves))
    card = render_model_card(config, identity, summary, {name: version(name) for name in PACKAGES})
    (directory / "README.md").write_text(card, encoding="utf-8")


def _write_merged(directory: Path, model: Any, tokenizer: Any, base_directory: Path) -> None:
    from transformers import AutoConfig

    merged = model.merge_and_unload()
    merged.to(AutoConfig.from_pretrained(base_directory).dtype or merged.dtype)  # as the base is stored
    merged.save_pretrained(directory, safe_serialization=True)
    tokenizer.save_pretrained(directory)


def check_adapter_loads(directory: Path, base_directory: Path) -> AdapterCheck:
    """Load the adapter on its base with plain PEFT and run a probe.

    Raises:
        AdapterError: A file is missing, or the adapter was trained on another base, does not fit it, gives numbers that
            are not finite, or changes nothing.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    sha256 = adapter_sha256(directory)
    try:
        require_same_base(directory, base_directory)
    except BaseModelMismatchError as error:
        raise AdapterError(str(error)) from None
    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    base = AutoModelForCausalLM.from_pretrained(base_directory, dtype=torch.float32, local_files_only=True)
    try:
        model = PeftModel.from_pretrained(base, str(directory)).eval()
    except (RuntimeError, ValueError, KeyError) as error:
        raise AdapterError(f"adapter {directory} does not fit the base model {base_directory}: {error}") from error
    probe = tokenizer("Essential hypertension", return_tensors="pt", add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        adapted = model(input_ids=probe).logits
        with model.disable_adapter():
            plain = model(input_ids=probe).logits
    change = float((adapted - plain).abs().max())
    if not torch.isfinite(adapted).all():
        raise AdapterError(f"adapter {directory} gives logits that are not finite: train it again")
    if change == 0.0:
        raise AdapterError(f"adapter {directory} changes nothing: its weights are those it began with")
    count = sum(weight.numel() for name, weight in model.named_parameters() if "lora_" in name)
    return AdapterCheck(count, change, sha256)


def adapter_name(directory: Path | None) -> str:
    """Name of an adapter for stored completions: recipe and content hash, so that another training run is another model."""
    return f"{directory.name}@{adapter_sha256(directory)[:12]}" if directory is not None else ""


def adapter_sha256(directory: Path) -> str:
    """Hash of weights and configuration, the adapter's data version.

    Raises:
        AdapterError: One of the two is missing.
    """
    digest = hashlib.sha256()
    for name in (WEIGHTS_FILE, "adapter_config.json"):
        path = directory / name
        if not path.is_file():
            raise AdapterError(f"{directory} holds no {name}: materialize sft/adapter for this recipe")
        digest.update(path.read_bytes())
    return digest.hexdigest()


def read_summary(directory: Path) -> dict[str, Any]:
    """The summary training stored in the adapter."""
    summary: dict[str, Any] = json.loads((directory / SUMMARY_FILE).read_text(encoding="utf-8"))
    return summary


def move_into_place(partial: Path, target: Path) -> None:
    """Put a whole directory where another may be; that one stays until then."""
    replaced = target.with_name(f".{target.name}.replaced")
    if target.exists():
        shutil.rmtree(replaced, ignore_errors=True)
        target.rename(replaced)  # a directory that is not empty cannot be replaced in one step
    partial.rename(target)
    shutil.rmtree(replaced, ignore_errors=True)
