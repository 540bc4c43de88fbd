"""transformers in process: the embedded default, for small models on a CPU or one GPU."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccl_assets.resources.text_generation.chat_template import render_prompt
from ccl_assets.resources.text_generation.requests import Completion, GenerationParameters, GenerationRequest


@dataclass
class _Loaded:
    """The one base model this process holds, and the adapter on it."""

    directory: Path
    adapter: Path | None
    tokenizer: Any
    model: Any


_LOADED: list[_Loaded] = []


class TransformersEngine:
    """Batched generation with a Hugging Face model.

    Requests of equal parameters are sorted by length and decoded together, since a batch of eight decodes five times as fast as eight
    single requests on a CPU. The model loads on first use and stays; another model or adapter takes its place. JSON schemas are not
    enforced.
    """

    keeps_text_on_host = True

    def __init__(
        self,
        model_directory: Path,
        adapter_directory: Path | None = None,
        model_name: str | None = None,
        batch_tokens: int = 16_384,
        batch_size: int = 12,
        threads: int | None = None,
    ) -> None:
        """Use the model in ``model_directory``.

        Args:
            model_directory: Model and tokenizer.
            adapter_directory: PEFT adapter to put on it.
            model_name: Public name; the directory's if not given.
            batch_tokens: Most tokens of a padded batch, prompt and answer; bounds memory (about 1 GB at the default).
            batch_size: Most requests of a batch.
            threads: CPU threads; ``None`` leaves the choice to torch.
        """
        self.model_name = model_name or model_directory.name
        self._directory = model_directory
        self._adapter = adapter_directory
        self._batch_tokens = batch_tokens
        self._batch_size = batch_size
        self._threads = threads

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Completion]:
        """Answer all requests, batch by batch; a prompt longer than the window is an error and is not cut."""
        wanted = list(requests)
        if not wanted:
            return
        loaded = self._load()
        window = int(getattr(loaded.model.config, "max_position_embeddings", 0) or 2**31)
        groups: dict[GenerationParameters, list[tuple[str, list[int]]]] = defaultdict(list)
        for request in wanted:
            prompt = render_prompt(loaded.tokenizer, [(m.role, m.content) for m in request.messages])
            tokens = loaded.tokenizer.encode(prompt, add_special_tokens=False)
            if len(tokens) + request.parameters.max_tokens > window:
                yield Completion(
                    request.request_id,
                    "",
                    "error",
                    prompt_token_count=len(tokens),
                    error=f"prompt of {len(tokens)} tokens and {request.parameters.max_tokens} to answer exceed the window of {window}",
                )
            else:
                groups[request.parameters].append((request.request_id, tokens))
        for parameters, group in groups.items():
            for batch in self._batches(group, parameters.max_tokens):
                yield from _answer(loaded, batch, parameters)

    def _batches(self, group: list[tuple[str, list[int]]], max_tokens: int) -> Iterator[list[tuple[str, list[int]]]]:
        batch: list[tuple[str, list[int]]] = []
        for item in sorted(group, key=lambda item: -len(item[1])):
            width = len((batch or [item])[0][1]) + max_tokens
            if batch and (len(batch) == self._batch_size or (len(batch) + 1) * width > self._batch_tokens):
                yield batch
                batch = []
            batch.append(item)
        if batch:
            yield batch

    def _load(self) -> _Loaded:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        if self._threads:
            torch.set_num_threads(self._threads)
        if not _LOADED or _LOADED[0].directory != self._directory:
            _LOADED.clear()
            on_gpu = torch.cuda.is_available()
            model = AutoModelForCausalLM.from_pretrained(
                self._directory, dtype=torch.bfloat16 if on_gpu else torch.float32
            )
            tokenizer = AutoTokenizer.from_pretrained(self._directory, padding_side="left")
            if tokenizer.pad_token_id is None:
                tokenizer.pad_token = tokenizer.eos_token
            _LOADED.append(_Loaded(self._directory, None, tokenizer, model.to("cuda" if on_gpu else "cpu").eval()))
        loaded = _LOADED[0]
        if loaded.adapter is not None:  # always loaded anew: the directory may hold another training run by now
            loaded.model, loaded.adapter = loaded.model.unload(), None
        if self._adapter is not None:
            from peft import PeftModel

            loaded.model = PeftModel.from_pretrained(loaded.model, str(self._adapter)).eval()
            loaded.adapter = self._adapter
        return loaded


def _answer(
    loaded: _Loaded, batch: Sequence[tuple[str, list[int]]], parameters: GenerationParameters
) -> Iterator[Completion]:
    import torch

    started = time.monotonic()
    tokenizer, model = loaded.tokenizer, loaded.model
    padded = tokenizer.pad({"input_ids": [tokens for _, tokens in batch]}, return_tensors="pt").to(model.device)
    sampling = (
        {"do_sample": True, "temperature": parameters.temperature} if parameters.temperature else {"do_sample": False}
    )
    stops = {"stop_strings": list(parameters.stop), "tokenizer": tokenizer} if parameters.stop else {}
    with torch.inference_mode():
        output = model.generate(
            **padded, **sampling, **stops, max_new_tokens=parameters.max_tokens, pad_token_id=tokenizer.pad_token_id
        )
    seconds = (time.monotonic() - started) / len(batch)
    ends = model.generation_config.eos_token_id
    ends = set(ends if isinstance(ends, list) else [ends]) | {tokenizer.eos_token_id}
    for (request_id, tokens), row in zip(batch, output[:, padded["input_ids"].shape[1] :].tolist(), strict=True):
        length = next((position for position, token in enumerate(row) if token in ends), len(row))
        text = tokenizer.decode(row[:length], skip_special_tokens=True)
        cuts = [text.index(stop) for stop in parameters.stop if stop in text]
        is_whole = length < len(row) or bool(cuts) or len(row) < parameters.max_tokens
        yield Completion(
            request_id,
            text[: min(cuts)] if cuts else text,
            "stop" if is_whole else "length",
            prompt_token_count=len(tokens),
            completion_token_count=length,
            seconds=seconds,
        )
