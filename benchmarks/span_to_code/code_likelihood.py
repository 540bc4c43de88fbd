"""How likely a model finds each of several codes for a phrase; what prompts and answers have in common is read once.

Two readings: the code alone, which a model writes first and so decides by, and the whole line with its title, of which much can be
copied from the phrase.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ccl_assets.answers.coding_format import render_coding
from ccl_assets.resources.text_generation.chat_template import render_prompt
from ccl_assets.resources.text_generation.requests import in_groups
from ccl_assets.sft.dataset.building import SPAN_PROMPT
from ccl_assets.sft.dataset.encoding import EncodedExample, encode_examples
from ccl_assets.sft.dataset.examples import user_turn

_ROWS_AT_ONCE = 32


@dataclass(frozen=True)
class AnswerLikelihood:
    """Log-likelihood of one answer in nats.

    Attributes:
        code: Up to the dash behind the code: with that, no code is the beginning of another.
        line: The whole answer, title and end token included.
        token_count: Tokens of that.
    """

    code: float
    line: float
    token_count: int


def span_prompt(phrase: str) -> str:
    """The user turn that span training shows."""
    return user_turn(SPAN_PROMPT, evidence=" ".join(phrase.split()))


class CodeLikelihood:
    """Scores codes under one model; reads of a prompt only what the prompt before did not begin with."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        """Use a causal language model in evaluation mode and its tokenizer."""
        self._model = model
        self._tokenizer = tokenizer
        self._read: list[int] = []
        self._cache: Any = None
        self.token_count = 0

    def score(self, phrase: str, codes: Sequence[tuple[str, str]]) -> list[AnswerLikelihood]:
        """Score ``(code, title)`` candidates, rendered and encoded as for training."""
        import torch

        answers = self._encode(span_prompt(phrase), codes)
        (first, _), begin = answers[0], answers[0][0].prompt_length
        tokens = [answer.input_ids for answer, _ in answers]
        common = min(_common_length(tokens), *(len(ids) - 1 for ids in tokens))
        found = []
        with torch.inference_mode():
            logits, offset = self._read_on(first.input_ids[:common], begin - 1)
            opening = _log_likelihoods(logits[begin - 1 - offset : -1], first.input_ids[begin:common])
            for some in in_groups(answers, _ROWS_AT_ONCE):
                rows = [answer.input_ids[common:] for answer, _ in some]
                for (_, end), row, following in zip(some, rows, self._read_rows(rows), strict=True):
                    values = [*opening, *_log_likelihoods(logits[-1:], row[:1])]
                    values += _log_likelihoods(following[: len(row) - 1], row[1:])
                    found.append(AnswerLikelihood(sum(values[: end - begin]), sum(values), len(values)))
        return found

    def _encode(self, prompt: str, codes: Sequence[tuple[str, str]]) -> list[tuple[EncodedExample, int]]:
        """The encoded answers, and where in each the dash behind the code ends."""
        answers = [render_coding([(None, code, title)]) for code, title in codes]
        # titles may hold dashes, what stands before the first one does not
        heads = [answer[: answer.index(" – ") + 2] for answer in answers]
        encoded = encode_examples(self._tokenizer, render_prompt, [(prompt, text) for text in (*answers, *heads)])
        found = []
        for whole, head in zip(encoded, encoded[len(codes) :], strict=False):
            found.append((whole, _common_length([whole.input_ids, head.input_ids[:-1]])))
        return found

    def _read_on(self, ids: list[int], most_kept: int) -> tuple[Any, int]:
        """Logits of the tokens behind what is read already, and how many that are."""
        import torch

        kept = min(_common_length([ids, self._read]), most_kept)
        if self._cache is not None:
            _cut(self._cache, kept)
        read = self._model(
            torch.tensor([ids[kept:]], device=self._model.device), past_key_values=self._cache, use_cache=True
        )
        self._read, self._cache = ids, read.past_key_values
        self.token_count += len(ids) - kept
        return read.logits[0], kept

    def _read_rows(self, rows: Sequence[list[int]]) -> Any:
        import torch

        cache = copy.deepcopy(self._cache)
        cache.batch_repeat_interleave(len(rows))
        width = max(map(len, rows))
        # padding stands behind, where nothing that is scored can see it
        ids = torch.tensor([row + [0] * (width - len(row)) for row in rows], device=self._model.device)
        self.token_count += sum(map(len, rows))
        return self._model(ids, past_key_values=cache, use_cache=True).logits


def _cut(cache: Any, length: int) -> None:
    if superfluous := cache.get_seq_length() - length:
        cache.crop(-superfluous)


def _log_likelihoods(logits: Any, targets: Sequence[int]) -> list[float]:
    import torch

    if not targets:
        return []
    wanted = torch.tensor(targets, device=logits.device).unsqueeze(1)
    values: list[float] = torch.log_softmax(logits.float(), dim=-1).gather(1, wanted).squeeze(1).tolist()
    return values


def _common_length(rows: Sequence[Sequence[int]]) -> int:
    length = 0
    for tokens in zip(*rows, strict=False):
        if len(set(tokens)) > 1:
            break
        length += 1
    return length
