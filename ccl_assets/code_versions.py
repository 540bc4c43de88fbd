"""Code versions: what computes an asset, hashed, so that a change of meaning makes it stale and a touched file does not."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any

from ccl_assets.prompts import load_prompt


def code_version(*modules: str, prompts: tuple[str, ...] = (), settings: dict[str, Any] | None = None) -> str:
    """Hash the modules' syntax trees (comments, docstrings and layout do not count), prompt files and settings.

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


@lru_cache(maxsize=None)
def _module_hash(module: str) -> str:
    spec = importlib.util.find_spec(f"ccl_assets.{module}")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no module ccl_assets.{module} to take a code version of")
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()
