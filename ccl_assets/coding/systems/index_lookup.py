"""The baseline without a model: the release's own terms looked up in the note, and what the note says of them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from time import perf_counter

from ccl_assets.coding.coding_system import Ingredients, SystemDescription
from ccl_assets.coding.encounter_setting import DEFAULT_SETTING, Setting
from ccl_assets.coding.history_codes import HistoryCodes
from ccl_assets.coding.index_lookup_terms import TermTable
from ccl_assets.coding.masking_terms import SKIPPED_WORDS
from ccl_assets.coding.prediction import CodedNote, NoteToCode, PredictedCode
from ccl_assets.coding.presumed_links import presumed_code
from ccl_assets.text.assertions import assert_note
from ccl_assets.text.grounding import VERBATIM
from ccl_assets.text.note_tokens import Break, NoteTokens, tokenize
from ccl_assets.text.sections import note_lines


class IndexLookup:
    """Longest match of gold terms in the note, from left to right, matches never overlapping.

    A term matches word by word, whatever the case and punctuation between, inside one phrase. What the note says of a match
    decides on its code (``history_codes.py``): negated, hypothetical and another person's conditions are left out, past ones and
    those of the family give history codes, uncertain ones are coded for inpatients. Of several matches for a code the first
    counts. Which terms there are is said in ``index_lookup_terms.py``.
    """

    name = "index_lookup"
    prompt_sha256: str | None = None

    def __init__(self, terms: TermTable, billable: Container[str], history: HistoryCodes | None = None) -> None:
        """Take the terms, the release's billable codes and its history codes."""
        self._terms = terms
        self._billable = billable
        self._history = history or HistoryCodes({}, billable)

    def code(self, notes: Sequence[NoteToCode]) -> Iterator[CodedNote]:
        """Code the notes in order."""
        for note in notes:
            started = perf_counter()
            predictions = self.look_up(note.text, note.setting)
            yield CodedNote(
                document_id=note.document_id,
                raw_output=None,
                predictions=predictions,
                problems=[],
                prompt_token_count=0,
                completion_token_count=0,
                seconds=perf_counter() - started,
                prompt_sha256=None,
            )

    def look_up(self, text: str, setting: Setting = DEFAULT_SETTING) -> list[PredictedCode]:
        """The codes of a text in note order, each with the words that matched."""
        lines = note_lines(text)
        tokens = tokenize(text, self._terms.vocabulary, lines)
        matches = list(self._matches(text, tokens))
        spans = [(tokens.begins[first], tokens.ends[last - 1]) for first, last, _ in matches]
        said = assert_note(text, spans=spans, tokens=tokens, lines=lines, spans_only=True)
        found: dict[str, tuple[int, int]] = {}
        for (first, last, code), span in zip(matches, spans, strict=True):
            status = said.status_of_words(first, last)
            given = self._history.code_for(code, status, setting is Setting.INPATIENT)
            if given is not None:
                found.setdefault(given, span)
        predictions: dict[str, PredictedCode] = {}
        for written, (begin, end) in found.items():
            code = presumed_code(written, found, self._billable)
            if code not in predictions:
                predictions[code] = PredictedCode(
                    code=code,
                    is_valid=code in self._billable,
                    evidence=text[begin:end],
                    begin=begin,
                    end=end,
                    evidence_status=VERBATIM,
                    confidence=None,
                    repaired_from=None,
                )
        return list(predictions.values())

    def _matches(self, text: str, tokens: NoteTokens) -> Iterator[tuple[int, int, str]]:
        """Word ranges (end-exclusive) and their codes."""
        phrase_ends = [position for position, kind in enumerate(tokens.breaks) if kind is not Break.NONE]
        phrase_ends.append(len(tokens.words))
        start = 0
        for stop in phrase_ends:
            if start < stop:
                skipping = self._masks_over_skipped(tokens.words, start, stop)
                yield from self._in_phrase(text, tokens, start, stop, skipping)
            start = max(start, stop)

    def _in_phrase(
        self, text: str, tokens: NoteTokens, start: int, stop: int, masks: dict[int, tuple[int, str]]
    ) -> Iterator[tuple[int, int, str]]:
        words = tokens.words
        while start < stop:
            if not self._terms.may_begin(words[start]):
                start += 1
                continue
            match = self._terms.longest_match(words, start, stop)
            if match is not None and not self._fits_case(text, tokens, start, match[1]):
                match = None
            length = match[1] if match is not None else 0
            mask = self._terms.longest_mask(words, start, stop)
            end, inner = (start + mask[1], mask[0]) if mask is not None else (start, "")
            if start in masks and masks[start][0] > end:
                end, inner = masks[start]
            if end > start + length:
                yield from self._within(text, tokens, start, end, inner)
                start = end
            elif match is None:
                start += 1
            else:
                yield start, start + length, match[0]
                start += length

    def _within(
        self, text: str, tokens: NoteTokens, start: int, stop: int, stem: str
    ) -> Iterator[tuple[int, int, str]]:
        """The terms inside a mask that say nothing else than it does."""
        while stem and start < stop:
            match = self._terms.longest_match(tokens.words, start, stop)
            if match is None or not self._fits_case(text, tokens, start, match[1]):
                start += 1
                continue
            if match[0].startswith(stem):
                yield start, start + match[1], match[0]
            start += match[1]

    def _masks_over_skipped(self, words: Sequence[str], start: int, stop: int) -> dict[int, tuple[int, str]]:
        """Masks and terms with words in between that say nothing of the kind of condition, by where they begin."""
        if SKIPPED_WORDS.isdisjoint(words[start:stop]):
            return {}
        kept = [position for position in range(start, stop) if words[position] not in SKIPPED_WORDS]
        bare = [words[position] for position in kept]
        found = {}
        for place, position in enumerate(kept):
            if place + 1 < len(kept) and self._terms.may_begin(words[position]):
                mask = self._terms.longest_mask(bare, place, len(bare)) or self._terms.longest_match(
                    bare, place, len(bare)
                )
                if mask is not None and mask[1] > 1 and (last := kept[place + mask[1] - 1] + 1) - position > mask[1]:
                    found[position] = (last, mask[0])
        return found

    def _fits_case(self, text: str, tokens: NoteTokens, start: int, length: int) -> bool:
        if length > 1 or not self._terms.needs_capitals(tokens.words[start]):
            return True
        return text[tokens.begins[start] : tokens.ends[start]].isupper()


def _build(description: SystemDescription, ingredients: Ingredients) -> IndexLookup:
    titles = ingredients.titles or {}
    terms = TermTable.from_pairs(ingredients.gold_pairs or (), titles)
    return IndexLookup(terms, ingredients.billable, HistoryCodes(titles, ingredients.billable))


SYSTEM = SystemDescription(
    name=IndexLookup.name,
    rank=10,
    description="Release terms looked up in the note, with what the note says of them; no model.",
    needs_gold_pairs=True,
    build=_build,
)
