"""The tables: every system's figures with intervals, and paired differences."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from answers import FIGURES, Answers
from questions import GROUPS, Question
from span_accuracy import mean_difference, mean_with_interval

from ccl_assets.evaluation.scoring.bootstrap import Estimate

BASE = "base model"


def compare(systems: Mapping[str, Answers], references: Mapping[str, Answers], questions: Sequence[Question]) -> None:
    """Print a table for each group of questions.

    Args:
        systems: The base model first, then recipes, each more than the one before it.
        references: What needs no model; they have the figures of the choice only.
        questions: In the order of the answers.
    """
    names = list(systems)
    pairs = [*((BASE, name) for name in names[1:]), *itertools.pairwise(names[1:])]
    for group in GROUPS:
        places = [place for place, question in enumerate(questions) if question.group == group]
        if not places:
            continue
        chance = sum(1 / len(questions[place].candidates) for place in places) / len(places)
        print(f"\n{len(places)} {group}; percent with 95 % interval over terms; chance of the choice {chance:.1%}")
        print(f"{'':28}" + "".join(f"{figure:>17}" for figure in FIGURES))
        for name, answer in {**systems, **references}.items():
            values = {figure: [found[place] for place in places] for figure, found in answer.values.items()}
            print(_line(name, {figure: mean_with_interval(found) for figure, found in values.items()}))
        for earlier, later in pairs:
            differences = {}
            for figure in FIGURES:
                first, second = (systems[name].values[figure] for name in (later, earlier))
                differences[figure] = mean_difference([first[p] for p in places], [second[p] for p in places])
            print(_line(f"{later} - {earlier}", differences))


def _line(name: str, found: Mapping[str, Estimate]) -> str:
    return f"{name:28}" + "".join(_cell(found[figure]) if figure in found else f"{'':17}" for figure in FIGURES)


def _cell(found: Estimate) -> str:
    if found.value is None or found.lower is None or found.upper is None:
        return f"{'-' if found.value is None else f'{100 * found.value:.1f}':>17}"
    return f"{100 * found.value:6.1f} ({100 * found.lower:3.0f},{100 * found.upper:4.0f})"
