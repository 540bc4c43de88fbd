"""Evidence that repeats a human span of a test document: the same words, or nearly the same.

``near`` is the same phrase written otherwise, which is one of these:

- the same words, plural endings, order and function words aside;
- one holds the other as a run of at least four words, which are at least three quarters of the longer one;
- one is misspelt: at most one edit for every ten characters and three in all, in words of at least five letters that are not
  all words of the release ("dysphasia" is no misspelt "dysphagia").

Of the first two, no distinguishing word may differ (``distinctions``: sides, numbers, acuity, ...) nor what is denied.
A short span such as "pain" so overlaps with itself and its plural only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

from ccl_assets.text.content_words import content_words
from ccl_assets.text.distinctions import OPPOSITES, are_told_apart
from ccl_assets.text.folding import fold

Overlap = Literal["equal", "near"]
LONG_SPAN_WORDS = 5
"""Words of meaning from which a phrase is more than a usual name: one that repeats a test span may have come with it."""
Words = tuple[str, ...]
CHARACTERS_PER_EDIT, MOST_EDITS = 10, 3
LEAST_LETTERS = 5
LEAST_WORDS, LEAST_SHARE = 4, 0.75
_DENIALS = frozenset({"denied", "denies", "negative", "no", "non", "not", "without"})
_MACHINE_WORD = 64
_MOST_COMPARED = 1 << 22  # distances in memory at a time, a byte each


def repeats_long_span(pair: Mapping[str, Any]) -> bool:
    """Tell whether a pair is a long, specific phrase of a note that repeats a human span of a test document.

    Names such as "COPD" are what any note says; phrases of the release or of a model come from no note.
    """
    if pair["tier"] != "silver" or pair["benchmark_overlap"] is None:
        return False
    return len(content_words(fold(pair["evidence"]))) >= LONG_SPAN_WORDS


class BenchmarkSpans:
    """Human evidence of test documents, indexed by what a variant of it keeps. Built once, asked per chapter."""

    def __init__(self, spans: Iterable[str], known_words: Collection[str] = frozenset()) -> None:
        """Index the spans.

        Args:
            spans: Evidence of test documents, as often as it occurs.
            known_words: Words that are no misspellings, folded; those of the release.
        """
        self._known_words = known_words
        self._words = {text: content_words(text) for text in sorted({fold(span) for span in spans} - {""})}
        self._by_words: dict[Words, list[str]] = defaultdict(list)
        self._by_length: dict[int, list[str]] = defaultdict(list)
        self._by_run: dict[Words, set[str]] = defaultdict(set)
        for text, words in self._words.items():
            self._by_words[tuple(sorted(words))].append(text)
            self._by_length[len(text)].append(text)
            for run in _runs(words):
                self._by_run[run].add(text)

    def overlaps(self, texts: Iterable[str]) -> dict[str, Overlap]:
        """Texts that repeat a span, by folded text; the others are absent."""
        found: dict[str, Overlap] = {}
        unlike: dict[int, list[str]] = defaultdict(list)
        for text in sorted({fold(text) for text in texts} - {""}):
            if text in self._words:
                found[text] = "equal"
            elif self._is_rearranged_or_contained(text):
                found[text] = "near"
            else:
                unlike[len(text)].append(text)
        for length, group in unlike.items():
            found |= dict.fromkeys(self._misspelt(group, min(length // CHARACTERS_PER_EDIT, MOST_EDITS)), "near")
        return found

    def _is_rearranged_or_contained(self, text: str) -> bool:
        words = content_words(text)
        rearranged = self._by_words.get(tuple(sorted(words)), ()) if words else ()
        contained = {
            span for run in _runs(words) for span in self._by_run.get(run, ()) if _holds(words, self._words[span])
        }
        return any(_mean_the_same(text, span) for span in (*rearranged, *contained))

    def _misspelt(self, texts: Sequence[str], most_edits: int) -> Iterator[str]:
        """Those of equally long texts that are few edits away from a span."""
        import numpy as np
        from rapidfuzz.distance import OSA, Levenshtein
        from rapidfuzz.process import cdist

        length = len(texts[0])
        spans = [
            span
            for other in range(length - most_edits, length + most_edits + 1)
            for span in self._by_length.get(other, ())
        ]
        if not (most_edits and spans):
            return
        # a transposition is one edit, or two in long texts, where looking for them takes twenty times as long
        scorer = OSA if length <= _MACHINE_WORD else Levenshtein
        step = max(1, _MOST_COMPARED // len(spans))
        for begin in range(0, len(texts), step):
            part = texts[begin : begin + step]
            edits = cdist(part, spans, scorer=scorer.distance, score_cutoff=most_edits, dtype=np.uint8, workers=1)
            rows, columns = np.nonzero(edits <= most_edits)
            pairs = ((part[row], spans[column]) for row, column in zip(rows.tolist(), columns.tolist(), strict=True))
            yield from {text for text, span in pairs if self._is_misspelling(text, span)}

    def _is_misspelling(self, text: str, span: str) -> bool:
        if text.replace(" ", "") == span.replace(" ", ""):
            return True
        ours, theirs = Counter(text.split()), Counter(span.split())
        ours, theirs = ours - theirs, theirs - ours
        changed = [*ours, *theirs]
        if not all(word.isalpha() and len(word) >= LEAST_LETTERS for word in changed):
            return False
        prefixes = [
            {prefix for word in words for prefix in OPPOSITES if word.startswith(prefix)} for words in (ours, theirs)
        ]
        return prefixes[0] == prefixes[1] and not all(word in self._known_words for word in changed)


def _mean_the_same(text: str, span: str) -> bool:
    return _denied(text) == _denied(span) and not are_told_apart(text, span)


def _denied(text: str) -> list[str]:
    """The words behind a denial: a phrase with another order may deny another thing."""
    return sorted(following for word, following in pairwise([*text.split(), ""]) if word in _DENIALS)


def _runs(words: Words) -> Iterator[Words]:
    """Stretches of as many words as the shortest that counts as contained has."""
    for begin in range(len(words) - LEAST_WORDS + 1):
        yield words[begin : begin + LEAST_WORDS]


def _holds(one: Words, other: Words) -> bool:
    """Whether the longer holds the shorter as a run, and not much more."""
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < LEAST_SHARE * len(longer):
        return False
    return any(longer[begin : begin + len(shorter)] == shorter for begin in range(len(longer) - len(shorter) + 1))
