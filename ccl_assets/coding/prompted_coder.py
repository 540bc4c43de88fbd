"""Shared part of the systems with a language model: requests per window of a note, answers read and joined per note."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ccl_assets.answers.coding_format import CODES_HEAD, render_code
from ccl_assets.coding.code_repair import CodeRepair
from ccl_assets.coding.coding_system import Ingredients, SystemDescription
from ccl_assets.coding.prediction import CodedNote, NoteToCode, PredictedCode, ReadAnswer, read_answer
from ccl_assets.coding.window import merge_predictions
from ccl_assets.prompts import Prompt, load_prompt
from ccl_assets.resources.text_generation.answer_grammar import CodeListGrammar
from ccl_assets.resources.text_generation.requests import (
    Completion,
    GenerationParameters,
    GenerationRequest,
    Message,
    TextGenerator,
)
from ccl_assets.text.windows import Window, split_into_windows

CUT_OFF = "cut_off_at_max_tokens"
GENERATION_ERROR = "generation_error"
EMPTY_NOTE = "empty_note"
NO_HUMAN_EVIDENCE = "no_human_evidence"
NOT_CONSTRAINED = "not_constrained"


def _only(runs: Sequence[list[PredictedCode]]) -> list[PredictedCode]:
    (run,) = runs
    return run


@dataclass(frozen=True)
class Sampling:
    """Number of times a note is coded, and use of the runs.

    Attributes:
        run_count: Runs per note.
        temperature: Sampling temperature; 0 is greedy.
        join: Makes one list of codes of the runs' lists, each with offsets of the note and each code once.
    """

    run_count: int = 1
    temperature: float = 0.0
    join: Callable[[Sequence[list[PredictedCode]]], list[PredictedCode]] = _only


@dataclass
class _Pending:
    """A note whose windows are being answered."""

    note: NoteToCode
    windows: list[Window]
    evidence: list[tuple[str, ...]]
    completions: dict[tuple[int, int], Completion] = field(default_factory=dict)  # by run and window


class PromptedCoder:
    """Codes notes by asking a language model, one request per note and run (per window, where a note is too long).

    The generator must carry the adapter of the description's recipe, or none.

    Attributes:
        name: The system's name.
        prompt_sha256: Hash of the prompt template.
    """

    def __init__(
        self, description: SystemDescription, ingredients: Ingredients, sampling: Sampling | None = None
    ) -> None:
        """Prepare the system; the generator is not touched before the first note.

        Args:
            description: What the system is. One that needs human evidence is shown the note's human-marked spans and writes codes
                only.
            ingredients: Generator and release.
            sampling: Runs per note; one greedy run if not given.

        Raises:
            ValueError: No prompt or no generator, or no titles although codes are to be constrained or repaired.
        """
        settings = ingredients.settings
        if description.prompt is None or ingredients.generator is None:
            raise ValueError(f"system {description.name!r} needs a prompt and a generator")
        if ingredients.titles is None and (settings.constrain_codes or settings.repair_codes):
            raise ValueError("codes are constrained and repaired by their titles; give titles, or switch both off")
        self.name = description.name
        self._prompt: Prompt = load_prompt(description.prompt)
        self._generator: TextGenerator = ingredients.generator
        self._billable = ingredients.billable
        self._titles = ingredients.titles
        self._settings = settings
        self._sampling = sampling or Sampling()
        self._gives_human_evidence = description.needs_human_evidence
        self._repair = CodeRepair(self._billable, self._titles) if settings.repair_codes and self._titles else None

    @property
    def prompt_sha256(self) -> str:
        """Hash of the prompt template."""
        return self._prompt.sha256

    def code(self, notes: Sequence[NoteToCode]) -> Iterator[CodedNote]:
        """Code the notes and yield each as soon as it is finished, so in any order.

        A failed request leaves the note with the problem ``generation_error`` (and what other windows and runs gave). An answer
        that was cut at ``max_tokens`` loses its unfinished last line and is marked ``cut_off_at_max_tokens``.

        Raises:
            RuntimeError: The generator left requests unanswered.
        """
        pending = [self._prepare(note) for note in notes]
        for state in pending:
            if not state.windows:
                yield self._finish(state)
        requests = [
            self._request(f"{number}/{position}/{run}", state, position, run)
            for number, state in enumerate(pending)
            for position in range(len(state.windows))
            for run in range(self._sampling.run_count)  # runs of one prompt side by side
        ]
        unanswered = len(requests)
        for completion in self._generator.generate(requests):
            number, position, run = (int(part) for part in completion.request_id.split("/"))
            state = pending[number]
            state.completions[run, position] = completion
            unanswered -= 1
            if len(state.completions) == len(state.windows) * self._sampling.run_count:
                yield self._finish(state)
        if unanswered:
            raise RuntimeError(f"{self._generator.model_name} left {unanswered} of {len(requests)} requests unanswered")

    @cached_property
    def _grammar(self) -> CodeListGrammar | None:
        """The code section as it may be written; ``None`` where it is free, or the backend cannot be held to one."""
        if not self._settings.constrain_codes or self._titles is None or not self._generator.supports_grammar:
            return None
        titles = self._titles
        return CodeListGrammar(
            CODES_HEAD, tuple(render_code(code, titles[code]) for code in sorted(self._billable) if code in titles)
        )

    def _prepare(self, note: NoteToCode) -> _Pending:
        fixed_text = "".join(text for _, text in self._prompt.turns(note="", evidence=()))
        if self._gives_human_evidence:
            fixed_text += "".join(f"- {span.text}\n" for span in note.human_evidence)
        settings = self._settings
        windows = split_into_windows(
            note.text, settings.note_budget(fixed_text), settings.overlap_tokens, settings.count_tokens
        )
        if not self._gives_human_evidence:
            return _Pending(note, windows, [()] * len(windows))
        evidence = _share_out(note, windows)
        kept = [position for position, spans in enumerate(evidence) if spans]
        return _Pending(note, [windows[position] for position in kept], [evidence[position] for position in kept])

    def _request(self, request_id: str, state: _Pending, position: int, run: int) -> GenerationRequest:
        window = state.windows[position]
        turns = self._prompt.turns(
            note=state.note.text[window.begin : window.end],
            evidence=state.evidence[position],
        )
        return GenerationRequest(
            request_id=request_id,
            messages=tuple(Message(role, content) for role, content in turns),
            parameters=GenerationParameters(
                max_tokens=self._settings.max_tokens, temperature=self._sampling.temperature
            ),
            is_restricted=state.note.is_restricted,
            sample=run,
            wants_probabilities=self._sampling.run_count == 1,  # of several runs, the share that agree is told
            grammar=self._grammar,
        )

    def _finish(self, state: _Pending) -> CodedNote:
        problems: dict[str, None] = {}
        if not state.windows:
            problems[NO_HUMAN_EVIDENCE if self._gives_human_evidence else EMPTY_NOTE] = None
        elif self._settings.constrain_codes and self._grammar is None:
            problems[NOT_CONSTRAINED] = None
        runs: list[list[PredictedCode]] = []
        for run in range(self._sampling.run_count):
            answers = [self._read(state, run, position) for position in range(len(state.windows))]
            runs.append(merge_predictions(state.windows, [answer.predictions for answer in answers]))
            problems.update(dict.fromkeys(problem for answer in answers for problem in answer.problems))
        completions = list(state.completions.values())
        return CodedNote(
            document_id=state.note.document_id,
            raw_output=self._raw_output(state),
            predictions=self._sampling.join(runs),
            problems=list(problems),
            prompt_token_count=sum(completion.prompt_token_count for completion in completions),
            completion_token_count=sum(completion.completion_token_count for completion in completions),
            seconds=sum(completion.seconds for completion in completions),
            prompt_sha256=self.prompt_sha256,
        )

    def _read(self, state: _Pending, run: int, position: int) -> ReadAnswer:
        completion = state.completions[run, position]
        if completion.finish_reason == "error":
            return ReadAnswer([], [GENERATION_ERROR])
        window, text = state.windows[position], completion.text
        is_cut = completion.finish_reason == "length"
        if is_cut:
            text = text[: text.rfind("\n") + 1]  # "E11.2" may be the beginning of "E11.22"
        answer = read_answer(
            state.note.text[window.begin : window.end],
            text,
            self._billable,
            self._titles,
            state.evidence[position],
            probability=completion.probability,
            repair=self._repair,
        )
        return ReadAnswer(answer.predictions, [*([CUT_OFF] if is_cut else []), *answer.problems])

    def _raw_output(self, state: _Pending) -> str | None:
        """All that the model wrote: windows in order, run by run."""
        outputs = []
        for run in range(self._sampling.run_count):
            completions = [state.completions[run, position] for position in range(len(state.windows))]
            texts = [completion.text for completion in completions if completion.finish_reason != "error"]
            if self._sampling.run_count > 1:
                texts = [f"=== run {run + 1} ===", *texts] if texts else []
            outputs += texts
        return "\n\n".join(outputs) if outputs else None


def _share_out(note: NoteToCode, windows: Sequence[Window]) -> list[tuple[str, ...]]:
    """Give each human span to one window: the first that holds it whole, else the first that holds its begin."""
    shares: list[list[str]] = [[] for _ in windows]
    for span in sorted(note.human_evidence, key=lambda span: (span.begin, span.end)):
        holders = [number for number, window in enumerate(windows) if window.begin <= span.begin < window.end]
        whole = [number for number in holders if span.end <= windows[number].end]
        if holders and (line := " ".join(span.text.split())):
            share = shares[(whole or holders)[0]]
            if line not in share:  # said again, it is the same evidence
                share.append(line)
    return [tuple(share) for share in shares]
