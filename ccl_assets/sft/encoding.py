"""A prompt and its completion as token ids, with the boundary between them.

Prompt and completion are tokenized apart: at inference the model continues from the prompt's own tokens, so training on
tokens merged across the boundary would teach it a context it never meets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

IGNORED_LABEL = -100  # what the loss skips, by convention of torch and transformers


class ChatTokenizer(Protocol):
    """The little that is needed of a transformers tokenizer."""

    eos_token_id: int | None

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """Token ids of a text."""
        ...


@dataclass(frozen=True)
class EncodedExample:
    """Token ids of prompt, completion and end token."""

    input_ids: list[int]
    prompt_length: int

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.input_ids)

    @property
    def completion_length(self) -> int:
        """Tokens the loss covers: the completion and the end token."""
        return len(self.input_ids) - self.prompt_length

    @property
    def labels(self) -> list[int]:
        """Targets: the prompt is masked, the completion and the end token are not."""
        return [IGNORED_LABEL] * self.prompt_length + self.input_ids[self.prompt_length :]


def encode_example(
    tokenizer: ChatTokenizer,
    render: Callable[[Any, Sequence[tuple[str, str]]], str],
    prompt: str,
    completion: str,
) -> EncodedExample:
    """Encode one example; the end token is appended and is part of what is learned.

    Raises:
        ValueError: The tokenizer has no end token, or the completion is empty.
    """
    if tokenizer.eos_token_id is None:
        raise ValueError(
            "the tokenizer has no end-of-text token: set `eos_token` in the base model's tokenizer_config.json"
        )
    # the rendered template already holds the model's special tokens as text
    prompt_ids = tokenizer.encode(render(tokenizer, [("user", prompt)]), add_special_tokens=False)
    completion_ids = tokenizer.encode(completion, add_special_tokens=False)
    if not completion_ids:
        raise ValueError("a completion is empty: there is nothing to learn from it")
    return EncodedExample([*prompt_ids, *completion_ids, tokenizer.eos_token_id], len(prompt_ids))
