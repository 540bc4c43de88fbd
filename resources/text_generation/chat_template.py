"""One way from chat turns to the text a model reads, for training and inference alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def render_prompt(tokenizer: Any, turns: Sequence[tuple[str, str]]) -> str:
    """Render turns with the tokenizer's chat template, up to where the assistant begins to answer.

    A model without a template gets plain ``role: content`` paragraphs. The text already holds every special token the
    template wants: tokenize it with ``add_special_tokens=False``.

    Args:
        tokenizer: A transformers tokenizer.
        turns: ``(role, content)`` pairs.
    """
    if getattr(tokenizer, "chat_template", None):
        messages = [{"role": role, "content": content} for role, content in turns]
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    return "".join(f"{role}: {content}\n\n" for role, content in turns) + "assistant:\n"
