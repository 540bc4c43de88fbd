"""Code versions: a hash of the code that computes an asset, so that a change of meaning makes it stale and a rename does not.

The version follows the code by itself. From the asset's body it goes to every function, class and constant that the body uses, in
whichever module, and hashes their bodies: comments, docstrings, layout, import paths and the names of modules do not count. Prompts
and data files count if a string of that code names them. The Dagster shell, the resources and the IO managers do not count: they
say where, not what. A table's contract is hashed by the table asset.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ccl_assets.lakehouse.free_names import FreeNames, free_names
from ccl_assets.prompts import load_prompt

_PACKAGE = "ccl_assets"
_ROOT = Path(__file__).parents[1]
_ROOMS = (
    "text",
    "answers",
    "prompts",
    "icd",
    "corpora",
    "evidence",
    "linking",
    "classifiers",
    "sft",
    "coding",
    "evaluation",
    "review",
)
_SAYS_WHERE = ("ccl_assets.corpora.sample", "ccl_assets.coding.command")  # files and command lines inside these rooms
_HAS_A_TABLE = frozenset({"recipes.toml"})  # sft/recipes says which recipe changed
_DATA_SUFFIXES = frozenset({".csv", ".jinja", ".json", ".toml", ".tsv", ".txt"})
_SHELL_KEYWORDS = frozenset({"ins"})  # of an asset's decorator: what is read; the rest describes


def code_version(
    body: Callable[..., Any], *, settings: Mapping[str, Any] | None = None, also: Iterable[str] = ()
) -> str:
    """Hash what an asset's body uses.

    Args:
        body: The function that computes the asset.
        settings: Settings that change the result, e.g. the model.
        also: Modules below ``ccl_assets`` that the body uses without importing them, e.g. ``coding.systems.scl``, whole.

    Returns:
        Twelve hexadecimal digits, then the settings in clear.
    """
    roots = [target for module in also for target in _targets(_PACKAGE, module)]
    body = inspect.unwrap(body)
    found = reached([(body.__module__, body.__name__), *roots])
    digest = hashlib.sha256("\n".join(sorted(set(found.values()))).encode())
    shown = "".join(f" {name}={value}" for name, value in sorted((settings or {}).items()))
    return digest.hexdigest()[:12] + shown


def evaluated_gates(body: Callable[..., Any]) -> set[str] | None:
    """Names of the declared gates that the code of a body uses, however deep; ``None`` if the body is no code of the package."""
    body = inspect.unwrap(body)
    if not _counts(body.__module__ or "") or "<" in body.__qualname__:
        return None
    found = set()
    for module, name in reached([(body.__module__, body.__name__)]):
        if _path(module) is None:
            continue
        for node in _module(module).statements.get(name, ()):
            for decorator in getattr(node, "decorator_list", ()):
                if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "gate":
                    found.add(str(getattr(decorator.args[0], "value", "")))
    return found


def reached(roots: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Find all that some definitions use, however deep.

    Args:
        roots: Module and name of each definition to begin with.

    Returns:
        A hash by module and name; a prompt or data file stands under its module and its path from there.
    """
    found: dict[tuple[str, str], str] = {}
    waiting = list(roots)
    while waiting:
        module, name = waiting.pop()
        if (module, name) in found or not _counts(module):
            continue
        definition = _module(module).definition(name)
        if definition is None:
            imported = _module(module).imports.get(name)
            if imported is not None:
                waiting += _targets(*imported)
            continue
        if definition.is_contract:
            continue
        found[module, name] = definition.sha256
        folder = _module(module).path.parent
        found.update(
            {(module, path.relative_to(folder).as_posix()): _file_hash(path) for path in definition.data_files}
        )
        found.update({("prompts", prompt): load_prompt(prompt).sha256 for prompt in definition.prompts})
        waiting += definition.uses
    return found


