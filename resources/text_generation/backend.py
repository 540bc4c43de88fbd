"""Description of a backend: how a language model is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ccl_assets.resources.text_generation.requests import TextGenerator

if TYPE_CHECKING:
    from ccl_assets.resources.settings import Settings


@dataclass(frozen=True)
class ModelToRun:
    """A language model, and an adapter on it.

    Attributes:
        name: Name of the model, as in the settings.
        shown_name: The same with its adapter, as stored with what it produced.
        directory: Gives the model's directory; a model that is not here yet is converted or downloaded then.
        adapter: PEFT directory, if any.
        settings: The deployment's.
    """

    name: str
    shown_name: str
    directory: Callable[[], Path]
    adapter: Path | None
    settings: Settings


@dataclass(frozen=True, kw_only=True)
class Backend:
    """One way to run a model, as its module in ``backends/`` declares it.

    Attributes:
        name: Value of ``CCL_BACKEND``, and the name of its module.
        loads_models: It runs the model from a directory of this host; otherwise a server runs it, and a model with an adapter goes
            to ``transformers``.
        missing: Names what the backend lacks to run, with the remedy; ``None`` if nothing.
        build: Makes the text generator.
    """

    name: str
    loads_models: bool
    missing: Callable[[Settings], str | None]
    build: Callable[[ModelToRun], TextGenerator]
