"""Encoders by language: their training data, their start, and their recall on terms held out whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ccl_assets.linking.encoder_recall import Recall, found_at, recall_by_group, split_terms
from ccl_assets.linking.encoder_training import Recipe, TermOfCode, train_encoder
from ccl_assets.linking.static_encoder import Floats, StaticEncoder
from ccl_assets.linking.stems import Stems
from ccl_assets.linking.terms import HUMAN, tier_of

WIDTH = 256
TITLE = "title"
# Spanish has no terms but spans, and the word pieces to start from are English: letter sequences help there, and cost little.
BUCKETS = {"en": 0, "es": 1 << 16}
RECIPES = {"en": Recipe(epochs=4, threads=1), "es": Recipe(epochs=8, threads=1)}


@dataclass(frozen=True)
class TrainedEncoder:
    """An encoder and how it did.

    Attributes:
        encoder: The encoder.
        curve: Steps and losses.
        before: Recall of the untrained start, by group.
        after: Recall of the encoder, by group.
        terms: Terms that it was trained on.
    """

    encoder: StaticEncoder
    curve: tuple[tuple[int, float], ...]
    before: Mapping[str, Recall]
    after: Mapping[str, Recall]
    terms: int


def pair_terms(pairs: Iterable[Mapping[str, str]]) -> list[TermOfCode]:
    """Terms of the knowledge base that may be trained on, titles aside.

    Args:
        pairs: Rows of ``knowledge_base/pairs``.
    """
    found = [
        TermOfCode(row["evidence"], row["code"], tier_of(row["tier"], row["source"], row.get("modifier")))
        for row in pairs
        if row["is_trainable"]
    ]
    return [term for term in found if term.tier != TITLE]


def span_terms(spans: Iterable[tuple[str, str]]) -> list[TermOfCode]:
    """Terms of human spans.

    Args:
        spans: Code and words.
    """
    return [TermOfCode(text, code, HUMAN) for code, text in spans]


def start_of(pieces: Sequence[str], table: Floats, width: int, buckets: int, seed: int = 0) -> StaticEncoder:
    """An encoder to start from: the principal directions of a table of word pieces, and small vectors by chance for buckets.

    Args:
        pieces: Word pieces.
        table: Their vectors.
        width: Numbers that a vector keeps; at most those of the table.
        buckets: Buckets of hashed letter sequences.
        seed: Seed of chance.
    """
    centred = table - table.mean(0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    largest = directions[:, ::-1][:, :width]
    signs = np.sign(largest[np.abs(largest).argmax(0), np.arange(largest.shape[1])])
    kept = np.asarray(centred @ (largest * signs), np.float32)
    chance = np.random.default_rng(seed).normal(0, 0.01, (buckets, kept.shape[1])).astype(np.float32)
    return StaticEncoder(pieces, np.concatenate((kept, chance)), buckets)


def train_language(
    language: str, start: StaticEncoder, terms: Iterable[TermOfCode], titles: Mapping[str, str],
    recipe: Recipe | None = None, say: Callable[[str], None] | None = None,
) -> TrainedEncoder:  # fmt: skip
    """Train the encoder of a language and look up terms that were held out.

    Args:
        language: ``en`` or ``es``.
        start: The encoder to start from.
        terms: Terms of codes.
        titles: Title of each code.
        recipe: How long and how fast; ``None``: that of the language.
        say: Takes a line per epoch.
    """
    stems = Stems(language)
    distinct = list({(term.text, term.code): term for term in terms if term.code in titles}.values())
    kept, held = split_terms(distinct, titles, stems)
    learned = train_encoder(start, kept, titles, recipe or RECIPES[language], say)
    known = [*(TermOfCode(title, code, TITLE) for code, title in titles.items()), *kept]
    before, after = (recall_by_group(held, found_at(encoder, known, held)) for encoder in (start, learned.encoder))
    return TrainedEncoder(learned.encoder, learned.curve, before, after, len(kept))


def encoder_card(trained: Mapping[str, TrainedEncoder]) -> str:
    """The card in Markdown."""
    lines = [
        "# Static encoder",
        "",
        "A text is the mean of the vectors of its word pieces, started from the word table of all-MiniLM-L6-v2 (Apache-2.0) and",
        "trained so that terms of one code are near to each other. It learned from words of training notes: where these are",
        "restricted, so is it.",
    ]
    for language, one in trained.items():
        lines += [
            "", f"## {language}", "", f"{one.terms} training terms, {one.encoder.width} numbers a vector.", "",
            "| held-out terms | count | first, untrained | first | among ten, untrained | among ten |", "|---|---|---|---|---|---|",
        ]  # fmt: skip
        for group, after in one.after.items():
            before = one.before[group]
            lines.append(
                f"| {group} | {after.terms} | {before.first:.1%} | {after.first:.1%} | {before.ten:.1%} | {after.ten:.1%} |"
            )
    return "\n".join(lines) + "\n"
