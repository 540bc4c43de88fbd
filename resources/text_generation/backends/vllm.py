"""Backend ``vllm``: vLLM in this process, on GPUs."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from ccl_assets.resources.text_generation.backend import Backend, ModelToRun
from ccl_assets.resources.text_generation.requests import TextGenerator

if TYPE_CHECKING:
    from ccl_assets.resources.settings import Settings


def _missing(_: Settings) -> str | None:
    if find_spec("vllm") is not None:
        return None
    return "backend `vllm` needs vLLM: run `pip install 'ccl-assets[gpu]'` on a GPU machine, or set CCL_BACKEND"


def _build(model: ModelToRun) -> TextGenerator:
    from ccl_assets.resources.text_generation.vllm import VLLMEngine

    return VLLMEngine(
        model.directory(),
        adapter_directory=model.adapter,
        model_name=model.shown_name,
        context_tokens=model.settings.context_tokens,
    )


BACKEND = Backend(name="vllm", loads_models=True, missing=_missing, build=_build)
