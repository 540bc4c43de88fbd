"""Assertions made by signs, boxes, tables and "X: No" about the words beside them, without a sentence."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from ccl_assets.text.lines import Line
from ccl_assets.text.note_tokens import fold_words
from ccl_assets.text.triggers import Assertion, Rules

_PARENTHESES_SIGN = re.compile(r"[(\[]\s*([-–−+])\s*[)\]]")
_GLUED_SIGN = re.compile(r"(?<![^\s,;:(])([-–−+])(?=[^\W\d_])")
_LOOSE_SIGN = re.compile(r"(?:(?<=[,;:])\s*|^\s*)([-–−+])\s?(?=[^\W\d_])")
_BOXED_ANSWERS = re.compile(r"\b(yes|no)\s?\[\s?([xX✓]?)\s?\]\s*,?\s*(yes|no)\s?\[\s?([xX✓]?)\s?\]", re.IGNORECASE)
_BOX = re.compile(r"\[\s?([xX✓✗*_]?)\s?\]|\(\s([xX✓]?)\s?\)|\(([xX✓])\)|([☐□▢❏])|([☑☒✅■✔])")
_YES = frozenset({"yes", "y", "si", "present", "positive", "true"})
_NO = frozenset({"no", "n", "none", "absent", "negative", "never", "false", "denies"})
_CHECKED = frozenset({"x", "✓", "✔", "•", "*"})
_CSV = re.compile(r"[^,.;:]+(?:,[^\s,.;:][^,.;:]*)+")
_RULE_LINE = re.compile(r"[\s|:+=-]*[-=]{2,}[\s|:+=-]*")
_VALUE_END = re.compile(r"[.;,(\[\n\r|\t]|\s[-–—]+\s|\s{2,}")
_VALUE_EXTRAS = frozenset(
    {
        "known",
        "reported",
        "at",
        "this",
        "time",
        "currently",
        "current",
        "per",
        "patient",
        "pt",
        "any",
        "noted",
        "today",
        "all",
        "the",
    }
    | {"of", "above", "it", "ever", "hx", "history", "by", "chart", "presently", "now"}
)
_KEY = re.compile(r"(?:^|[.;|,\t]|\s{2,})\s*(?:[-–—*•·▪#>]+\s*|\(?\d{1,2}[.)]\s*)?(?=[^\W_])")
Range = tuple[int, int]


def marked(text: str, lines: Sequence[Line], rules: Rules) -> Iterator[tuple[int, int, Assertion]]:
    """Stretches of the note (end-exclusive offsets) and what a mark says of them."""
    table: list[list[Range]] = []
    for line in lines:
        raw = text[line.begin : line.end]
        if "[" in raw or "(" in raw or not raw.isascii():
            yield from _boxes(raw, line.begin, rules)
        if "-" in raw or "–" in raw or "−" in raw:
            yield from _signs(raw, line.begin)
        if (
            ":" in raw
            or "=" in raw
            or " - " in raw
            or "–" in raw
            or "?" in raw
            or ";" in raw
            or "..." in raw
            or "…" in raw
        ):
            yield from _values(raw, line.begin, rules)
        cells = _cells(raw, line.begin)
        if len(cells) > 1:
            if table and _is_rule(raw):
                continue
            yield from _row(text, cells, table[0] if table else [], rules)
            table.append(cells)
        elif not _is_rule(raw):
            table = []


def _is_rule(raw: str) -> bool:
    return bool(_RULE_LINE.fullmatch(raw))


def _status(value: str, rules: Rules) -> Assertion | None:
    """What a value says, if it says nothing else."""
    words = fold_words(value)
    if not words or len(words) > 8:
        return Assertion.NEGATED if value.strip() in {"-", "–", "(-)", "−", "(–)"} else None
    for count in range(min(len(words), 3), 0, -1):
        status = rules.values.get(tuple(words[:count]))
        if status is not None and all(word in _VALUE_EXTRAS for word in words[count:]):
            return status
    return None


def _values(raw: str, offset: int, rules: Rules) -> Iterator[tuple[int, int, Assertion]]:
    """``Asthma: No``, ``Asthma - none``, ``Asthma? No``, ``Asthma ... no``."""
    for sign in re.finditer(r"[:=?;]|\s[-–—]+\s|\.{2,}|…", raw):
        if (
            (
                raw[sign.end() : sign.end() + 1] not in {" ", "\t", "\u00a0", ""}
                and sign.group() not in {":", "="}
                and not sign.group().isspace()
            )
            and not sign.group()[-1:].isspace()
            and not sign.group().startswith(".")
        ):
            continue
        rest = raw[sign.end() :].lstrip(" \t\u00a0*_")
        begin = len(raw) - len(rest)
        found = _VALUE_END.search(raw, begin)
        end = found.start() if found else len(raw)
        if end == begin and raw[begin : begin + 3] in {"(-)", "[-]"}:
            end = begin + 3
        status = _status(raw[begin:end].strip("*_ "), rules)
        if status is None:
            continue
        keys = [match.end() for match in _KEY.finditer(raw, 0, sign.start())]
        key = keys[-1] if keys else 0
        # a list of conditions before one value: "Asthma, gout: no"
        stop = max(raw.rfind(mark, 0, sign.start()) for mark in ".;|\t:")
        begins = [place for place in keys if place > stop]
        key = begins[0] if begins else key
        yield offset + key, offset + sign.start(), status


def _signs(raw: str, offset: int) -> Iterator[tuple[int, int, Assertion]]:
    """``(-) asthma``, ``asthma (-)``, ``-asthma +gout``."""
    signs = list(_PARENTHESES_SIGN.finditer(raw))
    leading = bool(signs) and _leads(raw, signs[0].start())
    for number, sign in enumerate(signs):
        if sign[1] == "+":
            continue
        if leading:
            end = signs[number + 1].start() if number + 1 < len(signs) else len(raw)
            stop = re.search(r"[.;|\t]", raw[sign.end() : end])
            yield offset + sign.end(), offset + (sign.end() + stop.start() if stop else end), Assertion.NEGATED
        else:
            begin = max((raw.rfind(mark, 0, sign.start()) for mark in ",;.|\t:"), default=-1)
            before = signs[number - 1].end() if number else 0
            yield offset + max(begin + 1, before), offset + sign.start(), Assertion.NEGATED
    glued = list(_GLUED_SIGN.finditer(raw))
    loose = list(_LOOSE_SIGN.finditer(raw))
    if len(loose) > max(1, len(glued)) and "+" in {sign[1] for sign in loose} and "," in raw:
        glued = loose
    if glued and ("+" in {sign[1] for sign in glued} or len(glued) > 1 or raw.lstrip()[:1] not in "-–−"):
        for number, sign in enumerate(glued):
            if sign[1] != "+":
                end = glued[number + 1].start() if number + 1 < len(glued) else len(raw)
                stop = re.search(r"[.;,|\t]", raw[sign.end() : end])
                yield offset + sign.end(), offset + (sign.end() + stop.start() if stop else end), Assertion.NEGATED


def _leads(raw: str, place: int) -> bool:
    before = raw[:place].rstrip()
    return not before or before[-1] in ",;:.|*•-" or bool(re.fullmatch(r"\s*\(?\d{1,2}[.)]", before))


def _boxes(raw: str, offset: int, rules: Rules) -> Iterator[tuple[int, int, Assertion]]:
    """``[ ] asthma [x] gout``, ``☐ asthma``, ``asthma [ ]``, ``Asthma: [ ] yes [x] no``."""
    answers = list(_BOXED_ANSWERS.finditer(raw))
    if answers:
        begin = 0
        for answer in answers:
            if answer[2 if answer[1].casefold() == "no" else 4]:
                yield offset + begin, offset + answer.start(), Assertion.NEGATED
            begin = answer.end()
        return
    boxes = [box for box in _BOX.finditer(raw) if box.group().strip()]
    if not boxes:
        return
    leading = bool(re.search(r"[^\W_]", raw[boxes[-1].end() :]))
    key = 0
    for number, box in enumerate(boxes):
        is_checked = bool((box[1] or "").strip("_ ") or box[2] or box[3] or box[5])
        after = boxes[number + 1].start() if number + 1 < len(boxes) else len(raw)
        before = boxes[number - 1].end() if number else 0
        if not leading:
            if not is_checked:
                yield offset + before, offset + box.start(), Assertion.NEGATED
            continue
        label = fold_words(raw[box.end() : after])
        if label and (label[0] in _YES or label[0] in _NO) and len(label) <= 4:
            if (
                number == 0
                or (fold_words(raw[before : box.start()])[:1] or ["-"])[0] not in _YES | _NO
                or (len(words := fold_words(raw[before : box.start()])) > 1 and words[0] in _YES | _NO)
            ):
                key = before
            if is_checked and label[0] in _NO:
                first = boxes[number - 1] if number else box
                yield (
                    offset + key,
                    offset + (first.start() if number and key < first.start() else box.start()),
                    Assertion.NEGATED,
                )
            continue
        if not is_checked:
            stop = re.compile(r"[.;]\s").search(raw, box.end(), after)
            yield offset + box.end(), offset + (stop.start() if stop else after), Assertion.NEGATED


def _cells(raw: str, offset: int) -> list[Range]:
    """The cells of a line: between bars, tabs or runs of blanks."""
    if "|" in raw:
        edges = [match.span() for match in re.finditer(r"\|", raw)]
    elif "\t" in raw.strip("\t"):
        edges = [match.span() for match in re.finditer(r"\t+", raw)]
    elif _CSV.fullmatch(raw):
        edges = [match.span() for match in re.finditer(",", raw)]
    elif "   " in raw.strip():
        edges = [match.span() for match in re.finditer(r"\s{3,}", raw)]
    else:
        return []
    cells = []
    begin = 0
    for first, last in [*edges, (len(raw), len(raw))]:
        if begin or raw[:first].strip():
            cells.append((offset + begin, offset + first))
        begin = last
    while (
        cells
        and raw[cells[-1][0] - offset : cells[-1][1] - offset].strip() == ""
        and "|" in raw
        and raw.rstrip().endswith("|")
    ):
        cells.pop()
        break
    return cells


def _row(text: str, cells: list[Range], heads: list[Range], rules: Rules) -> Iterator[tuple[int, int, Assertion]]:
    """A row of a table: a cell that says no speaks of the cell with words before it; a mark in a column headed "No" as well."""
    names = [fold_words(text[begin:end]) for begin, end in heads]
    condition: Range | None = None
    for number, (begin, end) in enumerate(cells):
        cell = text[begin:end].strip(" *_`")
        status = _status(cell, rules)
        if status is not None:
            if condition is not None:
                yield *condition, status
            continue
        head = names[number] if number < len(names) and len(names) == len(cells) else []
        if cell.casefold() in _CHECKED or cell in {"☑", "☒", "[x]", "[X]"}:
            if condition is not None and head and head[0] in _NO:
                yield *condition, Assertion.NEGATED
            continue
        if cell == "" and condition is not None and head and (head[0] in _YES) and len(cells) == 2:
            yield *condition, Assertion.NEGATED
        if re.search(r"[^\W\d_]{2}", cell) and fold_words(cell)[0] not in _YES:
            condition = (begin, end)


def word_range(begins: Sequence[int], first: int, last: int) -> range:
    """Positions of the words that begin between two offsets."""
    return range(bisect_left(begins, first), bisect_left(begins, last))
