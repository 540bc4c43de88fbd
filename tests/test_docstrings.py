"""Docstrings say what a thing does or is; they do not begin as a question."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
QUESTIONS = {"What", "Which", "Whether", "Where", "Who", "How", "Why"}
MODULES = [path for base in ("ccl_assets", "resources", "io_managers") for path in sorted((ROOT / base).rglob("*.py"))]


def public(tree: ast.Module) -> Iterator[ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """The module and its public classes and functions, methods included."""
    yield tree
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node
            waiting += node.body if isinstance(node, ast.ClassDef) else []


def questions(source: str) -> list[str]:
    """First lines of docstrings that begin as a question."""
    docstrings = (ast.get_docstring(node) for node in public(ast.parse(source)))
    return [said.splitlines()[0] for said in docstrings if said and said.split()[0].strip(",:;.") in QUESTIONS]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_public_docstring_begins_as_a_question(module):
    assert questions(module.read_text(encoding="utf-8")) == []


def test_a_question_is_noticed():
    source = '"""Rows."""\nclass A:\n    """What it is."""\n    def b(self):\n        """Whether it is."""\n'
    assert questions(source) == ["What it is.", "Whether it is."]
