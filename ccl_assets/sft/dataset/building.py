"""Training examples from notes and knowledge-base pairs.

A document example teaches a note's evidence and codes, a span example the code of one phrase. Nothing is ever cut off: what
cannot be an example is left out and reported with its reason. Notes are streamed; a corpus may hold gigabytes of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ccl_assets.answers.coding_format import render_coding
from ccl_assets.evidence.knowledge_base.across_chapters import ACROSS_COLUMNS, ambiguous_across
from ccl_assets.evidence.knowledge_base.benchmark_overlap import repeats_long_span
from ccl_assets.sft.dataset.encoding import TokenCounter, masked_markdown
from ccl_assets.sft.dataset.examples import Example, LeftOut, Rows, hashed, rows_of, user_turn
from ccl_assets.sft.dataset.leakage import CONTAINMENT_THRESHOLD, Overlap, TestNotes
from ccl_assets.sft.dataset.planned_notes import NoteKey, PlannedNote, plan_notes
from ccl_assets.sft.dataset.span_sampling import sample_pairs
from ccl_assets.sft.recipes import Recipe
from ccl_assets.text.section_cuts import split_by_sections

TEXT_COLUMNS = ("corpus", "document_id", "text")
PAIR_COLUMNS = (*ACROSS_COLUMNS, "tier", "rank", "benchmark_overlap")
SPAN_PROMPT = "span_coding"
_COUNTED_TOGETHER = 256


def document_prompt(recipe: Recipe) -> str:
    """Name the prompt of a recipe's document examples; the coder asks with the same one."""
    return "code_only_coding" if recipe.document_format == "code_only" else "document_coding"


@dataclass(frozen=True)
class Sources:
    """Tables and texts that examples are made of.

    Attributes:
        titles: Title of every code of the release.
        notes: ``corpus/documents`` of all three splits, without their texts (``planned_notes.NOTE_COLUMNS``).
        training_texts: :data:`TEXT_COLUMNS` of the training and validation splits; read once.
        test_texts: The same of the test split; read once.
        labels: ``corpus/labels``.
        evidence: ``corpus/evidence``.
        pairs: ``knowledge_base/pairs``, :data:`PAIR_COLUMNS`.
        is_silver_restricted: Some of the notes that silver phrases come from may not leave this host.
    """

    titles: Mapping[str, str]
    notes: pa.Table
    training_texts: Rows
    test_texts: Rows
    labels: Rows
    evidence: Rows
    pairs: pa.Table
    is_silver_restricted: bool = True


@dataclass
class DatasetAccount:
    """Account of a dataset's contents and gaps, filled as its rows come.

    Attributes:
        left_out: By reason; those of :func:`plan_notes`, :func:`document_examples` and :func:`span_examples`.
        shapes: Examples by ``split_kind_tier``.
        train_count: Training examples.
        token_count: Tokens of all examples.
        split_note_count: Notes that became several examples.
        compared_note_count: Notes compared with the test notes.
        over_window: Ids of examples that are longer than the window all the same.
        near_test: Training notes that repeat a test note, left out or not.
        test_charts: Charts that have notes in the test split and in another.
        shown: Per kind one example, of open corpora and the release only, as the model reads it (Markdown).
    """

    left_out: LeftOut = field(default_factory=LeftOut)
    shapes: Counter[str] = field(default_factory=Counter)
    train_count: int = 0
    token_count: int = 0
    split_note_count: int = 0
    compared_note_count: int = 0
    over_window: list[str] = field(default_factory=list)
    near_test: list[Overlap] = field(default_factory=list)
    test_charts: list[str] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)

    def take(self, example: Example, counter: TokenCounter) -> None:
        """Count an example."""
        self.shapes[f"{example.split}_{example.kind}_{example.tier}"] += 1
        self.train_count += example.split == "train"
        length = example.prompt_token_count + example.completion_token_count
        self.token_count += length
        if length > counter.window:
            self.over_window.append(example.example_id)
        if example.kind not in self.shown and not example.is_restricted:
            self.shown[example.kind] = masked_markdown(counter, example.prompt, example.completion)

    def figures(self) -> dict[str, int]:
        """The counts by name, for people."""
        return {
            "training_examples": self.train_count,
            "tokens": self.token_count,
            "notes_split": self.split_note_count,
            **{f"examples_{shape}": count for shape, count in sorted(self.shapes.items())},
            **{f"left_out_{reason}": count for reason, count in self.left_out.counts.items()},
        }


