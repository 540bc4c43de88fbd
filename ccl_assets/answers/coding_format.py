"""The text a coding model writes: an evidence section, then a code section aligned with it line by line.

Here belong rendering that format and reading whatever a model made of it. Whether a code is billable and whether a
quote stands in the note is decided elsewhere (``prediction.py``); no note is looked at here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ccl_assets.answers.code_line import (
    WHOLE_CODE,
    LineCode,
    is_unmistakable,
    normalize_code,
    read_code_line,
    strip_edges,
)
from ccl_assets.answers.dress import without_html, without_thoughts
from ccl_assets.answers.json_answer import json_codes, looks_like_json
from ccl_assets.answers.table import TableHead, evidence_cell, is_row, read_row

__all__ = ["CODES_HEAD", "CodeEntry", "ParsedCoding", "normalize_code", "parse_coding", "render_code", "render_coding"]

EVIDENCE_HEAD = "### Evidence"
CODES_HEAD = "### ICD-10-CM Codes"
MAX_SECTION_LINES = 500  # lines, and codes; a model stuck in a loop: the longest MIMIC-IV charts have 39 codes

EMPTY_OUTPUT = "empty_output"
NO_CODE_SECTION = "no_code_section"
UNPARSED_LINE = "unparsed_line"
REPEATED_CODE = "repeated_code"
TOO_MANY_LINES = "too_many_lines"
EVIDENCE_MISALIGNED = "evidence_misaligned"
UNFINISHED_THOUGHT = "unfinished_thought"

_BULLET = re.compile(r"(?:[-–—*•·+▪◦|]|\(?\d{1,3}[.)])\s+")
_EMOJI_BULLET = re.compile(
    r"(?:[•‣⁃∙\u2460-\u24ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]\ufe0f?|[0-9]\ufe0f?\u20e3)\s*"
)
_RULE = re.compile(r"[-|=*_: ]+")
_CLOSE = r"\s*+(?:\*\*|__)?\s*+"  # possessive: a long run of blanks must not cost its square
_NAMED_HEADING = re.compile(
    r"(?:\*\*|__)?\s*+(?:\d{1,2}[.)]\s*+)?(?:"
    r"(?P<evidence>(?:supporting |clinical |verbatim )?evidence(?: spans?| lists?| lines?| phrases?)?|evidencias?)"
    r"|(?P<codes>(?:final |assigned )?(?:icd[- ]?(?:10)?(?:[- ]?cm)? )?(?:diagnosis |diagnostic )?codes?"
    r"|icd[- ]?10(?:[- ]?cm)?|c[oó]digos?(?: (?:icd|cie)[- ]?10(?:[- ]?(?:cm|es))?)?)"
    r"|(?:reasoning|explanation|rationale|analysis|thoughts?|notes?|summary)"
    rf"){_CLOSE}(?::{_CLOSE}|$)(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_CODE_WORD = re.compile(r"\bcodes?\b|\bicd|\bc[oó]digos?\b|\bcie\b", re.IGNORECASE)
_EVIDENCE_WORD = re.compile(r"\b(?:evidence|evidencias?)\b", re.IGNORECASE)
_NOTHING = frozenset({"none", "n/a", "no codes", "no evidence", "no evidence found", "not found", "nothing", "ninguno"})


@dataclass(frozen=True)
class CodeEntry:
    """One code the model gave.

    Attributes:
        code: Normalized.
        title: As written; may be empty.
        evidence: The evidence line that belongs to it.
        begin: Where the code, as written, begins in the answer.
        end: One past its last code point.
    """

    code: str
    title: str
    evidence: str | None
    begin: int
    end: int


@dataclass(frozen=True)
class ParsedCoding:
    """Codes and problems read from an answer.

    Attributes:
        entries: Distinct codes in the order given.
        problems: Distinct reason codes in order of first occurrence; empty where the output keeps to the format.
    """

    entries: tuple[CodeEntry, ...]
    problems: tuple[str, ...]


def render_coding(pairs: Sequence[tuple[str | None, str, str]]) -> str:
    """Write the answer a model is trained to give.

    Args:
        pairs: ``(evidence, code, title)`` in note order. Evidence is ``None`` in all pairs (code section only) or in
            none. White space inside a value, line breaks included, becomes one space: one line per value.

    Raises:
        ValueError: Some pairs have evidence and some have none, a value is empty, or a code is not one.
    """
    spans = [_one_line(evidence) for evidence, _, _ in pairs if evidence is not None]
    if spans and len(spans) != len(pairs):
        raise ValueError(f"{len(pairs) - len(spans)} of {len(pairs)} pairs lack evidence; give it for all or for none")
    if not all(spans):
        raise ValueError("an evidence text is empty; leave the pair out or give its words")
    lines = [EVIDENCE_HEAD, *(f"- {span}" for span in spans)] if spans else []
    return "\n".join([*lines, CODES_HEAD, *(f"- {render_code(code, title)}" for _, code, title in pairs)])


def render_code(code: str, title: str) -> str:
    """A line of the code section, without its bullet.

    Raises:
        ValueError: The code is not one, or the title is empty.
    """
    if not WHOLE_CODE.fullmatch(code):
        raise ValueError(f"{code!r} is not an ICD-10-CM code")
    if not (title_line := _one_line(title)):
        raise ValueError(f"code {code} has no title; take it from icd/codes")
    return f"{normalize_code(code)} – {title_line}"


def parse_coding(text: str, given_evidence: Sequence[str] = ()) -> ParsedCoding:
    """Read a model's answer; any text is accepted and nothing is raised.

    Understood besides the format itself: other heading styles (``Evidence:``, ``**ICD-10 codes**``; ``Códigos CIE-10``, as models
    answer Spanish notes in Spanish), text after the heading, bullets, numbers, emoji, HTML, tables, bold and quotes, other dashes,
    lower case, codes without dot, labels before codes, several codes or pairs on a line, the code after its title, JSON. Thoughts
    (``<think>``) are no answer. Without a code section, lines that are unmistakably codes are still taken and
    ``no_code_section`` is reported. A code given twice counts once, where it stood first.

    Evidence belongs to the code line of the same position if there are as many lines of each. Otherwise it is dealt
    out by order and ``evidence_misaligned`` is reported. Cost is linear in the length of the text.

    Args:
        text: The answer.
        given_evidence: Evidence lines that stood in the prompt; they count where the answer has no such section.
    """
    answer, is_unfinished = without_thoughts(text)
    problems: dict[str, None] = {UNFINISHED_THOUGHT: None} if is_unfinished else {}
    if not answer.strip():
        return ParsedCoding((), (EMPTY_OUTPUT, *problems))
    answer = without_html(answer)
    sections = _Sections.read(answer)
    if given_evidence and not sections.has_evidence:
        sections.evidence = [_Line(line, 0) for line in given_evidence]
    code_lines = sections.codes
    if not sections.has_codes:
        problems[NO_CODE_SECTION] = None
        code_lines = [line for line in sections.loose if line.is_unmistakable]
        if sections.has_evidence:  # a forgotten code heading leaves the codes among the evidence
            code_lines += [line for line in sections.evidence if line.is_unmistakable]
            sections.evidence = [line for line in sections.evidence if not line.is_unmistakable]
    if sections.was_cut or len(code_lines) > MAX_SECTION_LINES:
        problems[TOO_MANY_LINES] = None
        code_lines = code_lines[:MAX_SECTION_LINES]
    parsed = [line.codes() for line in code_lines]
    if looks_like_json(answer):
        found, is_unread = json_codes(answer)
        if found and len({code.code for code in found}) >= len({code.code for line in parsed for code in line}):
            parsed = [[LineCode(code, title, begin, end, quote)] for code, title, quote, begin, end in found]
            parsed += [[]] * is_unread
            sections.evidence, sections.has_evidence = [_Line(line, 0) for line in given_evidence], False
            problems[NO_CODE_SECTION] = None
    understood = [entries for entries in parsed if entries]
    if len(understood) < len(parsed):
        problems[UNPARSED_LINE] = None

    spans = [None if _says_nothing(line.text) else line.text for line in sections.evidence]
    aligned = understood
    if len(spans) == len(parsed):
        aligned = parsed  # an unreadable code line keeps its place, so that its neighbours keep their evidence
    elif (
        (count := sum(map(len, understood))) != len(understood)
        and len(spans) == count
        and not (len(understood) == 1 and given_evidence)
    ):
        aligned = [[code] for entries in understood for code in entries]  # several pairs on a line, a quote for each
    elif (sections.has_evidence or given_evidence) and understood and len(spans) != len(understood):
        problems[EVIDENCE_MISALIGNED] = None

    entries: dict[str, CodeEntry] = {}
    for position, line_entries in enumerate(aligned):
        evidence = spans[position] if position < len(spans) else None
        for code, title, begin, end, own_evidence in line_entries:
            if code in entries:
                problems[REPEATED_CODE] = None
            elif len(entries) == MAX_SECTION_LINES:
                problems[TOO_MANY_LINES] = None
            else:
                entries[code] = CodeEntry(code, title, own_evidence or evidence, begin, end)
    return ParsedCoding(tuple(entries.values()), tuple(problems))


class _Line(NamedTuple):
    """A line without its dress, and where that begins in the answer; ``row`` has the codes of a row of a table."""

    text: str
    begin: int
    row: tuple[LineCode, ...] | None = None

    @property
    def is_unmistakable(self) -> bool:
        """Whether it is a line of codes wherever it stands."""
        return bool(self.row) or is_unmistakable(self.text)

    def codes(self) -> list[LineCode]:
        """Its codes with their places in the answer."""
        found = read_code_line(self.text) if not self.row else self.row
        return [code._replace(begin=self.begin + code.begin, end=self.begin + code.end) for code in found]


@dataclass
class _Sections:
    """The lines of each section, bullets and wrapping removed; loose lines stand outside evidence and codes."""

    evidence: list[_Line]
    codes: list[_Line]
    loose: list[_Line]
    has_evidence: bool = False
    has_codes: bool = False
    was_cut: bool = False

    @classmethod
    def read(cls, text: str) -> _Sections:
        sections = cls([], [], [])
        target = sections.loose
        head = TableHead()
        begin = end = 0
        for raw_line in text.splitlines(keepends=True):
            begin, end = end, end + len(raw_line)
            line = raw_line.strip()
            if not line:
                continue
            into = target
            if (heading := _read_heading(line)) is not None:
                section, rest = heading
                # a quote below its code, "Evidence: …", does not end the list of codes
                is_inline = section == "evidence" and rest and target is sections.codes and not line.startswith("#")
                line = rest
                sections.has_evidence |= section == "evidence"
                sections.has_codes |= section == "codes"
                into = getattr(sections, section)
                target = target if is_inline else into
            row = None
            if is_row(line):
                if (new_head := TableHead.read(line)) is not None:
                    head = new_head
                    continue
                if into is not sections.evidence:
                    row = read_row(line, head)
                elif (cell := evidence_cell(line, head)) is not None:
                    line = cell
            if row:
                into.append(_Line(line, begin + raw_line.index(line), tuple(row)))
                continue
            if not (line := _unwrap(line, is_evidence=into is sections.evidence)) or _RULE.fullmatch(line):
                continue
            if into is sections.codes and (_says_nothing(line) or line.startswith("```")):
                continue
            if len(into) >= MAX_SECTION_LINES and into is not sections.loose:
                sections.was_cut = True
                continue
            into.append(_Line(line, begin + raw_line.index(line)))
        return sections


def _read_heading(line: str) -> tuple[str, str] | None:
    """Section a heading opens and the text behind it; ``None`` for other lines."""
    is_marked = line.startswith("#")
    line = line.lstrip("#").lstrip() if is_marked else line
    if match := _NAMED_HEADING.match(line):
        return ("evidence" if match["evidence"] else "codes" if match["codes"] else "loose"), match["rest"].strip()
    if not is_marked:
        return None
    title, _, rest = line.partition(":")
    if _CODE_WORD.search(title):
        return "codes", rest.strip()
    return ("evidence", rest.strip()) if _EVIDENCE_WORD.search(title) else ("loose", "")


def _says_nothing(line: str) -> bool:
    return line.casefold().rstrip(".") in _NOTHING


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _unwrap(line: str, *, is_evidence: bool) -> str:
    """Take one bullet or number, table bars, bold and quotes off the edges; what is left is still verbatim."""
    bullet = _BULLET.match(line)
    if bullet:
        line = line[bullet.end() :]
        if bullet.group().startswith("|"):
            line = line.rstrip("| ")
    if (emoji := _EMOJI_BULLET.match(line)) is not None and not (is_evidence and bullet):
        line = line[emoji.end() :]
    return strip_edges(line)
