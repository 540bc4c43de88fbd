"""Terms to look up in notes, made from the gold pairs that say a code itself.

Every form of a term follows from the printed one by a stated rule, or is a short form or lay word of the project's own table;
nothing is learnt. Where codes claim the same form it is decided as in the knowledge base (``shares``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

from ccl_assets.coding.masking_terms import common_beginning, field_phrases, masking_terms
from ccl_assets.evidence.gold.expansions import STATED
from ccl_assets.evidence.knowledge_base.shares import DEFAULT, MODIFIER, TITLE, Claim, owner, term_firmness
from ccl_assets.text.default_forms import default_form
from ccl_assets.text.note_tokens import fold_words
from ccl_assets.text.short_forms import possible_meanings

MIN_TERM_LENGTH = 4
_SHORTEST = 2

# Printed as terms of their own, but in a note they say too little to carry a code alone.
GENERIC_WORDS = frozenset({
    "abrasion", "abscess", "absence", "accident", "activity", "admission", "allergy", "arrest",
    "battery", "birthmark", "blister", "boil", "burn", "callus", "cancer", "carcinoma", "chills", "cold",
    "collision", "condition", "contusion", "corrosion", "counseling", "death", "debility", "deficiency",
    "delinquency", "dependence", "disease", "disorder", "displaced", "donor", "drowning", "dyes",
    "edema", "effusion", "embolism", "examination", "explosion", "exposure", "fall", "falling", "fistula",
    "fit", "flood", "fracture", "freckles", "glass", "growth", "hanging", "hemorrhage", "history", "hostility", "illness",
    "immersion", "infection", "infestation", "injury", "litigation", "loss", "malignancy", "neoplasm", "nondisplaced",
    "observation", "pain", "pallor", "pin", "pitting", "plague", "poisoning", "pregnancy", "presence",
    "prosecution", "removal", "replacement", "scar", "screaming", "screening", "sequela", "shock", "shot",
    "status", "storm", "strain", "stress", "swelling", "syndrome", "transplant", "trauma", "tumor", "twister",
    "weakness", "worms", "wound",
})  # fmt: skip

_PARENTHESES = re.compile(r"\s*\([^()]*\)|\s*\[[^\[\]]*\]")
_HYPHEN = re.compile(r"(?<=[^\W\d_])-(?=[^\W\d_])")
_MANIFESTATION = re.compile(r"\bin\b.* classified elsewhere")


def term_forms(evidence: str, firmness: int = TITLE) -> dict[str, int]:
    """The forms a term is looked up in, with how firmly each says the code.

    * The term as it stands, words in parentheses included.
    * Its default form (``default_forms``), without what goes without saying: "X, unspecified", "X without complications".
    * Without the words in parentheses (nonessential modifiers); a term of two parts turned round ("Obesity, class 1" -> "class 1
      obesity"); hyphenated words written as one ("gastro-esophageal"). These say less firmly what they say.
    """
    rewritten = max(firmness, MODIFIER)
    forms = {evidence.strip(): firmness}
    forms.setdefault(_PARENTHESES.sub("", evidence).strip(), rewritten)
    for form in list(forms):
        forms.setdefault(default_form(form), max(firmness, DEFAULT))
    for form, firm in list(forms.items()):
        if form.count(", ") == 1:
            lead, _, modifier = form.partition(", ")
            forms.setdefault(f"{modifier} {lead}", max(firm, rewritten))
    for form, firm in list(forms.items()):
        if _HYPHEN.search(form):
            forms.setdefault(_HYPHEN.sub("", form), firm if firm == DEFAULT else rewritten)
    return forms


class TermTable:
    """Folded terms and their codes, for longest-match look-up.

    A term goes to the code that owns it (``shares.owner``): a title goes before a default form, and the code that has the term by
    default before those that merely include it; a term that none owns is dropped. Dropped as well: terms of manifestation codes
    ("in diseases classified elsewhere", never coded alone), terms under four characters and single generic words, unless the
    table of short forms has them. A term printed in capitals only (an acronym, "PRES") matches capitals only; a short form does
    where the table says so.

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
        """Build the table from rows of ``gold/pairs``; of these the ones that say the code itself (``STATED``) give codes.

        A term reached by other expansions does not say the 7th character or subdivision that its code adds: it masks.

        Args:
            pairs: The rows.
            titles: Title per code, headers included.
        """
        rows = list(pairs)
        stated = [row for row in rows if row["expansion"] in STATED]
        manifestations = {
            row["code"] for row in stated if row["source"] == "title" and _MANIFESTATION.search(row["evidence"])
        }
        claims: dict[str, dict[str, Claim]] = defaultdict(dict)
        printed_otherwise: set[str] = set()
        acronyms: set[str] = set()
        for row in stated:
            code, source = row["code"], row["source"]
            if code in manifestations:
                continue
            is_short = source == "short_form"
            firmness = term_firmness(source, row.get("modifier"))
            forms = {row["evidence"]: firmness} if is_short else term_forms(row["evidence"], firmness)
            for form, firm in forms.items():
                words = fold_words(form)
                term = " ".join(words)
                if len(term) < _SHORTEST or (_is_told_by_case(form) if is_short else _says_too_little(term, words)):
                    continue
                claim = Claim(firm)
                claims[term][code] = min(claim, claims[term].get(code, claim))
                (acronyms if _wants_capitals(form, words, is_short) else printed_otherwise).add(term)
        codes = {term: code for term, known in claims.items() if (code := owner(known)) is not None}
        masks = masking_terms(rows, titles or {})
        for term, known in claims.items():
            if term not in codes and " " in term:
                masks.setdefault(term, reduce(common_beginning, known))
        for term in codes.keys() & masks.keys() - set(field_phrases()):
            del masks[term]
        return cls(codes, frozenset(acronyms - printed_otherwise) & codes.keys(), masks)

    def __len__(self) -> int:
        return len(self._codes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._codes)

    def may_begin(self, word: str) -> bool:
        """Tell whether a term or a mask begins with a word."""
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
        """Tell whether a folded term is an acronym."""
        return term in self._acronyms


def _lengths(terms: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Lengths of the terms of several words by their first two."""
    lengths: dict[str, set[int]] = defaultdict(set)
    for term in terms:
        words = term.split(" ")
        if len(words) > 1:
            lengths[f"{words[0]} {words[1]}"].add(len(words))
    return {head: tuple(sorted(found, reverse=True)) for head, found in lengths.items()}


def _says_too_little(term: str, words: Sequence[str]) -> bool:
    return len(term) < MIN_TERM_LENGTH or (len(words) == 1 and (term in GENERIC_WORDS or term.isdigit()))


def _is_told_by_case(short: str) -> bool:
    """Whether a short form is lost when it is folded ("PsA" is not "PSA", "Down's" not "down", "HIV+" not "HIV")."""
    return (
        "+" in short
        or fold_words(short) == ["down"]
        or (not short.isupper() and any(meaning.is_case_sensitive for meaning in possible_meanings(short)))
    )


def _wants_capitals(form: str, words: Sequence[str], is_short: bool) -> bool:
    if len(words) != 1:
        return False
    meanings = possible_meanings(form) if is_short else ()
    return any(meaning.is_case_sensitive for meaning in meanings) if meanings else form.isupper()