def dataset_rows(
    recipe: Recipe, sources: Sources, counter: TokenCounter, account: DatasetAccount
) -> Iterator[dict[str, Any]]:
    """Rows of the ``sft/dataset`` contract: the recipe's documents, then its spans.

    Args:
        recipe: What to make.
        sources: What to make it of.
        counter: The base model's tokenizer, rendering and window.
        account: Filled as the rows come; complete after the last.
    """
    planned = plan_notes(
        sources.notes, sources.labels, sources.evidence, sources.titles.keys(), recipe, account.left_out
    )
    leave_out = recipe.documents.near_test_notes == "leave_out"
    shared = _notes_of_test_charts(sources.notes, planned, account)
    if leave_out:
        for key in shared:
            account.left_out.add("test_chart", planned.pop(key).document_id)
    texts = _examined(sources, planned, account, leave_out)
    for example in document_examples(texts, sources.titles, recipe, counter, account):
        account.take(example, counter)
        yield example.row(recipe.name)
    documents = sum(count for shape, count in account.shapes.items() if shape.startswith("train_document"))
    spans = span_examples(
        sources.pairs,
        sources.titles,
        recipe,
        documents,
        account.left_out,
        ambiguous_across(sources.pairs) if recipe.spans.tiers else frozenset(),
        sources.is_silver_restricted,
    )
    for example in _counted(spans, counter, account.left_out):
        account.take(example, counter)
        yield example.row(recipe.name)


def document_examples(
    notes: Iterable[tuple[PlannedNote, str]],
    titles: Mapping[str, str],
    recipe: Recipe,
    counter: TokenCounter,
    account: DatasetAccount,
) -> Iterator[Example]:
    """Notes with their texts as examples, counted.

    A note that the window does not hold is cut at its sections (``recipe.documents.long_notes``); each part is asked
    about with the same prompt as a note, answers with the evidence that lies in it, and is left out where none does.
    Left out in all: ``too_long``, ``part_without_codes``, ``repeated`` (a part that two notes share).
    """
    seen: set[str] = set()
    for example in _whole_or_parts(notes, titles, recipe, counter, account):
        if example.example_id in seen:
            account.left_out.add("repeated", str(example.document_id))
            continue
        seen.add(example.example_id)
        yield example
        if example.split == "train":
            for number in range(2, recipe.documents.copies + 1):
                yield replace(example, example_id=hashed(example.example_id, number))


def _whole_or_parts(
    notes: Iterable[tuple[PlannedNote, str]],
    titles: Mapping[str, str],
    recipe: Recipe,
    counter: TokenCounter,
    account: DatasetAccount,
) -> Iterator[Example]:
    for some in _in_groups(notes, _COUNTED_TOGETHER):
        whole = [_note_example(note, text, titles, recipe) for note, text in some]
        counts = counter.count([(example.prompt, example.completion) for example in whole])
        for (note, text), example, (prompt, completion) in zip(some, whole, counts, strict=True):
            if prompt + completion <= counter.window:
                yield _with_counts(example, prompt, completion)
                continue
            parts = _parts(note, text, titles, recipe, counter)
            if parts is None:
                account.left_out.add("too_long", note.document_id)
                continue
            account.split_note_count += 1
            for begin, end in parts:
                if note.answer(begin, end):
                    part = _note_example(note, text, titles, recipe, begin, end)
                    (sizes,) = counter.count([(part.prompt, part.completion)])
                    yield _with_counts(part, *sizes)
                else:
                    account.left_out.add("part_without_codes", f"{note.document_id} {begin}-{end}")


def span_examples(
    pairs: pa.Table | Iterable[Mapping[str, Any]],
    titles: Mapping[str, str],
    recipe: Recipe,
    document_example_count: int | None = None,
    left_out: LeftOut | None = None,
    ambiguous_pair_ids: Set[str] = frozenset(),
    is_silver_restricted: bool = False,
) -> Iterator[Example]:
    """Trainable knowledge-base pairs as examples, sampled under the recipe's limits (see ``span_sampling``); not counted yet.

    Args:
        pairs: Rows of ``knowledge_base/pairs``; only ``is_trainable`` rows of the recipe's tiers are used.
        titles: Title of every code of the release.
        recipe: Tiers, limits and seed.
        document_example_count: Document examples to train on; needed where the recipe limits spans per document.
        left_out: Takes ``ambiguous_across_chapters``, ``code_not_in_release``, ``repeats_test_span``, ``span_limit``, ``repeated``.
        ambiguous_pair_ids: Pairs whose text another chapter trains on for another code.
        is_silver_restricted: Some of the notes that silver phrases come from may not leave this host.

    Returns:
        Examples in sampling order, all of the training split.
    """
    left_out = LeftOut() if left_out is None else left_out
    candidates: list[dict[str, Any]] = []
    for pair in rows_of(pairs):
        if not pair["is_trainable"] or pair["tier"] not in recipe.spans.tiers:
            continue
        if pair["pair_id"] in ambiguous_pair_ids:
            left_out.add("ambiguous_across_chapters", pair["pair_id"])
        elif pair["code"] not in titles:
            left_out.add("code_not_in_release", pair["pair_id"])
        elif recipe.spans.near_test_spans == "leave_out_long" and repeats_long_span(pair):
            left_out.add("repeats_test_span", pair["pair_id"])
        else:
            candidates.append({key: pair[key] for key in ("pair_id", "code", "evidence", "tier", "rank")})
    chosen = sample_pairs(candidates, recipe.spans, recipe.seed, document_example_count)
    if unused := len(candidates) - len(chosen):
        kept = {pair["pair_id"] for pair in chosen}
        first = next((pair["pair_id"] for pair in candidates if pair["pair_id"] not in kept), "")
        left_out.add("span_limit", first, unused)
    del candidates
    seen: set[str] = set()
    for pair in chosen:
        prompt = user_turn(SPAN_PROMPT, evidence=" ".join(pair["evidence"].split()))
        completion = render_coding([(None, pair["code"], titles[pair["code"]])])
        example_id = hashed(recipe.name, "span", prompt, completion)
        if example_id in seen:
            left_out.add("repeated", pair["pair_id"])
            continue
        seen.add(example_id)
        yield Example(
            example_id=example_id,
            split="train",
            kind="span",
            tier=pair["tier"],
            prompt=prompt,
            completion=completion,
            codes=(pair["code"],),
            pair_id=pair["pair_id"],
            is_restricted=is_silver_restricted and pair["tier"] == "silver",
        )


