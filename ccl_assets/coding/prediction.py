"""Prediction for a note: a system's answer read, checked against the release and traced to the note."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from ccl_assets.answers.coding_format import CodeEntry, parse_coding
from ccl_assets.coding.code_repair import CodeRepair
from ccl_assets.coding.encounter_setting import DEFAULT_SETTING, Setting
from ccl_assets.text.grounding import ground_span

NO_EVIDENCE = "none"
TITLE_DIFFERS = "title_differs"
REPAIRED_CODE = "repaired_code"


class PredictedCode(TypedDict):
    """One element of the ``predictions`` column of ``eval/predictions``.

    Offsets are end-exclusive code points of the raw note. ``evidence`` is the note's own wording where it was found,
    the quote as given where it was not (``ungrounded``), ``None`` where there was none (``none``). ``confidence`` is between 0
    and 1: the probability that the model gave the tokens of the code, or the share of its runs that had the code; ``None`` where
    unknown. ``places`` are all places where the note says it, as far as the system knows, and ``why`` what speaks for the code, in
    words for a reader. ``repaired_from`` is the invalid code (normalized) that the model wrote where ``code`` replaces it.
    """

    code: str
    is_valid: bool
    evidence: str | None
    begin: int | None
    end: int | None
    evidence_status: str
    confidence: float | None
    repaired_from: str | None
    places: NotRequired[list[Place]]
    why: NotRequired[str | None]


class Place(TypedDict):
    """A place in a note: end-exclusive code points."""

    begin: int
    end: int


@dataclass(frozen=True)
class HumanSpan:
    """A human-marked span of the note; ``text`` joins the fragments of a discontinuous one."""

    begin: int
    end: int
    text: str


@dataclass(frozen=True)
class NoteToCode:
    """A note to be coded.

    Attributes:
        document_id: Whatever the caller knows the note by; comes back in the :class:`CodedNote`.
        text: The raw note.
        is_restricted: The text may not leave this host.
        human_evidence: Human-marked spans; read by systems that code given evidence, ignored by the others.
        setting: Whether the patient was an inpatient, which decides on uncertain diagnoses.
    """

    document_id: str
    text: str
    is_restricted: bool = False
    human_evidence: tuple[HumanSpan, ...] = ()
    setting: Setting = DEFAULT_SETTING


@dataclass(frozen=True)
class ReadAnswer:
    """A model's answer to one text.

    Attributes:
        predictions: Distinct codes in the order given.
        problems: Distinct reason codes; empty where the answer keeps to the format.
    """

    predictions: list[PredictedCode]
    problems: list[str]


@dataclass(frozen=True)
class CodedNote:
    """A coded note.

    Attributes:
        document_id: As in the request.
        raw_output: The model's own words, those of several windows one after the other, several runs below a line
            ``=== run 1 ===`` each; ``None`` without a model.
        predictions: Distinct codes; with windows, those of the first window first.
        problems: Distinct reason codes.
        prompt_token_count: Tokens read, all windows together; 0 without a model.
        completion_token_count: Tokens written, all windows together; 0 without a model.
        seconds: Time spent on the note.
        prompt_sha256: Hash of the prompt template; ``None`` without a model.
    """

    document_id: str
    raw_output: str | None
    predictions: list[PredictedCode]
    problems: list[str]
    prompt_token_count: int
    completion_token_count: int
    seconds: float
    prompt_sha256: str | None


def read_answer(
    note_text: str,
    raw_output: str,
    billable: Container[str],
    titles: Mapping[str, str] | None = None,
    given_evidence: Sequence[str] = (),
    *,
    probability: Callable[[int, int], float | None] = lambda begin, end: None,
    repair: CodeRepair | None = None,
) -> ReadAnswer:
    """Read an answer in the coding output format.

    Equal quotes are given to successive places of the note, as the format lists evidence in note order. Without ``repair`` nothing
    is put right except the wording of a quote: an invalid code stays, marked as such, and counts against the system.

    Args:
        note_text: The text the model was shown.
        raw_output: What it wrote.
        billable: The release's billable codes, with dots.
        titles: Title per code; where given, a code whose written title is another one's is reported as
            ``title_differs`` (small models write the right title beside an invented code).
        given_evidence: Evidence lines that stood in the prompt.
        probability: Probability the model gave to ``raw_output[begin:end]``.
        repair: Replaces invalid codes by their title, reported as ``repaired_code``. One that is replaced by a code the answer has
            anyway is left out.
    """
    parsed = parse_coding(raw_output, given_evidence)
    problems = dict.fromkeys(parsed.problems)
    given = {entry.code for entry in parsed.entries}
    predictions: dict[str, PredictedCode] = {}
    taken: list[tuple[int, int]] = []
    for entry in parsed.entries:
        if titles is not None and entry.title and _fold(titles.get(entry.code, "")) != _fold(entry.title):
            problems[TITLE_DIFFERS] = None
        code = entry.code
        if repair is not None and code not in billable and (nearest := repair.nearest(entry.title)) is not None:
            problems[REPAIRED_CODE] = None
            if nearest in given or nearest in predictions:
                continue
            code = nearest
        prediction = _predict(entry, note_text, taken)
        if prediction["begin"] is not None and prediction["end"] is not None:
            taken.append((prediction["begin"], prediction["end"]))
        prediction["is_valid"] = code in billable
        prediction["confidence"] = probability(entry.begin, entry.end)
        if code != entry.code:
            prediction["code"], prediction["repaired_from"] = code, entry.code
        predictions[code] = prediction
    return ReadAnswer(list(predictions.values()), list(problems))


def _predict(entry: CodeEntry, note_text: str, taken: list[tuple[int, int]]) -> PredictedCode:
    """The code with its evidence traced to the note."""
    prediction = PredictedCode(
        code=entry.code,
        is_valid=False,
        evidence=None,
        begin=None,
        end=None,
        evidence_status=NO_EVIDENCE,
        confidence=None,
        repaired_from=None,
    )
    if entry.evidence is not None:
        place = ground_span(entry.evidence, note_text, taken=taken)
        prediction["evidence"] = entry.evidence if place.text is None else place.text
        prediction["begin"], prediction["end"], prediction["evidence_status"] = place.begin, place.end, place.status
    return prediction


def _fold(title: str) -> str:
    return " ".join(title.casefold().split())
