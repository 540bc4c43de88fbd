"""Training examples from notes and knowledge-base pairs.

A document example teaches a note's evidence and codes, a span example the code of one phrase. Nothing is ever cut: what
cannot be an example is left out and reported with its reason.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import pyarrow as pa

from ccl_assets.coding.output_format import render_coding
from ccl_assets.prompts import load_prompt
from ccl_assets.sft.encoding import ChatTokenizer, encode_example
from ccl_assets.sft.recipes import Recipe
from ccl_assets.sft.span_sampling import sample_pairs

Rows: TypeAlias = pa.Table | Iterable[Mapping[str, Any]]
TRAINING_SPLITS = ("train", "val")
SPAN_PROMPT = "span_coding"


@dataclass(frozen=True)
class Example:
    """One row of the ``sft/dataset`` table, the recipe column aside; token counts are 0 until counted."""

    example_id: str
    split: str
    kind: str
    tier: str
    prompt: str
    completion: str
    codes: tuple[str, ...]
    document_id: str | None = None
    pair_id: str | None = None
    prompt_token_count: int = 0
    completion_token_count: int = 0
    is_restricted: bool = False


@dataclass(frozen=True)
class LeftOut:
    """Something that did not become (part of) an example, and why."""

    reason: str
    subject_id: str


@dataclass(frozen=True)
class ExampleSet:
    """Examples with the account of what was left out."""

    examples: tuple[Example, ...]
    left_out: tuple[LeftOut, ...] = ()

    def __add__(self, other: ExampleSet) -> ExampleSet:
        """Both sets, in order."""
        return ExampleSet(self.examples + other.examples, self.left_out + other.left_out)

    @property
    def left_out_counts(self) -> dict[str, int]:
        """How many things were left out, by reason."""
        return dict(Counter(item.reason for item in self.left_out))

    def left_out_ids(self, reason: str) -> list[str]:
        """What was left out for ``reason``."""
        return [item.subject_id for item in self.left_out if item.reason == reason]

    def rows(self, recipe_name: str) -> list[dict[str, Any]]:
        """Rows of the ``sft/dataset`` contract."""
        return [{"recipe": recipe_name, **vars(example), "codes": list(example.codes)} for example in self.examples]


def document_examples(
    documents: Rows, labels: Rows, evidence: Rows, titles: Mapping[str, str], recipe: Recipe
) -> ExampleSet:
    """Notes of the training and validation splits as examples.

    With the ``evidence`` format a code appears once, with its first span; lines follow the note. With ``code_only`` the
    order is that of the labels. Chart-level labels count for the chart's only note, or for its only discharge summary.

    Args:
        documents: Rows of ``corpus/documents``; test and unannotated notes are skipped.
        labels: Rows of ``corpus/labels``.
        evidence: Rows of ``corpus/evidence``.
        titles: Title of every code of the release.
        recipe: Format, limits and seed.

    Returns:
        Examples sorted by document. Left out: ``no_evidence`` / ``no_labels`` (nothing to learn), ``repeated`` (the
        same note again), ``document_limit``, ``code_not_in_release`` (subject ``document code``; the note stays).
    """
    notes = [row for row in _rows(documents) if row["split"] in TRAINING_SPLITS]
    notes.sort(key=_document_key)
    if recipe.document_format == "evidence":
        pairs_of, empty_reason = _evidence_pairs(_rows(evidence)), "no_evidence"
    else:
        pairs_of, empty_reason = _label_pairs(notes, _rows(labels)), "no_labels"
    prompt_name = recipe.prompt_name
    examples: list[Example] = []
    left_out: list[LeftOut] = []
    for note in notes:
        document_id = "/".join(_document_key(note))
        found = pairs_of.get(_document_key(note), [])
        known = [(span, code, titles[code]) for span, code in found if code in titles]
        left_out += [LeftOut("code_not_in_release", f"{document_id} {code}") for _, code in found if code not in titles]
        if not known:
            left_out.append(LeftOut(empty_reason, document_id))
            continue
        prompt, completion = _user_turn(prompt_name, note=note["text"]), render_coding(known)
        examples.append(
            Example(
                example_id=_example_id(recipe.name, "document", prompt, completion),
                split=note["split"],
                kind="document",
                tier="human",
                prompt=prompt,
                completion=completion,
                codes=tuple(code for _, code, _ in known),
                document_id=document_id,
                is_restricted=bool(note["is_restricted"]),
            )
        )
    kept, dropped = _limit_documents(_distinct(examples, left_out), recipe)
    return ExampleSet(tuple(kept), (*left_out, *(LeftOut("document_limit", str(e.document_id)) for e in dropped)))


def span_examples(
    pairs: Rows, titles: Mapping[str, str], recipe: Recipe, document_example_count: int | None = None
) -> ExampleSet:
    """Trainable knowledge-base pairs as examples, sampled under the recipe's limits (see ``span_sampling``).

    Args:
        pairs: Rows of ``knowledge_base/pairs``; only ``is_trainable`` rows of the recipe's tiers are used.
        titles: Title of every code of the release.
        recipe: Tiers, limits and seed.
        document_example_count: Document examples to train on; needed where the recipe limits spans per document.

    Returns:
        Examples in sampling order, all of the training split. Left out: ``code_not_in_release``, ``span_limit``,
        ``repeated``.
    """
    candidates: list[dict[str, Any]] = []
    left_out: list[LeftOut] = []
    for pair in _rows(pairs):
        if not pair["is_trainable"] or pair["tier"] not in recipe.spans.tiers:
            continue
        if pair["code"] in titles:
            candidates.append({key: pair[key] for key in ("pair_id", "code", "evidence", "tier")})
        else:
            left_out.append(LeftOut("code_not_in_release", pair["pair_id"]))
    chosen = sample_pairs(candidates, recipe.spans, recipe.seed, document_example_count)
    taken = {pair["pair_id"] for pair in chosen}
    left_out += [LeftOut("span_limit", pair["pair_id"]) for pair in candidates if pair["pair_id"] not in taken]
    examples = []
    for pair in chosen:
        prompt = _user_turn(SPAN_PROMPT, evidence=" ".join(pair["evidence"].split()))
        completion = render_coding([(None, pair["code"], titles[pair["code"]])])
        examples.append(
            Example(
                example_id=_example_id(recipe.name, "span", prompt, completion),
                split="train",
                kind="span",
                tier=pair["tier"],
                prompt=prompt,
                completion=completion,
                codes=(pair["code"],),
                pair_id=pair["pair_id"],
                is_restricted=pair["tier"] == "silver",  # may quote any note; the pair no longer says which
            )
        )
    return ExampleSet(tuple(_distinct(examples, left_out)), tuple(left_out))


def count_tokens(
    examples: ExampleSet,
    tokenizer: ChatTokenizer,
    render: Callable[[Any, Sequence[tuple[str, str]]], str],
    window: int | None = None,
) -> ExampleSet:
    """Fill in the token counts; leave out, whole, what does not fit.

    Args:
        examples: What to count.
        tokenizer: The base model's tokenizer.
        render: ``chat_template.render_prompt``, the function inference renders with.
        window: Tokens of prompt and completion together, end token included; ``None`` counts only.

    Returns:
        The examples that fit, counted; the others are left out as ``too_long`` by example id.
    """
    kept: list[Example] = []
    left_out: list[LeftOut] = []
    for example in examples.examples:
        encoded = encode_example(tokenizer, render, example.prompt, example.completion)
        if window is not None and encoded.length > window:
            left_out.append(LeftOut("too_long", example.example_id))
            continue
        counts = {"prompt_token_count": encoded.prompt_length, "completion_token_count": encoded.completion_length}
        kept.append(replace(example, **counts))  # type: ignore[arg-type]
    return ExampleSet(tuple(kept), (*examples.left_out, *left_out))


def _rows(rows: Rows) -> Iterator[Mapping[str, Any]]:
    if isinstance(rows, pa.Table):
        for batch in rows.to_batches():
            yield from batch.to_pylist()
    else:
        yield from rows


def _document_key(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["corpus"], row["document_id"]


def _evidence_pairs(evidence: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], list[tuple[str | None, str]]]:
    spans: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in evidence:
        if row["evidence_text"].strip():
            spans[_document_key(row)].append(row)
    pairs: dict[tuple[str, str], list[tuple[str | None, str]]] = {}
    for key, rows in spans.items():
        first: dict[str, str | None] = {}
        for row in sorted(rows, key=lambda row: (row["begin"], row["end"], row["code"])):
            first.setdefault(row["code"], row["evidence_text"])
        pairs[key] = [(span, code) for code, span in first.items()]
    return pairs


def _label_pairs(
    notes: Sequence[Mapping[str, Any]], labels: Iterable[Mapping[str, Any]]
) -> dict[tuple[str, str], list[tuple[str | None, str]]]:
    charts: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for note in notes:
        charts[note["corpus"], note["chart_id"]].append(note)
    chart_note: dict[tuple[str, str], tuple[str, str]] = {}
    for chart, members in charts.items():
        summaries = [note for note in members if note["category"] == "discharge_summary"]
        for choice in (members, summaries):
            if len(choice) == 1:
                chart_note[chart] = _document_key(choice[0])
                break
    codes: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for row in sorted(labels, key=lambda row: (row["position"], row["code"])):
        key: tuple[str, str] | None = (row["corpus"], row["document_id"])
        if row["document_id"] is None:
            key = chart_note.get((row["corpus"], row["chart_id"]))
        if key is not None:
            codes[key].setdefault(row["code"])
    return {key: [(None, code) for code in found] for key, found in codes.items()}


def _limit_documents(examples: Sequence[Example], recipe: Recipe) -> tuple[list[Example], list[Example]]:
    kept_ids: set[str] = set()
    limits = {"train": recipe.documents.max_train, "val": recipe.documents.max_validation}
    for split, limit in limits.items():
        ids = [example.example_id for example in examples if example.split == split]
        ids.sort(key=lambda example_id: hashlib.sha256(f"{recipe.seed}/{example_id}".encode()).digest())
        kept_ids.update(ids if limit is None else ids[:limit])
    return [e for e in examples if e.example_id in kept_ids], [e for e in examples if e.example_id not in kept_ids]


def _distinct(examples: Iterable[Example], left_out: list[LeftOut]) -> list[Example]:
    distinct: dict[str, Example] = {}
    for example in examples:
        if example.example_id in distinct:
            left_out.append(LeftOut("repeated", str(example.document_id or example.pair_id)))
        distinct.setdefault(example.example_id, example)
    return list(distinct.values())


def _user_turn(prompt_name: str, **values: str) -> str:
    turns = load_prompt(prompt_name).turns(**values)
    if [role for role, _ in turns] != ["user"]:
        # the dataset stores one user turn; a system turn would be lost between training and inference
        raise ValueError(f"prompt {prompt_name!r} must have exactly one user turn and no other")
    return turns[0][1]


def _example_id(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
