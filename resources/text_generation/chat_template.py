"""One way from chat turns to the tokens a model reads, for training and inference alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


def render_prompt(tokenizer: Any, turns: Sequence[tuple[str, str]]) -> str:
    """Render turns with the tokenizer's chat template, up to where the assistant begins to answer.

    A model without a template gets plain ``role: content`` paragraphs. The text already holds every special token the model
    wants: tokenize it with ``add_special_tokens=False``. Special tokens spelled out in a content are broken up by a space, so
    that a note cannot end its turn and open another.

    Some templates add a system turn of their own when none is given (SmolLM2's does); as training and inference both come
    through here, they agree on it.

    Args:
        tokenizer: A transformers tokenizer.
        turns: ``(role, content)`` pairs.
    """
    special = tuple(_special_tokens(tokenizer))
    turns = [(role, _without_special_tokens(content, special)) for role, content in turns]
    if getattr(tokenizer, "chat_template", None):
        messages = [{"role": role, "content": content} for role, content in turns]
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    return _begin_token(tokenizer) + "".join(f"{role}: {content}\n\n" for role, content in turns) + "assistant:\n"


def encode_prompt(tokenizer: Any, turns: Sequence[tuple[str, str]]) -> list[int]:
    """Token ids of the rendered turns."""
    return list(tokenizer.encode(render_prompt(tokenizer, turns), add_special_tokens=False))


def _special_tokens(tokenizer: Any) -> Iterator[str]:
    yield from getattr(tokenizer, "all_special_tokens", ())
    # control tokens of other roles (tools, files) are not among `all_special_tokens`
    for token in getattr(tokenizer, "added_tokens_decoder", {}).values():
        if token.special:
            yield token.content


def _without_special_tokens(content: str, special: Sequence[str]) -> str:
    for token in special:
        if len(token) > 1 and token in content:
            content = content.replace(token, f"{token[0]} {token[1:]}")
    return content


def _begin_token(tokenizer: Any) -> str:
    """The token a model without a template expects in front, where its tokenizer would add one."""
    begin = getattr(tokenizer, "bos_token", None)
    if begin and list(tokenizer.encode("a", add_special_tokens=True))[:1] == [tokenizer.bos_token_id]:
        return str(begin)
    return ""
