"""Common part of all assets that ask a language model: pool, retries, progress, and errors that stop it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from ccl_assets.resources.models.language_models import LanguageModels, Role
from ccl_assets.resources.text_generation.collect import Collected, collect
from ccl_assets.resources.text_generation.endpoint.client import EndpointError
from ccl_assets.resources.text_generation.stored import RestrictedTextError

if TYPE_CHECKING:
    from ccl_assets.resources.text_generation.requests import Completion, GenerationRequest, TextGenerator

LLM_POOL = "llm"
EMBEDDER_POOL = "embedder"
GPU_POOL = "gpu"
_GOES_ON = "Completed requests are stored: run again to ask only for the rest"
# Share of requests: what a content filter refuses must not hold up a shard or chapter.
TOLERATED_ERRORS = 0.001
LLM_RETRY = dg.RetryPolicy(max_retries=1, delay=2)


def answer(
    context: dg.AssetExecutionContext,
    role: Role,
    requests: Sequence[GenerationRequest],
    *,
    is_readable: Callable[[Completion], bool] | None = None,
    note_of: Mapping[str, str] | None = None,
    tolerated_error_share: float = 0.0,
) -> tuple[str, Collected]:
    """Answer the requests with the role's model; no model is loaded if there is nothing to ask.

    Progress goes to the run's log: notes and requests done, rate, time left, tokens, errors, unreadable answers.

    Args:
        context: Of the asset that asks.
        role: Whose model answers.
        requests: With distinct ids; ``LazyRequests`` where they are too many to hold.
        is_readable: Says whether an answer can be parsed, for the count of parse failures.
        note_of: Note of each request id, where a note takes several requests; progress then counts notes too.
        tolerated_error_share: Share of requests that may end in an error (a prompt that a content filter refuses would block a
            whole shard); the caller sees them as completions with an error.

    Returns:
        Model name and completions.

    Raises:
        dagster.Failure: More requests than tolerated ended in an error, or restricted text was to leave this host. What was
            answered is stored, so a re-run asks only for the rest.
    """
    models: LanguageModels = context.resources.language_models
    if not requests:
        return models.model_name(role), Collected()
    generator = models.generator(role)
    collected = answer_with(
        context,
        generator,
        requests,
        is_readable=is_readable,
        note_of=note_of,
        tolerated_error_share=tolerated_error_share,
    )
    return generator.model_name, collected


def answer_with(
    context: dg.AssetExecutionContext,
    generator: TextGenerator,
    requests: Sequence[GenerationRequest],
    *,
    is_readable: Callable[[Completion], bool] | None = None,
    note_of: Mapping[str, str] | None = None,
    tolerated_error_share: float = 0.0,
) -> Collected:
    """Answer the requests with a given generator; see :func:`answer`."""
    try:
        collected = collect(generator, requests, context.log.info, is_readable, note_of)
    except RestrictedTextError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    except EndpointError as error:  # what could pass was tried again already
        raise dg.Failure(f"{error}. {_GOES_ON}", allow_retries=False) from None
    failed = [name for name, completion in collected.completions.items() if completion.error]
    if len(failed) > tolerated_error_share * len(requests):
        raise dg.Failure(
            f"{len(failed)} of {len(requests)} requests to {generator.model_name} failed, first {failed[:5]}: "
            f"{'; '.join(collected.errors[:3])}. {_GOES_ON}"
        )
    return collected
