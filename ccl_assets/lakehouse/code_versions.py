"""Code versions: what computes an asset, hashed, so that a change of meaning makes it stale and a touched file does not."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ccl_assets.prompts import load_prompt

_SLICES = tuple(
    f"ccl_assets.{name}." for name in ("text", "prompts", "icd", "corpora", "evidence", "sft", "coding", "evaluation")
)


def code_version(
    *modules: str,
    prompts: tuple[str, ...] = (),
    templates: tuple[str, ...] = (),
    settings: dict[str, Any] | None = None,
) -> str:
    """Hash the modules' syntax trees (comments, docstrings and layout do not count), prompt files and settings.

    What a module imports from the slices counts with it, however deep, save the tables' contracts: their shape is a part of the
    code version already. Resources say where, not what, and do not count.

    Args:
        modules: Dotted names below ``ccl_assets``, e.g. ``icd.tabular``; they are read, not imported.
        prompts: Prompt names.
        templates: Other files of the package, e.g. ``evaluation/report/report.html.jinja``.
        settings: Settings that change the result, e.g. the model.

    Returns:
        Twelve hexadecimal digits, then the settings in clear.
    """
    digest = hashlib.sha256()
    for module in _with_imports(modules):
        digest.update(_read(module)[0].encode())
    for prompt in prompts:
        digest.update(load_prompt(prompt).sha256.encode())
    for template in templates:
        digest.update(files("ccl_assets").joinpath(template).read_bytes())
    shown = "".join(f" {name}={value}" for name, value in sorted((settings or {}).items()))
    return digest.hexdigest()[:12] + shown


def _with_imports(modules: Iterable[str]) -> list[str]:
    """The modules and those of the slices that they import, sorted."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += _read(module)[1]
    return sorted(found)


@cache
def _read(module: str) -> tuple[str, tuple[str, ...]]:
    """Hash of a module's syntax tree, and the modules of the slices that it imports."""
    spec = importlib.util.find_spec(f"ccl_assets.{module}")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no module ccl_assets.{module} to take a code version of")
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    words: list[str] = []
    imported: set[str] = set()
    _flatten(tree, words, imported)
    # the tree and not the bytecode, which leaves out where a `try` ends and, from Python 3.13, holds line numbers
    digest = hashlib.sha256("\x1f".join(words).encode("utf-8", "surrogatepass")).hexdigest()
    return digest, tuple(name.removeprefix("ccl_assets.") for name in imported if _counts(name))


def _flatten(node: ast.AST, words: list[str], imported: set[str]) -> None:
    """Write a tree as words, strings that stand alone (docstrings) left out; one pass, since load time is spent here."""
    if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ccl_assets."):
        imported.update((node.module, *(f"{node.module}.{alias.name}" for alias in node.names)))
    words.append(type(node).__name__)
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            _flatten(value, words, imported)
        elif isinstance(value, list):
            words.append("[")
            for item in value:
                if not isinstance(item, ast.AST):
                    words.append(repr(item))
                elif not _stands_alone(item):
                    _flatten(item, words, imported)
            words.append("]")
        else:
            words.append(repr(value))


def _stands_alone(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@cache
def _counts(name: str) -> bool:
    """Whether an imported name is a module of a slice that computes."""
    if not name.startswith(_SLICES) or name.endswith((".tables", "assets")):
        return False
    path = Path(__file__).parents[1].joinpath(*name.split(".")[1:])
    return path.with_suffix(".py").is_file()
