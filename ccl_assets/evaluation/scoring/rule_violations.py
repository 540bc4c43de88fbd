"""Coding rules that a set of codes breaks, as far as codes alone can tell; the notes of the Tabular List are the source.

What is counted, and why no more:

- ``excludes1``: two codes that an Excludes1 note forbids together (:meth:`Instructions.conflicts` says when). The guidelines
  allow both where the conditions are unrelated, so this is a reason to look; coders' own codes have some too.
- ``code_first``: a manifestation without its etiology. Where a note names all that may come first ("underlying neoplasm (C00-D49)")
  one of these must be there; where it gives examples or names nothing, any code that is no manifestation itself may be
  the etiology, and only its absence counts. Other code-first notes depend on the patient ("any", "if applicable").
- ``use_additional``: a note asks for the type, stage, severity or site of what was coded, which every case has, and no code of the
  categories it names is there (I11.0 without I50). Notes on what a patient may not have ("insulin", "tobacco use", "infectious
  agent", "if applicable") are left alone: that nothing was added is then no error.
- ``seventh_character``: a code that needs a 7th character has none, lacks the placeholders before it, or has one that its stem
  does not take.
- ``guideline``: what the guidelines presume or ask for and codes alone can show (:mod:`.guideline_rules`): I10 with heart failure
  or chronic kidney disease (I.C.9.a), a delivery without its outcome (I.C.15.n).

``code_order`` stands apart: a manifestation listed before all its etiologies in one note. Systems list codes in the order of
the note's evidence, not in that of the rules, so it is no part of the sum.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from ccl_assets.evaluation.scoring.guideline_rules import RULES
from ccl_assets.icd.code import spelled
from ccl_assets.icd.instructions.lookup import Instructions
from ccl_assets.icd.instructions.notes import Note

RuleKind = Literal["excludes1", "code_first", "use_additional", "seventh_character", "guideline"]
RULE_KINDS: tuple[RuleKind, ...] = get_args(RuleKind)
CODE_ORDER = "code_order"

# Words of a note that leave its demand to the patient's case, or its list open.
_CASE = re.compile(r"\b(?:if|any|when|where)\b|\bsuch as\b")
_ALWAYS_THERE = re.compile(r"\bto (?:identify|specify) (?:the )?(?:type|stage|severity|site)\b")
_PLACEHOLDER = "X"
_FULL_LENGTH = 7


@dataclass(frozen=True)
class Violation:
    """A broken rule.

    Attributes:
        kind: One of ``RULE_KINDS``, or ``code_order``.
        code: The code at fault, or the first of two.
        other: The second code, where there is one.
        sentence: What is wrong, for a coder. Quotes the Tabular List, never a patient's note.
    """

    kind: str
    code: str
    other: str | None
    sentence: str


class CodingRules:
    """Rules of one release; look-ups by code are remembered, so one object should serve all charts."""

    def __init__(self, instructions: Instructions) -> None:
        """Find the stems that take a 7th character."""
        self.instructions = instructions
        self.ontology = instructions.ontology
        children = self.ontology.children
        self._sevenths = {
            parent: {code[-1] for code in below}
            for parent, below in children.items()
            if all(len(code.replace(".", "")) == _FULL_LENGTH for code in below)
        }
        self._stems = {stem.replace(".", ""): stem for stem in self._sevenths}
        # Remembered per object, so that they go with it.
        self._broken = cache(self._find_broken)  # gold codes come again with every system
        self._is_manifestation = cache(instructions.is_manifestation)
        self._code_first = cache(self._find_code_first)
        self._demands = cache(self._find_demands)
        self._holders = cache(self._holds)

    def violations(self, codes: Iterable[str]) -> list[Violation]:
        """All broken rules of one chart but that of order, in the order of ``RULE_KINDS`` and of the codes.

        Args:
            codes: Predicted or gold codes of the chart, in any usual spelling; codes that the release lacks can break the rule of
                7th characters only.
        """
        return list(self._broken(tuple(dict.fromkeys(map(spelled, codes)))))

    def conflicts(self, codes: Iterable[str]) -> list[Violation]:
        """Pairs of codes that exclude each other."""
        return [
            Violation(
                "excludes1",
                found.code,
                found.excluded_code,
                f"{found.code} is not coded together with {found.excluded_code}: Excludes1 at {_place(found.note)}, "
                f"“{_words(found.note)}”.",
            )
            for found in self.instructions.conflicts(codes)
        ]

    def out_of_order(self, ranked: Sequence[str]) -> list[Violation]:
        """Manifestations that stand before all their etiologies in the codes of one note, in the order given."""
        found = []
        known = [code for code in dict.fromkeys(map(spelled, ranked)) if code in self.ontology]
        for position, code in enumerate(known):
            if not self._is_manifestation(code):
                continue
            notes = self._code_first(code)
            etiologies = [other for other in known if other != code and self._any_holds(notes, other)]
            if etiologies and not set(etiologies) & set(known[:position]):
                sentence = f"{code} is a manifestation and comes after its etiology {etiologies[0]}."
                found.append(Violation(CODE_ORDER, code, etiologies[0], sentence))
        return found

    def _find_broken(self, given: tuple[str, ...]) -> tuple[Violation, ...]:
        known = [code for code in given if code in self.ontology]
        seventh = [violation for code in given if (violation := self._seventh_character(code)) is not None]
        return (
            *self.conflicts(known),
            *self._without_etiology(known),
            *self._without_companion(known),
            *seventh,
            *self._against_guidelines(known),
        )

    def _without_etiology(self, known: Sequence[str]) -> Iterable[Violation]:
        for code in filter(self._is_manifestation, known):
            others = [other for other in known if other != code]
            closed = [note for note in self._code_first(code) if note.targets and not note.heading]
            missing = [note for note in closed if not any(self._any_holds((note,), other) for other in others)]
            if missing:
                asked = f"code first at {_place(missing[0])} asks for “{_words(missing[0])}”"
                yield Violation("code_first", code, None, f"{code} is a manifestation without its etiology: {asked}.")
            elif not closed and all(map(self._is_manifestation, others)):
                sentence = f"{code} is a manifestation, and no code is there that could be its etiology."
                yield Violation("code_first", code, None, sentence)

    def _without_companion(self, known: Sequence[str]) -> Iterable[Violation]:
        categories = {code[:3] for code in known}
        for code in known:
            for note in self._demands(code):
                # A code of the category is enough: "stage (N18.1-N18.6)" stands where the stage is unknown (N18.9).
                if not any(
                    ref.first[:3] <= category <= ref.last[:3] for ref in note.targets for category in categories
                ):
                    yield Violation(
                        "use_additional",
                        code,
                        None,
                        f"{code} needs another code: use additional code at {_place(note)}, “{_words(note)}”.",
                    )

    def _against_guidelines(self, known: Sequence[str]) -> Iterable[Violation]:
        for rule in RULES:
            if (broken := rule.broken(known, self.ontology)) is not None:
                yield Violation("guideline", broken.code, broken.other, broken.sentence)

    def _seventh_character(self, code: str) -> Violation | None:
        if code in self.ontology and code not in self._sevenths:
            return None
        bare = code.replace(".", "")
        body, last = bare[:-1], bare[-1:]
        if (stem := self._stem_of(bare)) is not None:
            what = f"needs a 7th character ({_one_of(self._sevenths[stem])})"
        elif (stem := self._stem_of(body)) is None:
            return None
        elif last in (taken := self._sevenths[stem]):
            what = f"lacks the placeholders (X) before its 7th character {last}"
        else:
            what = f"has no 7th character that {stem} takes ({_one_of(taken)})"
        return Violation("seventh_character", code, None, f"{code} is not complete: it {what}.")

    def _stem_of(self, body: str) -> str | None:
        """The stem that a code without dot and 7th character is, placeholders aside."""
        return self._stems.get(body) or self._stems.get(body.rstrip(_PLACEHOLDER))

    def _find_code_first(self, code: str) -> tuple[Note, ...]:
        notes = self.instructions.code_first(code)
        return tuple(note for note in notes if not _CASE.search(note.text) and not _is_conditional(note.heading))

    def _find_demands(self, code: str) -> tuple[Note, ...]:
        return tuple(
            note
            for note in self.instructions.use_additional(code)
            if note.targets and not note.heading and _ALWAYS_THERE.search(note.text) and not _CASE.search(note.text)
        )

    def _any_holds(self, notes: Iterable[Note], code: str) -> bool:
        return any(self._holders(note, code) for note in notes)

    def _holds(self, note: Note, code: str) -> bool:
        return any(self.instructions.holds(target, code) for target in note.targets)


def _is_conditional(heading: str) -> bool:
    """Whether a list is for some cases only; "such as" merely leaves it open."""
    return _CASE.search(heading.replace("such as", "")) is not None


def _place(note: Note) -> str:
    return note.subject if note.scope == "code" else f"{note.scope} {note.subject.partition('_')[2] or note.subject}"


def _words(note: Note) -> str:
    return f"{note.heading} {note.text}".strip(" ,")


def _one_of(characters: Iterable[str]) -> str:
    return ", ".join(sorted(characters))
