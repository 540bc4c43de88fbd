"""transformers in process: the embedded default, for small models on a CPU or one GPU."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ccl_assets.resources.text_generation.chat_template import encode_prompt
from ccl_assets.resources.text_generation.context_window import refusal, window_of
from ccl_assets.resources.text_generation.in_process.decoding import Row, decode_batch
from ccl_assets.resources.text_generation.in_process.loaded_model import LoadedModel, load_model
from ccl_assets.resources.text_generation.requests import Completion, GenerationRequest, in_groups

_CPU_BATCH_TOKENS = 16_384
_GPU_BATCH_TOKENS = 65_536
_PREFILL_SHARE = 4  # of a batch's tokens, read at once
_SORTED_TOGETHER = 512  # requests held with their token ids, about 50 MB of notes


class TransformersEngine:
    """Batched generation with a Hugging Face model.

    Some hundred requests at a time are sorted by length and decoded together, longest first; they come back batch by batch. A
    prompt that does not fit the window is an error; nothing is cut. Chat templates are the model's own; a model without one gets
    plain ``role: content`` paragraphs.

    The model loads on first use and is shared by all engines of it in this process; another model takes its place.
    """

    def __init__(
        self,
        model_directory: Path,
        adapter_directory: Path | None = None,
        model_name: str | None = None,
        batch_token_budget: int | None = None,
        context_tokens: int | None = None,
        threads: int | None = None,
    ) -> None:
        """Describe an engine; nothing is loaded yet.

        Args:
            model_directory: Model and tokenizer.
            adapter_directory: PEFT adapter to put on it.
            model_name: Name completions are stored under; made of the directories' names if not given.
            batch_token_budget: Most tokens of a padded batch, prompts and answers. The default for a CPU is 16,384, fifteen prompts
                of 900 tokens with 150 to answer; with SmolLM2 the process then takes 1.9 GB.
            context_tokens: Window, if it is to be smaller than the model's.
            threads: CPU threads; ``None`` leaves the choice to torch.
        """
        adapter_name = f"+{adapter_directory.name}" if adapter_directory else ""
        self._model_name = model_name or model_directory.name + adapter_name
        self._directory = model_directory
        self._adapter = adapter_directory
        self._batch_token_budget = batch_token_budget
        self._context_tokens = context_tokens
        self._threads = threads

    @property
    def model_name(self) -> str:
        """Name completions are stored under."""
        return self._model_name

    @property
    def keeps_text_on_host(self) -> bool:
        """True: the model runs in this process."""
        return True

    @property
    def supports_json_schema(self) -> bool:
        """False: schemas are not enforced."""
        return False

    @property
    def supports_grammar(self) -> bool:
        """True: tokens that lead to no code of the list are not chosen."""
        return True

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Completion]:
        """Answer all requests, batch by batch.

        A completion's ``seconds`` are its batch's, divided evenly.

        Raises:
            FileNotFoundError: The adapter has no weights.
        """
        for group in in_groups(requests, _SORTED_TOGETHER):
            yield from self._answer_group(self._load(), group)

    def _answer_group(self, loaded: LoadedModel, group: Sequence[GenerationRequest]) -> Iterator[Completion]:
        window = window_of(loaded.model.config, loaded.tokenizer, self._context_tokens)
        fitting: list[tuple[GenerationRequest, list[int]]] = []
        for request in group:
            prompt = encode_prompt(loaded.tokenizer, [(message.role, message.content) for message in request.messages])
            refused = refusal(request, len(prompt), window)
            if refused is not None:
                yield refused
            else:
                fitting.append((request, prompt))
        is_gpu = loaded.model.device.type != "cpu"
        budget = self._batch_token_budget or (_GPU_BATCH_TOKENS if is_gpu else _CPU_BATCH_TOKENS)
        for batch in plan_batches(fitting, budget):
            yield from _answer(loaded, batch, budget // _PREFILL_SHARE)

    def _load(self) -> LoadedModel:
        import torch

        if self._threads:
            torch.set_num_threads(self._threads)
        return load_model(self._directory, self._adapter)


def plan_batches(
    prompts: Sequence[tuple[GenerationRequest, list[int]]], token_budget: int
) -> Iterator[list[tuple[GenerationRequest, list[int]]]]:
    """Group prompts of similar length, longest first, so that a batch and its answers stay within a padded-token budget.

    A prompt that exceeds the budget alone is a batch of its own.

    Args:
        prompts: Requests with their token ids.
        token_budget: Rows times the longest prompt and the longest answer among them.
    """
    batch: list[tuple[GenerationRequest, list[int]]] = []
    answer_tokens = 0
    for request, prompt in sorted(prompts, key=lambda item: len(item[1]), reverse=True):
        longest_answer = max(answer_tokens, request.parameters.max_tokens)
        if batch and (len(batch) + 1) * (len(batch[0][1]) + longest_answer) > token_budget:
            yield batch
            batch, longest_answer = [], request.parameters.max_tokens
        batch.append((request, prompt))
        answer_tokens = longest_answer
    if batch:
        yield batch


def _answer(
    loaded: LoadedModel, batch: Sequence[tuple[GenerationRequest, list[int]]], prefill_tokens: int
) -> Iterator[Completion]:
    started = time.monotonic()
    rows = [_row(loaded, request, prompt) for request, prompt in batch]
    decode_batch(loaded.model, loaded.tokenizer, rows, prefill_tokens)
    seconds = (time.monotonic() - started) / len(rows)
    for (request, prompt), row in zip(batch, rows, strict=True):
        ends = loaded.ends_of(row.tokens, row.text) if row.wants_probabilities else ()
        yield Completion(
            request.request_id,
            row.text,
            finish_reason=row.finish_reason or "length",
            prompt_token_count=len(prompt),
            completion_token_count=len(row.tokens),
            seconds=seconds,
            token_ends=ends,
            log_probabilities=tuple(row.log_probabilities[: len(ends)]),
        )


def _row(loaded: LoadedModel, request: GenerationRequest, prompt: list[int]) -> Row:
    parameters = request.parameters
    return Row(
        prompt,
        parameters.max_tokens,
        parameters.temperature,
        parameters.stop,
        request.sample,
        guide=None if request.grammar is None else loaded.guide(request.grammar),
        wants_probabilities=request.wants_probabilities,
    )
