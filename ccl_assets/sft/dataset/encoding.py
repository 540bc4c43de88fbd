"""A prompt and its completion as token ids, with the boundary between them.

Prompt and completion are tokenized apart: at inference the model continues from the prompt's own tokens, so training on
tokens merged across the boundary would teach it a context it never meets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

IGNORED_LABEL = -100  # what the loss skips, by convention of torch and transformers

Render: TypeAlias = Callable[[Any, Sequence[tuple[str, str]]], str]


class ChatTokenizer(Protocol):
    """The little that is needed of a transformers tokenizer."""

    eos_token_id: int | None

    def __call__(self, text: list[str], *, add_special_tokens: bool, verbose: bool) -> Mapping[str, Any]:
        """``input_ids`` of several texts."""
        ...

    def decode(self, token_ids: list[int]) -> str:
        """The text of token ids."""
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


def encode_examples(
    tokenizer: ChatTokenizer, render: Render, examples: Sequence[tuple[str, str]]
) -> list[EncodedExample]:
    """Encode prompts and completions; the end token is appended and is part of what is learned.

    Several at once are twice as fast as one by one, a hundred as fast as any number.

    Args:
        tokenizer: The base model's tokenizer.
        render: ``chat_template.render_prompt``, the function inference renders with.
        examples: ``(prompt, completion)``.

    Raises:
        ValueError: The tokenizer has no end token, or a completion is empty.
    """
    if tokenizer.eos_token_id is None:
        raise ValueError(
            "the tokenizer has no end-of-text token: set `eos_token` in the base model's tokenizer_config.json"
        )
    if not examples:
        return []
    # the rendered template already holds the model's special tokens as text
    texts = [render(tokenizer, [("user", prompt)]) for prompt, _ in examples]
    texts += [completion for _, completion in examples]
    ids = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
    prompts, completions = ids[: len(examples)], ids[len(examples) :]
    if not all(completions):
        raise ValueError("a completion is empty: there is nothing to learn from it")
    end = tokenizer.eos_token_id
    return [
        EncodedExample([*prompt, *completion, end], len(prompt))
        for prompt, completion in zip(prompts, completions, strict=True)
    ]


def encode_example(tokenizer: ChatTokenizer, render: Render, prompt: str, completion: str) -> EncodedExample:
    """Encode one example; see :func:`encode_examples`."""
    return encode_examples(tokenizer, render, [(prompt, completion)])[0]


@dataclass(frozen=True)
class TokenCounter:
    """Counts tokens as training and inference have them.

    Attributes:
        tokenizer: The base model's tokenizer.
        render: ``chat_template.render_prompt``.
        window: Tokens of prompt and completion together, end token included.
    """

    tokenizer: ChatTokenizer
    render: Render
    window: int

    def count(self, examples: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
        """Tokens of each prompt, template included, and of each completion, end token included."""
        encoded = encode_examples(self.tokenizer, self.render, examples)
        return [(example.prompt_length, example.completion_length) for example in encoded]

    def fits(self, prompt: str, completion: str) -> bool:
        """Tell whether the window holds both."""
        return sum(self.count([(prompt, completion)])[0]) <= self.window


def masked_markdown(counter: TokenCounter, prompt: str, completion: str) -> str:
    """One example as the model reads it, decoded from its token ids: what the loss skips, then what it covers."""
    encoded = encode_example(counter.tokenizer, counter.render, prompt, completion)
    skipped, covered = encoded.input_ids[: encoded.prompt_length], encoded.input_ids[encoded.prompt_length :]
    return "\n".join(
        f"**{name}** ({len(ids)} tokens)\n````text\n{counter.tokenizer.decode(ids)}\n````"
        for name, ids in (("Masked: read, no loss", skipped), ("Learned: loss on every token", covered))
    )
