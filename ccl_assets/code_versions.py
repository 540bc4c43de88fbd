"""Code versions: what computes an asset, hashed, so that a change of meaning makes it stale and a touched file does not."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ccl_assets.prompts import load_prompt


def code_version(
    *modules: str,
    prompts: tuple[str, ...] = (),
    templates: tuple[str, ...] = (),
    settings: dict[str, Any] | None = None,
) -> str:
    """Hash the modules' syntax trees (comments, docstrings and layout do not count), prompt files and settings.

    Args:
        modules: Dotted names below ``ccl_assets``, e.g. ``icd.tabular``; they are read, not imported.
        prompts: Prompt names.
        templates: Other files of the package, e.g. ``evaluation/report.html.jinja``.
        settings: Settings that change the result, e.g. the model.

    Returns:
        Twelve hexadecimal digits, then the settings in clear.
    """
    digest = hashlib.sha256()
    for module in modules:
        digest.update(_module_hash(module).encode())
    for prompt in prompts:
        digest.update(load_prompt(prompt).sha256.encode())
    for template in templates:
        digest.update(files("ccl_assets").joinpath(template).read_bytes())
    shown = "".join(f" {name}={value}" for name, value in sorted((settings or {}).items()))
    return digest.hexdigest()[:12] + shown


@cache
def _module_hash(module: str) -> str:
    spec = importlib.util.find_spec(f"ccl_assets.{module}")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no module ccl_assets.{module} to take a code version of")
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    # the tree and not the bytecode, which leaves out where a `try` ends and, from Python 3.13, holds line numbers
    return hashlib.sha256(ast.dump(_WithoutDocstrings().visit(tree)).encode()).hexdigest()


class _WithoutDocstrings(ast.NodeTransformer):
    """Drops strings that stand alone."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Drop a docstring, keep any other expression."""
        is_string = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_string else self.generic_visit(node)
