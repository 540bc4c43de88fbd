"""Does training on spans teach which code a phrase means, for Index terms that were not in training?

Terms of the Alphabetic Index (without one: inclusion terms) are held out with all their wordings and near-equals, some of them with
their whole code. The base model and adapters of the recipes, all on the same annotated notes of the sample, are asked for them:

1. free generation with the span prompt: exact code, first three characters, chapter, and whether the code exists;
2. a choice among ten by likelihood: the right code against the nine codes that are nearest to the phrase (embedding) and to the
   right code (hierarchy), once by the code alone, once by the line with its title. All ten are codes with training spans, or all
   are without, so that having met a code decides nothing; "blank code" shows what the model prefers without a phrase. References
   that need no model stand below.

The same is asked of phrases that were trained on: what was not learned there cannot carry over.

``scl`` has no language model to mine with here: its silver spans are those that people marked in the sample's training notes.

    python benchmarks/span_to_code --chapters J60-J70 --spans 150 --held-out 100 --notes 2      # a CPU and the packaged model
    python benchmarks/span_to_code --chapters all --spans 20000 --held-out 600 --notes 24 --learning-rate 2e-4 --model DIRECTORY
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from adapters import train
from answers import Answers, ask, references
from comparison import BASE, compare
from questions import GROUPS, RECIPES, prepare

from ccl_assets.resources.models.small_language_model import resolve_model

_INDEX = Path(__file__).resolve().parents[3] / "shared" / "data" / "icd10cm" / "fy2017"


def run(options: argparse.Namespace) -> None:
    """Hold out, train, ask, compare."""
    began = time.monotonic()
    base = resolve_model(options.model, options.work)
    experiment = prepare(options, base)
    questions = experiment.questions
    print(
        f"{experiment.release}, {' '.join(options.chapters)}: {experiment.pair_count} direct pairs, {experiment.left_count} left "
        f"to train on; {len(experiment.spans)} of them used; {time.monotonic() - began:.0f} s"
    )
    for name in options.recipes:
        print(f"{name}: {dict(Counter(row['split'] + ' ' + row['tier'] for row in experiment.rows[name]))}")
    for group in GROUPS:
        asked = [question for question in questions if question.group == group]
        sizes = dict(Counter(len(question.candidates) for question in asked))
        print(f"{len(asked)} {group}: {len({question.term.code for question in asked})} codes, candidates {sizes}")

    answers: dict[str, Answers] = {}
    for name in (BASE, *options.recipes):
        print(f"\n{name}", flush=True)
        adapter = None if name == BASE else train(name, experiment.rows[name], experiment.release, options, base)
        answers[name] = ask(base, adapter, questions, experiment.ontology, options.threads)
        losses = ", ".join(f"{other} {answer.loss:.3f}" for other, answer in answers.items())
        print(f"  loss per token of the right answers to held-out terms: {losses}", flush=True)
    compare(answers, references(experiment), questions)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{time.monotonic() - began:.0f} s in all, peak of this process {peak:.0f} MB")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="packaged", help="packaged, a directory or a hub id")
    parser.add_argument(
        "--release", type=Path, help="folder of a release; default: that of FY2017 if at hand, or the packaged"
    )
    parser.add_argument("--chapters", nargs="+", default=["J60-J70"], help="e.g. J00-J99 E10, or all")
    parser.add_argument("--spans", type=int, default=150, help="gold spans to train on, at most")
    parser.add_argument("--notes", type=int, default=2, help="annotated notes of the sample to train on, at most 24")
    parser.add_argument("--validation-notes", type=int, default=1)
    parser.add_argument("--held-out", type=int, default=100, help="terms")
    parser.add_argument("--unseen-share", type=float, default=0.28, help="of them, whose code has no training span")
    parser.add_argument("--trained", type=int, default=40, help="phrases that were trained on to ask for besides")
    parser.add_argument("--recipes", nargs="*", default=list(RECIPES), choices=RECIPES)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="1e-4 is published; few steps want more")
    parser.add_argument("--batch", type=int, default=8, help="examples a step; 16 is published")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--work", type=Path, help="folder for adapters, which a later run uses again")
    options = parser.parse_args(arguments)
    if options.release is None and _INDEX.is_dir():
        options.release = _INDEX
    if options.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif options.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            parser.error("--device cuda: torch sees no GPU")
    with tempfile.TemporaryDirectory() as folder:
        options.work = options.work or Path(folder)
        run(options)


if __name__ == "__main__":
    main()
