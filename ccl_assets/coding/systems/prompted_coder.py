"""What the systems with a language model share: requests per window of a note, answers read and joined per note."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ccl_assets.coding.prediction import CodedNote, NoteToCode, PredictedCode, read_answer
from ccl_assets.coding.window import merge_predictions
from ccl_assets.evidence.note_windows import Window, approximate_token_count, split_into_windows
from ccl_assets.prompts import Prompt, load_prompt
from ccl_assets.resources.text_generation.requests import (
    Completion,
    GenerationParameters,
    GenerationRequest,
    Message,
    TextGenerator,
)

CUT_OFF = "cut_off_at_max_tokens"
GENERATION_ERROR = "generation_error"
EMPTY_NOTE = "empty_note"
NO_HUMAN_EVIDENCE = "no_human_evidence"
_TEMPLATE_TOKENS = 64  # what a chat template adds around the turns; SmolLM2's adds 30


@dataclass(frozen=True)
class CoderSettings:
    """How a model is asked.

    Attributes:
        context_window: Tokens the model takes, prompt and answer together.
        max_tokens: Tokens an answer may have.
        overlap_tokens: Tokens that successive windows of a long note share.
        count_tokens: Token count of a text; without the model's tokenizer an estimate on the high side.
    """

    context_window: int = 2048
    max_tokens: int = 512
    overlap_tokens: int = 64
    count_tokens: Callable[[str], int] = approximate_token_count

    def note_budget(self, prompt_text: str) -> int:
        """Tokens left for the note beside the prompt's own text.

        Raises:
            ValueError: Too few are left to code anything.
        """
        budget = self.context_window - self.max_tokens - _TEMPLATE_TOKENS - self.count_tokens(prompt_text)
        if budget <= max(2 * self.overlap_tokens, 64):
            raise ValueError(
                f"a context window of {self.context_window} tokens leaves {budget} for the note; lower max_tokens "
                f"({self.max_tokens}) or overlap_tokens ({self.overlap_tokens}), or take a model with a longer window"
            )
        return budget


@dataclass
class _Pending:
    """A note whose windows are being answered."""

    note: NoteToCode
    windows: list[Window]
    evidence: list[tuple[str, ...]]
    completions: dict[int, Completion] = field(default_factory=dict)


class PromptedCoder:
    """Codes notes by asking a language model, one request per note (per window, where a note is too long).

    Attributes:
        name: The system's name.
        prompt_sha256: Hash of the prompt template.
    """

    def __init__(
        self,
        name: str,
        prompt: str,
        generator: TextGenerator,
        billable: Container[str],
        titles: Mapping[str, str] | None = None,
        settings: CoderSettings | None = None,
        gives_human_evidence: bool = False,
    ) -> None:
        """Prepare the system; the generator is not touched before the first note.

        Args:
            name: The system's name.
            prompt: Name of the prompt template.
            generator: The model, with its adapter where the system has one.
            billable: The release's billable codes.
            titles: Title per code, to report titles that are not the code's own.
            settings: How the model is asked.
            gives_human_evidence: Show the note's human-marked spans in the prompt; the model writes codes only.
        """
        self.name = name
        self._prompt: Prompt = load_prompt(prompt)
        self._generator = generator
        self._billable = billable
        self._titles = titles
        self._settings = settings or CoderSettings()
        self._gives_human_evidence = gives_human_evidence

    @property
    def prompt_sha256(self) -> str:
        """Hash of the prompt template."""
        return self._prompt.sha256

    def code(self, notes: Sequence[NoteToCode]) -> Iterator[CodedNote]:
        """Code the notes and yield each as soon as it is finished, so in any order.

        A failed request leaves the note with the problem ``generation_error`` (and what other windows gave). An answer
        that was cut at ``max_tokens`` loses its unfinished last line and is marked ``cut_off_at_max_tokens``.

        Raises:
            RuntimeError: The generator left requests unanswered.
        """
        pending = [self._prepare(note) for note in notes]
        for state in pending:
            if not state.windows:
                yield self._finish(state)
        requests = [
            self._request(f"{number}/{position}", state, position)
            for number, state in enumerate(pending)
            for position in range(len(state.windows))
        ]
        unanswered = len(requests)
        for completion in self._generator.generate(requests):
            number, position = (int(part) for part in completion.request_id.split("/"))
            state = pending[number]
            state.completions[position] = completion
            unanswered -= 1
            if len(state.completions) == len(state.windows):
                yield self._finish(state)
        if unanswered:
            raise RuntimeError(f"{self._generator.model_name} left {unanswered} of {len(requests)} requests unanswered")

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

    def _request(self, request_id: str, state: _Pending, position: int) -> GenerationRequest:
        window = state.windows[position]
        turns = self._prompt.turns(
            note=state.note.text[window.begin : window.end],
            evidence=state.evidence[position],
        )
        return GenerationRequest(
            request_id=request_id,
            messages=tuple(Message(role, content) for role, content in turns),
            parameters=GenerationParameters(max_tokens=self._settings.max_tokens),
            is_restricted=state.note.is_restricted,
        )

    def _finish(self, state: _Pending) -> CodedNote:
        problems: dict[str, None] = {}
        if not state.windows:
            problems[NO_HUMAN_EVIDENCE if self._gives_human_evidence else EMPTY_NOTE] = None
        answers: list[list[PredictedCode]] = []
        completions = [state.completions[position] for position in range(len(state.windows))]
        for window, evidence, completion in zip(state.windows, state.evidence, completions, strict=True):
            if completion.finish_reason == "error":
                problems[GENERATION_ERROR] = None
                answers.append([])
                continue
            text = completion.text
            if completion.finish_reason == "length":
                problems[CUT_OFF] = None
                text = text[: text.rfind("\n") + 1]  # "E11.2" may be the beginning of "E11.22"
            answer = read_answer(
                state.note.text[window.begin : window.end],
                text,
                self._billable,
                self._titles,
                given_evidence=evidence,
            )
            problems.update(dict.fromkeys(answer.problems))
            answers.append(answer.predictions)
        texts = [completion.text for completion in completions if completion.finish_reason != "error"]
        return CodedNote(
            document_id=state.note.document_id,
            raw_output="\n\n".join(texts) if texts else None,
            predictions=merge_predictions(state.windows, answers),
            problems=list(problems),
            prompt_token_count=sum(completion.prompt_token_count for completion in completions),
            completion_token_count=sum(completion.completion_token_count for completion in completions),
            seconds=sum(completion.seconds for completion in completions),
            prompt_sha256=self.prompt_sha256,
        )


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
