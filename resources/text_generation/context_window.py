"""Limit of a model's window: a prompt that does not fit is refused, never cut."""

from __future__ import annotations

from typing import Any

from ccl_assets.resources.text_generation.requests import Completion, GenerationRequest

_UNLIMITED = 10**9  # transformers' tokenizers say 10**30 where they know no limit


def window_of(config: Any, tokenizer: Any, context_tokens: int | None) -> int:
    """Tokens of prompt and answer together that a model may see.

    Args:
        config: The model's configuration; those of multimodal models keep it in ``text_config``.
        tokenizer: Its tokenizer.
        context_tokens: The user's own, tighter bound.
    """
    text_config = getattr(config, "text_config", None) or config
    limits = (getattr(text_config, "max_position_embeddings", None), tokenizer.model_max_length, context_tokens)
    return min((limit for limit in limits if limit), default=_UNLIMITED)


def refusal(request: GenerationRequest, prompt_token_count: int, window: int) -> Completion | None:
    """An error completion for a request that does not fit, ``None`` for one that does."""
    if prompt_token_count + request.parameters.max_tokens <= window:
        return None
    return Completion(
        request.request_id,
        text="",
        finish_reason="error",
        prompt_token_count=prompt_token_count,
        error=(
            f"prompt of {prompt_token_count} tokens exceeds window: {window} tokens less {request.parameters.max_tokens} "
            "for the answer"
        ),
    )
