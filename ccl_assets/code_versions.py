"""Code versions: what computes an asset, hashed, so that a change of meaning makes it stale and a touched file does not."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

from ccl_assets.prompts import load_prompt


def code_version(*modules: str, prompts: tuple[str, ...] = (), settings: dict[str, Any] | None = None) -> str:
    """Hash the modules' bytecode (comments, docstrings and layout do not count), prompt files and settings.

    Args:
        modules: Dotted names below ``ccl_assets``, e.g. ``icd.tabular``; they are read, not imported.
        prompts: Prompt names.
        settings: Settings that change the result, e.g. the model.

    Returns:
        Twelve hexadecimal digits, then the settings in clear.
    """
    digest = hashlib.sha256()
    for module in modules:
        digest.update(_module_hash(module).encode())
    for prompt in prompts:
        digest.update(load_prompt(prompt).sha256.encode())
    shown = "".join(f" {name}={value}" for name, value in sorted((settings or {}).items()))
    return digest.hexdigest()[:12] + shown


@cache
def _module_hash(module: str) -> str:
    spec = importlib.util.find_spec(f"ccl_assets.{module}")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no module ccl_assets.{module} to take a code version of")
    compiled = compile(Path(spec.origin).read_text(encoding="utf-8"), module, "exec", dont_inherit=True, optimize=2)
    digest = hashlib.sha256()
    _feed(digest, compiled)
    return digest.hexdigest()


def _feed(digest: hashlib._Hash, code: CodeType) -> None:
    """Hash what a code object does; where it stands in the file does not count."""
    digest.update(code.co_code)
    digest.update(repr((code.co_name, code.co_names, code.co_varnames, code.co_freevars, code.co_flags)).encode())
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _feed(digest, constant)
        elif isinstance(constant, frozenset):  # its order differs between processes
            digest.update(repr(sorted(map(repr, constant))).encode())
        else:
            digest.update(repr(constant).encode())
