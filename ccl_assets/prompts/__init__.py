"""Prompt templates, one versioned file each, and their renderer.

A template file is Jinja2 with the chat turns marked by lines ``=== system ===`` / ``=== user ===`` / ``=== assistant ===``. The
SHA-256 of the file is stored with everything the prompt produced.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

TEMPLATE_TOKENS = 64  # tokens that a chat template adds around the turns at most; SmolLM2's adds 30
_TURN = re.compile(r"^=== (system|user|assistant) ===\n", re.MULTILINE)
_JINJA = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701


@dataclass(frozen=True)
class Prompt:
    """A template and its hash."""

    name: str
    source: str

    @property
    def sha256(self) -> str:
        """Hash of the template file."""
        return hashlib.sha256(self.source.encode()).hexdigest()

    def turns(self, **values: Any) -> list[tuple[str, str]]:
        """Render to ``(role, content)`` pairs.

        Turns are split before rendering, so that a note cannot open a turn of its own.

        Raises:
            jinja2.UndefinedError: A value the template needs was not given.
        """
        return [(role, template.render(**values).strip()) for role, template in self._templates]

    @cached_property
    def _templates(self) -> list[tuple[str, Template]]:
        pieces = _TURN.split(self.source)[1:]
        return [(role, _JINJA.from_string(body)) for role, body in zip(pieces[::2], pieces[1::2], strict=True)]


@cache
def load_prompt(name: str) -> Prompt:
    """Read ``<name>.jinja`` from this package.

    Raises:
        FileNotFoundError: There is no such prompt.
    """
    source = files(__package__).joinpath(f"{name}.jinja").read_text(encoding="utf-8")
    if not _TURN.match(source):
        raise ValueError(f"prompt {name!r} must begin with a turn line such as '=== user ==='")
    return Prompt(name, source)
