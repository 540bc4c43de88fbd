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
            ValueError: The endpoint is not set.
            BaseModelMismatchError: The adapter was trained on another base model.
        """
        from ccl_assets.resources.text_generation.store import CompletionStore
        from ccl_assets.resources.text_generation.stored import StoredTextGenerator

        backend = self._backend(role, adapter, adapter_name)
        return StoredTextGenerator(backend, CompletionStore(self._settings.completions))

    def _backend(self, role: Role, adapter: Path | None, adapter_name: str) -> TextGenerator:
        from ccl_assets.resources.text_generation.backend import ModelToRun
        from ccl_assets.resources.text_generation.backends import WITH_ADAPTERS, find_backend

        chosen = self._settings
        backend = find_backend(chosen.backend)
        if adapter is not None and not backend.loads_models:
            backend = find_backend(WITH_ADAPTERS)
        name = self.model_name(role)
        if adapter is not None:
            require_same_base(adapter, self._directory(name))
        return backend.build(
            ModelToRun(
                name=name,
                shown_name=name + (f"+{adapter_name}" if adapter else ""),
                directory=lambda: self._directory(name),
                adapter=adapter,
                settings=chosen,
            )
        )

    def _directory(self, model: str) -> Path:
        from ccl_assets.resources.models.small_language_model import resolve_model

        return resolve_model(model, self._settings.artifacts / "models")
