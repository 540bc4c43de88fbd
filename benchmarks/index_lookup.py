"""What looking up all terms of a release in one note costs, beside the naive way: is each term in the note?

The note is 2,000 words of the sample corpus. The naive way runs in the same process on the same folded words; it knows neither
longest matches nor negation, so it must find every term that the look-up finds, and more. A release with an Index, such as FY2017
whole, has over 100,000 terms; the packaged one, which has none, about half as many.

    python benchmarks/index_lookup.py [--release PATH-or-label]... [--words 2000] [--runs 50]

Exit status 1 if a measure is missed. CPU times of this process, the best and the median of the runs: they hold beside other
processes, if not as well as on an idle machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ccl_assets.coding.active_release import active_release
from ccl_assets.coding.index_lookup_terms import TermTable
from ccl_assets.coding.systems.index_lookup import IndexLookup
from ccl_assets.corpora.loaders import load
from ccl_assets.resources.corpus_paths import CorpusPaths
from ccl_assets.resources.settings import Settings
from ccl_assets.text.note_tokens import fold_words, tokenize

_MOST_MS = 20.0
_NAIVE_RUNS = 3


def timed(work: Callable[[], Any], runs: int) -> tuple[Any, list[float]]:
    """Result, and CPU milliseconds of each run."""
    took = []
    for _ in range(runs):
        begun = time.process_time()
        result = work()
        took.append(1000 * (time.process_time() - begun))
    return result, took


def row(what: str, took: list[float], note: str = "") -> None:
    """Print a line of the table."""
    print(f"  {what:40}{min(took):10.1f}{statistics.median(took):10.1f}{len(took):6}  {note}", flush=True)


def long_note(word_count: int) -> str:
    """Notes of the sample corpus, one after the other, up to a number of words."""
    texts: list[str] = []
    for document in load("sample", CorpusPaths()).documents:
        texts.append(document.text)
        if len("\n\n".join(texts).split()) >= word_count:
            break
    words = tokenize(text := "\n\n".join(texts))
    return text[: words.ends[min(word_count, len(words.words)) - 1]]


def measure(location: str | None, word_count: int, runs: int, home: Path) -> bool:
    """Print the table of a release; says whether the measures are met."""
    release = active_release(Settings(home=home, icd_release=location), needs_gold_pairs=True, say=print)
    pairs = release.gold_pairs or ()
    terms, building = timed(lambda: TermTable.from_pairs(pairs), 1)
    system = IndexLookup(terms, release.billable)
    text = long_note(word_count)
    words = tokenize(text).words
    print(f"{release.label}: {len(pairs):,} direct gold pairs, {len(terms):,} terms, a note of {len(words):,} words")
    print(f"  {'':40}{'best ms':>10}{'median ms':>10}{'runs':>6}")
    row("make the terms", building)
    found, took = timed(lambda: system.look_up(text), runs)
    row("look all of them up", took, f"{len(found)} codes")

    folded = f" {' '.join(words)} "
    every = [f" {term} " for term in terms]
    naive, naively = timed(lambda: {term for term in every if term in folded}, _NAIVE_RUNS)
    row("naive: each term searched for", naively, f"{len(naive)} terms, {min(naively) / min(took):.0f} times as long")
    missed = [p for p in found if f" {' '.join(fold_words(p['evidence'] or ''))} " not in naive]
    measures = {
        f"a note in {_MOST_MS:.0f} ms (median)": statistics.median(took) < _MOST_MS,
        "nothing found that the naive way does not find": not missed,
    }
    for what, is_met in measures.items():
        print(f"  {'met   ' if is_met else 'MISSED'}  {what}")
    return all(measures.values())


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", action="append", help="path or label; the packaged one if not given")
    parser.add_argument("--words", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=50)
    chosen = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as home:
        met = [measure(location, chosen.words, chosen.runs, Path(home)) for location in chosen.release or (None,)]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
