"""The baseline without a model: the release's own terms looked up in the note, negation aside."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from time import perf_counter

from ccl_assets.coding.coding_system import Ingredients, SystemDescription
from ccl_assets.coding.index_lookup_terms import TermTable
from ccl_assets.coding.prediction import CodedNote, NoteToCode, PredictedCode
from ccl_assets.text.grounding import VERBATIM
from ccl_assets.text.negation import excluded_words
from ccl_assets.text.note_tokens import Break, NoteTokens, tokenize


class IndexLookup:
    """Longest match of gold terms in the note, from left to right, matches never overlapping.

    A term matches word by word, whatever the case and punctuation between, inside one phrase. Matches that are negated,
    ruled out, hypothetical or about relatives are left out (``negation.py``); of several matches for a code the first
    counts. Which terms there are is said in ``index_lookup_terms.py``. About 10 ms for a note of 2,000 words.
    """

    name = "index_lookup"
    prompt_sha256: str | None = None

    def __init__(self, terms: TermTable, billable: Container[str]) -> None:
        """Take the terms and the release's billable codes."""
        self._terms = terms
        self._billable = billable

    def code(self, notes: Sequence[NoteToCode]) -> Iterator[CodedNote]:
        """Code the notes in order."""
        for note in notes:
            started = perf_counter()
            predictions = self.look_up(note.text)
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

    def look_up(self, text: str) -> list[PredictedCode]:
        """The codes of a text in note order, each with the words that matched."""
        tokens = tokenize(text)
        matches = list(self._matches(text, tokens))
        excluded = excluded_words(text, tokens, [(begin, end) for begin, end, _ in matches])
        predictions: dict[str, PredictedCode] = {}
        for first, last, code in matches:
            if excluded[first] or code in predictions:
                continue
            begin, end = tokens.begins[first], tokens.ends[last - 1]
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
            while start < stop:
                match = self._terms.longest_match(tokens.words, start, stop)
                if match is None or not self._fits_case(text, tokens, start, match[1]):
                    start += 1
                    continue
                code, length = match
                yield start, start + length, code
                start += length

    def _fits_case(self, text: str, tokens: NoteTokens, start: int, length: int) -> bool:
        if length > 1 or not self._terms.needs_capitals(tokens.words[start]):
            return True
        return text[tokens.begins[start] : tokens.ends[start]].isupper()


def _build(description: SystemDescription, ingredients: Ingredients) -> IndexLookup:
    return IndexLookup(TermTable.from_pairs(ingredients.gold_pairs or ()), ingredients.billable)


SYSTEM = SystemDescription(
    name=IndexLookup.name,
    rank=10,
    description="Release terms looked up in the note, negation aside; no model.",
    needs_gold_pairs=True,
    build=_build,
)
