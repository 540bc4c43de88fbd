"""The one model this process holds: engines of the same model share it, another model takes its place."""

from __future__ import annotations

import gc
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ccl_assets.resources.models.small_language_model import quiet_progress_bars
from ccl_assets.resources.text_generation.answer_grammar import CodeListGrammar
from ccl_assets.resources.text_generation.in_process.answer_guide import AnswerGuide, GuideTokens
from ccl_assets.resources.text_generation.in_process.decoding import end_tokens
from ccl_assets.resources.text_generation.in_process.grouped_attention import grouped_attention_name
from ccl_assets.resources.text_generation.token_bytes import TokenBytes, read_token_bytes, token_ends

_ADAPTER_WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to answer, its tokenizer, and the grammars it was held to."""

    tokenizer: Any
    model: Any
    _guides: dict[CodeListGrammar, GuideTokens] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def said(self) -> TokenBytes | None:
        """Bytes of each token, where the tokenizer tells."""
        return read_token_bytes(self.tokenizer)

    def ends_of(self, tokens: Sequence[int], text: str) -> tuple[int, ...]:
        """Ends of tokens in the text that was made of them, see :func:`token_ends`; empty where the tokenizer does not tell."""
        return () if self.said is None else token_ends([self.said[token] for token in tokens], text)

    def guide(self, grammar: CodeListGrammar) -> AnswerGuide:
        """A guide for one answer.

        Raises:
            GrammarError: The model cannot be held to the grammar.
        """
        tokens = self._guides.get(grammar)
        if tokens is None:
            tokens = GuideTokens(grammar, self.tokenizer, self.said)
            self._guides.clear()  # one release at a time
            self._guides[grammar] = tokens
        return AnswerGuide(tokens, end_tokens(self.model, self.tokenizer))


_lock = threading.Lock()
_held: dict[tuple[object, ...], LoadedModel] = {}


def load_model(directory: Path, adapter: Path | None = None) -> LoadedModel:
    """Load a base model with an adapter on it, or give back the one that is loaded already.

    Weights are fp32 on a CPU and bf16 on a GPU. On a CPU the adapter is merged into the weights, which shortens a decoding step
    from 78 to 56 ms (SmolLM2, one row, one thread); in bf16 merging would round the adapter away, so there it stays beside them.

    Args:
        directory: Model and tokenizer.
        adapter: PEFT directory. Another training run in the same directory is noticed.

    Raises:
        FileNotFoundError: The adapter has no weights.
    """
    key = (directory, *_adapter_key(adapter))
    with _lock:
        if key not in _held:
            release_model()
            _held[key] = _load(directory, adapter)
        return _held[key]


def release_model() -> None:
    """Let go of the loaded model, so that its memory is free for another."""
    if not _held:
        return
    _held.clear()
    gc.collect()
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _adapter_key(adapter: Path | None) -> tuple[object, ...]:
    if adapter is None:
        return ()
    weights = adapter / _ADAPTER_WEIGHTS
    if not weights.is_file():
        raise FileNotFoundError(f"{adapter} holds no adapter: its {_ADAPTER_WEIGHTS} is missing; train it first")
    stat = weights.stat()
    return adapter, stat.st_size, stat.st_mtime_ns, stat.st_ino


def _load(directory: Path, adapter: Path | None) -> LoadedModel:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    is_gpu = torch.cuda.is_available()
    with quiet_progress_bars():
        tokenizer = AutoTokenizer.from_pretrained(directory)
        model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.bfloat16 if is_gpu else torch.float32)
        if adapter is not None:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, str(adapter))
            if not is_gpu:
                model = model.merge_and_unload()
    # models that default to another attention (soft-capped ones, for instance) have a reason
    if not is_gpu and model.config._attn_implementation == "sdpa":
        model.set_attn_implementation(grouped_attention_name())
    return LoadedModel(tokenizer, model.to("cuda" if is_gpu else "cpu").eval())