@dataclass(frozen=True)
class _Definition:
    """A top-level name of a module: its hash, and what it uses."""

    sha256: str
    uses: tuple[tuple[str, str], ...]
    data_files: tuple[Path, ...]
    prompts: tuple[str, ...]
    is_contract: bool


@dataclass
class _Module:
    """A module as text: statements by the name they define, and imports: local name to module and name there."""

    path: Path
    statements: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    read: dict[str, _Definition] = field(default_factory=dict)

    def definition(self, name: str) -> _Definition | None:
        """The definition of a top-level name, read when it is asked for; ``None`` if the module defines no such name."""
        if name not in self.statements:
            return None
        if name not in self.read:
            self.read[name] = _definition(self.statements[name], self)
        return self.read[name]


@cache
def _module(name: str) -> _Module:
    """Read a module without importing it."""
    path = _path(name)
    if path is None:
        raise ModuleNotFoundError(f"no module {name} to take a code version of")
    found = _Module(path)
    for statement in _flat(ast.parse(path.read_text(encoding="utf-8")).body):
        if isinstance(statement, ast.ImportFrom | ast.Import):
            found.imports.update(_imports(statement))
            continue
        for bound in _bound(statement):
            found.statements.setdefault(bound, []).append(statement)
    return found


@cache
def _path(name: str) -> Path | None:
    """File of a module of this package; ``None`` if there is none."""
    package, *parts = name.split(".")
    if package != _PACKAGE:
        return None
    base = _ROOT.joinpath(*parts)
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if parts and path.is_file():
            return path
    return None


def _flat(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of a module; those under a plain ``if``, ``try`` or ``with`` too."""
    for statement in body:
        if isinstance(statement, ast.If | ast.Try | ast.With):
            for part in ("body", "orelse", "finalbody"):
                yield from _flat(getattr(statement, part, []))
            for handler in getattr(statement, "handlers", []):
                yield from _flat(handler.body)
        else:
            yield statement


def _bound(statement: ast.stmt) -> list[str]:
    """Names that a statement defines or changes: ``X = ...``, ``def x``, ``X.update(...)``, ``for ...: X[...] = ...``."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    stored = [node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign) and stored:
        return stored
    changed = [
        node.value.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.value, ast.Name)
    ]
    return [*stored, *changed]


def _imports(statement: ast.ImportFrom | ast.Import) -> dict[str, tuple[str, str]]:
    if isinstance(statement, ast.ImportFrom):
        if not (statement.module or "").startswith(_PACKAGE):
            return {}
        return {alias.asname or alias.name: (str(statement.module), alias.name) for alias in statement.names}
    return {
        alias.asname: (alias.name, "") for alias in statement.names if alias.asname and alias.name.startswith(_PACKAGE)
    }


def _definition(nodes: list[ast.stmt], module: _Module) -> _Definition:
    words: list[str] = []
    used: list[tuple[str, str]] = []
    strings: set[str] = set()
    for node in nodes:
        node = _without_shell(node)
        _flatten(node, words)
        names = free_names(node)
        strings |= names.strings
        used += _uses(names, module)
    digest = hashlib.sha256("\x1f".join(words).encode("utf-8", "surrogatepass")).hexdigest()
    files = tuple(_data_files(strings, module.path))
    prompts = tuple(sorted(strings & _prompts()))
    return _Definition(digest, tuple(dict.fromkeys(used)), files, prompts, _is_contract(nodes))


def _uses(names: FreeNames, inside: _Module) -> Iterator[tuple[str, str]]:
    """Module and name of everything of the project that a definition uses."""
    here = _name_of(inside.path)
    known = dict(inside.imports)
    for statement in names.imports:
        known |= _imports(statement)
        for local, (module, name) in _imports(statement).items():
            if local not in names.loaded:
                yield from _targets(module, name)
    for local in names.loaded:
        attributes = names.attributes.get(local, set())
        if local in known:
            module, name = known[local]
            if _is_module(f"{module}.{name}" if name else module):
                whole = f"{module}.{name}" if name else module
                yield from ((whole, attribute) for attribute in attributes)
            else:
                yield from _targets(module, name)
        elif local in inside.statements:
            yield here, local


