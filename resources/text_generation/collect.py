"""Collecting completions with progress for people."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ccl_assets.resources.text_generation.requests import Completion, GenerationRequest, TextGenerator

_REPORT_EVERY_S = 5.0


@dataclass
class Collected:
    """Completions by request id, and what they cost."""

    completions: dict[str, Completion] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def cost(self) -> dict[str, int | float]:
        """Counts for asset metadata: requests, those served from the store, errors, tokens, seconds."""
        answered = self.completions.values()
        asked = [completion for completion in answered if not completion.is_cached]
        return {
            "requests": len(self.completions),
            "requests_from_store": len(self.completions) - len(asked),
            "request_errors": sum(completion.error is not None for completion in answered),
            "prompt_tokens": sum(completion.prompt_token_count for completion in asked),
            "completion_tokens": sum(completion.completion_token_count for completion in asked),
            "generation_seconds": round(self.seconds, 1),
        }

    @property
    def errors(self) -> list[str]:
        """Distinct error messages (they quote no prompt)."""
        return sorted({completion.error for completion in self.completions.values() if completion.error})


def collect(
    generator: TextGenerator, requests: Sequence[GenerationRequest], report: Callable[[str], None] | None = None
) -> Collected:
    """Answer all requests.

    Args:
        generator: Who answers.
        requests: With distinct ids.
        report: Receives a line every five seconds: done, rate, time left.
    """
    started = last = time.monotonic()
    collected = Collected()
    for completion in generator.generate(requests):
        collected.completions[completion.request_id] = completion
        now = time.monotonic()
        if report is not None and now - last > _REPORT_EVERY_S:
            done, rate = len(collected.completions), len(collected.completions) / (now - started)
            left = (len(requests) - done) / rate
            report(f"{done}/{len(requests)} requests, {rate:.2f}/s, about {left:.0f} s left")
            last = now
    collected.seconds = time.monotonic() - started
    return collected
