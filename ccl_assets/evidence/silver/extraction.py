"""Silver evidence, stage one: a note and all its codes in one request, every quote checked against the note.

Where prompt and answer would not fit the model's window, the note is cut into overlapping pieces and, if the codes alone take
half of it, these are shared out over several requests; nothing is truncated. Requests about one piece stand together.

Answers have two forms, each with its prompt. Servers that constrain answers are asked for JSON, the note before the codes, so that
requests about one piece share all but their codes. Other backends are asked for lines, the codes before the note: the packaged
model quotes next to nothing otherwise (it repeats the example), and in process no prefix is kept anyway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ccl_assets.evidence.silver.extraction_answer import read_extraction
from ccl_assets.icd.chapters import chapter_of
from ccl_assets.prompts import TEMPLATE_TOKENS, Prompt, load_prompt
from ccl_assets.resources.text_generation.requests import (
    Completion,
    GenerationParameters,
    GenerationRequest,
    Message,
)
from ccl_assets.text.grounding import ground_span
from ccl_assets.text.windows import Window, approximate_token_count, split_into_windows

OVERLAP_TOKENS = 64  # shared by successive pieces of a note; a span that a human marked takes 5 on average
_MOST_ASKED_AGAIN = 0.5  # share of the codes; above it the miner does not keep to the format
_QUOTE_TOKENS = 40  # a model quotes 10 to 30 characters more than a human marks
_ALONE_TOKENS = 200  # for the quote of a code that is asked again alone
_CHARACTERS_PER_TOKEN = 3  # of codes and titles in an answer, on average; an answer cut short keeps what it has
_LEAST_PIECE = 4 * OVERLAP_TOKENS
# What a code's status is if the pieces of its note differ: evidence found in one counts, and there is none only if every piece says
# so. A piece without a readable answer may hold some.
_FIRST = {status: rank for rank, status in enumerate(("verbatim", "repaired", "unparsed", "ungrounded", "no_evidence"))}


@dataclass(frozen=True)
class NoteWithCodes:
    """A note to mine: its text and the codes it was assigned."""

    corpus: str
    document_id: str
    chart_id: str
    source: str
    text: str
    codes: tuple[str, ...]
    is_restricted: bool


@dataclass(frozen=True)
class Question:
    """Question of one request: codes of a piece of a note; ``is_again`` where an answer said nothing of a code."""

    request_id: str
    note: NoteWithCodes
    window: Window
    codes: tuple[str, ...]
    is_again: bool = False


def notes_to_mine(
    documents: Iterable[Mapping[str, Any]],
    labels: Iterable[Mapping[str, Any]],
    has_human_evidence: Collection[tuple[str, str]],
) -> list[NoteWithCodes]:
    """Notes that have codes but no human evidence, outside the validation and test splits.

    Args:
        documents: Rows of ``corpus/documents``.
        labels: Rows of ``corpus/labels``; a label without document counts for every note of its chart.
        has_human_evidence: ``(corpus, document_id)`` of notes with human spans.
    """
    by_note: dict[tuple[str, str], list[str]] = {}
    by_chart: dict[tuple[str, str], list[str]] = {}
    for label in labels:
        if label["document_id"] is None:
            by_chart.setdefault((label["corpus"], label["chart_id"]), []).append(label["code"])
        else:
            by_note.setdefault((label["corpus"], label["document_id"]), []).append(label["code"])
    found = []
    for row in documents:
        key = (row["corpus"], row["document_id"])
        if row["split"] in ("val", "test") or key in has_human_evidence:
            continue
        codes = [*by_note.get(key, ()), *by_chart.get((row["corpus"], row["chart_id"]), ())]
        if codes:
            found.append(
                NoteWithCodes(
                    row["corpus"], row["document_id"], row["chart_id"], row["source"], row["text"],
                    tuple(dict.fromkeys(codes)), row["is_restricted"],
                )
            )  # fmt: skip
    return found


class ExtractionPrompt:
    """Form of the miner's requests: prompt, room in the window, and form of the answer."""

    def __init__(self, titles: Mapping[str, str], context_tokens: int, *, has_json_answer: bool) -> None:
        """Choose the prompt.

        Args:
            titles: Long title by code; a code that is not here is never asked for.
            context_tokens: Window of the model, prompt and answer together.
            has_json_answer: The backend constrains answers to a JSON schema.
        """
        self._titles = titles
        self._context_tokens = context_tokens
        self._has_json_answer = has_json_answer
        self._prompt: Prompt = load_prompt("evidence_extraction_json" if has_json_answer else "evidence_extraction")

    @property
    def sha256(self) -> str:
        """Hash of the prompt template."""
        return self._prompt.sha256

    def questions(self, note: NoteWithCodes) -> list[Question]:
        """The questions about a note: one if it fits, else pieces by groups of codes, those of a piece together.

        Raises:
            ValueError: The window is too small for a piece of a note and one code.
        """
        codes = [code for code in note.codes if code in self._titles]
        name = f"{note.corpus}/{note.document_id}"
        if not codes or not note.text.strip():
            return []
        costs = {code: self._prompt_tokens(code) + self._answer_tokens(code) for code in codes}
        if approximate_token_count(note.text) + sum(costs.values()) <= self._budget:
            return [Question(name, note, Window(0, len(note.text)), tuple(codes))]
        groups = _groups(costs, max(self._budget // 2, max(costs.values())))
        piece_tokens = self._budget - max(sum(costs[code] for code in group) for group in groups)
        if piece_tokens < _LEAST_PIECE:
            raise ValueError(
                f"a context window of {self._context_tokens} tokens leaves {piece_tokens} for a piece of a note, fewer than "
                f"{_LEAST_PIECE}: raise CCL_CONTEXT_TOKENS, or take a miner with a longer window"
            )
        windows = [
            window
            for window in split_into_windows(note.text, piece_tokens, OVERLAP_TOKENS)
            if note.text[window.begin : window.end].strip()
        ]
        parts = [(window, group) for window in windows for group in groups]
        if len(parts) == 1:
            return [Question(name, note, *parts[0])]
        return [
            Question(f"{name}#{number}/{len(parts)}", note, window, group)
            for number, (window, group) in enumerate(parts, 1)
        ]

    def request(self, question: Question) -> GenerationRequest:
        """The request of a question."""
        note, window = question.note, question.window
        turns = self._prompt.turns(
            note=note.text[window.begin : window.end].strip(),
            codes=[(code, self._titles[code]) for code in question.codes],
        )
        return GenerationRequest(
            request_id=question.request_id,
            messages=tuple(Message(role, content) for role, content in turns),
            parameters=GenerationParameters(
                max_tokens=16 + sum(map(self._answer_tokens, question.codes)) + question.is_again * _ALONE_TOKENS
            ),
            is_restricted=note.is_restricted,
            json_schema=answer_schema(question.codes) if self._has_json_answer else None,
        )

    def is_readable(self, question: Question, completion: Completion) -> bool:
        """Tell whether an answer says anything about the codes it was asked for."""
        return bool(self._answers(question, completion))

    def again(self, question: Question, completion: Completion) -> list[Question]:
        """One question for each code of which the answer, cut off or unreadable, says nothing; errors are not asked again.

        A code is asked alone and once: where it was alone already, with more room for the quote.
        """
        if question.is_again or completion.error is not None:
            return []
        said = self._answers(question, completion)
        return [
            Question(f"{question.request_id}!{code}", question.note, question.window, (code,), is_again=True)
            for code in question.codes
            if code not in said
        ]

    def rows(
        self, note: NoteWithCodes, answers: Sequence[tuple[Question, Completion]], *, shard: str, model: str
    ) -> list[dict[str, Any]]:
        """Rows of ``silver/extractions`` for a note: one per code, the answers of its pieces joined.

        Args:
            note: The note.
            answers: Its questions with their completions, those asked again last; none where the profile left the note out.
            shard: Partition.
            model: Model that was asked.
        """
        of_piece: dict[tuple[str, Window], dict[str, Any]] = {}
        for question, completion in answers:
            for code, found in self._read(question, completion).items():
                place = code, question.window
                if place not in of_piece or of_piece[place]["status"] == "unparsed":
                    of_piece[place] = found
        best: dict[str, dict[str, Any]] = {}
        for (code, _), found in of_piece.items():
            if code not in best or _FIRST[found["status"]] < _FIRST[best[code]["status"]]:
                best[code] = found
        return [
            {
                "shard": shard,
                "corpus": note.corpus,
                "document_id": note.document_id,
                "chart_id": note.chart_id,
                "source": note.source,
                "chapter": _chapter(code),
                "code": code,
                "evidence": None,
                "begin": None,
                "end": None,
                "status": "not_asked",
                "edit_distance": None,
                "prompt_sha256": self.sha256 if code in best else None,
                "model": model if code in best else None,
                **best.get(code, {}),
            }
            for code in note.codes
        ]

    def _read(self, question: Question, completion: Completion) -> dict[str, dict[str, Any]]:
        answers = self._answers(question, completion)
        piece = question.note.text[question.window.begin : question.window.end]
        found: dict[str, dict[str, Any]] = {}
        for code in question.codes:
            quote = answers.get(code)
            if quote is None:
                found[code] = {"status": "no_evidence" if code in answers else "unparsed"}
                continue
            grounding = ground_span(quote, piece)
            found[code] = {"status": grounding.status}
            if grounding.begin is not None and grounding.end is not None:
                found[code] |= {
                    "evidence": grounding.text,
                    "begin": question.window.begin + grounding.begin,
                    "end": question.window.begin + grounding.end,
                    "edit_distance": grounding.edit_distance,
                }
        return found

    def _answers(self, question: Question, completion: Completion) -> dict[str, str | None]:
        text = completion.text if completion.error is None else ""
        return read_extraction(text, question.codes, self._titles, is_cut=completion.finish_reason == "length")

    @cached_property
    def _budget(self) -> int:
        """Tokens for a note, its codes and their answers."""
        fixed = sum(approximate_token_count(content) for _, content in self._prompt.turns(note="", codes=[]))
        return self._context_tokens - TEMPLATE_TOKENS - fixed - 16

    def _prompt_tokens(self, code: str) -> int:
        return approximate_token_count(f"- {code} {self._titles[code]}\n")

    def _answer_tokens(self, code: str) -> int:
        repeated = code if self._has_json_answer else f"{code} {self._titles[code]}"
        return _QUOTE_TOKENS + len(repeated) // _CHARACTERS_PER_TOKEN


def answer_schema(codes: Sequence[str]) -> dict[str, Any]:
    """JSON schema of an answer: for every code a quote or null."""
    return {
        "type": "object",
        "properties": {code: {"type": ["string", "null"]} for code in codes},
        "required": list(codes),
        "additionalProperties": False,
    }


def worth_asking_again(questions: Sequence[Question], unsaid: Mapping[str, Sequence[Question]]) -> list[Question]:
    """Questions to ask again, if the miner keeps to the format at all.

    A miner that says nothing of most codes will not do so when asked alone either, and asking for each code alone would cost many
    times the first round.

    Args:
        questions: The first round.
        unsaid: For each of them, the questions about codes that its answer said nothing of.
    """
    again = [alone for question in questions for alone in unsaid.get(question.request_id, ())]
    asked = sum(len(question.codes) for question in questions)
    return again if len(again) <= _MOST_ASKED_AGAIN * asked else []


def status_counts(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Rows by status."""
    return dict(sorted(Counter(row["status"] for row in rows).items()))


def _groups(costs: Mapping[str, int], most: int) -> list[tuple[str, ...]]:
    """Codes in order, shared out evenly over as many groups as it takes for each to have about ``most`` tokens."""
    total = sum(costs.values())
    count = -(-total // most)
    groups: list[list[str]] = [[] for _ in range(count)]
    position = 0
    for code, cost in costs.items():
        groups[(2 * position + cost) * count // (2 * total)].append(code)
        position += cost
    return [tuple(group) for group in groups if group]


def _chapter(code: str) -> str | None:
    """Chapter of a code; labels may have codes of other editions, which none has."""
    try:
        return chapter_of(code).key
    except KeyError:
        return None
