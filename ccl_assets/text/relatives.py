"""Words of a note that tell what a relative or another person has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ccl_assets.text.scopes import Statement
from ccl_assets.text.triggers import Assertion, Direction

_LEADS = re.compile(r"[(\[:=|\t]\s*$|\s[-–—]+\s*$|^[–—]")
_ENDS = re.compile(r"\s*(?:[)\],;|\t.(]|\s[-–—])")
_REACH = 8
_IN = frozenset({"in", "en"})
_OF = frozenset({"of", "de"})


def said_of_relatives(
    text: str, statement: Statement, begins: list[int], ends: list[int]
) -> Iterator[tuple[int, Assertion]]:
    """Positions of the words that tell what a relative or another person has, and which of the two."""
    groups = statement.rules.relatives
    words = statement.words
    for position in range(statement.begin, statement.end):
        if statement.terms[position]:
            continue
        if words[position] in groups["relative"]:
            status = Assertion.FAMILY
        elif words[position] in groups["other"]:
            status = Assertion.OTHER_PERSON
        else:
            continue
        if _is_owned(statement, position):
            for word in statement.reach(_owner_begin(statement, position), position + 1, Direction.BACKWARD):
                yield word, status
        for word in _named_behind(statement, position):
            yield word, status
        for word in _forward(text, statement, position, begins, ends):
            yield word, status


def _forward(text: str, statement: Statement, relative: int, begins: list[int], ends: list[int]) -> Iterator[int]:
    groups = statement.rules.relatives
    words = statement.words
    after = relative + 1
    if after >= statement.end:
        return
    gap = statement.gaps[after]
    is_first = _leads(statement, relative)
    if is_first and (
        ":" in gap or "=" in gap or (gap.strip() in {"-", "--", "–", "—", "|"} and gap != "-") or "(" in gap
    ):
        yield from range(after, statement.end)
        return
    if text[begins[relative] : ends[relative]].lower().endswith(("'s", "’s")) and words[after] not in groups["reports"]:
        if words[after] not in groups["relative"] and words[after] not in {"side", "house", "office", "name", "day"}:
            yield from statement.reach(relative, after, Direction.NEAR)
            if words[after] in groups["has"]:
                yield from statement.reach(relative, after + 1, Direction.FORWARD)
        return
    if is_first and gap.strip() == "," and relative == statement.begin:
        yield from range(after, statement.end)
        return
    seen = False
    if words[after] in {"who", "que"} and gap.strip() == ",":  # "her sister, who lives far away, has migraine"
        closed = next((place for place in range(after + 1, statement.end) if "," in statement.gaps[place]), after)
        if words[closed] in groups["has"]:
            after = closed
    for position in range(after, min(statement.end, after + _REACH)):
        word = words[position]
        if word in groups["reports"]:
            return
        if word in groups["has"]:
            seen = True
            if words[position - 1] in {"and", "y"}:  # "lives with her husband and has gout"
                return
            if position + 1 < statement.end and words[position + 1] in groups["reports"]:
                return
            yield from statement.reach(relative, position + 1, Direction.FORWARD)
            return
        if word in groups["relative"] or word in groups["between"] or word.isdigit():
            continue
        break
    if not seen and any(
        words[place] in {"is", "was", "are", "were"} for place in range(after, min(statement.end, after + 2))
    ):
        yield from range(after, min(statement.end, after + 4))


def _leads(statement: Statement, relative: int) -> bool:
    """Whether the relative is the first thing said: "Mother: migraine", "Maternal aunt - asthma"."""
    groups = statement.rules.relatives
    return all(
        word in groups["owner"] or word in groups["relative"] or word.isdigit() or word in {"and", "of", "deceased"}
        for word in statement.words[statement.begin : relative]
    )


def _is_owned(statement: Statement, relative: int) -> bool:
    """Whether a condition may stand before the relative: "asthma in her sister"."""
    begin = _owner_begin(statement, relative)
    return begin > statement.begin and statement.words[begin] in _IN


def _named_behind(statement: Statement, relative: int) -> list[int]:
    """What stands before a relative named alone: "migraine (mother)", "migraine: mother and aunt", "asthma - sister"."""
    groups = statement.rules.relatives
    begin, end = relative, relative + 1
    while (
        begin > statement.begin
        and statement.words[begin - 1] in groups["owner"] | groups["relative"]
        and _is_close(statement, begin)
    ):
        begin -= 1
    while end < statement.end and statement.words[end] in groups["relative"] | {"and", "y", "s"}:
        end += 1
    if begin == statement.begin or not _LEADS.search(statement.gaps[begin]):
        return []
    if end < statement.end and not _ENDS.match(statement.gaps[end]):
        return []
    return statement.reach(begin, end, Direction.BACKWARD)


def _is_close(statement: Statement, position: int) -> bool:
    return statement.gaps[position].strip() in {"", ",", "/", "-"}


def _owner_begin(statement: Statement, relative: int) -> int:
    position = relative - 1
    groups = statement.rules.relatives
    while position > statement.begin and (
        statement.words[position] in groups["owner"]
        or statement.words[position] in groups["relative"]
        or statement.words[position] in _OF
        or statement.words[position] in {"and", "y"}
    ):
        position -= 1
    return position if statement.words[position] in _IN else relative
