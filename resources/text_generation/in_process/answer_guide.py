"""Tokens that keep an answer within its grammar, token by token."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, NamedTuple

from ccl_assets.resources.text_generation.answer_grammar import CodeListGrammar, ListPosition
from ccl_assets.resources.text_generation.token_bytes import TokenBytes

_LACKS = "answers of this model cannot be held to this list: its vocabulary lacks some of the list's characters"
_MOST_POSITIONS = 20_000  # remembered with their tokens


class GrammarError(ValueError):
    """A model's tokenizer cannot be held to a grammar."""


class _Step(NamedTuple):
    """A token, the position after it, and the entry that it finished on the way."""

    token: int
    position: ListPosition
    finished: int | None


class GuideTokens:
    """A grammar in the tokens of one model; what it finds out about a position serves all answers."""

    def __init__(self, grammar: CodeListGrammar, tokenizer: Any, said: TokenBytes | None) -> None:
        """Put ``grammar`` into the tokens of ``tokenizer``.

        Args:
            grammar: What answers are held to.
            tokenizer: A transformers tokenizer.
            said: What each of its tokens says.

        Raises:
            GrammarError: It is not known what the tokens say.
        """
        if said is None:
            raise GrammarError(
                "answers of this model cannot be held to a list of codes: its tokenizer is neither a byte-level one nor "
                "SentencePiece's. Ask without a grammar"
            )
        self.grammar = grammar
        self.said = said
        self._tokenizer = tokenizer
        self._steps: dict[ListPosition, list[_Step]] = {}

    def steps(self, position: ListPosition) -> list[_Step]:
        """Every token that goes on from a position, if no entry were used."""
        if position not in self._steps:
            if len(self._steps) >= _MOST_POSITIONS:
                self._steps.clear()
            steps: list[_Step] = []
            self._walk(position, None, 0, len(self.said.in_order[0]), 0, steps)
            self._steps[position] = steps
        return self._steps[position]

    def spell(self, line: bytes, offset: int = 0) -> list[int]:
        """Tokens of a line from ``offset`` on, as the tokenizer itself would cut the whole line if it can.

        Raises:
            GrammarError: The vocabulary lacks some of its characters.
        """
        tokens = list(self._tokenizer.encode(line.decode(), add_special_tokens=False))
        rest = b""
        for number in range(len(tokens) - 1, -1, -1):
            rest = self.said[tokens[number]] + rest
            if rest == line[offset:]:
                return tokens[number:]
        spelled = self.said.spell(line[offset:])
        if spelled is None:
            raise GrammarError(_LACKS)
        return spelled

    def _walk(
        self, position: ListPosition, finished: int | None, first: int, last: int, depth: int, steps: list[_Step]
    ) -> None:
        """Follow entries and vocabulary together: tokens ``first`` to ``last`` begin with the ``depth`` bytes walked."""
        texts, tokens = self.said.in_order
        while depth and first < last and len(texts[first]) == depth:
            steps.append(_Step(tokens[first], position, finished))
            first += 1
        going_on = [(byte, after, finished) for byte, after in self.grammar.next_bytes(position)]
        entry = self.grammar.finished(position)
        if entry is not None and finished is None:  # a token that spans two line breaks is not worth its rules
            going_on.append((b"\n", self.grammar.line_start, entry))
        for byte, after, done in going_on:
            low = bisect_left(texts, byte, first, last, key=lambda text: text[depth : depth + 1])
            high = bisect_left(texts, byte[0] + 1, low, last, key=lambda text: text[depth])
            if low < high:
                self._walk(after, done, low, high, depth + 1, steps)


class _State(NamedTuple):
    """Where an answer stands: in a line before the list, or at a position in it with some entries used."""

    line: bytes = b""
    position: ListPosition | None = None
    used: frozenset[int] = frozenset()


class AnswerGuide:
    """Follows one answer and says how it may go on.

    Attributes:
        ends: Tokens that end an answer.
    """

    def __init__(self, tokens: GuideTokens, ends: Iterable[int]) -> None:
        """Begin an answer.

        Args:
            tokens: The grammar in the model's tokens.
            ends: Tokens that end an answer.
        """
        self._tokens = tokens
        self._grammar = tokens.grammar
        self.ends = tuple(ends)
        self._state = _State()
        self._forced: list[int] = []

    def allowed(self) -> list[int] | None:
        """Tokens that may come next, ``None`` before the list: then ask :meth:`accepts`.

        Raises:
            GrammarError: The vocabulary has none.
        """
        _, position, used = self._state
        if self._forced:
            return self._forced[:1]
        if position is None:
            return None
        allowed = [step.token for step in self._tokens.steps(position) if self._is_open(step)]
        if position.offset == 0 or self._finished(position, used) is not None:
            allowed.extend(self.ends)
        if not allowed:
            raise GrammarError(_LACKS)
        return allowed

    def accepts(self, token: int) -> bool:
        """Tell whether a token may come next before the list."""
        if token in self.ends:
            return self._grammar.is_heading(self._state.line)
        return self._after(self._tokens.said[token]) is not None

    def begin_list(self) -> None:
        """Let the heading come next: an answer does not end without it."""
        line_break = b"\n" if self._state.line else b""
        self._forced = self._tokens.spell(line_break + self._grammar.heading.encode() + b"\n")

    def take(self, token: int) -> None:
        """Go on after a token that may come next and does not end the answer."""
        state = self._after(self._tokens.said[token])
        assert state is not None, "the token was allowed"
        self._state = state
        self._forced = self._forced[1:]
        if not self._forced and state.position is not None and state.position.offset:
            only = self._grammar.only(state.position, state.used)
            if only is not None and len(self._grammar.entries[only]) > state.position.offset:
                self._forced = self._tokens.spell(self._grammar.entries[only], state.position.offset)

    def _after(self, said: bytes) -> _State | None:
        line, position, used = self._state
        while position is None and b"\n" in said:
            rest, _, said = said.partition(b"\n")
            if self._grammar.is_heading(line + rest):
                position = self._grammar.line_start
            line = b""
        if position is None:
            return _State(line + said, None, used)
        for number, part in enumerate(said.split(b"\n")):
            if number:
                entry = self._finished(position, used)
                if entry is None:
                    return None
                position, used = self._grammar.line_start, used | {entry}
            if part:
                advanced = self._grammar.advance(position, part)
                if advanced is None:
                    return None
                position = advanced
            if not self._grammar.is_possible(position, used):
                return None
        return _State(b"", position, used)

    def _finished(self, position: ListPosition, used: frozenset[int]) -> int | None:
        entry = self._grammar.finished(position)
        return None if entry in used else entry

    def _is_open(self, step: _Step) -> bool:
        used = self._state.used
        if step.finished is not None:
            if step.finished in used:
                return False
            used = used | {step.finished}
        return self._grammar.is_possible(step.position, used)
