"""Backend ``openai``: a server with an OpenAI-compatible interface, vLLM's among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ccl_assets.resources.text_generation.backend import Backend, ModelToRun
from ccl_assets.resources.text_generation.requests import TextGenerator

if TYPE_CHECKING:
    from ccl_assets.resources.settings import Settings

_NO_ENDPOINT = "backend `openai` needs CCL_ENDPOINT, e.g. http://127.0.0.1:8000/v1"


def _missing(settings: Settings) -> str | None:
    return None if settings.endpoint else _NO_ENDPOINT


def _build(model: ModelToRun) -> TextGenerator:
    from ccl_assets.resources.text_generation.endpoint.client import OpenAIEndpoint

    settings = model.settings
    if not settings.endpoint:
        raise ValueError(_NO_ENDPOINT)
    return OpenAIEndpoint(
        base_url=settings.endpoint,
        model=model.name,
        api_key=settings.api_key.get_secret_value(),
        max_concurrency=settings.concurrency,
        trusted_hosts=settings.trusted,
    )


BACKEND = Backend(name="openai", loads_models=False, missing=_missing, build=_build)
