"""Settings of coding with a language model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ccl_assets.prompts import TEMPLATE_TOKENS
from ccl_assets.text.windows import approximate_token_count


@dataclass(frozen=True)
class CoderSettings:
    """Settings of one system's requests.

    Attributes:
        context_window: Tokens the model takes, prompt and answer together.
        max_tokens: Tokens an answer may have.
        overlap_tokens: Tokens that successive windows of a long note share.
        count_tokens: Token count of a text; without the model's tokenizer an estimate on the high side.
        constrain_codes: Hold the model to billable codes with their titles. Where its backend cannot, notes are coded without and
            have the problem ``not_constrained``.
        repair_codes: Replace an invalid code by the billable one whose title is nearest to the title the model wrote.
    """

    context_window: int = 2048
    max_tokens: int = 512
    overlap_tokens: int = 64
    count_tokens: Callable[[str], int] = approximate_token_count
    constrain_codes: bool = False
    repair_codes: bool = False

    def note_budget(self, prompt_text: str) -> int:
        """Tokens left for the note beside the prompt's own text.

        Raises:
            ValueError: Too few are left to code anything.
        """
        budget = self.context_window - self.max_tokens - TEMPLATE_TOKENS - self.count_tokens(prompt_text)
        if budget <= max(2 * self.overlap_tokens, 64):
            raise ValueError(
                f"a context window of {self.context_window} tokens leaves {budget} for the note; lower max_tokens "
                f"({self.max_tokens}) or overlap_tokens ({self.overlap_tokens}), or take a model with a longer window"
            )
        return budget
