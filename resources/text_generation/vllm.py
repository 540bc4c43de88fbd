"""vLLM in process, for GPU machines (``pip install 'ccl-assets[gpu]'``).

Written against vLLM 0.32's offline API (``LLM.generate``, ``SamplingParams``, ``StructuredOutputsParams``, ``LoRARequest``).
The tests hold it against a stand-in of that API; by hand it was tried, without an adapter and without token
probabilities, on vLLM's CPU build. Try it on a few requests before a long run on a GPU.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from ccl_assets.resources.text_generation.chat_template import encode_prompt
from ccl_assets.resources.text_generation.context_window import refusal, window_of
from ccl_assets.resources.text_generation.requests import Completion, GenerationRequest, in_groups
from ccl_assets.resources.text_generation.token_bytes import TokenBytes, read_token_bytes, token_ends

_REQUESTS_PER_CALL = 512  # answers come back call by call; a killed run loses at most one
_ADAPTER_RANKS = (8, 16, 32, 64, 128, 256, 512)


class VLLMEngine:
    """Generation with a vLLM engine in this process.

    Prompts are rendered by the project's own chat template function rather than by ``LLM.chat``: training renders with the same
    one, and a prompt that does not fit can be refused by itself, where ``LLM.chat`` would fail the whole call.
    """

    def __init__(
        self,
        model_directory: Path,
        adapter_directory: Path | None = None,
        model_name: str | None = None,
        context_tokens: int | None = None,
        dtype: str = "bfloat16",
    ) -> None:
        """Describe an engine; nothing is loaded yet.

        Args:
            model_directory: Model and tokenizer.
            adapter_directory: PEFT adapter to serve it with.
            model_name: Name completions are stored under; made of the directories' names if not given.
            context_tokens: Window, if it is to be smaller than the model's; a smaller one leaves more room for requests at once.
            dtype: Of the weights; ``float32`` for a CPU build of vLLM.
        """
        adapter_name = f"+{adapter_directory.name}" if adapter_directory else ""
        self._model_name = model_name or model_directory.name + adapter_name
        self._directory = model_directory
        self._adapter = adapter_directory
        self._context_tokens = context_tokens
        self._dtype = dtype

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
        """True: vLLM's structured outputs."""
        return True

    @property
    def supports_grammar(self) -> bool:
        """False: vLLM's grammars are made for some rules, not for 75,000 lines; one of the codes' shape lets invented ones by."""
        return False

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Completion]:
        """Answer all requests, some hundreds at a time; a completion's ``seconds`` are its call's, divided evenly.

        Raises:
            ImportError: vLLM is not installed.
        """
        for group in in_groups(requests, _REQUESTS_PER_CALL):
            fitting: list[tuple[GenerationRequest, list[int]]] = []
            for request in group:
                turns = [(message.role, message.content) for message in request.messages]
                prompt = encode_prompt(self._tokenizer, turns)
                refused = refusal(request, len(prompt), self._window)
                if refused is not None:
                    yield refused
                else:
                    fitting.append((request, prompt))
            if fitting:
                yield from self._answer(fitting)

    def _answer(self, asked: Sequence[tuple[GenerationRequest, list[int]]]) -> Iterator[Completion]:
        started = time.monotonic()
        outputs = self._engine.generate(
            [{"prompt_token_ids": prompt} for _, prompt in asked],
            [_sampling(request) for request, _ in asked],
            use_tqdm=False,
            lora_request=self._lora_request(),
        )
        seconds = (time.monotonic() - started) / len(asked)
        for (request, prompt), output in zip(asked, outputs, strict=True):
            answer = output.outputs[0]
            is_answered = answer.finish_reason in ("stop", "length")
            ends, log_probabilities = (
                self._probabilities(answer) if is_answered and request.wants_probabilities else ((), ())
            )
            yield Completion(
                request.request_id,
                answer.text if is_answered else "",
                finish_reason=answer.finish_reason if is_answered else "error",
                prompt_token_count=len(prompt),
                completion_token_count=len(answer.token_ids),
                seconds=seconds,
                error=None if is_answered else "the engine ended the request without an answer",
                token_ends=ends,
                log_probabilities=log_probabilities,
            )

    def _probabilities(self, answer: Any) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """Token ends and log probabilities; none where the tokenizer does not tell what its tokens say."""
        tokens = list(answer.token_ids)
        ends = () if self._said is None else token_ends([self._said[token] for token in tokens], answer.text)
        noted = (chosen[token].logprob for token, chosen in zip(tokens, answer.logprobs, strict=True))
        return ends, tuple(min(float(number), 0.0) for number in islice(noted, len(ends)))

    @cached_property
    def _engine(self) -> Any:
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")  # it would report the machine and the model to its makers
        try:
            from vllm import LLM
        except ImportError as error:
            raise ImportError(
                f"backend `vllm` needs vLLM ({error}): run `pip install 'ccl-assets[gpu]'` on a GPU machine, or set CCL_BACKEND"
            ) from error
        options: dict[str, Any] = {
            "model": str(self._directory),
            "dtype": self._dtype,
            "max_model_len": self._window,
            # small models fill the white space that JSON allows until their tokens run out
            "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
        }
        if self._adapter is not None:
            options |= {"enable_lora": True, "max_loras": 1, "max_lora_rank": _served_rank(self._adapter)}
        return LLM(**options)

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self._directory)

    @cached_property
    def _said(self) -> TokenBytes | None:
        return read_token_bytes(self._tokenizer)

    @cached_property
    def _window(self) -> int:
        from transformers import AutoConfig

        return window_of(AutoConfig.from_pretrained(self._directory), self._tokenizer, self._context_tokens)

    def _lora_request(self) -> Any:
        if self._adapter is None:
            return None
        from vllm.lora.request import LoRARequest

        return LoRARequest(lora_name=self._adapter.name, lora_int_id=1, lora_path=str(self._adapter))


def _sampling(request: GenerationRequest) -> Any:
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    schema = request.json_schema
    return SamplingParams(
        max_tokens=request.parameters.max_tokens,
        temperature=request.parameters.temperature,
        stop=list(request.parameters.stop) or None,
        logprobs=0 if request.wants_probabilities else None,  # the chosen token's alone
        structured_outputs=None if schema is None else StructuredOutputsParams(json=dict(schema)),
    )


def _served_rank(adapter: Path) -> int:
    """The smallest rank vLLM makes room for that holds the adapter's.

    Raises:
        ValueError: The adapter's rank is larger than any vLLM serves.
    """
    rank = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))["r"]
    for served in _ADAPTER_RANKS:
        if rank <= served:
            return served
    raise ValueError(f"{adapter} has rank {rank}; vLLM serves ranks up to {_ADAPTER_RANKS[-1]}")
