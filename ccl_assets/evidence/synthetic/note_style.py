"""A phrase of the classification in the style of notes: abbreviated, side first, what it is behind where it is.

``Fracture of lower end of right radius`` becomes ``R distal radius fx``. Nothing is added and nothing that tells codes apart goes.
"""

from __future__ import annotations

import csv
import re
from functools import lru_cache
from pathlib import Path

from ccl_assets.evidence.gold.note_words import with_short_forms

_TABLE = Path(__file__).with_name("note_style.tsv")
_SHAFT = re.compile(
    r"(?<!foreign )\b(shaft|neck|head|base|body) of (?P<side>(?:right|left) )?(?P<site>(?!neck|shaft|head|base|body)[a-z]+)\b",
    re.IGNORECASE,
)
_OF = re.compile(
    r"^(?P<what>[\w/-]+(?: [\w/-]+){0,2}?) of (?:the )?(?P<site>(?:[\w/-]+ ){0,3}[\w/-]+)(?P<rest>,.*|)$", re.IGNORECASE
)
_KIND = re.compile(r"(?:ed|al|ar|ous|ic|ive|verse|ique|torus|open|closed|stress)$", re.IGNORECASE)
_LINKS = re.compile(
    r"\b(?:of|with|due|to|in|by|w|d|or|and|without|not|during|from|following|after|at|on)\b|/", re.IGNORECASE
)
_SIDE_INSIDE = re.compile(r"^(?P<before>.+?) (?P<side>right|left|bilateral) (?P<after>.+)$", re.IGNORECASE)


def note_style(phrase: str) -> str:
    """Write a phrase as a note has it, or give it back where there is nothing to shorten."""
    text = _SHAFT.sub(lambda one: f"{one['side'] or ''}{one['site']} {one[1].lower()}", phrase)
    text = re.sub(r"\b(lower|upper) end of (the )?((?:right|left) )?", _end, text, flags=re.IGNORECASE)
    turned = _OF.match(text)
    is_list = turned and (" and " in turned["rest"] or turned["what"].lower().startswith("other"))
    if turned and not is_list and not _LINKS.search(turned["what"]) and not _LINKS.search(turned["site"]):
        site, inside = turned["site"], _SIDE_INSIDE.match(turned["site"])
        if inside:
            site = f"{inside['side']} {inside['before']} {inside['after']}"
        what = turned["what"][:1].lower() + turned["what"][1:] if turned["what"][1:2].islower() else turned["what"]
        *kind, noun = what.split(" ")
        phrase_of_kind = [*kind, site] if all(map(_KIND.search, kind)) else [site, *kind]
        text = f"{' '.join([*phrase_of_kind, noun])}{turned['rest']}"
    return _abbreviated(with_short_forms(text))


def _end(found: re.Match[str]) -> str:
    return f"{found[3] or ''}{'distal' if found[1].lower() == 'lower' else 'proximal'} "


def _abbreviated(text: str) -> str:
    pattern, written = _table()
    return " ".join(pattern.sub(lambda one: written[one[0].lower()], text).split())


@lru_cache(maxsize=1)
def _table() -> tuple[re.Pattern[str], dict[str, str]]:
    """The words of the table, longer ones first, and how notes write them."""
    with _TABLE.open(encoding="utf-8", newline="") as lines:
        written = {row["words"]: row["written"] for row in csv.DictReader(lines, delimiter="\t")}
    longest_first = sorted(written, key=lambda words: (-len(words), words))
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])", re.IGNORECASE), written
