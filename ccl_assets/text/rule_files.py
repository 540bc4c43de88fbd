"""Word lists of the text rules, read from ``rules/<language>``.

A line that begins with ``#`` is a remark. Layout rules (heads, abbreviations, joints) take the lists of all languages together,
since a note's layout is read before its language is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import product

LANGUAGES = ("en", "es")
_CLASS = re.compile(r"<([a-z]+)>")


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger phrase as written, its classes put in."""

    phrase: str
    status: str
    direction: str


def rule_lines(name: str, language: str) -> Iterator[str]:
    """The lines of a rule file without remarks; none where a language has no such file."""
    file = files("ccl_assets.text").joinpath("rules", language, name)
    if not file.is_file():
        return
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.rstrip()


@lru_cache(maxsize=64)
def word_set(name: str, language: str | None = None) -> frozenset[str]:
    """The words of a list ``name.txt``, those of all languages unless one is given."""
    languages = LANGUAGES if language is None else (language,)
    return frozenset(line.casefold() for each in languages for line in rule_lines(f"{name}.txt", each))


@lru_cache(maxsize=64)
def word_groups(name: str, language: str | None = None) -> dict[str, frozenset[str]]:
    """The words of a table ``name.tsv`` by the kind in its first column."""
    groups: dict[str, set[str]] = {}
    for each in LANGUAGES if language is None else (language,):
        for line in rule_lines(f"{name}.tsv", each):
            kind, _, words = line.partition("\t")
            groups.setdefault(kind, set()).update(words.split("|"))
    return {kind: frozenset(words) for kind, words in groups.items()}


def triggers(language: str) -> Iterator[Trigger]:
    """The trigger phrases of a language, one for each choice of the words of a class."""
    classes: dict[str, list[str]] = {}
    for line in rule_lines("triggers.tsv", language):
        if line.startswith("@"):
            name, _, words = line[1:].partition("\t")
            classes[name] = words.split("|")
            continue
        phrase, status, direction = line.split("\t")
        names = _CLASS.findall(phrase)
        for chosen in product(*(classes[name] for name in names)):
            filled = phrase
            for name, word in zip(names, chosen, strict=True):
                filled = filled.replace(f"<{name}>", word, 1)
            yield Trigger(filled, status, direction)
