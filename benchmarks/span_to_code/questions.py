"""What is trained on and what is asked: datasets of the recipes, and held-out terms with their candidates."""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from held_out_terms import HeldOutTerm, hold_out

from ccl_assets.corpora.loaders import CorpusPaths, load
from ccl_assets.evidence.gold.pairs import INDEX_SOURCES, IndexReferences, gold_pairs
from ccl_assets.icd.chapters import CHAPTERS
from ccl_assets.icd.index.alphabetic_index import SOURCES, parse_index
from ccl_assets.icd.index.cross_references import resolve
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tables import CODES
from ccl_assets.icd.tabular.tabular_list import parse_tabular
from ccl_assets.resources.embedding.embedder import Embedder
from ccl_assets.sft.dataset.building import PAIR_COLUMNS, TEXT_COLUMNS, DatasetAccount, Sources, dataset_rows
from ccl_assets.sft.dataset.encoding import TokenCounter
from ccl_assets.sft.dataset.examples import LeftOut
from ccl_assets.sft.dataset.planned_notes import NOTE_COLUMNS, plan_notes
from ccl_assets.sft.recipes import Recipe, load_recipe
from ccl_assets.text.folding import fold, pair_id

RECIPES = ("evidence", "evidence_gold", "scl")
CANDIDATES = 10
TREE_PENALTY = 0.03
"""What a step in the hierarchy costs a candidate, in cosine similarity to the phrase."""
TRAINED = "phrases that were trained on"
SEEN = "held-out terms of codes with other phrases in training"
UNSEEN = "held-out terms of codes without any"
GROUPS = (TRAINED, SEEN, UNSEEN)
_SPAN_RECIPE = "evidence_gold"  # what it is trained on makes a code seen
_NEAREST = 100  # of a phrase, among which the hierarchy chooses

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Question:
    """A phrase, its candidates (right one first), and the group it is reported in."""

    term: HeldOutTerm
    candidates: list[str]
    group: str


@dataclass(frozen=True)
class Experiment:
    """Rows of ``sft/dataset`` by recipe, the gold spans among them, questions, and vectors of all texts compared."""

    ontology: Ontology
    release: str
    pair_count: int
    left_count: int
    rows: dict[str, list[dict[str, Any]]]
    questions: list[Question]
    vectors: Mapping[str, Any]

    @property
    def spans(self) -> list[tuple[str, str]]:
        """``(code, phrase)`` of the gold spans trained on."""
        spans = (row for row in self.rows[_SPAN_RECIPE] if row["kind"] == "span")
        return [(row["codes"][0], row["prompt"].rpartition("\n- ")[2]) for row in spans]


def prepare(options: argparse.Namespace, base: Path) -> Experiment:
    """Choose what is held out, build the datasets without it, and choose the candidates."""
    ontology, release, pairs = _read_gold(options.release)
    pairs = [row for row in pairs if in_chapters(row["code"], options.chapters)]
    corpus = load("sample", CorpusPaths())
    documents = [item.row() for item in corpus.documents]
    evidence = [item.row() for item in corpus.evidence]
    marked = _marked_spans(documents, evidence, ontology)

    has_index = any(row["source"] in INDEX_SOURCES for row in pairs)
    held = hold_out(
        pairs, ontology.titles, INDEX_SOURCES if has_index else ("inclusion_term",), options.held_out,
        unseen_share=options.unseen_share, seed=options.seed, elsewhere=marked,
    )  # fmt: skip
    trainable = [{**row, "tier": "gold", "is_trainable": True} for row in held.training]
    trainable += [
        {
            "pair_id": pair_id("silver", code, phrase),
            "code": code,
            "evidence": phrase,
            "tier": "silver",
            "source": "candidate",
            "is_trainable": True,
        }
        for code, phrase in marked
        if code in ontology.billable and in_chapters(code, options.chapters)
    ]
    rows = _datasets(options, ontology, documents, evidence, trainable, base)
    experiment = Experiment(ontology, release, len(pairs), len(held.training), rows, [], {})

    spans = experiment.spans
    seen = sorted({code for code, _ in spans})
    met = {*seen, *(code for row in rows["scl"] for code in row["codes"])}
    unseen = sorted(code for code in ontology.billable - met if in_chapters(code, options.chapters))
    texts = {phrase for _, phrase in spans} | {term.phrase for term in held.terms}
    texts |= {ontology.titles[code] for code in (*seen, *unseen)}  # inclusion terms may be held out
    ordered = sorted(texts)
    vectors = dict(zip(ordered, Embedder("packaged", options.threads).encode(ordered), strict=True))
    drawn = random.Random(options.seed).sample(spans, min(options.trained, len(spans)))
    asked = {
        TRAINED: ([HeldOutTerm("", code, phrase) for code, phrase in drawn], seen),
        SEEN: ([term for term in held.terms if term.code in seen], seen),
        UNSEEN: ([term for term in held.terms if term.code in unseen], unseen),
    }
    questions = [
        Question(term, candidates, group)
        for group, (terms, pool) in asked.items()
        for term, candidates in _choices(terms, pool, ontology, vectors)
    ]
    return replace(experiment, questions=questions, vectors=vectors)


