"""Sections of a note: where each begins and ends, and what kind of text stands in it.

A head is known by its name ("Family History", in any case, with Markdown, a number or a remark in parentheses) or by its shape
(capitals, title case with a colon). What looks like a head and says something else ("Asthma: mother", "FH: 34 cm") is none.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from ccl_assets.text.lines import Line, wrapped_lines
from ccl_assets.text.rule_files import LANGUAGES, rule_lines, word_groups, word_set


class SectionKind(StrEnum):
    """Kind of text that a section holds."""

    FAMILY = "family"
    PAST = "past"
    SURGICAL = "surgical"
    PRESENT = "present"
    REVIEW = "review"
    ALLERGIES = "allergies"
    IMMUNIZATIONS = "immunizations"
    MAINTENANCE = "maintenance"
    INSTRUCTIONS = "instructions"
    ASSESSMENT = "assessment"
    PLAN = "plan"
    MEDICATIONS = "medications"
    EXAM = "exam"
    RESULTS = "results"
    SOCIAL = "social"
    SYSTEM = "system"
    OTHER = "other"


LEFT_OUT = frozenset({SectionKind.FAMILY, SectionKind.IMMUNIZATIONS, SectionKind.INSTRUCTIONS, SectionKind.ALLERGIES})
"""Kinds whose conditions are not the patient's present ones."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section, end-exclusive offsets of the raw note.

    Attributes:
        kind: What kind of text it holds.
        begin: First code point of its head.
        body: First code point behind its head.
        end: One past its last code point.
        title: The head as written, without marks; empty before the first head.
    """

    kind: SectionKind
    begin: int
    body: int
    end: int
    title: str = ""


class Sections:
    """The sections of a note, one after the other without a gap."""

    def __init__(self, found: Sequence[Section]) -> None:
        """Take the sections in order."""
        self._found = list(found)
        self._begins = [section.begin for section in found]

    def __iter__(self) -> Iterator[Section]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def at(self, offset: int) -> Section:
        """The section an offset lies in."""
        return self._found[max(0, bisect_right(self._begins, offset) - 1)]


@dataclass(frozen=True, slots=True)
class _Head:
    kind: SectionKind | None  # None: a head by its shape
    begin: int
    body: int
    title: str
    is_loose: bool = False  # title case with something behind it: may be an entry of a list


_PREFIX = re.compile(
    r"[\s>]*(?:(?:[#=~]+|\*{1,3}|_{2,}|[-•▪►·◦‣+](?=\s))\s*)*"
    r"(?:\(?(?:\d{1,2}|[IVX]{1,4}|[ivx]{1,4}|[A-Za-z])[.)]+\s*|\d{1,2}\s+(?=[A-Z]{2}))?[*_\[<{\"]*"
)
_MARKS = " \t*_#=~]>}\"'"
_REMARK = re.compile(r"\([^()]*\)?|\[[^\[\]]*\]?|<[^<>]*>?")
_DATE = re.compile(r"\b\d{1,4}[-/.]\d{1,2}(?:[-/.]\d{2,4})?\b|\b\d{1,2}:\d{2}\b|\b(?:19|20)\d\d\b")
_LETTERS = re.compile(r"[^\W\d_]+")
_INLINE = re.compile(r"[.;]\s+([A-Z][\w/'’-]*(?: [A-Za-z][\w/'’-]*){0,2})$")
_WORDS = re.compile(r"[^\W_]+")
_CAPS = re.compile(r"[A-Z][A-Z0-9/&()' ,.-]{2,120}")
_TITLE = re.compile(r"[A-Z][\w/&()'’-]*(?: (?:[A-Z(][\w/&()'’-]*|and|of|the|for|to|in|on|or|with|&|/)){0,7}")
_DASH = re.compile(r"\s+[-–—]+\s+|\s*[–—]+\s*")
_MEASURE = re.compile(
    r"\s*(?:[=~@<>]|\d|at\b|u\b|size\b|s\s*=\s*d|(?:is\s+)?appropriate\b|above\b|below\b|midway\b)", re.IGNORECASE
)
_MOST_WORDS = 12
_LONGEST_HEAD = 160
_SENTENCE_END = re.compile(r"[.;!?)\]\"'”’|*]\s*$")
_MEASURED = frozenset({"fh", "fhx"})


def find_sections(text: str, lines: Sequence[Line] | None = None) -> Sections:
    """Find the sections of a note; text before the first head is of kind ``other``.

    Args:
        text: The note.
        lines: Its lines with those marked that go on, if they are known already.
    """
    if lines is None:
        lines = note_lines(text)
    heads = _heads(text, lines)
    found: list[Section] = []
    begin = body = 0
    kind, title = SectionKind.OTHER, ""
    for head in [*heads, _Head(SectionKind.OTHER, len(text), len(text), "")]:
        if (head.begin > begin or head.begin == len(text)) and (head.begin > begin or not found):
            found.append(Section(kind, begin, body, head.begin, title))
        begin, body, kind, title = head.begin, head.body, head.kind or SectionKind.OTHER, head.title
    return Sections(found)


def note_lines(text: str) -> list[Line]:
    """The lines of a note with those marked that go on in the next one."""
    return wrapped_lines(text, word_set("joints"), lambda line: _line_head(line, 0, True, True) is not None)


@lru_cache(maxsize=4096)
def fold_name(name: str) -> str:
    """A head's name as it is compared: letters only, lower case, without remarks, dates and words that add nothing."""
    name = _DATE.sub(" ", _REMARK.sub(" ", name))
    if not name.isascii():
        name = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c) and c != "\u00ad")
    words = _LETTERS.findall(name.casefold().replace("&", " and "))
    fillers = word_set("head_fillers")
    kept = [word for word in words if word not in fillers]
    return " ".join(kept or words)


