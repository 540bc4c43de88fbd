"""An invalid code replaced by the billable one whose title is nearest to the title that stood beside it.

Small models remember titles better than codes: the right title stands beside a code that was deleted, is a header, or never was.
The thresholds were chosen on titles put wrong in known ways (``benchmarks/code_repair.py`` prints the figures): of a title that is
misspelt, turned round or short of a word, what is found is right 98 times in 100, however many that leaves invalid.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ccl_assets.text.default_forms import default_form
from ccl_assets.text.distinctions import are_told_apart
from ccl_assets.text.folding import fold

LEAST_SIMILARITY = 85.0
LEAST_LEAD = 4.0
MAX_TITLE_LENGTH = (
    500  # the longest titles have under 250 characters; what costs more than it can give is not looked up
)
_FIRST_WORD_SIGN = 0x100


class CodeRepair:
    """The billable codes by title; for a whole release about 2 s of preparation at the first look-up, then 10 ms each."""

    def __init__(self, billable: Collection[str], titles: Mapping[str, str]) -> None:
        """Take codes and titles; codes without a title are never given."""
        self._billable = billable
        self._titles = titles

    def nearest(self, title: str) -> str | None:
        """The code a title means.

        In this order: the code of exactly this title, case and punctuation aside; the code that has it by default ("X,
        unspecified" for "X"); the code of the most similar title. Similarity is the mean of two Indel similarities, that of the
        words and that of the letters, both regardless of word order, from 0 to 100. It takes at least :data:`LEAST_SIMILARITY`, a
        lead of :data:`LEAST_LEAD` over the next title, and no difference in sides, numbers, negations and the like.

        Returns:
            ``None`` where no title is near enough, or more than one is.
        """
        folded = fold(title) if len(title) <= MAX_TITLE_LENGTH else ""
        if not folded:
            return None
        by_title, by_default = self._exact
        code = by_title.get(folded) or by_default.get(folded)
        if code is not None:
            return code
        code = self._most_similar(folded)
        return None if code is None or are_told_apart(title, self._titles[code]) else code

    @cached_property
    def _folded(self) -> dict[str, str]:
        return {code: fold(self._titles[code]) for code in sorted(self._billable) if code in self._titles}

    @cached_property
    def _exact(self) -> tuple[dict[str, str], dict[str, str]]:
        """The code of each folded title, and of each default form; those that codes share are left out."""
        by_title = _unshared((title, code) for code, title in self._folded.items())
        by_default = _unshared(
            (form, code)
            for code, title in self._folded.items()
            if "specified" in title and (form := fold(default_form(self._titles[code]))) != title
        )
        return by_title, by_default

    @cached_property
    def _compared(self) -> tuple[dict[str, str], list[str], list[str]]:
        """A character for each word, then each title's words in order of the alphabet: as characters, and written out."""
        words = [sorted(title.split()) for title in self._folded.values()]
        signs: dict[str, str] = {}
        for word in (word for title in words for word in title):
            signs.setdefault(word, chr(_FIRST_WORD_SIGN + len(signs)))
        return signs, ["".join(signs[word] for word in title) for title in words], [" ".join(title) for title in words]

    def _most_similar(self, folded: str) -> str | None:
        signs, by_words, by_letters = self._compared
        words = sorted(folded.split())
        # words not in any title are all one sign: they cost the same
        similarity = _similarities("".join(signs.get(word, "?") for word in words), by_words)
        # what is below this with all letters alike is no rival
        near = np.flatnonzero(similarity >= 2 * (LEAST_SIMILARITY - LEAST_LEAD) - 100)
        if not len(near):
            return None
        mean = (similarity[near] + _similarities(" ".join(words), [by_letters[place] for place in near])) / 2
        best = int(mean.argmax())
        lead = mean[best] - max(np.delete(mean, best), default=0.0)
        if mean[best] < LEAST_SIMILARITY or lead < LEAST_LEAD:
            return None
        return list(self._folded)[int(near[best])]


def _similarities(text: str, others: list[str]) -> NDArray[np.float64]:
    from rapidfuzz import fuzz, process

    return np.asarray(process.cdist([text], others, scorer=fuzz.ratio, dtype=np.float64)[0])


def _unshared(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, set[str]] = defaultdict(set)
    for form, code in pairs:
        found[form].add(code)
    return {form: next(iter(codes)) for form, codes in found.items() if len(codes) == 1}
