"""The examples of an exported file as token ids, all of them whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccl_assets.sft.dataset.encoding import EncodedExample, encode_examples
from ccl_assets.sft.dataset.jsonl_export import read_jsonl

_ENCODED_TOGETHER = 1000


class ExampleTooLongError(ValueError):
    """Examples do not fit; they must be left out when the dataset is built, never cut here."""


@dataclass(frozen=True)
class EncodedFile:
    """Encoded examples of one file, in its order."""

    ids: tuple[str, ...]
    examples: tuple[EncodedExample, ...]
    restricted_count: int = 0

    @property
    def lengths(self) -> list[int]:
        """Tokens of each example."""
        return [example.length for example in self.examples]


def encode_file(tokenizer: Any, path: Path, limit: int) -> EncodedFile:
    """Encode every example of an exported file.

    Raises:
        ExampleTooLongError: Examples have more than ``limit`` tokens; their ids are named.
    """
    from ccl_assets.resources.text_generation.chat_template import render_prompt

    rows = read_jsonl(path)
    if not rows:
        raise ValueError(f"{path} holds no example; build the dataset again")
    texts = [(row["prompt"], row["completion"]) for row in rows]
    encoded: list[EncodedExample] = []
    for start in range(0, len(texts), _ENCODED_TOGETHER):
        encoded += encode_examples(tokenizer, render_prompt, texts[start : start + _ENCODED_TOGETHER])
    too_long = [row["example_id"] for row, example in zip(rows, encoded, strict=True) if example.length > limit]
    if too_long:
        raise ExampleTooLongError(
            f"{path}: {len(too_long)} of {len(rows)} examples have more than {limit} tokens, first {too_long[:5]}; "
            "leave them out when the dataset is built, or raise max_length up to the model's window"
        )
    restricted_count = sum(bool(row.get("is_restricted")) for row in rows)
    return EncodedFile(tuple(row["example_id"] for row in rows), tuple(encoded), restricted_count)
