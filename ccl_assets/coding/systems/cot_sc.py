"""Self-consistency: the base model codes each note five times, and what most runs agree on is kept (METHOD: 3 of 5 runs)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ccl_assets.coding.coding_system import Ingredients, SystemDescription
from ccl_assets.coding.prediction import PredictedCode
from ccl_assets.coding.prompted_coder import PromptedCoder, Sampling
from ccl_assets.coding.window import evidence_rank

RUN_COUNT = 5
LEAST_RUNS = 3
TEMPERATURE = 0.7


def vote(runs: Sequence[Sequence[PredictedCode]]) -> list[PredictedCode]:
    """The codes of at least :data:`LEAST_RUNS` runs, in the order they first came up.

    Each has the best-grounded evidence of the runs that gave it, the earlier run's among equals; its confidence is the share of
    all runs. A run that failed gave no code and still counts, so that a code is never kept on less.

    Args:
        runs: What each run made of the whole note, each code once.
    """
    given: dict[str, list[PredictedCode]] = defaultdict(list)
    for run in runs:
        for prediction in run:
            given[prediction["code"]].append(prediction)
    kept: list[PredictedCode] = []
    for found in given.values():
        if len(found) >= LEAST_RUNS:
            kept.append({**min(found, key=evidence_rank), "confidence": len(found) / len(runs)})
    return kept


def _build(description: SystemDescription, ingredients: Ingredients) -> PromptedCoder:
    return PromptedCoder(description, ingredients, Sampling(RUN_COUNT, TEMPERATURE, vote))


SYSTEM = SystemDescription(
    name="cot_sc",
    rank=30,
    description=f"As base_cot, {RUN_COUNT} sampled runs; codes that {LEAST_RUNS} of them give are kept.",
    prompt="cot_coding",
    build=_build,
)