def _targets(module: str, name: str) -> list[tuple[str, str]]:
    if _is_module(f"{module}.{name}"):
        return [(f"{module}.{name}", each) for each in _module(f"{module}.{name}").statements]
    return [(module, name)] if name else []


def _is_module(name: str) -> bool:
    return _path(name) is not None


def _name_of(path: Path) -> str:
    """Dotted name of a module by its file."""
    parts = path.relative_to(_ROOT).with_suffix("").parts
    return ".".join((_PACKAGE, *(part for part in parts if part != "__init__")))


@cache
def _counts(module: str) -> bool:
    """Tell whether a module computes, rather than saying where things are or how Dagster runs them."""
    room = module.removeprefix(f"{_PACKAGE}.").split(".")[0]
    return module.startswith(f"{_PACKAGE}.") and room in _ROOMS and not module.startswith(_SAYS_WHERE)


def _without_shell(node: ast.stmt) -> ast.stmt:
    """Keep of an asset's decorator only what is read, and of a gate's nothing: descriptions, kinds and owners do not compute."""
    if not isinstance(node, ast.FunctionDef):
        return node
    plain = [one for one in node.decorator_list if _called(one) != "gate"]
    if not any(_is_asset_decorator(one) for one in plain):
        return ast.FunctionDef(node.name, node.args, node.body, plain, node.returns)
    read = [
        keyword
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
        for keyword in decorator.keywords
        if keyword.arg in _SHELL_KEYWORDS
    ]
    shell: list[ast.expr] = [ast.Call(func=ast.Name("asset", ast.Load()), args=[], keywords=read)]
    return ast.FunctionDef(node.name, node.args, node.body, shell, node.returns)


def _is_asset_decorator(node: ast.expr) -> bool:
    return _called(node) in {"asset", "multi_asset", "table_asset", "table_multi_asset", "artifact_asset"}


def _called(node: ast.expr) -> str:
    """Last name of what a decorator calls."""
    called = node.func if isinstance(node, ast.Call) else node
    return called.attr if isinstance(called, ast.Attribute) else str(getattr(called, "id", ""))


def _is_contract(nodes: list[ast.stmt]) -> bool:
    """A table's contract: its shape is part of the code version already, its descriptions are not."""
    values = [getattr(node, "value", None) for node in nodes]
    return any(isinstance(value, ast.Call) and getattr(value.func, "id", "") == "TableContract" for value in values)


def _data_files(strings: set[str], path: Path) -> Iterator[Path]:
    """Data files beside the module that strings of the code name: by file name, or by folder."""
    for text in sorted(strings - _HAS_A_TABLE):
        if not text or len(text) > 100 or any(letter in text for letter in "\n\0 ") or ".." in text or text[0] in "/.":
            continue
        beside = path.parent / text
        if beside.suffix in _DATA_SUFFIXES and beside.is_file():
            yield beside
        elif text.isidentifier() and beside.is_dir() and not (beside / "__init__.py").exists():
            yield from sorted(inner for inner in beside.rglob("*") if inner.suffix in _DATA_SUFFIXES)


@cache
def _prompts() -> frozenset[str]:
    """Names of all prompts."""
    return frozenset(path.stem for path in (_ROOT / "prompts").glob("*.jinja"))


@cache
def _file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _flatten(node: ast.AST, words: list[str]) -> None:
    """Write a tree as words: strings that stand alone (docstrings) and import paths left out."""
    if isinstance(node, ast.ImportFrom | ast.Import):
        words += [alias.name for alias in node.names]
        return
    words.append(type(node).__name__)
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            _flatten(value, words)
        elif isinstance(value, list):
            words.append("[")
            for item in value:
                if not isinstance(item, ast.AST):
                    words.append(repr(item))
                elif not _stands_alone(item):
                    _flatten(item, words)
            words.append("]")
        else:
            words.append(repr(value))


def _stands_alone(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
