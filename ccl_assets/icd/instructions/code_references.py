"""The codes that an instructional note names: single codes, ranges, and the characters they must have.

What counts as a reference, stated so that "vitamin B12" is none:

- It has the shape of a code (letter, digit, letter or digit; after the point one to four characters; ``QA0`` is the one
  category whose second character is a letter). "T4", "H1N1", "C3" and "G6PD" have not.
- It is a code of the release, or the first of its ends is where it is a range. "B12" is no category, so it is none.
- Codes that the release lacks are kept in one place only: in parentheses that open with a code, where a note names
  codes and nothing else. Official notes hold a few stale ones, and they are reported instead of dropped.

A word that happens to be a category ("serotype A15") would be taken for it; in FY2016 to FY2026 no note has one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ccl_assets.icd.code import DOTTED

_SHAPE = rf"(?<![0-9A-Za-z]){DOTTED}(?!\.?[0-9A-Za-z])"
# "I20-I25", "F10.--F19.-", "F98.2.-F98.3", "S06.1- to S06.6-"; a dash or ".-" at the end is part of the printed form
_PRINTED = re.compile(rf"(?P<first>{_SHAPE})(?:\.?-?(?:\s*-\s*|\s+to\s+)(?P<last>{_SHAPE}))?(?:\.?-)?")
_OPENS_WITH_CODE = re.compile(rf"\(\s*{_SHAPE}")
_BETWEEN_ITEMS = re.compile(r"[\s,;.\-]*(?:\b(?:and|or)\b)?\s*")
_RESTRICTION = re.compile(r"\.?\)?[\s,]*\bwith\b")
_ORDINAL = r"(?:fourth|fifth|sixth|six|seventh|[4-7]th)"
_VALUE = r"-?\.?[0-9A-Z]{1,2}(?:-\d)?\b"
_CHARACTERS = re.compile(
    rf"\.?\)?[\s,]*with\s+(?P<place>final|{_ORDINAL}(?:\s+(?:or|to)\s+{_ORDINAL})?)[\s-]+(?:character|digit)s?\s+"
    rf"(?P<values>{_VALUE}(?:(?:,\s*|\s+or\s+|\s+and\s+){_VALUE})*)"
)
# "E08-E13 with .44", "F10-F19 with .17, .27, .97", "E08-E13 with .51-.52"
_AFTER_POINT = re.compile(r"[\s,]*with\s+(?P<values>\.\d+(?:-\.?\d*)?(?:[\s,.]+\.\d+(?:-\.?\d*)?)*)(?=\s*(?:\)|$))")
_PLACES = {"fourth": 4, "fifth": 5, "six": 6, "sixth": 6, "seventh": 7}
_PLACEHOLDER = "X"


@dataclass(frozen=True, slots=True)
class CharacterCondition:
    """Characters that a code must have for a reference to mean it, e.g. "with fifth or sixth character 5".

    Attributes:
        words: The condition as printed.
        places: Places counted from 1 without the dot; several are alternatives, the last that is no placeholder counts
            (T36.95XA has its intent in the fifth place, T39.015A in the sixth). Empty for "final characters".
        is_span: The places are read as one, "fifth to sixth characters 51".
        is_after_point: What follows the point begins with one of the values, "E08-E13 with .44".
        values: What may stand there. Empty where the words cannot be read as characters: then no code is known to fit.
    """

    words: str
    places: tuple[int, ...] = ()
    is_span: bool = False
    is_after_point: bool = False
    values: frozenset[str] = frozenset()

    def holds(self, code: str, stem: str | None = None) -> bool:
        """Tell whether a code has the characters; "final" is asked of the stem of a code with a 7th character."""
        bare = code.replace(".", "")
        if not self.values:
            return False
        if self.is_after_point:
            return code[4:].startswith(tuple(self.values))
        if not self.places:
            return (stem or code).replace(".", "").endswith(tuple(self.values))
        if self.is_span:
            return bare[self.places[0] - 1 : self.places[-1]] in self.values
        present = [bare[place - 1] for place in self.places if place <= len(bare)]
        told = [character for character in present if character != _PLACEHOLDER] or present
        return bool(told) and told[-1] in self.values


@dataclass(frozen=True, slots=True)
class Reference:
    """A code or range that a note names.

    Attributes:
        printed: As it stands in the note, dash included.
        first: First code, without its dash.
        last: Last code; ``first`` again where it is no range, or a range that runs backwards (an official typo).
        is_parenthesised: Stands in parentheses, as the codes of a note mostly do.
        condition: Characters the code must have besides.
    """

    printed: str
    first: str
    last: str
    is_parenthesised: bool = True
    condition: CharacterCondition | None = None


def find_references(text: str, is_code: Callable[[str], bool]) -> list[Reference]:
    """The references of a note, in its order.

    Args:
        text: The note.
        is_code: Whether the release has a code, billable or not.
    """
    found = [match for match in _PRINTED.finditer(text) if is_code(match["first"]) or _is_code_list(text, match)]
    ends = [(match.start(), match.end()) for match in found]
    return [
        Reference(match[0], match["first"], _last(match), _is_parenthesised(text, match.start()), condition)
        for match, condition in zip(found, _conditions(text, ends), strict=True)
    ]


def located_references(
    text: str, printed: Sequence[str], first: Sequence[str], last: Sequence[str]
) -> tuple[Reference, ...]:
    """The references of a note as its columns hold them; place and condition are read from the text again."""
    spans, position = [], 0
    for form in printed:
        begin = text.find(form, position)
        position = begin + len(form) if begin >= 0 else position
        spans.append((max(begin, 0), position))
    conditions = _conditions(text, spans)
    return tuple(
        Reference(form, low, high, _is_parenthesised(text, begin), condition)
        for form, low, high, (begin, _), condition in zip(printed, first, last, spans, conditions, strict=True)
    )


def _is_code_list(text: str, match: re.Match[str]) -> bool:
    opening = text.rfind("(", 0, match.start())
    return opening > text.rfind(")", 0, match.start()) and _OPENS_WITH_CODE.match(text, opening) is not None


def _is_parenthesised(text: str, position: int) -> bool:
    return text.count("(", 0, position) > text.count(")", 0, position)


def _last(match: re.Match[str]) -> str:
    first, last = match["first"], match["last"]
    return last if last and last.replace(".", "") > first.replace(".", "") else first


def _conditions(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[CharacterCondition | None]:
    """The condition of each reference; one at the end of a list holds for the whole list."""
    for number, (_, end) in enumerate(spans):
        for begin, following_end in spans[number + 1 :]:
            if not _BETWEEN_ITEMS.fullmatch(text, end, begin):
                break
            end = following_end
        yield _condition(text, end)


def _condition(text: str, position: int) -> CharacterCondition | None:
    if (found := _CHARACTERS.match(text, position)) is not None:
        words, values = found[0].lstrip("., )"), frozenset(_values(found["values"]))
        if found["place"] != "final":
            places = tuple(map(_place, re.findall(_ORDINAL, found["place"])))
            return CharacterCondition(words, places, is_span=" to " in found["place"], values=values)
        return CharacterCondition(words, is_after_point=found["values"].startswith("."), values=values)
    if (restriction := _RESTRICTION.match(text, position)) is None:
        return None
    words = text[restriction.end() - len("with") :].rstrip(" )")
    # "B27.0-B27.9 with .9" cannot mean what follows the point, which the range has said: left unread
    found = None if "." in text[:position].rpartition("(")[2] else _AFTER_POINT.match(text, position)
    if found is None:
        return CharacterCondition(words)
    return CharacterCondition(words, is_after_point=True, values=frozenset(_values(found["values"])))


def _place(ordinal: str) -> int:
    return _PLACES[ordinal] if ordinal in _PLACES else int(ordinal[0])


def _values(text: str) -> Iterator[str]:
    for item in re.split(r"\s+or\s+|\s+and\s+|[\s,]+|\.(?=\s)", text):
        low, _, high = item.lstrip("-.").partition("-")
        if high.lstrip("."):
            yield from map(str, range(int(low), int(high.lstrip(".")) + 1))
        elif low:
            yield low