def _notes_of_test_charts(
    notes: pa.Table, planned: Mapping[NoteKey, PlannedNote], account: DatasetAccount
) -> list[NoteKey]:
    """Planned notes whose chart has a test note too."""
    columns = notes.select(["corpus", "document_id", "chart_id", "split"])
    test = {(row["corpus"], row["chart_id"]) for row in rows_of(columns.filter(pc.equal(columns["split"], "test")))}
    shared = []
    for row in rows_of(columns) if test else ():
        if (row["corpus"], row["chart_id"]) in test and (row["corpus"], row["document_id"]) in planned:
            shared.append((row["corpus"], row["document_id"]))
            account.test_charts.append(f"{row['corpus']}/{row['chart_id']}")
    account.test_charts = sorted(set(account.test_charts))
    return shared


def _examined(
    sources: Sources, planned: Mapping[NoteKey, PlannedNote], account: DatasetAccount, leave_out: bool
) -> Iterator[tuple[PlannedNote, str]]:
    """The planned notes with their texts, after a look at each beside the test notes."""
    test = TestNotes((f"{row['corpus']}/{row['document_id']}", row["text"]) for row in rows_of(sources.test_texts))
    for row in rows_of(sources.training_texts):
        note = planned.get((row["corpus"], row["document_id"]))
        if note is None:
            continue
        account.compared_note_count += 1
        nearest = test.nearest(row["text"])
        if nearest is not None and nearest[1] >= CONTAINMENT_THRESHOLD:
            account.near_test.append(Overlap(note.document_id, *nearest))
            if leave_out:
                account.left_out.add("near_test_note", note.document_id)
                continue
        yield note, row["text"]


def _note_example(
    note: PlannedNote, text: str, titles: Mapping[str, str], recipe: Recipe, begin: int = 0, end: int | None = None
) -> Example:
    prompt = user_turn(document_prompt(recipe), note=text[begin:end])
    answer = note.answer(begin, end)
    completion = render_coding([(words, code, titles[code]) for words, code in answer])
    return Example(
        example_id=hashed(recipe.name, "document", prompt, completion),
        split=note.split,
        kind="document",
        tier="human",
        prompt=prompt,
        completion=completion,
        codes=tuple(code for _, code in answer),
        document_id=note.document_id,
        part_begin=begin if end is not None else None,
        part_end=end,
        is_restricted=note.is_restricted,
    )


def _parts(
    note: PlannedNote, text: str, titles: Mapping[str, str], recipe: Recipe, counter: TokenCounter
) -> list[tuple[int, int]] | None:
    if recipe.documents.long_notes != "split" or not note.can_be_split:
        return None

    def fits(begin: int, end: int) -> bool:
        part = _note_example(note, text, titles, recipe, begin, end)
        return counter.fits(part.prompt, part.completion)

    return split_by_sections(text, [(span.begin, span.end) for span in note.spans], fits)


def _counted(examples: Iterable[Example], counter: TokenCounter, left_out: LeftOut) -> Iterator[Example]:
    """Examples with their token counts; what the window does not hold is left out as ``too_long``."""
    for some in _in_groups(examples, _COUNTED_TOGETHER):
        counts = counter.count([(example.prompt, example.completion) for example in some])
        for example, (prompt, completion) in zip(some, counts, strict=True):
            if prompt + completion > counter.window:
                left_out.add("too_long", str(example.pair_id))
            else:
                yield _with_counts(example, prompt, completion)


def _with_counts(example: Example, prompt: int, completion: int) -> Example:
    return replace(example, prompt_token_count=prompt, completion_token_count=completion)


def _in_groups(items: Iterable[Any], size: int) -> Iterator[Sequence[Any]]:
    remaining = iter(items)
    for first in remaining:
        yield list(chain([first], islice(remaining, size - 1)))
