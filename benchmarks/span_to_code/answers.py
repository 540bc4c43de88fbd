"""Asking a model, and what can be known without one."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from code_likelihood import CodeLikelihood, span_prompt
from questions import TRAINED, Experiment, Question
from span_accuracy import LEVELS, levels, ranking, written_code

from ccl_assets.icd.ontology import Ontology
from ccl_assets.text.folding import fold

FIGURES = (*LEVELS, "code@1", "code MRR", "line@1", "line MRR", "blank code@1")
_NO_PHRASE = "-"
_ANSWER_TOKENS = 48
_SHOWN = 3


@dataclass(frozen=True)
class Answers:
    """What a system scored: a value per question for every figure it has; loss per token of the right answers to held-out terms."""

    values: dict[str, list[float]]
    loss: float | None = None


def ask(
    base: Path, adapter: Path | None, questions: Sequence[Question], ontology: Ontology, threads: int | None
) -> Answers:
    """Generate for every question, and choose among its candidates."""
    began = time.monotonic()
    texts = _generate(base, adapter, questions, threads)
    values: dict[str, list[float]] = {figure: [] for figure in FIGURES}
    for question, text in zip(questions, texts, strict=True):
        for level, value in levels(question.term.code, written_code(text), ontology.billable).items():
            values[level].append(value)
    generated = time.monotonic()
    loss, token_count = _choose(base, adapter, questions, ontology.titles, values)
    chosen = time.monotonic()
    print(
        f"  asked in {generated - began:.0f} s (generation) and {chosen - generated:.0f} s (choice, "
        f"{token_count / (chosen - generated):.0f} tokens/s); the first answers:"
    )
    for question, text in list(zip(questions, texts, strict=True))[:_SHOWN]:
        print(f"    {question.term.code} {question.term.phrase!r}: {' '.join(text.split())[:110]!r}", flush=True)
    return Answers(values, loss)


def references(experiment: Experiment) -> dict[str, Answers]:
    """Choices that need no language model: shared words, embeddings, how often a code was trained."""
    vectors, titles = experiment.vectors, experiment.ontology.titles
    spans: dict[str, list[str]] = defaultdict(list)
    for code, phrase in experiment.spans:
        spans[code].append(phrase)
    scorers: dict[str, Callable[[str, str], float]] = {
        "words shared with title": lambda phrase, code: _overlap(phrase, titles[code]),
        "embedding of title": lambda phrase, code: float(vectors[phrase] @ vectors[titles[code]]),
        "nearest trained span": lambda phrase, code: max(
            (float(vectors[phrase] @ vectors[span]) for span in spans[code]), default=0.0
        ),
        "trained most often": lambda _, code: float(len(spans[code])),
    }
    found = {}
    for name, scorer in scorers.items():
        ranks = [
            ranking([scorer(question.term.phrase, code) for code in question.candidates], 0)
            for question in experiment.questions
        ]
        found[name] = Answers({"line@1": [first for first, _ in ranks], "line MRR": [rank for _, rank in ranks]})
    return found


def _generate(base: Path, adapter: Path | None, questions: Sequence[Question], threads: int | None) -> list[str]:
    from ccl_assets.resources.text_generation.in_process.transformers_engine import TransformersEngine
    from ccl_assets.resources.text_generation.requests import GenerationParameters, GenerationRequest, Message

    parameters = GenerationParameters(max_tokens=_ANSWER_TOKENS)
    requests = [
        GenerationRequest(str(number), (Message("user", span_prompt(question.term.phrase)),), parameters)
        for number, question in enumerate(questions)
    ]
    found = TransformersEngine(base, adapter, threads=threads).generate(requests)
    texts = {answer.request_id: answer.text for answer in found}
    return [texts[request.request_id] for request in requests]


def _choose(
    base: Path,
    adapter: Path | None,
    questions: Sequence[Question],
    titles: dict[str, str],
    values: dict[str, list[float]],
) -> tuple[float, int]:
    """Add the figures of the choice to ``values``; gives the loss per token of the right answers, and tokens read."""
    from ccl_assets.resources.text_generation.in_process.loaded_model import load_model

    loaded = load_model(base, adapter)
    likelihood = CodeLikelihood(loaded.model, loaded.tokenizer)
    codes = sorted({code for question in questions for code in question.candidates})
    blank = likelihood.score(_NO_PHRASE, [(code, titles[code]) for code in codes])
    without_phrase = {code: found.code for code, found in zip(codes, blank, strict=True)}
    loss = token_count = 0.0
    for question in questions:
        found = likelihood.score(question.term.phrase, [(code, titles[code]) for code in question.candidates])
        for name, scores in (("code", [one.code for one in found]), ("line", [one.line for one in found])):
            first, reciprocal = ranking(scores, 0)
            values[f"{name}@1"].append(first)
            values[f"{name} MRR"].append(reciprocal)
        values["blank code@1"].append(ranking([without_phrase[code] for code in question.candidates], 0)[0])
        if question.group != TRAINED:
            loss -= found[0].line
            token_count += found[0].token_count
    return loss / token_count, likelihood.token_count


def _overlap(phrase: str, title: str) -> float:
    one, other = set(fold(phrase).split()), set(fold(title).split())
    return 2 * len(one & other) / (len(one) + len(other))
