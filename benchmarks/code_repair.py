"""How often an invalid code is put right by its title, how often wrongly, and what that costs.

Titles of a release are put wrong in the ways models put them wrong, each kind on its own, and looked up. With ``--older`` also:
titles as an older release prints them, and titles whose code has gone since, where leaving it invalid is the right answer.

    python benchmarks/code_repair.py [--release PATH] [--older PATH] [--titles 300]

"Replaced" is the share of titles that some code was found for, "right" the share of those that got the very code the title was
made from (for headers and codes that have gone: one below it).
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ccl_assets.coding.code_repair import CodeRepair
from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tabular.tabular_list import parse_tabular
from ccl_assets.text.folding import fold

_DRAW = random.Random(7)
_SHORT = (
    ("Type 2 diabetes mellitus", "T2DM"), ("hypertension", "HTN"), ("chronic kidney disease", "CKD"), ("without", "w/o"),
    ("with", "w/"), ("fracture", "fx"), ("history", "hx"), ("disease", "dz"),
)  # fmt: skip
_WAYS: dict[str, Callable[[str], str]] = {
    "case and punctuation": lambda title: title.upper().replace(",", " -"),
    "a typing error": lambda title: _in_a_word(title, 5, _mistype),
    "a word left out": lambda title: _without_word(title, _DRAW.randrange(len(title.split()))),
    "a short word left out": lambda title: re.sub(r"\b(?:of|the|and|with|in|due to) ", "", title, count=1),
    "last two words left out": lambda title: " ".join(title.split()[:-2]),
    "'unspecified' left out": lambda title: re.sub(r"(?i),? unspecified\b|\bunspecified ", "", title),
    "parentheses left out": lambda title: re.sub(r" ?\([^)]*\)| ?\[[^\]]*\]", "", title),
    "parts turned round": lambda title: " ".join(reversed(title.split(", "))) if title.count(", ") == 1 else title,
    "plural and singular": lambda title: _in_a_word(title, 3, lambda w: w[:-1] if w.endswith("s") else f"{w}s"),
    "abbreviations": lambda title: _shortened(title),
}


def _in_a_word(title: str, longer_than: int, change: Callable[[str], str]) -> str:
    words = title.split()
    places = [place for place, word in enumerate(words) if len(word) > longer_than and word.isalpha()]
    if places:
        place = _DRAW.choice(places)
        words[place] = change(words[place])
    return " ".join(words)


def _mistype(word: str) -> str:
    at = _DRAW.randrange(1, len(word) - 1)
    wrong = ("", word[at + 1] + word[at], _DRAW.choice("abcdefghijklmnopqrstuvwxyz"))
    chosen = _DRAW.randrange(3)
    return word[:at] + wrong[chosen] + word[at + (2 if chosen == 1 else 1) :]


def _without_word(title: str, place: int) -> str:
    words = title.split()
    return " ".join(words[:place] + words[place + 1 :]) if len(words) > 3 else title


def _shortened(title: str) -> str:
    for long, short in _SHORT:
        title = re.sub(re.escape(long), short, title, flags=re.IGNORECASE)
    return title


def questions(
    codes: list[dict[str, Any]], old: list[dict[str, Any]], count: int
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Per way of putting a title wrong: titles, and what the code that is found must begin with."""
    titles = {row["code"]: row["long_title"] for row in codes if row["is_billable"]}
    known = {fold(title) for title in titles.values()}
    for way, change in _WAYS.items():
        shuffled = _DRAW.sample(sorted(titles.items()), len(titles))
        changed = ((change(title), code) for code, title in shuffled if len(title.split()) > 2)
        yield way, list(islice(((title, code) for title, code in changed if title != titles[code]), count))
    yield (
        "title of a header",
        [
            (row["long_title"], row["code"])
            for row in _DRAW.sample([row for row in codes if not row["is_billable"]], count)
        ],
    )
    was = {row["code"]: row["long_title"] for row in old if row["is_billable"] and fold(row["long_title"]) not in known}
    for way, chosen in (
        ("older title of a code", [(title, code) for code, title in was.items() if code in titles]),
        ("title of a code that has gone", [(title, code) for code, title in was.items() if code not in titles]),
    ):
        if chosen:
            yield way, _DRAW.sample(chosen, min(count, len(chosen)))


def measure(release: Path | None, older: Path | None, count: int) -> None:
    """Print the table."""
    opened = open_release(release)
    codes: list[dict[str, Any]] = parse_tabular(opened.tabular, opened.label).codes
    old: list[dict[str, Any]] = []
    if older:
        before = open_release(older)
        old = parse_tabular(before.tabular, before.label).codes
    titles = {row["code"]: row["long_title"] for row in codes}
    repair = CodeRepair(frozenset(row["code"] for row in codes if row["is_billable"]), titles)
    print(f"{opened.label}: {len(titles):,} titles; load {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores")
    for what, title in (
        ("exact title, first time", titles["I10"]),
        ("similar title, first time", "esential hypertensive"),
    ):
        begun = time.process_time()
        repair.nearest(title)
        print(f"{what:32}{1000 * (time.process_time() - begun):10.1f} ms CPU")
    print(f"{'':32}{'titles':>8}{'replaced':>10}{'right':>8}{'CPU ms':>8}")
    for way, asked in questions(codes, old, count):
        begun = time.process_time()
        found = [(repair.nearest(title), code) for title, code in asked]
        took = 1000 * (time.process_time() - begun) / len(asked)
        replaced = [(got, code) for got, code in found if got]
        right = sum(got.startswith(code) for got, code in replaced)
        share = f"{right / len(replaced):8.1%}" if replaced else f"{'–':>8}"
        print(f"{way:32}{len(asked):8,}{len(replaced) / len(asked):10.1%}{share}{took:8.1f}")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", type=Path, help="path of a release; the packaged one if not given")
    parser.add_argument("--older", type=Path, help="path of an older release")
    parser.add_argument("--titles", type=int, default=300, help="titles of each kind")
    chosen = parser.parse_args()
    measure(chosen.release, chosen.older, chosen.titles)
    return 0


if __name__ == "__main__":
    sys.exit(main())
