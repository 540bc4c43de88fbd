"""Training of the static encoder: terms of one code come close, those of other codes and of its siblings go away."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ccl_assets.linking.static_encoder import Floats, StaticEncoder

_BATCH = 512
_WARMTH = 0.05
_SMOOTHED = 20


@dataclass(frozen=True)
class TermOfCode:
    """A way to say a code.

    Attributes:
        text: The words.
        code: The code.
        tier: Tier of the term.
    """

    text: str = field(repr=False)
    code: str
    tier: str


@dataclass(frozen=True)
class Recipe:
    """Length and pace of training.

    Attributes:
        epochs: Times that each term is seen.
        rate: Learning rate at the start; it falls to nothing.
        seed: Seed of everything by chance.
        threads: Threads of torch; ``None``: as it is set.
    """

    epochs: int = 4
    rate: float = 5e-3
    seed: int = 0
    threads: int | None = None


@dataclass(frozen=True)
class Learned:
    """A trained encoder and its curve: steps and losses."""

    encoder: StaticEncoder
    curve: tuple[tuple[int, float], ...]


def train_encoder(
    start: StaticEncoder,
    terms: Sequence[TermOfCode],
    titles: Mapping[str, str],
    recipe: Recipe,
    say: Callable[[str], None] | None = None,
) -> Learned:
    """Train an encoder.

    A term is paired with another term of its code, mostly the title. All other partners of the batch, and a sibling of each code,
    are what it must not be near to; partners of the same code do not count.

    Args:
        start: The encoder to start from; it is not changed.
        terms: Terms of codes.
        titles: Title of each code.
        recipe: How long and how fast.
        say: Takes a line per epoch.
    """
    import torch

    threads_before = torch.get_num_threads()
    if recipe.threads is not None:
        torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    chance = np.random.default_rng(recipe.seed)
    numbers = {code: number for number, code in enumerate(sorted(titles))}
    kept = [term for term in terms if term.code in numbers and start.parts_of_text(term.text)]
    bags = _Bags(start, [*(titles[code] for code in sorted(titles)), *(term.text for term in kept)])
    code_of = np.array([numbers[term.code] for term in kept], np.int64)
    partners = _partners(code_of, len(numbers))
    siblings = _siblings(sorted(titles))
    table = torch.nn.EmbeddingBag.from_pretrained(
        torch.from_numpy(start.table.copy()), freeze=False, mode="sum", sparse=True
    )
    optimizer = torch.optim.SparseAdam(list(table.parameters()), lr=recipe.rate)
    steps = recipe.epochs * math.ceil(len(kept) / _BATCH)
    curve: list[tuple[int, float]] = []
    step, smooth = 0, 0.0
    for epoch in range(recipe.epochs):
        order = chance.permutation(len(kept))
        for begin in range(0, len(order), _BATCH):
            chosen = order[begin : begin + _BATCH]
            codes = code_of[chosen]
            positive = _choose(partners, codes, chosen + len(numbers), chance)
            hard = np.array([chance.choice(siblings[code]) for code in codes])
            loss = _loss(table, bags, chosen + len(numbers), positive, hard, codes, numbers)
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate * (1 - step / steps)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            smooth += (float(loss.detach()) - smooth) / min(step, _SMOOTHED)
            if step % _SMOOTHED == 0 or step == steps:
                curve.append((step, round(smooth, 4)))
        if say:
            say(f"epoch {epoch + 1} of {recipe.epochs}: loss {smooth:.3f}")
    torch.set_num_threads(threads_before)
    # half precision, as it is stored: an encoder read back gives the same vectors
    learned = table.weight.detach().numpy().astype(np.float16).astype(np.float32)
    return Learned(StaticEncoder(start.pieces, learned, start.buckets), tuple(curve))


class _Bags:
    """Rows of many texts, to be summed a batch at a time."""

    def __init__(self, encoder: StaticEncoder, texts: Sequence[str]) -> None:
        rows = [encoder.parts_of_text(text) for text in texts]
        self._lengths = np.array([len(row) for row in rows], np.int64)
        self._begins = np.concatenate(([0], np.cumsum(self._lengths)[:-1]))
        self._rows = np.array([part for row in rows for part in row], np.int64)

    def of(self, chosen: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of some texts one after the other, and where each begins."""
        lengths = self._lengths[chosen]
        offsets = np.concatenate(([0], np.cumsum(lengths)[:-1]))
        within = np.arange(lengths.sum()) - np.repeat(offsets, lengths)
        return self._rows[np.repeat(self._begins[chosen], lengths) + within], offsets


def _loss(
    table: Any, bags: _Bags, anchors: NDArray[np.int64], positive: NDArray[np.int64], hard: NDArray[np.int64],
    codes: NDArray[np.int64], numbers: dict[str, int],
) -> Any:  # fmt: skip
    import torch

    def vectors(chosen: NDArray[np.int64]) -> Any:
        rows, offsets = bags.of(chosen)
        summed = table(torch.from_numpy(rows), torch.from_numpy(offsets))
        return torch.nn.functional.normalize(summed, dim=1)

    others = vectors(np.concatenate((positive, hard)))
    scores = vectors(anchors) @ others.T / _WARMTH
    of_other = np.concatenate((codes, hard))
    same = of_other[None, :] == codes[:, None]
    same[np.arange(len(codes)), np.arange(len(codes))] = False
    scores = scores.masked_fill(torch.from_numpy(same), -1e4)
    target = torch.arange(len(codes))
    back = scores[:, : len(codes)].T
    return (torch.nn.functional.cross_entropy(scores, target) + torch.nn.functional.cross_entropy(back, target)) / 2


def _partners(code_of: NDArray[np.int64], count: int) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(count)]
    for place, code in enumerate(code_of):
        found[code].append(place + count)
    return found


def _choose(
    partners: list[list[int]], codes: NDArray[np.int64], anchors: NDArray[np.int64], chance: np.random.Generator
) -> NDArray[np.int64]:
    """A partner of each anchor: the title, or one time in three another term of the code."""
    found = codes.copy()
    for place in np.nonzero(chance.random(len(codes)) < 1 / 3)[0]:
        other = partners[codes[place]][chance.integers(len(partners[codes[place]]))]
        if other != anchors[place]:
            found[place] = other
    return found


def _siblings(codes: Sequence[str]) -> list[list[int]]:
    """Codes of the same family, or where there is none of the same category or letter, by number."""
    groups: dict[str, list[int]] = defaultdict(list)
    for number, code in enumerate(codes):
        for length in {len(code) - 1, 5, 3, 1}:
            groups[code[:length]].append(number)
    found = []
    for number, code in enumerate(codes):
        for length in sorted({len(code) - 1, 5, 3, 1}, reverse=True):
            others = [other for other in groups[code[:length]] if other != number]
            if others:
                break
        else:
            others = [number]
        found.append(others[:50])
    return found


def packaged_start() -> tuple[list[str], Floats]:
    """Word pieces of the packaged sentence encoder and their vectors."""
    from safetensors.numpy import load_file

    from ccl_assets.resources.embedding.embedder import packaged_encoder_directory

    folder = packaged_encoder_directory()
    pieces = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    stored = load_file(folder / "model.safetensors")
    (name,) = (name for name in stored if name.endswith("word_embeddings.weight"))
    return pieces, np.asarray(stored[name], np.float32)
