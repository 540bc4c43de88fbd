"""Names that a piece of code takes from outside itself."""

from __future__ import annotations

import ast
from collections import defaultdict
from dataclasses import dataclass, field

_Scope = (
    ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
)


@dataclass
class FreeNames:
    """Result of :func:`free_names`.

    Attributes:
        loaded: Names read and not bound in the code itself.
        attributes: First attributes read from each such name: ``checks.GATES`` gives ``checks`` and ``GATES``.
        imports: Import statements inside the code.
        strings: String constants, docstrings left out.
    """

    loaded: set[str] = field(default_factory=set)
    attributes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    imports: list[ast.ImportFrom | ast.Import] = field(default_factory=list)
    strings: set[str] = field(default_factory=set)


def free_names(node: ast.AST) -> FreeNames:
    """Find what a definition uses; parameters and local variables do not count, names of local imports do."""
    found = FreeNames()
    _visit(node, frozenset(), found)
    return found


def _visit(node: ast.AST, bound: frozenset[str], found: FreeNames) -> None:
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load) and node.id not in bound:
            found.loaded.add(node.id)
        return
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id not in bound:
        found.attributes[node.value.id].add(node.attr)
    elif isinstance(node, ast.ImportFrom | ast.Import):
        found.imports.append(node)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        found.strings.add(node.value)
        _visit_annotation(node.value, bound, found)
    inner = bound | _bound_in(node) if isinstance(node, _Scope) else bound
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_docstring(child):
                # decorators, defaults and annotations are read outside the function
                outside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and name in (
                    "decorator_list",
                    "args",
                    "returns",
                )
                _visit(child, bound if outside else inner, found)


def _visit_annotation(text: str, bound: frozenset[str], found: FreeNames) -> None:
    """A quoted name, as annotations under quotes are."""
    if text.isidentifier() and text[:1].isupper() and text not in bound:
        found.loaded.add(text)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _bound_in(scope: ast.AST) -> frozenset[str]:
    """Names that a function or comprehension binds, imports and nested functions' own names aside."""
    names: set[str] = set()
    stack: list[ast.AST] = list(ast.iter_child_nodes(scope))
    while stack:
        node = stack.pop()
        if isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            continue
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.Lambda):
            continue
        stack.extend(ast.iter_child_nodes(node))
    return frozenset(names)
