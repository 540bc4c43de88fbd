"""Codes out of an answer in JSON: objects, lists or mappings, whole, cut off, with comments, single quotes or trailing commas.

The reader is tolerant and keeps the place of every string, which a JSON library does not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from ccl_assets.answers.code_line import is_unmistakable
from ccl_assets.answers.words import answer_words
from ccl_assets.icd.code import WRITTEN, normalize_code

_TOKEN = re.compile(
    r""""(?:[^"\\\n]|\\.)*+(?:"|$)|'(?:[^'\\\n]|\\.)*+(?:'|$)|[{}\[\]:,]|[^\s{}\[\]:,"']+""", re.MULTILINE
)
_OPENING = re.compile(r"""^[ \t>]*(?:[`\w .=*:-]{0,40}[\s:=`])?[\[{]\s{0,99}(?:["'{\[]|$)""", re.MULTILINE)
_LEADING_CODE = re.compile(rf"({WRITTEN})(?![0-9A-Za-z]|\.[0-9A-Za-z])\W*(.*)", re.DOTALL)
_WHOLE_CODE = re.compile(WRITTEN)
_MOST_DEPTH = 50


class JsonCode(NamedTuple):
    """A code in JSON, normalized, what was said of it, and where it stands as written."""

    code: str
    title: str
    evidence: str | None
    begin: int
    end: int


class _Text(NamedTuple):
    value: str
    begin: int


@dataclass
class _Node:
    """An object or list; in an object every item has a key, in a list none has."""

    is_object: bool
    items: list[tuple[_Text | None, _Text | _Node]] = field(default_factory=list)


def looks_like_json(text: str) -> bool:
    """Tell whether an object or list of JSON opens a line."""
    return _OPENING.search(text) is not None


def json_codes(text: str) -> tuple[list[JsonCode], bool]:
    """The codes in order, and whether members that should hold a code hold something else."""
    found: list[JsonCode] = []
    unread = [False]
    for root in _roots(text):
        found += _codes_of(root, unread)
    return found, unread[0]


def _roots(text: str) -> list[_Node]:
    roots: list[_Node] = []
    stack: list[_Node] = []
    key: list[_Text | None] = []
    last: _Text | None = None
    for token in _TOKEN.finditer(text, _start(text)):
        mark = token[0]
        if mark in "{[":
            if len(stack) >= _MOST_DEPTH:
                break
            node = _Node(mark == "{")
            if stack:
                stack[-1].items.append((key[-1], node))
                key[-1] = None
            else:
                roots.append(node)
            stack.append(node)
            key.append(None)
            last = None
        elif not stack:
            continue
        elif mark in "}]":
            _close(stack[-1], key[-1], last)
            stack.pop()
            key.pop()
            last = None
        elif mark == ":":
            if stack[-1].is_object and last is not None and key[-1] is None:
                key[-1], last = last, None
        elif mark == ",":
            _close(stack[-1], key[-1], last)
            key[-1], last = None, None
        elif last is None:
            last = _text(token)
    if stack:
        _close(stack[-1], key[-1], last)
    return roots


def _start(text: str) -> int:
    found = _OPENING.search(text)
    return found.start() if found else 0


def _close(node: _Node, key: _Text | None, last: _Text | None) -> None:
    if last is not None and (key is not None or not node.is_object):
        node.items.append((key, last))


def _text(token: re.Match[str]) -> _Text:
    raw = token[0]
    if raw[0] not in "\"'":
        return _Text("" if raw in ("null", "None") else raw, token.start())
    inner = raw[1:-1] if len(raw) > 1 and raw[-1] == raw[0] else raw[1:]
    if "\\" in inner:
        with suppress(ValueError):
            inner = str(json.loads(f'"{inner}"', strict=False)).encode("utf-8", "replace").decode("utf-8")
    return _Text(inner, token.start() + 1)


def _codes_of(node: _Node, unread: list[bool]) -> Iterator[JsonCode]:
    """Codes of a node and of what it holds, in order."""
    if not node.is_object:
        yield from _codes_of_list(node, None, unread)
        return
    members = {_folded(key.value): value for key, value in node.items if key is not None}
    title = next((_words(members[name]) for name in members if name in answer_words("title_keys")), "")
    evidence = next((members[name] for name in members if name in answer_words("evidence_keys")), None)
    for key, value in node.items:
        if key is None:
            if isinstance(value, _Node):
                yield from _codes_of(value, unread)
            continue
        name = _folded(key.value)
        if _WHOLE_CODE.fullmatch(key.value.strip()):
            yield from _mapped(key, value)
        elif name in answer_words("code_keys") and isinstance(value, _Text):
            code = _written(value, title, _words(evidence) or None if evidence is not None else None)
            if code is not None:
                yield code
            elif value.value.strip():
                unread[0] = True
        elif isinstance(value, _Node):
            if name in answer_words("evidence_keys") and not value.is_object:
                continue  # a list of quotes
            if not value.is_object:
                yield from _codes_of_list(value, evidence, unread, is_of_codes=name in answer_words("code_keys"))
            else:
                yield from _codes_of(value, unread)


def _codes_of_list(
    node: _Node, evidence: _Text | _Node | None, unread: list[bool], is_of_codes: bool = False
) -> Iterator[JsonCode]:
    quotes: list[str] = []
    if isinstance(evidence, _Node) and not evidence.is_object and len(evidence.items) == len(node.items):
        quotes = [_words(value) for _, value in evidence.items]
    for position, (_, value) in enumerate(node.items):
        if isinstance(value, _Node):
            yield from _codes_of(value, unread)
            continue
        if not is_of_codes and not is_unmistakable(value.value.strip()):
            continue  # a list of something else
        code = _written(value, "", quotes[position] or None if quotes else None)
        if code is not None:
            yield code
        elif is_of_codes and value.value.strip():
            unread[0] = True


def _mapped(key: _Text, value: _Text | _Node) -> Iterator[JsonCode]:
    """A code that is the name of a member: its value is the title, a list of quotes, or an object with both."""
    title, evidence = "", None
    if isinstance(value, _Text):
        title = value.value
    elif value.is_object:
        members = {_folded(name.value): member for name, member in value.items if name is not None}
        title = next((_words(members[name]) for name in members if name in answer_words("title_keys")), "")
        quote = next((_words(members[name]) for name in members if name in answer_words("evidence_keys")), "")
        evidence = quote or None
    else:
        evidence = _words(value) or None
    code = _written(key, title, evidence)
    if code is not None:
        yield code


def _written(text: _Text, title: str, evidence: str | None) -> JsonCode | None:
    """The code a string begins with; what follows is its title, if none is given elsewhere."""
    lead = len(text.value) - len(text.value.lstrip())
    found = _LEADING_CODE.match(text.value, lead)
    if found is None:
        return None
    begin = text.begin + found.start(1)
    return JsonCode(
        normalize_code(found[1]), " ".join((title or found[2]).split()), evidence, begin, begin + len(found[1])
    )


def _words(value: _Text | _Node) -> str:
    """A string, or the first one of a list."""
    if isinstance(value, _Text):
        return " ".join(value.value.split())
    for _, item in value.items:
        if isinstance(item, _Text) and item.value.strip():
            return " ".join(item.value.split())
    return ""


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
