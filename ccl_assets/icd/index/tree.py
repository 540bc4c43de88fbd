"""The terms of one index as a tree, and the search for a term by the words of its path, from literal to lenient.

It says which terms fit; whether a reference is settled by them is not decided here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ccl_assets.icd.index.words import (
    Wording,
    Words,
    core_words,
    one_edit_apart,
    plain_words,
    printed_parts,
    stems,
    without_kinds,
    without_parentheses,
    wording,
)

Branches = dict[str, list[tuple[Words, "Term"]]]
_SHORTEST_MISSPELT = 7


class Term:
    """A term in the tree."""

    __slots__ = ("_branches", "_form", "children", "parent", "row")

    def __init__(self, row: Mapping[str, Any], parent: Term | None) -> None:
        """Hang the term below its parent."""
        self.row = row
        self.parent = parent
        self.children: list[Term] = []
        self._form: Wording | None = None
        self._branches: dict[_InOrder, Branches] | None = None
        if parent is not None:
            parent.children.append(self)

    @property
    def term_id(self) -> str:
        """Id of the term."""
        return str(self.row["term_id"])

    @property
    def form(self) -> Wording:
        """The title in its comparable forms, told when first asked for: most terms are never looked at."""
        if self._form is None:
            self._form = wording(self.row["path"][-1])
        return self._form

    def branches(self, rule: _InOrder) -> Branches:
        """The forms of the subterms at a step, by their first word; those without a word under an empty one."""
        if self._branches is None:
            self._branches = {}
        if rule not in self._branches:
            found: Branches = defaultdict(list)
            for child in self.children:
                for words in dict.fromkeys(rule.sub(child.form)):
                    found[words[0] if words else ""].append((words, child))
            self._branches[rule] = found
        return self._branches[rule]

    @property
    def main(self) -> Term:
        """The main term above, or the term itself."""
        term = self
        while term.parent is not None:
            term = term.parent
        return term


@dataclass(frozen=True, slots=True)
class _InOrder:
    """A step at which the target's words are the titles' words, one title after the other."""

    tokens: Callable[[str], Words]
    main: Callable[[Wording], tuple[Words, ...]]
    sub: Callable[[Wording], tuple[Words, ...]]


@dataclass(frozen=True, slots=True)
class _AnyOrder:
    """A step at which every title, or its head or a variant, is among the target's words, and these are all accounted for.

    Attributes:
        with_modifiers: Words of the target may also be nonessential modifiers of a term on the way.
    """

    with_modifiers: bool = False


def _words(text: str) -> Words:
    return core_words(plain_words(text))


def _heads(form: Wording) -> tuple[Words, ...]:
    return (form.core, form.head, *form.variants)


def _stemmed_heads(form: Wording) -> tuple[Words, ...]:
    """A title may say the kind of thing where a target does not, "tarsal bone"; the other way round a word would get lost."""
    return tuple(stems(words) for head in _heads(form) for words in (head, without_kinds(head)))


STEPS: dict[str, _InOrder | _AnyOrder] = {
    "printed": _InOrder(printed_parts, lambda form: (form.printed,), lambda form: (form.printed,)),
    "words": _InOrder(plain_words, lambda form: (form.plain, *form.variants), lambda form: (form.plain,)),
    "without_connectors": _InOrder(_words, lambda form: (form.core, *form.variants), lambda form: (form.core,)),
    "variants": _InOrder(_words, _heads, _heads),
    "stems": _InOrder(lambda text: stems(_words(text)), _stemmed_heads, _stemmed_heads),
    "any_order": _AnyOrder(),
    "modifiers": _AnyOrder(with_modifiers=True),
}


class TermTree:
    """The terms of one index or table."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Build from rows of ``icd/index_terms`` of one source, cells left out, in their order."""
        self.terms: dict[str, Term] = {}
        above: list[Term] = []
        for row in rows:
            depth = len(row["path"]) - 1
            term = Term(row, above[depth - 1] if depth else None)
            above[depth:] = [term]
            self.terms[term.term_id] = term
        self._mains: defaultdict[str, list[Term]] = defaultdict(list)
        for term in self.terms.values():
            if term.parent is None:
                forms = (term.form.printed, term.form.plain, *_heads(term.form), *_stemmed_heads(term.form))
                for word in {words[0] for words in forms if words}:
                    self._mains[word].append(term)
        self._found: dict[tuple[str, str], tuple[Term, ...]] = {}

    def find(self, target: str, step: str) -> tuple[Term, ...]:
        """The terms that fit a printed target at a step, in the order of the index."""
        key = (target, step)
        if key not in self._found:
            self._found[key] = tuple(dict.fromkeys(self._find(target, STEPS[step])))
        return self._found[key]

    def respelt(self, target: str) -> str | None:
        """The target with every word that the index does not know put as the one word it knows one edit away."""
        words = list(dict.fromkeys(word for word in plain_words(target) if word not in self._known))
        respelt = target.lower()
        for word in words:
            if len(word) < _SHORTEST_MISSPELT or word not in respelt:
                return None
            alike = (known for known in self._known if known[0] == word[0] or known[-1] == word[-1])
            near = [known for known in alike if one_edit_apart(word, known)]
            if len(near) != 1:
                return None
            respelt = respelt.replace(word, near[0])
        return respelt if words else None

    @cached_property
    def _known(self) -> set[str]:
        return {word for term in self.terms.values() for word in plain_words(term.row["path"][-1])}

    def _find(self, target: str, rule: _InOrder | _AnyOrder) -> list[Term]:
        # parentheses hold nonessential modifiers, but some targets write a title's essential words in them
        for text in dict.fromkeys((without_parentheses(target), target.replace("(", " ").replace(")", " "))):
            found = self._in_order(text, rule) if isinstance(rule, _InOrder) else self._any_order(text, rule)
            if found:
                return found
        return []

    def _in_order(self, text: str, rule: _InOrder) -> list[Term]:
        tokens = rule.tokens(text)
        mains = self._mains.get(tokens[0], ()) if tokens else ()
        return [
            term for main in mains for form in set(rule.main(main.form)) for term in _walk(main, form, tokens, rule)
        ]

    def _any_order(self, text: str, rule: _AnyOrder) -> list[Term]:
        tokens = _words(text)
        if not tokens:
            return []
        wanted = frozenset(tokens)
        return [term for main in self._mains.get(tokens[0], ()) for term in _cover(main, wanted, frozenset(), rule)]


