"""Words by which an answer's dress is told from its content; they lie in ``words.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path


@cache
def answer_words(group: str) -> frozenset[str]:
    """The words of a group, in small letters."""
    return frozenset(_groups()[group])


@cache
def _groups() -> dict[str, list[str]]:
    return tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