@lru_cache(maxsize=1)
def _names() -> dict[str, tuple[SectionKind, bool]]:
    """Kind of each known name, and whether it counts only with a colon or alone in capitals."""
    names: dict[str, tuple[SectionKind, bool]] = {}
    for language in LANGUAGES:
        for line in rule_lines("heads.tsv", language):
            kind, _, listed = line.partition("\t")
            cells = listed.split("|")
            for number, name in enumerate(cells):
                if name != "!":
                    is_weak = number + 1 < len(cells) and cells[number + 1] == "!"
                    names.setdefault(fold_name(name), (SectionKind(kind), is_weak))
    return names


@lru_cache(maxsize=1)
def _relatives() -> frozenset[str]:
    return word_groups("relatives")["relative"]


def _heads(text: str, lines: Sequence[Line]) -> list[_Head]:
    shouts = _is_mostly_capitals(text)
    heads: list[_Head] = []
    open_since: _Head | None = None  # the left-out section we are in
    seen_content = is_list = False
    after_blank, wraps = True, False
    for line in lines:
        raw = text[line.begin : line.end]
        bare = raw.strip()
        if not bare:
            after_blank, wraps = True, False
            continue
        head = (
            None
            if wraps and not (":" in raw and _starts_known(raw))
            else _line_head(raw, line.begin, after_blank, shouts)
        )
        if open_since is not None:
            if head is not None and head.kind is None and _stays_within(open_since, head, raw, after_blank):
                head = None
            if head is None and not wraps and _has_ended(open_since, seen_content, after_blank or not is_list, bare):
                head = _Head(SectionKind.OTHER, line.begin, line.begin, "")
        line_heads = [head] if head is not None else []
        line_heads += _inline_heads(
            text, line, head, wraps, open_since is not None or bool(head and head.kind in LEFT_OUT)
        )
        for found in line_heads:
            heads.append(found)
            open_since = found if found.kind in LEFT_OUT else None
            seen_content = False
        if open_since is not None:
            has_content = bool(text[open_since.body : line.end].strip(_MARKS + ":-–"))
            if line_heads:
                is_list = not has_content or bare.endswith((":", ","))
            seen_content = seen_content or has_content
        after_blank, wraps = False, line.goes_on
    return heads


def _starts_known(raw: str) -> bool:
    known = _names().get(fold_name(raw.partition(":")[0]))
    return known is not None and not known[1]


def _line_head(raw: str, offset: int, after_blank: bool, shouts: bool) -> _Head | None:
    """The head a line begins with."""
    prefix = _PREFIX.match(raw)
    start = prefix.end() if prefix else 0
    rest = raw[start:]
    if not rest.strip(_MARKS):
        return None
    is_marked = bool(prefix and re.search(r"#|\*\*|__|==", prefix.group()))
    head = (
        _with_colon(raw, start, offset, is_marked)
        or _with_dash(raw, start, offset)
        or _alone(raw, start, offset, is_marked)
    )
    if head is not None:
        return head
    bare = rest.strip(_MARKS)
    if (
        is_marked
        and ((prefix and "#" in prefix.group()) or rest.rstrip().endswith(("**", "__")))
        and len(bare) <= _LONGEST_HEAD
    ):
        return _Head(None, offset, offset + len(raw), bare.rstrip(":"))
    if (
        _CAPS.fullmatch(bare)
        and after_blank
        and not shouts
        and len(_LETTERS.findall(bare)) <= _MOST_WORDS
        and len(bare) > 3
    ):
        return _Head(None, offset, offset + len(raw), bare)
    return None


def _with_colon(raw: str, start: int, offset: int, is_marked: bool) -> _Head | None:
    colon = _colon(raw, start)
    if colon < 0 or colon - start > _LONGEST_HEAD:
        return None
    name = raw[start:colon].strip(_MARKS)
    if not name:
        return None
    folded = fold_name(name)
    body = offset + colon + 1
    value = raw[colon + 1 :]
    while body < offset + len(raw) and raw[body - offset] in "*_] \t":
        body += 1
    if folded in _MEASURED and (_MEASURE.match(value) or re.search(r"\bFH[RT]\b|\bcm\b", value)):
        return None
    if folded in _names():
        return _Head(_names()[folded][0], offset, body, name)
    if not value.strip(_MARKS):  # a long head: known by how it begins
        words = folded.split()
        for count in range(min(len(words), 6), 0, -1):
            if (known := _names().get(" ".join(words[:count]))) is not None and not known[1]:
                return _Head(known[0], offset, body, name)
    if _mentions_relative(name):
        return None
    if _CAPS.fullmatch(name) and len(name) > 1:
        return _Head(None, offset, body, name, is_loose=bool(value.strip(_MARKS)))
    if _TITLE.fullmatch(name) or (is_marked and len(_LETTERS.findall(name)) <= _MOST_WORDS):
        return _Head(None, offset, body, name, is_loose=bool(value.strip(_MARKS)))
    return None


