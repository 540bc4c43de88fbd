"""Training of a span coder: terms counted in annotated notes, the verifier learned from notes that the counts have not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ccl_assets.linking.candidates import covered
from ccl_assets.linking.coder import LIKENESS, NEAR, PARTS, VERIFIER, SpanCoder
from ccl_assets.linking.learned_terms import Key, learned_terms, sequences
from ccl_assets.linking.likeness import Likeness, words_of
from ccl_assets.linking.linker import Linker
from ccl_assets.linking.near_terms import NearTerms
from ccl_assets.linking.read_note import ReadNote
from ccl_assets.linking.reliability import Reliability
from ccl_assets.linking.static_encoder import StaticEncoder
from ccl_assets.linking.term_book import Match
from ccl_assets.linking.terms import Terms
from ccl_assets.linking.verifier import Verifier, best_threshold

EncoderWithout = Callable[[frozenset[str]], StaticEncoder]
_FOLDS = 8
_LEAST_VALIDATION = 10  # fewer say too little of a threshold


@dataclass(frozen=True)
class AnnotatedText:
    """An annotated note.

    Attributes:
        note: Its key.
        chart: What must not be parted between folds.
        text: The note.
        codes: Codes given to it.
        spans: Human spans: code and words.
    """

    note: str
    chart: str
    text: str = field(repr=False)
    codes: frozenset[str]
    spans: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Trained:
    """A span coder and how it did on candidates that it had not seen.

    Attributes:
        coder: The coder.
        probabilities: Of the candidates of the validation notes, or of the training notes, each judged without its own fold.
        is_given: Whether the note has the code.
        given_count: Codes of these notes.
        judged_on: ``validation``, ``training`` or ``none``.
    """

    coder: SpanCoder
    probabilities: tuple[float, ...] = ()
    is_given: tuple[bool, ...] = ()
    given_count: int = 0
    judged_on: str = "none"


@dataclass(frozen=True)
class _Prepared:
    annotated: AnnotatedText
    read: ReadNote
    matches: list[Match]


def train(
    language: str,
    pairs: Iterable[Mapping[str, Any]],
    notes: Sequence[AnnotatedText],
    validation: Sequence[AnnotatedText] = (),
    *,
    with_human: bool = True,
    parts: frozenset[str] = PARTS,
    release: str = "",
    encoder_without: EncoderWithout | None = None,
) -> Trained:
    """Train a coder.

    Args:
        language: ``en`` or ``es``.
        pairs: Rows of ``knowledge_base/pairs``.
        notes: Training notes; none: the stated priors hold.
        validation: Notes that set the threshold.
        with_human: Take the human spans of the training notes as terms.
        parts: Parts to train.
        release: The release whose codes the pairs have.
        encoder_without: Gives an encoder that has not seen some notes; ``None``: nothing is linked.
    """
    terms = Terms(language)
    terms.add_pairs(pairs)
    terms.drop_vague()
    if with_human:
        terms.add_spans((note.note, code, text) for note in notes for code, text in note.spans)
    coder = SpanCoder(terms, Reliability.measure(terms, ()), Verifier.stated(), release=release)
    if not notes:
        return Trained(coder)
    reads = [coder.read(note.text) for note in notes]
    learned = _Learned(notes, reads) if with_human else _Learned((), ())
    for key, codes in learned.without(frozenset()).items():
        for code in codes:
            terms.add_learned(key, code)
    book = coder.book
    prepared = [
        _Prepared(note, read, list(book.find(read.stems, read.statement_ends)))
        for note, read in zip(notes, reads, strict=True)
    ]
    whole = _fit(coder, prepared, frozenset(), parts, learned)
    if VERIFIER not in parts:
        return _judged(whole, validation, [], [], [])
    rows, given, folds = _out_of_fold(coder, prepared, parts, learned, encoder_without)
    verifier = Verifier.train(np.array(rows), np.array(given)) if rows else Verifier.stated()
    final = replace(whole, verifier=verifier)
    if encoder_without is not None:
        final = replace(final, linker=Linker(encoder_without(frozenset()), terms))
    return _judged(final, validation, rows, given, folds, sum(len(note.codes) for note in notes))


def _judged(
    final: SpanCoder, validation: Sequence[AnnotatedText], rows: list[list[float]], given: list[bool],
    folds: list[int], given_count: int = 0,
) -> Trained:  # fmt: skip
    """Set the threshold and say how the coder did on what it had not seen."""
    if len(validation) >= _LEAST_VALIDATION:
        probabilities: list[float] = []
        is_given: list[bool] = []
        for note in validation:
            for found in final.rank(note.text):
                probabilities.append(found.probability)
                is_given.append(found.code in note.codes)
        count = sum(len(note.codes) for note in validation)
        on = "validation"
    elif rows and not final.verifier.is_stated:
        table, truth, fold = np.array(rows), np.array(given), np.array(folds)
        held = np.zeros(len(rows))
        for number in sorted(set(folds)):
            judge = Verifier.train(table[fold != number], truth[fold != number])
            held[fold == number] = judge.probabilities(table[fold == number])
        probabilities, is_given, on = held.tolist(), list(given), "training"
        count = given_count
    else:
        return Trained(final)
    if not final.verifier.is_stated:
        threshold = best_threshold(probabilities, is_given, count)
        final = replace(final, verifier=replace(final.verifier, threshold=threshold))
    return Trained(final, tuple(probabilities), tuple(is_given), count, on)


class _Learned:
    """Terms learned from the notes without human spans, for any notes left out."""

    def __init__(self, notes: Sequence[AnnotatedText], reads: Sequence[ReadNote]) -> None:
        self._notes = [
            (note.note, sequences(read), note.codes) for note, read in zip(notes, reads, strict=True) if not note.spans
        ]
        self._found: dict[frozenset[str], dict[Key, dict[str, int]]] = {}

    def without(self, hidden: frozenset[str]) -> dict[Key, dict[str, int]]:
        """Terms and their codes, learned without some notes."""
        if hidden not in self._found:
            self._found[hidden] = learned_terms(
                (keys, codes) for note, keys, codes in self._notes if note not in hidden
            )
        return self._found[hidden]


@dataclass(frozen=True)
class _States:
    """Whether a term states a code, of what is known."""

    known: list[frozenset[str]]

    def __call__(self, term: int, code: str) -> bool:
        return code in self.known[term]


def _known(terms: Terms, hidden: frozenset[str], learned: _Learned) -> list[frozenset[str]]:
    """Codes that each term states, of what is known without the hidden notes."""
    now = learned.without(hidden)
    nothing: dict[str, int] = {}
    return [
        frozenset(
            code
            for code, meaning in meanings.items()
            if meaning.tier
            or not hidden.issuperset(meaning.notes)
            or (meaning.is_learned and code in now.get(key, nothing))
        )
        for key, meanings in zip(terms.keys, terms.meanings, strict=True)
    ]


def _fit(
    coder: SpanCoder, notes: Sequence[_Prepared], hidden: frozenset[str], parts: frozenset[str], learned: _Learned
) -> SpanCoder:
    """Count terms in notes and learn from their words."""
    terms = coder.terms
    known = _known(terms, hidden, learned)
    counted = (
        (
            {term: flag for term, (flag, _) in covered(match for match in note.matches if known[match.term]).items()},
            note.annotated.codes,
        )
        for note in notes
    )
    reliability = Reliability.measure(terms, counted)
    near = likeness = None
    if NEAR in parts:
        keys = {
            number: terms.keys[number]
            for number, meanings in enumerate(terms.meanings)
            if any(not hidden.issuperset(meaning.notes) for meaning in meanings.values())
        }
        near = NearTerms(keys, (note.read.stems for note in notes))
    if LIKENESS in parts:
        likeness = Likeness.fit([(words_of(note.read.stems), note.annotated.codes) for note in notes])
    return replace(coder, reliability=reliability, near=near, likeness=likeness)


def _out_of_fold(
    coder: SpanCoder,
    notes: Sequence[_Prepared],
    parts: frozenset[str],
    learned: _Learned,
    encoder_without: EncoderWithout | None = None,
) -> tuple[list[list[float]], list[bool], list[int]]:
    """Features of the candidates of each note, from counts and terms of the other folds' notes."""
    charts = sorted({note.annotated.chart for note in notes})
    fold_of = {chart: place % _FOLDS for place, chart in enumerate(charts)}
    rows: list[list[float]] = []
    given: list[bool] = []
    folds: list[int] = []
    linker: Linker | None = None
    for fold in range(min(_FOLDS, len(charts))):
        held = [note for note in notes if fold_of[note.annotated.chart] == fold]
        others = [note for note in notes if fold_of[note.annotated.chart] != fold]
        hidden = frozenset(note.annotated.note for note in held)
        fitted = _fit(coder, others, hidden, parts, learned)
        known = _known(coder.terms, hidden, learned)
        if encoder_without is not None:
            encoder = encoder_without(hidden)
            if linker is None or linker.encoder is not encoder:
                linker = Linker(encoder, coder.terms)
        for note in held:
            matches = [match for match in note.matches if known[match.term]]
            _, values = fitted.weigh(
                note.read, matches, _States(known), linker.near(note.read, matches) if linker else ()
            )
            for code, row in values.items():
                rows.append(row)
                given.append(code in note.annotated.codes)
                folds.append(fold)
    return rows, given, folds
