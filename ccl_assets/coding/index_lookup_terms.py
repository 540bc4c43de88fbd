"""Terms to look up in notes, made from the direct gold pairs of the knowledge base.

Every form of a term follows from the printed one by a stated rule; nothing is learnt and no synonym is added.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from functools import reduce
from typing import Any

from ccl_assets.coding.masking_terms import common_beginning, field_phrases, masking_terms
from ccl_assets.text.note_tokens import fold_words

MIN_TERM_LENGTH = 4

# Printed as terms of their own, but in a note they say too little to carry a code alone.
GENERIC_WORDS = frozenset({
    "abrasion", "abscess", "absence", "accident", "activity", "admission", "allergy", "arrest",
    "battery", "birthmark", "blister", "boil", "burn", "callus", "cancer", "carcinoma", "chills", "cold",
    "collision", "condition", "contusion", "corrosion", "counseling", "death", "debility", "deficiency",
    "delinquency", "dependence", "disease", "disorder", "displaced", "donor", "drowning", "dyes",
    "edema", "effusion", "embolism", "examination", "explosion", "exposure", "fall", "falling", "fistula",
    "fit", "flood", "fracture", "freckles", "glass", "hanging", "hemorrhage", "history", "hostility", "illness",
    "immersion", "infection", "infestation", "injury", "litigation", "loss", "malignancy", "nondisplaced",
    "observation", "pain", "pallor", "pin", "pitting", "plague", "poisoning", "pregnancy", "presence",
    "prosecution", "removal", "replacement", "scar", "screaming", "screening", "sequela", "shock", "shot",
    "status", "storm", "strain", "stress", "swelling", "syndrome", "transplant", "trauma", "tumor", "twister",
    "weakness", "worms", "wound",
})  # fmt: skip

_PARENTHESES = re.compile(r"\s*\([^()]*\)|\s*\[[^\[\]]*\]")
_UNSPECIFIED_TAIL = re.compile(
    r"(?:,\s+(?:unspecified(?:\s+\w+)?|\w+\s+not\s+specified)|\s+(?:NOS|unspecified))$", re.IGNORECASE
)
_UNSPECIFIED_HEAD = re.compile(r"^unspecified\s+", re.IGNORECASE)
_HYPHEN = re.compile(r"(?<=[^\W\d_])-(?=[^\W\d_])")
_MANIFESTATION = re.compile(r"\bin\b.* classified elsewhere")


class FormRank(IntEnum):
    """How a form was made; where codes claim the same form, the lowest rank has it."""

    PRINTED = 0
    DEFAULT = 1
    INCLUDED = 2
    REWRITTEN = 3


def term_forms(evidence: str, source: str) -> dict[str, FormRank]:
    """The forms a term is looked up in.

    * ``PRINTED``: title or index term as it stands, words in parentheses included.
    * ``DEFAULT``: any of the other forms without its "unspecified": "X, unspecified", "X, unspecified organism",
      "X NOS", "X, site not specified", "unspecified X" -> "X".
    * ``INCLUDED``: inclusion term as it stands; it may be a fragment that leans on its code's title.
    * ``REWRITTEN``: without the words in parentheses (nonessential modifiers); a term of two parts turned round
      ("Obesity, class 1" -> "class 1 obesity"); hyphenated words written as one ("gastro-esophageal").
    """
    forms = {evidence.strip(): FormRank.INCLUDED if source == "inclusion_term" else FormRank.PRINTED}
    forms.setdefault(_PARENTHESES.sub("", evidence).strip(), FormRank.REWRITTEN)
    for form in list(forms):
        bare = _UNSPECIFIED_HEAD.sub("", _UNSPECIFIED_TAIL.sub("", form))
        forms.setdefault(bare, FormRank.DEFAULT)
    for form, rank in list(forms.items()):
        if form.count(", ") == 1:
            lead, _, modifier = form.partition(", ")
            forms.setdefault(f"{modifier} {lead}", max(rank, FormRank.REWRITTEN))
    for form, rank in list(forms.items()):
        if _HYPHEN.search(form):
            forms.setdefault(_HYPHEN.sub("", form), rank if rank is FormRank.DEFAULT else FormRank.REWRITTEN)
    return forms


class TermTable:
    """Folded terms and their codes, for longest-match look-up.

    A term that several codes share at its best rank is dropped; so a title goes before a default, and the code that
    has the term by default before those that merely include it. Dropped as well: terms of manifestation codes ("in
    diseases classified elsewhere", never coded alone), terms under four characters and single generic words. A term
    printed in capitals only (an acronym, "PRES") matches capitals only.

    Masks are phrases without a code that take their words from the terms inside (``masking_terms.py``).
    """

    def __init__(
        self, codes: Mapping[str, str], acronyms: frozenset[str], masks: Mapping[str, str] | None = None
    ) -> None:
        """Wrap folded terms with their code, and masks with what the codes inside may begin with."""
        self._codes = codes
        self._acronyms = acronyms
        self._masks = masks or {}
        self._lengths = _lengths(codes)
        self._mask_lengths = _lengths(self._masks)
        self._first_words = frozenset(term.partition(" ")[0] for terms in (codes, self._masks) for term in terms)
        self.vocabulary = frozenset(word for term in codes for word in term.split(" "))

    @classmethod
    def from_pairs(cls, pairs: Iterable[Mapping[str, Any]], titles: Mapping[str, str] | None = None) -> TermTable:
        """Build the table from rows of ``gold/pairs``; only ``direct`` ones give codes.

        A term reached by expansion does not say the 7th character or subdivision that its code adds: it masks.

        Args:
            pairs: The rows.
            titles: Title per code, headers included.
        """
        rows = list(pairs)
        direct = [row for row in rows if row["expansion"] == "direct"]
        manifestations = {
            row["code"] for row in direct if row["source"] == "title" and _MANIFESTATION.search(row["evidence"])
        }
        claims: dict[str, dict[str, FormRank]] = defaultdict(dict)
        printed_otherwise: set[str] = set()
        acronyms: set[str] = set()
        for row in direct:
            code = row["code"]
            if code in manifestations:
                continue
            for form, rank in term_forms(row["evidence"], row["source"]).items():
                words = fold_words(form)
                term = " ".join(words)
                if len(term) < MIN_TERM_LENGTH or (len(words) == 1 and (term in GENERIC_WORDS or term.isdigit())):
                    continue
                claims[term][code] = min(rank, claims[term].get(code, rank))
                (acronyms if len(words) == 1 and form.isupper() else printed_otherwise).add(term)
        codes = {term: code for term, ranks in claims.items() if (code := _resolve(ranks)) is not None}
        masks = masking_terms(rows, titles or {})
        for term, ranks in claims.items():
            if term not in codes and " " in term:
                masks.setdefault(term, reduce(common_beginning, ranks))
        for term in codes.keys() & masks.keys() - set(field_phrases()):
            del masks[term]
        return cls(codes, frozenset(acronyms - printed_otherwise) & codes.keys(), masks)

    def __len__(self) -> int:
        return len(self._codes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._codes)

    def may_begin(self, word: str) -> bool:
        """Whether a term or a mask begins with a word."""
        return word in self._first_words

    def longest_match(self, words: Sequence[str], start: int, stop: int) -> tuple[str, int] | None:
        """Code and word count of the longest term that begins at ``start`` and ends at or before ``stop``."""
        if start + 1 < stop:
            for length in self._lengths.get(f"{words[start]} {words[start + 1]}", ()):
                if start + length <= stop and (code := self._codes.get(" ".join(words[start : start + length]))):
                    return code, length
        code = self._codes.get(words[start])
        return None if code is None else (code, 1)

    def longest_mask(self, words: Sequence[str], start: int, stop: int) -> tuple[str, int] | None:
        """Beginning of the codes that may stand inside, and word count, of the longest mask that begins at ``start``."""
        if start + 1 < stop:
            for length in self._mask_lengths.get(f"{words[start]} {words[start + 1]}", ()):
                if start + length <= stop:
                    stem = self._masks.get(" ".join(words[start : start + length]))
                    if stem is not None:
                        return stem, length
        return None

    def needs_capitals(self, term: str) -> bool:
        """Whether a folded term is an acronym."""
        return term in self._acronyms


def _resolve(ranks: Mapping[str, FormRank]) -> str | None:
    best = min(ranks.values())
    claimants = [code for code, rank in ranks.items() if rank is best]
    return claimants[0] if len(claimants) == 1 else None


def _lengths(terms: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Lengths of the terms of several words by their first two."""
    lengths: dict[str, set[int]] = defaultdict(set)
    for term in terms:
        words = term.split(" ")
        if len(words) > 1:
            lengths[f"{words[0]} {words[1]}"].add(len(words))
    return {head: tuple(sorted(found, reverse=True)) for head, found in lengths.items()}
