"""Decoding one batch, row by row bounded: every prompt has its own limit, and rows that are done leave the batch.

transformers' ``generate`` has one limit for all rows and computes finished rows to the end; notes differ in how many codes they
have, so both would cost much of a batch. What all prompts of a batch begin with (instructions, examples, a note) is read once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ccl_assets.resources.text_generation.in_process.answer_guide import AnswerGuide
from ccl_assets.resources.text_generation.in_process.grouped_attention import preallocated_cache, sees_all

_LEAVE_SHARE = 0.25  # leaving copies the cache, so rows leave together
_LEAST_SHARED = 32  # tokens; fewer are not worth a pass of their own


@dataclass
class Row:
    """One prompt being answered.

    Attributes:
        prompt: Token ids.
        max_tokens: Longest answer.
        temperature: 0 is greedy. Sampling is seeded by prompt and sample number: a repeated run gives the same answer.
        stop: Texts that end the answer.
        sample: Number of the sample.
        guide: Holds the answer to a grammar.
        wants_probabilities: Note how probable each token was.
        tokens: The answer so far, without an end token.
        log_probabilities: Of each token, if they are wanted: the model's own, whatever temperature or grammar made of them. A token
            that the grammar forces has one, too.
        text: The answer, once it ended.
        finish_reason: ``stop`` or ``length``, once it ended.
    """

    prompt: Sequence[int]
    max_tokens: int
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    sample: int = 0
    guide: AnswerGuide | None = None
    wants_probabilities: bool = False
    tokens: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    text: str = ""
    finish_reason: str | None = None


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Token ids that end an answer, by the model's generation settings or its tokenizer."""
    declared = model.generation_config.eos_token_id
    declared = declared if isinstance(declared, Iterable) else [declared]
    return frozenset(token for token in (*declared, tokenizer.eos_token_id) if token is not None)


