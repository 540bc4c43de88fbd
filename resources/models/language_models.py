"""Language models by role: which backend answers, with the completion store in front of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ccl_assets.resources.models.base_model_identity import require_same_base
from ccl_assets.resources.settings import Settings
from ccl_assets.resources.text_generation.requests import TextGenerator

Role = Literal["miner", "synthesizer", "coder"]


class LanguageModels:
    """Makes the text generator of a role; every generator stores its completions."""

    def __init__(self, settings: Settings, *, mines_restricted_notes: bool = True) -> None:
        """Take models, backend and endpoint from the settings.

        Args:
            settings: The deployment's.
            mines_restricted_notes: Whether a restricted corpus is configured, so that what notes gave is restricted too.
        """
        self._settings = settings
        self.mines_restricted_notes = mines_restricted_notes

    def model_name(self, role: Role) -> str:
        """Name of the role's model, as stored with what it produced."""
        return self._settings.model_of(role)

    def base_model(self) -> Path:
        """Directory of the base model that adapters are trained on."""
        return self._directory(self._settings.model)

    @property
    def base_model_name(self) -> str:
        """Public name of the base model, for adapters and their cards."""
        from ccl_assets.resources.models.small_language_model import PACKAGED, PACKAGED_MODEL

        return PACKAGED_MODEL if self._settings.model == PACKAGED else self._settings.model

    def generator(self, role: Role, adapter: Path | None = None, adapter_name: str = "") -> TextGenerator:
        """The text generator of a role.

        Args:
            role: Who asks.
            adapter: PEFT directory to put on the base model.
            adapter_name: Name of the adapter, with its content hash, so that stored completions of another training run are not
                taken for this one's.

        Raises:
            ValueError: The endpoint is not set, or an adapter is asked of a backend that cannot load one.
            BaseModelMismatchError: The adapter was trained on another base model.
        """
        from ccl_assets.resources.text_generation.store import CompletionStore
        from ccl_assets.resources.text_generation.stored import StoredTextGenerator

        backend = self._backend(role, adapter, adapter_name)
        return StoredTextGenerator(backend, CompletionStore(self._settings.completions))

    def _backend(self, role: Role, adapter: Path | None, adapter_name: str) -> TextGenerator:
        chosen = self._settings
        name = self.model_name(role) + (f"+{adapter_name}" if adapter else "")
        if chosen.backend == "openai" and adapter is None:
            from ccl_assets.resources.text_generation.endpoint.client import OpenAIEndpoint

            if not chosen.endpoint:
                raise ValueError("backend `openai` needs CCL_ENDPOINT, e.g. http://127.0.0.1:8000/v1")
            return OpenAIEndpoint(
                base_url=chosen.endpoint,
                model=self.model_name(role),
                api_key=chosen.api_key.get_secret_value(),
                max_concurrency=chosen.concurrency,
                trusted_hosts=chosen.trusted,
            )
        directory = self._directory(chosen.model_of(role))
        if adapter is not None:
            require_same_base(adapter, directory)
        if chosen.backend == "vllm":
            from ccl_assets.resources.text_generation.vllm import VLLMEngine

            return VLLMEngine(
                directory, adapter_directory=adapter, model_name=name, context_tokens=chosen.context_tokens
            )
        from ccl_assets.resources.text_generation.in_process.transformers_engine import TransformersEngine

        return TransformersEngine(
            directory,
            adapter_directory=adapter,
            model_name=name,
            context_tokens=chosen.context_tokens,
            threads=chosen.threads,
        )

    def _directory(self, model: str) -> Path:
        from ccl_assets.resources.models.small_language_model import resolve_model

        return resolve_model(model, self._settings.artifacts / "models")
