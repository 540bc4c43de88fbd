"""Instructional notes as look-ups: what is in force at a code, what excludes what, what must be coded first.

A note applies to everything below the code, block or chapter that carries it. What may be concluded from notes is stated
here and nowhere else; nothing here knows of patients' notes or of systems.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

import pyarrow as pa

from ccl_assets.icd.code import spelled
from ccl_assets.icd.code_placement import in_block
from ccl_assets.icd.instructions.code_references import Reference
from ccl_assets.icd.instructions.notes import Note, read_notes
from ccl_assets.icd.ontology import Ontology

# B95-B97, agents "as the cause of diseases classified elsewhere", are the other half of such a pair
_MANIFESTATION_TITLE = re.compile(
    r"(?<!as the cause of )\b(?:disease|diseases|conditions|reactions) classified elsewhere"
)
_UNDERLYING = re.compile(r"\bunderlying\b")
_OPTIONAL = re.compile(r"\bif (?:applicable|known)\b|\bany\b|\bwhen\b")


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two codes that an Excludes1 note forbids together; the note is printed at or above ``code``."""

    code: str
    excluded_code: str
    note: Note


class Instructions:
    """All notes of a release by what they apply to. Building takes about 0.5 s; :meth:`from_tables` says from what.

    Chapters, blocks and codes are nodes of one tree, so that a look-up walks from a code to its chapter (at most nine nodes)
    and asks a dictionary at each. Blocks that hold no codes of their own (``V00-V99``) stand above the blocks in their range.
    """

    def __init__(self, ontology: Ontology, notes: Iterable[Note]) -> None:
        """Index notes by their subject."""
        self.ontology = ontology
        self._categories = sorted(code.code for code in ontology if code.parent_code is None)
        self._blocks: dict[str, list[str]] = {}
        for category in self._categories:
            self._blocks.setdefault(ontology[category].block, []).append(category)
        self._notes: dict[str, list[Note]] = {}
        for note in notes:
            self._notes.setdefault(_node(note.scope, note.subject), []).append(note)
        self._above = self._nodes_above_categories()
        self._held: dict[tuple[str, str], frozenset[str]] = {}
        self._excluded = self._index_exclusions()

    @classmethod
    def from_tables(cls, codes: pa.Table, instructions: pa.Table) -> Instructions:
        """Build from the tables ``icd/codes`` and ``icd/instructions``."""
        return cls(Ontology.from_table(codes), read_notes(instructions))

    def effective_instructions(self, code: str, kind: str | None = None) -> list[Note]:
        """Notes in force at a code: its own, then those of its stem and parents, of its block, of its chapter.

        Args:
            code: Any code of the release, billable or not.
            kind: One kind of note only, e.g. ``code_also``.

        Raises:
            KeyError: The release has no such code.
        """
        notes = [note for node in self._line(code) for note in self._notes.get(node, ())]
        return notes if kind is None else [note for note in notes if note.kind == kind]

    def excludes1(self, code: str) -> list[Note]:
        """Excludes1 notes in force at a code: their targets are not coded together with it."""
        return self.effective_instructions(code, "excludes1")

    def code_first(self, code: str) -> list[Note]:
        """Code-first notes in force at a code: where their targets apply, they come before it."""
        return self.effective_instructions(code, "code_first")

    def use_additional(self, code: str) -> list[Note]:
        """Use-additional-code notes in force at a code: where their targets apply, they come after it."""
        return self.effective_instructions(code, "use_additional_code")

    def holds(self, reference: Reference, code: str) -> bool:
        """Tell whether a reference means a code: the code is named, or below what is named, and has the characters asked for."""
        held = self._nodes_held(reference)
        return any(node in held for node in self._line(code)) and self._fits(reference, code)

    def conflicts(self, codes: Iterable[str]) -> list[Conflict]:
        """Pairs of these codes that exclude each other, in the order of the codes, one conflict per pair.

        An Excludes1 note speaks of the codes at and below it (its subject) and of its targets. Two codes conflict by it if one
        is below the subject and the other is a target, whichever of the two carries the note. It is no conflict if

        - the targets hold both: the note then tells the subject from its surroundings, not the two codes from each other;
        - one of the codes is the other or above it;
        - the target is restricted in words that cannot be checked on a code ("with ketoacidosis").

        The guidelines (I.A.12.a) allow both codes where the two conditions are unrelated, which codes cannot tell: a conflict is
        a reason to look, not proof of an error. Codes that the release does not have take part in none.

        Args:
            codes: In any usual spelling (``E119``, ``e11.9``).
        """
        known = [code for code in dict.fromkeys(map(spelled, codes)) if code in self.ontology]
        lines = {code: self._line(code) for code in known}
        found = (self._conflict(one, other, lines) for one, other in combinations(known, 2))
        return [conflict for conflict in found if conflict is not None]

    def is_manifestation(self, code: str) -> bool:
        """Tell whether a code names a manifestation, which never comes first.

        It is one if its title, or the title of a code above it, says "in diseases classified elsewhere" or the like, or if a
        code-first note in force asks for what underlies it ("underlying disease, such as:") without "if applicable", "if known",
        "any" or "when".
        """
        code = self.ontology[code].code
        above = (self.ontology[node].title for node in (code, *self.ontology.ancestors(code)))
        return any(map(_MANIFESTATION_TITLE.search, above)) or any(map(_asks_for_underlying, self.code_first(code)))

    def _line(self, code: str) -> tuple[str, ...]:
        entry = self.ontology[code]
        return (entry.code, *self.ontology.ancestors(entry.code), *self._above[entry.block])

    def _nodes_above_categories(self) -> dict[str, tuple[str, ...]]:
        """For each block: itself, the blocks without codes that span it (narrowest first), the chapter."""
        spanning = {note.subject for notes in self._notes.values() for note in notes if note.scope == "block"}
        umbrellas = {block: self._categories_in(block) for block in spanning - self._blocks.keys()}
        above = {}
        for block, categories in self._blocks.items():
            over = [umbrella for umbrella, inside in umbrellas.items() if inside.issuperset(categories)]
            over.sort(key=lambda umbrella: len(umbrellas[umbrella]))
            chapter = self.ontology.chapter(categories[0])
            above[block] = (*(_node("block", name) for name in (block, *over)), _node("chapter", chapter))
        return above

    def _categories_in(self, block: str) -> set[str]:
        return {category for category in self._categories if in_block(category, block)}

    def _nodes_held(self, reference: Reference) -> frozenset[str]:
        """The topmost codes that a reference names; codes that the release lacks hold nothing."""
        key = (reference.first, reference.last)
        if key not in self._held:
            self._held[key] = frozenset(self._expand_range(*key))
        return self._held[key]

    def _expand_range(self, first: str, last: str) -> Iterator[str]:
        if first == last:
            yield first
        elif (categories := self._blocks.get(f"{first}-{last}")) is not None:
            yield from categories
        else:
            low, high = first.replace(".", ""), last.replace(".", "")
            pending = [category for category in self._categories if low[:3] <= category <= high[:3]]
            while pending:
                code = pending.pop()
                bare = code.replace(".", "")
                if bare >= low and (bare.startswith(high) or (bare < high and not high.startswith(bare))):
                    yield code
                elif low.startswith(bare) or high.startswith(bare):  # holds an end of the range: look inside
                    pending.extend(self.ontology.children.get(code, ()))

    def _fits(self, reference: Reference, code: str) -> bool:
        condition = reference.condition
        return condition is None or condition.holds(self.ontology[code].code, self.ontology[code].stem_code)

    def _index_exclusions(self) -> dict[str, dict[str, list[tuple[Note, Reference]]]]:
        """Subject node -> excluded node -> the notes that say so."""
        excluded: dict[str, dict[str, list[tuple[Note, Reference]]]] = {}
        for node, notes in self._notes.items():
            for note in notes:
                for target in note.targets if note.kind == "excludes1" else ():
                    for held in self._nodes_held(target):
                        excluded.setdefault(node, {}).setdefault(held, []).append((note, target))
        return excluded

    def _conflict(self, one: str, other: str, lines: dict[str, tuple[str, ...]]) -> Conflict | None:
        if one in lines[other] or other in lines[one]:
            return None
        for code, excluded_code in ((one, other), (other, one)):
            for node in lines[code]:
                targets = self._excluded.get(node, {})
                for held in lines[excluded_code] if targets else ():
                    for note, target in targets.get(held, ()):
                        if self._fits(target, excluded_code) and not self._is_target(note, code):
                            return Conflict(code, excluded_code, note)
        return None

    def _is_target(self, note: Note, code: str) -> bool:
        return any(self.holds(target, code) for target in note.targets)


def _node(scope: str, subject: str) -> str:
    """Blocks may share their id with a category (B20); the tree keeps them apart."""
    return subject if scope == "code" else f"{scope} {subject}"


def _asks_for_underlying(note: Note) -> bool:
    words = f"{note.heading} {note.text}"
    return _UNDERLYING.search(words) is not None and _OPTIONAL.search(words) is None