def decode_batch(model: Any, tokenizer: Any, rows: Sequence[Row], prefill_tokens: int) -> None:
    """Answer every row, in place.

    Args:
        model: A causal language model.
        tokenizer: Its tokenizer.
        rows: At least one; prompts are not empty.
        prefill_tokens: Padded prompt tokens read at once, which bounds memory; the time is the same.
    """
    import torch

    ends = end_tokens(model, tokenizer)
    width = max(len(row.prompt) for row in rows)
    capacity = width + max(row.max_tokens for row in rows)
    cache = preallocated_cache(model.config, capacity)
    shared = shared_prefix_length([row.prompt for row in rows]) if sees_all(cache) else 0
    # padding stands left of what differs, so that all answers begin in the same column; its token is masked, any will do
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.ones(len(rows), capacity, dtype=torch.long)
    for index, row in enumerate(rows):
        differs = width - len(row.prompt) + shared
        ids[index, :shared] = torch.tensor(row.prompt[:shared])
        ids[index, differs:] = torch.tensor(row.prompt[shared:])
        mask[index, shared:differs] = 0
    ids, mask = ids.to(model.device), mask.to(model.device)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    generators = [_generator(row) for row in rows]
    present = list(range(len(rows)))

    def step(tokens: Any, begin: int, end: int) -> Any:
        return model(
            input_ids=tokens,
            attention_mask=mask[: len(tokens), :end],
            position_ids=positions[: len(tokens), begin:end],
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]

    with torch.inference_mode():
        for begin in range(0, shared, prefill_tokens):
            end = min(shared, begin + prefill_tokens)
            step(ids[:1, begin:end], begin, end)
        if shared:
            cache.batch_select_indices(torch.zeros(len(rows), dtype=torch.long, device=model.device))
        columns = max(1, prefill_tokens // len(rows))
        for begin in range(shared, width, columns):
            end = min(width, begin + columns)
            logits = step(ids[:, begin:end], begin, end)
        for column in range(width, capacity + 1):
            chosen = _choose(logits, [rows[index] for index in present], [generators[index] for index in present])
            _note_probabilities(logits, [rows[index] for index in present], chosen, ends)
            for index, token in zip(present, chosen, strict=True):
                _take(rows[index], token, ends, tokenizer)
            going = [place for place, index in enumerate(present) if rows[index].finish_reason is None]
            if not going:
                return
            if len(going) <= (1 - _LEAVE_SHARE) * len(present):
                kept = torch.tensor(going, device=model.device)
                cache.batch_select_indices(kept)
                mask, positions = mask[kept], positions[kept]
                present, chosen = [present[place] for place in going], [chosen[place] for place in going]
            logits = step(torch.tensor(chosen, device=model.device).unsqueeze(1), column, column + 1)


def shared_prefix_length(prompts: Sequence[Sequence[int]]) -> int:
    """Tokens that all prompts begin with, 0 where it does not pay; every prompt keeps a token of its own."""
    if len(prompts) < 2:
        return 0
    first, *_, last = sorted(list(prompt) for prompt in prompts)  # in lexical order: what these two share, all share
    most = min(map(len, prompts)) - 1
    shared = next((place for place in range(most) if first[place] != last[place]), most)
    return shared if shared >= _LEAST_SHARED else 0


def _choose(logits: Any, rows: Sequence[Row], generators: Sequence[Any]) -> list[int]:
    chosen: list[int] = logits.argmax(dim=-1).tolist()
    for place, row in enumerate(rows):
        if row.finish_reason is not None:
            continue
        if row.guide is not None:
            chosen[place] = _choose_within(row.guide, logits[place], row.temperature, generators[place])
        elif row.temperature > 0:
            chosen[place] = _choose_one(logits[place], row.temperature, generators[place])
    return chosen


def _choose_within(guide: AnswerGuide, logits: Any, temperature: float, generator: Any) -> int:
    """The best, or a sampled, token of those that keep to the grammar."""
    while (allowed := guide.allowed()) is None:
        # nearly all tokens may come before the list: finding those that may not takes longer than trying again
        token = _choose_one(logits, temperature, generator)
        if guide.accepts(token):
            return token
        if token in guide.ends:
            guide.begin_list()
        logits = logits.clone()
        logits[token] = float("-inf")
    return allowed[_choose_one(logits[allowed], temperature, generator)] if len(allowed) > 1 else allowed[0]


def _choose_one(logits: Any, temperature: float, generator: Any) -> int:
    import torch

    if temperature <= 0:
        return int(logits.argmax())
    probabilities = torch.softmax(logits.float().cpu() / temperature, dim=-1)
    return int(torch.multinomial(probabilities, 1, generator=generator))


def _note_probabilities(logits: Any, rows: Sequence[Row], chosen: Sequence[int], ends: frozenset[int]) -> None:
    places = [
        place
        for place, row in enumerate(rows)
        if row.wants_probabilities and row.finish_reason is None and chosen[place] not in ends
    ]
    if not places:
        return
    import torch

    asked = logits[places].float()
    tokens = torch.tensor([chosen[place] for place in places], device=asked.device).unsqueeze(1)
    noted = asked.gather(1, tokens).squeeze(1) - asked.logsumexp(dim=1)
    for place, log_probability in zip(places, noted.tolist(), strict=True):
        rows[place].log_probabilities.append(min(log_probability, 0.0))


def _take(row: Row, token: int, ends: frozenset[int], tokenizer: Any) -> None:
    """Add a token to a row's answer, or end the answer."""
    if row.finish_reason is not None:
        return
    if token in ends:
        _finish(row, "stop", tokenizer)
        return
    row.tokens.append(token)
    if row.guide is not None:
        row.guide.take(token)
    if row.stop:
        # a stop text of n characters spans at most 4n byte tokens and lies in the last ones
        tail = row.tokens[-4 * max(map(len, row.stop)) :]
        if any(stop in tokenizer.decode(tail, skip_special_tokens=True) for stop in row.stop):
            _finish(row, "stop", tokenizer)
            return
    if len(row.tokens) >= row.max_tokens:
        _finish(row, "length", tokenizer)


def _finish(row: Row, reason: str, tokenizer: Any) -> None:
    text = tokenizer.decode(row.tokens, skip_special_tokens=True)
    row.text = text[: min((text.index(stop) for stop in row.stop if stop in text), default=len(text))]
    row.finish_reason = reason


def _generator(row: Row) -> Any:
    import torch

    if row.temperature <= 0:
        return None
    numbers = [*row.prompt, f"sample {row.sample}"] if row.sample else row.prompt
    seed = hashlib.sha256(",".join(map(str, numbers)).encode()).digest()[:7]
    return torch.Generator().manual_seed(int.from_bytes(seed, "big"))
