"""What every asset that asks a language model has in common: pool, retries, progress, and errors that stop it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from ccl_assets.resources.language_models import LanguageModels, Role
from ccl_assets.resources.text_generation.collect import Collected, collect

if TYPE_CHECKING:
    from ccl_assets.resources.text_generation.requests import GenerationRequest, TextGenerator

LLM_POOL = "llm"
EMBEDDER_POOL = "embedder"
GPU_POOL = "gpu"
LLM_RETRY = dg.RetryPolicy(max_retries=1, delay=2)


def answer(
    context: dg.AssetExecutionContext, role: Role, requests: Sequence[GenerationRequest]
) -> tuple[str, Collected]:
    """Answer the requests with the role's model; no model is loaded if there is nothing to ask.

    Returns:
        Model name and completions.

    Raises:
        dagster.Failure: A request ended in an error. What was answered is stored, so a re-run asks only for the rest.
    """
    models: LanguageModels = context.resources.language_models
    if not requests:
        return models.model_name(role), Collected()
    generator = models.generator(role)
    return generator.model_name, answer_with(context, generator, requests)


def answer_with(
    context: dg.AssetExecutionContext, generator: TextGenerator, requests: Sequence[GenerationRequest]
) -> Collected:
    """Answer the requests with a given generator; see :func:`answer`."""
    collected = collect(generator, requests, context.log.info)
    if collected.errors:
        failed = [name for name, completion in collected.completions.items() if completion.error]
        raise dg.Failure(
            f"{len(failed)} of {len(requests)} requests to {generator.model_name} failed, first {failed[:5]}: "
            f"{'; '.join(collected.errors[:3])}. Completed requests are stored; run again to ask only for the rest."
        )
    return collected