def _walk(term: Term, form: Words, tokens: Words, rule: _InOrder) -> Iterator[Term]:
    """Terms at or below ``term`` whose titles, this one read as ``form``, spell the tokens."""
    count = len(form)
    if tokens[:count] != form:
        return
    rest = tokens[count:]
    if not rest:
        if form:  # a level of connectors only, "with", is not meant by a target that ends above it
            yield term
        return
    branches = term.branches(rule)
    for word in (rest[0], ""):
        for words, child in branches.get(word, ()):
            yield from _walk(child, words, rest, rule)


def _cover(term: Term, wanted: frozenset[str], covered: frozenset[str], rule: _AnyOrder) -> Iterator[Term]:
    """Terms at or below ``term`` whose titles together have exactly the wanted words."""
    form = term.form
    heads = [words for head in _heads(form) if (words := frozenset(head)) <= wanted]
    if not heads:
        return
    gained = covered.union(*heads, *(part for part in form.parts if wanted.issuperset(part)))
    if rule.with_modifiers and (modifiers := term.row["nonessential_modifiers"]):
        gained |= wanted.intersection(word for modifier in modifiers for word in plain_words(modifier))
    if gained == wanted:
        if covered != wanted:
            yield term
        return
    for child in term.children:
        yield from _cover(child, wanted, gained, rule)
