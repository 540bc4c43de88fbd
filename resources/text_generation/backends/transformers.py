"""Backend ``transformers``: the model runs in this process, on a processor or a GPU."""

from __future__ import annotations

from ccl_assets.resources.text_generation.backend import Backend, ModelToRun
from ccl_assets.resources.text_generation.requests import TextGenerator


def _build(model: ModelToRun) -> TextGenerator:
    from ccl_assets.resources.text_generation.in_process.transformers_engine import TransformersEngine

    return TransformersEngine(
        model.directory(),
        adapter_directory=model.adapter,
        model_name=model.shown_name,
        context_tokens=model.settings.context_tokens,
        threads=model.settings.threads,
    )


BACKEND = Backend(name="transformers", loads_models=True, missing=lambda _: None, build=_build)
