"""Assertions of a note about the conditions it names: presence, person and time.

Rules after NegEx (Chapman et al. 2001) and ConText (Harkema et al. 2009), over the layout of the note: lines, sections,
sentences, lists, tables, boxes and signs. Offsets are end-exclusive code points of the raw note.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from ccl_assets.text.lines import Line
from ccl_assets.text.marks import marked, word_range
from ccl_assets.text.note_tokens import Break, NoteTokens, tokenize
from ccl_assets.text.relatives import said_of_relatives
from ccl_assets.text.rule_files import LANGUAGES
from ccl_assets.text.scopes import Statement, statements
from ccl_assets.text.sections import Section, SectionKind, Sections, find_sections, note_lines
from ccl_assets.text.triggers import Assertion, Direction, Rules, find_triggers, rules

__all__ = ["Assertion", "NoteAssertions", "assert_note", "language_of"]

_ORDER = (
    Assertion.NEGATED,
    Assertion.OTHER_PERSON,
    Assertion.FAMILY,
    Assertion.HYPOTHETICAL,
    Assertion.RESOLVED,
    Assertion.HISTORICAL,
    Assertion.UNCERTAIN,
)
_BIT = {status: 1 << number for number, status in enumerate(_ORDER)}
_OF_SECTION = {
    SectionKind.FAMILY: Assertion.FAMILY,
    SectionKind.IMMUNIZATIONS: Assertion.HYPOTHETICAL,
    SectionKind.INSTRUCTIONS: Assertion.HYPOTHETICAL,
    SectionKind.ALLERGIES: Assertion.HYPOTHETICAL,
    SectionKind.PAST: Assertion.HISTORICAL,
}
_YES = frozenset({"yes", "y", "si", "sí", "yeah", "yep", "present", "positive"})
_SPANISH = frozenset(
    {"de", "la", "el", "que", "los", "las", "del", "se", "con", "una", "por", "sin", "paciente", "años"}
)
_ENGLISH = frozenset(
    {"the", "of", "and", "with", "was", "is", "to", "patient", "he", "she", "has", "no", "for", "denies"}
)


class NoteAssertions:
    """A note read for what it says of its conditions.

    Attributes:
        text: The raw note.
        language: ``en`` or ``es``.
        tokens: Its words.
        lines: Its lines.
        sections: Its sections.
    """

    def __init__(
        self, text: str, language: str, tokens: NoteTokens, lines: list[Line], sections: Sections, flags: list[int]
    ) -> None:
        """Take a note as :func:`assert_note` read it."""
        self.text = text
        self.language = language
        self.tokens = tokens
        self.lines = lines
        self.sections = sections
        self._flags = flags

    def status(self, begin: int, end: int) -> Assertion:
        """Status of the condition at these offsets.

        Where several hold, the first counts of: negated, other person, family, hypothetical, resolved, historical, uncertain.
        """
        first = bisect_right(self.tokens.ends, begin)
        last = max(first + 1, bisect_left(self.tokens.begins, end))
        return self.status_of_words(first, last)

    def status_of_words(self, first: int, last: int) -> Assertion:
        """Status of a range of words, end-exclusive."""
        common = -1
        for flags in self._flags[first:last]:
            common &= flags
        if common <= 0:
            common = self._flags[first] if first < len(self._flags) and common == 0 else 0
        for status in _ORDER:
            if common & _BIT[status]:
                return status
        return Assertion.PRESENT

    def section_at(self, offset: int) -> Section:
        """The section an offset lies in."""
        return self.sections.at(offset)

    def statement_at(self, offset: int) -> tuple[int, int]:
        """Offsets of the statement an offset lies in."""
        word = max(0, bisect_right(self.tokens.begins, offset) - 1)
        breaks = self.tokens.breaks
        if not breaks:
            return 0, len(self.text)
        first = word
        while first and breaks[first] is not Break.STATEMENT:
            first -= 1
        last = word
        while last + 1 < len(breaks) and breaks[last + 1] is not Break.STATEMENT:
            last += 1
        return self.tokens.begins[first], self.tokens.ends[last]


def assert_note(
    text: str,
    language: str | None = None,
    spans: Iterable[tuple[int, int]] = (),
    *,
    tokens: NoteTokens | None = None,
    lines: list[Line] | None = None,
    spans_only: bool = False,
) -> NoteAssertions:
    """Read a note for what it says of its conditions.

    Args:
        text: The raw note.
        language: ``en`` or ``es``; found out from its words where not given.
        spans: Offsets of terms: a trigger within one is part of the term ("diabetes without complications").
        tokens: The words of the note, if they are known already.
        lines: Its lines with those marked that go on, if they are known already.
        spans_only: Only the spans will be asked for: sentences without one are passed over, which takes half the time.

    Raises:
        ValueError: There are no rules for the language.
    """
    if lines is None:
        lines = note_lines(text)
    if tokens is None:
        tokens = tokenize(text, lines=lines)
    if language is None:
        language = language_of(tokens)
    elif language not in LANGUAGES:
        raise ValueError(f"there are no rules for language {language!r}; there are {', '.join(LANGUAGES)}")
    sections = find_sections(text, lines)
    flags = _flags(text, tokens, lines, sections, rules(language), spans, spans_only)
    return NoteAssertions(text, language, tokens, lines, sections, flags)


def language_of(tokens: NoteTokens) -> str:
    """The language whose commonest words stand oftener in a note; English where none does."""
    words = tokens.words[:400]
    spanish = sum(word in _SPANISH for word in words)
    return "es" if spanish > sum(word in _ENGLISH for word in words) else "en"


def _flags(
    text: str, tokens: NoteTokens, lines: list[Line], sections: Sections, given: Rules,
    spans: Iterable[tuple[int, int]], spans_only: bool,
) -> list[int]:  # fmt: skip
    """For each word a bit for each status that holds of it."""
    words, begins, ends = tokens.words, tokens.begins, tokens.ends
    flags = [0] * len(words)
    in_term = [0] * len(words)
    for number, (first, last) in enumerate(spans, start=1):
        for position in range(bisect_right(ends, first), bisect_left(begins, last)):
            in_term[position] = number
    gaps = [text[end:begin] for end, begin in zip([0, *ends], begins, strict=False)]
    is_begin = [kind is Break.STATEMENT for kind in tokens.breaks]
    for section in sections:
        for offset in (section.begin, section.body):
            position = bisect_left(begins, offset)
            is_known = section.kind is not SectionKind.OTHER or offset == section.begin
            if section.title and is_known and position < len(begins):
                is_begin[position] = True
    relatives = given.relatives["relative"] | given.relatives["other"]
    asks = "?" in text
    carried = 0
    for begin, end in statements(is_begin):
        statement = Statement(words, gaps, begin, end, given, in_term)
        if spans_only and not carried and not any(in_term[begin:end]) and not _introduces(text, ends[end - 1]):
            continue
        is_item = bool(carried) and _is_item(text, begins[begin], gaps[begin])
        if carried and not is_item:
            carried = 0
        for position in range(begin, end) if carried else ():
            flags[position] |= carried
        for found in find_triggers(words, begin, end, given):
            if (
                all(in_term[found.begin : found.end])
                or text[ends[found.end - 1] : ends[found.end - 1] + 2].lstrip(" ")[:1] == "["
            ):
                continue  # part of a term, or the label of a box
            for status, direction in found.says:
                if (
                    direction is Direction.TAIL
                    and found.end < end
                    and ":" in gaps[found.end]
                    and found.begin - begin < 4
                ):
                    direction = Direction.FORWARD  # "All negative: fever, cough"
                for position in statement.reach(found.begin, found.end, direction):
                    flags[position] |= _BIT[status]
                for position in range(
                    found.begin, found.end
                ):  # "no history of" reaches into the term "history of stroke"
                    if in_term[position]:
                        flags[position] |= _BIT[status]
                if found.end == end and direction is Direction.FORWARD and _introduces(text, ends[end - 1]):
                    carried |= _BIT[status]
        if not relatives.isdisjoint(words[begin:end]):
            for position, status in said_of_relatives(text, statement, begins, ends):
                flags[position] |= _BIT[status]
        if asks:
            _ask(text, begins, ends, begin, end, flags)
        _date(statement, flags)
    for first, last, status in marked(text, lines, given):
        for position in word_range(begins, first, last):
            flags[position] |= _BIT[status]
    for section in sections:
        if (holds := _OF_SECTION.get(section.kind)) is not None:
            for position in word_range(begins, section.body, section.end):
                flags[position] |= _BIT[holds]
    return flags


def _is_item(text: str, offset: int, gap: str) -> bool:
    """Whether a statement is an item of a list: begun by a mark, or on the line right below."""
    lead = gap.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\x85", "\n")
    return lead.count("\n") == 1 or "•" in gap or ";" in gap


def _introduces(text: str, offset: int) -> bool:
    """Whether a colon ends the line: what a list below is an answer to."""
    rest = text[offset : offset + 12].splitlines()
    return bool(rest) and rest[0].strip(" *_") == ":"


def _ask(text: str, begins: list[int], ends: list[int], begin: int, end: int, flags: list[int]) -> None:
    """A question asserts nothing: "?pneumonia", "pneumonia?"."""
    after = text[ends[end - 1] : ends[end - 1] + 2]
    answer = end < len(begins) and text[begins[end] : ends[end]].casefold() in _YES
    if after[:1] == "?" and not after[1:2].isalnum() and not answer:
        for position in range(begin, end):
            flags[position] |= _BIT[Assertion.UNCERTAIN]
    for position in range(begin, end):
        lead = text[max(0, begins[position] - 2) : begins[position]]
        if (
            lead.endswith(("?", "¿? ", "? "))
            and text[max(0, begins[position] - 3) : begins[position]].rstrip("? ")
            != text[max(0, begins[position] - 3) : begins[position]]
        ):
            if (
                position == begin
                and lead.endswith("? ")
                and begins[position] > 2
                and text[begins[position] - 3].isalnum()
            ):
                continue
            for place in range(position, min(end, position + 6)):
                if place > position and text[ends[place - 1] : begins[place]].strip() not in {"", "-", "/"}:
                    break
                flags[place] |= _BIT[Assertion.UNCERTAIN]


def _date(statement: Statement, flags: list[int]) -> None:
    """A condition with the year it was: "pneumonia in 2010", "stroke (2015)", "pneumonia 2018, resolved"."""
    words = statement.words
    for position in range(statement.begin + 1, statement.end):
        word = words[position]
        if not (len(word) == 4 and word.isdigit() and word[:2] in {"19", "20"}):
            continue
        begin = position - 1
        if begin > statement.begin and words[begin] in _MONTHS:
            begin -= 1
        if words[begin] not in {"in", "en", "circa", "around"}:
            after = statement.gaps[position + 1].strip() if position + 1 < statement.end else ","
            gap = statement.gaps[position].strip()
            if gap not in {"", "(", "["} or (after[:1] or " ") not in ",);].:":
                continue
            begin = position
            if words[position - 1] in _NOT_THEN or words[position - 1] in _MONTHS or not words[position - 1].isalpha():
                continue
        before = words[max(statement.begin, begin - 3) : begin]
        if _NOT_THEN.isdisjoint(before):
            for place in statement.reach(begin, position + 1, Direction.BACKWARD):
                flags[place] |= _BIT[Assertion.HISTORICAL]


_MONTHS = frozenset(
    {
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    }
    | {
        "jan",
        "feb",
        "mar",
        "apr",
        "jun",
        "jul",
        "aug",
        "sep",
        "sept",
        "oct",
        "nov",
        "dec",
        "enero",
        "febrero",
        "marzo",
        "abril",
    }
    | {"mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre", "early", "late", "mid"}
)
_NOT_THEN = frozenset(
    {
        "since",
        "diagnosed",
        "dx",
        "until",
        "started",
        "from",
        "of",
        "to",
        "on",
        "by",
        "after",
        "before",
        "desde",
        "diagnosticado",
    }
    | {"diagnosticada", "de", "year", "el", "visit", "dated", "seen"}
)