def in_chapters(code: str, chapters: Sequence[str]) -> bool:
    """Whether a code lies in one of ``J00-J99``, ``J45``, ``E``, or ``all``."""
    for chapter in chapters:
        first, _, last = chapter.partition("-")
        if chapter == "all" or first <= code[:3] <= (last or first + "\uffff"):
            return True
    return False


def _read_gold(path: Path | None) -> tuple[Ontology, str, list[dict[str, Any]]]:
    """The release's codes, its label, and its gold pairs that are direct and whose phrase names one code only."""
    release = open_release(path)
    ontology = Ontology.from_table(CODES.table(parse_tabular(release.tabular, release.label).codes))
    files = [file for role in SOURCES if (file := release.file(role)) is not None]
    references = IndexReferences(ontology, resolve([row for file in files for row in parse_index(file, release.label)]))
    pairs = []
    for chapter in CHAPTERS:
        found = gold_pairs(ontology, references, chapter.key, release.label)
        pairs += [row for row in found if row["expansion"] == "direct"]
    codes_of: dict[str, set[str]] = defaultdict(set)
    for row in pairs:
        codes_of[fold(row["evidence"])].add(row["code"])
    return ontology, release.label, [row for row in pairs if len(codes_of[fold(row["evidence"])]) == 1]


def _marked_spans(documents: Sequence[Row], evidence: Sequence[Row], ontology: Ontology) -> list[tuple[str, str]]:
    """``(code, phrase)`` of what people marked in the sample's training notes."""
    notes = [{key: row[key] for key in NOTE_COLUMNS} for row in documents]
    planned = plan_notes(notes, [], evidence, ontology.titles.keys(), load_recipe("evidence"), LeftOut())
    return [(span.code, span.text) for note in planned.values() if note.split == "train" for span in note.spans]


def _datasets(
    options: argparse.Namespace,
    ontology: Ontology,
    documents: Sequence[Row],
    evidence: Sequence[Row],
    pairs: Sequence[Row],
    base: Path,
) -> dict[str, list[dict[str, Any]]]:
    """Rows of ``sft/dataset`` for every recipe. Notes are drawn by id and seed, so all recipes have the same."""
    import pyarrow as pa
    from transformers import AutoTokenizer

    from ccl_assets.resources.text_generation.chat_template import render_prompt

    def columns(rows: Sequence[Row], names: Sequence[str], *splits: str) -> list[dict[str, Any]]:
        return [{name: row[name] for name in names} for row in rows if not splits or row["split"] in splits]

    tokenizer = AutoTokenizer.from_pretrained(base)
    found = {}
    for name in RECIPES:
        recipe = _sized(load_recipe(name), options)
        sources = Sources(
            titles=ontology.titles,
            notes=pa.Table.from_pylist(columns(documents, NOTE_COLUMNS)),
            training_texts=columns(documents, TEXT_COLUMNS, "train", "val"),
            test_texts=columns(documents, TEXT_COLUMNS, "test"),
            labels=[],
            evidence=evidence,
            pairs=pa.Table.from_pylist(columns(pairs, PAIR_COLUMNS)),
            is_silver_restricted=False,
        )
        counter = TokenCounter(tokenizer, render_prompt, recipe.training.max_length)
        found[name] = list(dataset_rows(recipe, sources, counter, DatasetAccount()))
    return found


def _sized(recipe: Recipe, options: argparse.Namespace) -> Recipe:
    documents = replace(recipe.documents, max_train=options.notes, max_validation=options.validation_notes)
    spans = recipe.spans
    if spans.tiers:
        spans = replace(
            spans, max_per_tier={"gold": options.spans}, max_per_code_and_tier={}, max_per_code=None, max_total=None
        )
    return replace(recipe, documents=documents, spans=spans)


def _choices(
    terms: Sequence[HeldOutTerm], pool: Sequence[str], ontology: Ontology, vectors: Mapping[str, Any]
) -> list[tuple[HeldOutTerm, list[str]]]:
    """Candidates of each term, the right one first: those of the pool that are nearest to phrase and right code."""
    import numpy as np

    if not terms:
        return []
    matrix = np.stack([vectors[ontology.titles[code]] for code in pool])
    by_category: dict[str, list[int]] = defaultdict(list)
    for place, code in enumerate(pool):
        by_category[code[:3]].append(place)
    found = []
    for term in terms:
        similarity = matrix @ vectors[term.phrase]
        near = {*np.argsort(-similarity)[:_NEAREST].tolist(), *by_category[term.code[:3]]}
        cost = {
            pool[place]: TREE_PENALTY * ontology.tree_distance(term.code, pool[place]) - float(similarity[place])
            for place in near
            if pool[place] != term.code
        }
        ranked = sorted(cost, key=lambda code: (cost[code], code))
        found.append((term, [term.code, *ranked[: CANDIDATES - 1]]))
    return found
