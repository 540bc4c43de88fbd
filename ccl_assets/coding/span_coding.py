"""Systems without a language model that code by spans: what a span coder found, as predictions with evidence and reasons."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from time import perf_counter

from ccl_assets.coding.coding_system import Ingredients, SystemDescription
from ccl_assets.coding.encounter_setting import Setting
from ccl_assets.coding.history_codes import HistoryCodes
from ccl_assets.coding.prediction import CodedNote, HumanSpan, NoteToCode, Place, PredictedCode
from ccl_assets.coding.settlement import settle
from ccl_assets.linking.coder import FoundCode, SpanCoder
from ccl_assets.text.assertions import Assertion, assert_note, language_of
from ccl_assets.text.grounding import VERBATIM
from ccl_assets.text.note_tokens import tokenize

_FALLBACK = "en"


class SpanCoding:
    """Span coders by language, as a system.

    Of a note in a language without a coder the English one finds what it can. Given human spans, only what lies in them counts, and
    each span keeps its best candidate whatever its probability.
    """

    prompt_sha256: str | None = None

    def __init__(
        self,
        name: str,
        coders: Mapping[str, SpanCoder],
        billable: Collection[str],
        titles: Mapping[str, str] | None = None,
        *,
        in_human_spans: bool = False,
    ) -> None:
        """Take the coders.

        Args:
            name: The system's.
            coders: By language.
            billable: Codes that may be submitted.
            titles: Title by code, headers included; without them codes are not settled against each other.
            in_human_spans: Code the human spans of the notes.
        """
        self.name = name
        self._coders = coders
        self._billable = billable
        self._titles = titles
        self._history = HistoryCodes(titles or {}, billable)
        self._in_human_spans = in_human_spans

    def code(self, notes: Sequence[NoteToCode]) -> Iterator[CodedNote]:
        """Code the notes in order."""
        for note in notes:
            started = perf_counter()
            coder = self._coder(note.text)
            found = self._given_spans(coder, note) if self._in_human_spans else self._settled(coder, note)
            predictions = [self._prediction(note.text, one) for one in found]
            yield CodedNote(note.document_id, None, predictions, [], 0, 0, perf_counter() - started, None)

    def _settled(self, coder: SpanCoder, note: NoteToCode) -> list[FoundCode]:
        found = coder.code(note.text)
        if self._titles is None:
            return found
        said = assert_note(note.text, coder.terms.language, [place for one in found for place in one.places])
        is_inpatient = note.setting is Setting.INPATIENT

        def past_code(one: FoundCode) -> str | None:
            statuses = {said.status(*place) for place in one.places}
            if not statuses <= {Assertion.HISTORICAL, Assertion.RESOLVED}:
                return one.code
            return self._history.code_for(one.code, statuses.pop(), is_inpatient) or one.code

        return settle(found, note.text, self._titles, self._billable, past_code)

    def _coder(self, text: str) -> SpanCoder:
        if len(self._coders) == 1:
            return next(iter(self._coders.values()))
        language = language_of(tokenize(text))
        return self._coders.get(language) or self._coders.get(_FALLBACK) or next(iter(self._coders.values()))

    def _given_spans(self, coder: SpanCoder, note: NoteToCode) -> list[FoundCode]:
        ranked = coder.rank(note.text)
        found: dict[str, FoundCode] = {}
        for span in note.human_evidence:
            inside = [one for one in ranked if _lies_in(one.places, span)]
            kept = [one for one in inside if one.probability >= coder.verifier.threshold] or inside[:1]
            for one in kept:
                found.setdefault(one.code, one)
        return sorted(found.values(), key=lambda one: -one.probability)

    def _prediction(self, text: str, found: FoundCode) -> PredictedCode:
        begin, end = found.place
        return PredictedCode(
            code=found.code,
            is_valid=found.code in self._billable,
            evidence=text[begin:end],
            begin=begin,
            end=end,
            evidence_status=VERBATIM,
            confidence=found.probability,
            repaired_from=None,
            places=[Place(begin=first, end=last) for first, last in found.places],
            why=reason(found),
        )


def reason(found: FoundCode) -> str:
    """Reasons for a code, in words: tier, how much of the term is there, strongest features. Quotes nothing of the note."""
    whole = "term found whole" if found.similarity == 1 else f"{found.similarity:.0%} of a term found"
    said = "; ".join(f"{name} {by:+.2f}" for name, by in found.reasons)
    return f"{found.tier}: {whole}" + (f"; {said}" if said else "")


def _lies_in(places: Iterable[tuple[int, int]], span: HumanSpan) -> bool:
    return any(begin < span.end and span.begin < end for begin, end in places)


def build_span_coding(description: SystemDescription, ingredients: Ingredients) -> SpanCoding:
    """Make a system of the coders of its rung."""
    return SpanCoding(
        description.name,
        ingredients.span_coders or {},
        ingredients.billable,
        ingredients.titles,
        in_human_spans=description.needs_human_evidence,
    )


def build_unverified(description: SystemDescription, ingredients: Ingredients) -> SpanCoding:
    """Make a system of the coders without their verifiers: stated priors and asserted terms only."""
    coders = {
        language: coder.without("verifier", "near", "likeness")
        for language, coder in (ingredients.span_coders or {}).items()
    }
    return SpanCoding(description.name, coders, ingredients.billable, ingredients.titles)