def _colon(raw: str, start: int) -> int:
    """The colon behind a head: not one inside parentheses, nor of a time."""
    depth = 0
    for position in range(start, min(len(raw), start + _LONGEST_HEAD + 1)):
        character = raw[position]
        if character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif (
            character in ":："
            and depth <= 0
            and not (raw[position - 1 : position].isdigit() and raw[position + 1 : position + 2].isdigit())
        ):
            return position
        elif character in ";." and raw[position + 1 : position + 2] == " ":
            return -1
    return -1


def _with_dash(raw: str, start: int, offset: int) -> _Head | None:
    dash = _DASH.search(raw, start)
    if dash is None or dash.start() - start > _LONGEST_HEAD:
        return None
    name = raw[start : dash.start()].strip(_MARKS)
    known = _names().get(fold_name(name)) if name else None
    if known is None or (known[1] and not (name.isupper() and len(name) > 3)):
        return None
    return _Head(known[0], offset, offset + dash.end(), name)


def _alone(raw: str, start: int, offset: int, is_marked: bool) -> _Head | None:
    name = raw[start:].strip(_MARKS + ".")
    if len(name) > _LONGEST_HEAD:
        return None
    known = _names().get(fold_name(name))
    if known is None:
        return None
    if known[1] and not is_marked and not (name[:1].isupper() and len(name) > 3):
        return None
    if known[0] is SectionKind.SYSTEM and not (name.isupper() or is_marked):
        return None
    return _Head(known[0], offset, offset + len(raw), name)


def _stays_within(section: _Head, head: _Head, raw: str, after_blank: bool) -> bool:
    """Whether what is shaped like a head is an entry of the section: "Asthma: mother" of a family history."""
    if _mentions_relative(raw):
        return section.kind is SectionKind.FAMILY
    return head.is_loose and not after_blank and not _CAPS.fullmatch(head.title)


def _has_ended(section: _Head, seen_content: bool, may_end: bool, line: str) -> bool:
    """Whether a section without a head below it ends before this line."""
    if not seen_content or not may_end:
        return False
    if section.kind is SectionKind.FAMILY:
        return not _mentions_relative(line)
    if section.kind is SectionKind.INSTRUCTIONS:
        return word_set("instruction_words").isdisjoint(_WORDS.findall(line.casefold()))
    return True


def _mentions_relative(text: str) -> bool:
    return any(
        word in _relatives() or word in {"family", "maternal", "paternal"} for word in _LETTERS.findall(text.casefold())
    )


def _inline_heads(text: str, line: Line, first: _Head | None, wraps: bool, is_left_out: bool) -> Iterator[_Head]:
    """Known heads with a colon in the middle of a line; behind a left-out section those shaped like one as well."""
    position = (first.body if first is not None else line.begin) - 1
    names = _names()
    while (position := text.find(":", position + 1, line.end)) >= 0:
        start = max(line.begin, position - 60, first.body if first is not None else 0)
        before = text[start:position].rstrip("*_ ")
        words = list(re.finditer(r"[^\W\d_]+(?:['’]s)?", before))
        for count in range(min(len(words), 5), 0, -1):
            begin = words[-count].start()
            name = before[begin:]
            known = names.get(fold_name(name))
            if known is None or len(name) > 2 * len(fold_name(name)) + 8:
                continue
            lead = before[:begin].rstrip("*_ \t")
            starts = (
                (not lead and not wraps) or bool(_SENTENCE_END.search(lead)) or before[:begin].endswith(("  ", "\t"))
            )
            is_caps = name.isupper() and len(name) > 2
            if not (
                starts or is_caps or (name[0].isupper() and not known[1] and not lead.endswith((",", "and", "or")))
            ):
                continue
            value = text[position + 1 : line.end]
            if fold_name(name) in _MEASURED and (_MEASURE.match(value) or re.search(r"\bFH[RT]\b", value)):
                break
            yield _Head(known[0], start + begin, position + 1, name)
            break
        else:
            value = text[position + 1 : line.end].partition(".")[0]
            shaped = _INLINE.search(before) if is_left_out else None
            if shaped is not None and not _mentions_relative(shaped[1]) and not _mentions_relative(value):
                yield _Head(None, start + shaped.start(1), position + 1, shaped[1])


def _is_mostly_capitals(text: str) -> bool:
    upper = sum(map(str.isupper, text[:4000]))
    return upper > sum(map(str.islower, text[:4000]))
