"""Progress of a training process: to Dagster when it was launched from there, else to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from ccl_assets.resources.progress import duration
from ccl_assets.sft.training.log import TrainingLogEntry


class Reporter(Protocol):
    """Receives progress."""

    def say(self, message: str) -> None:
        """Pass on one line for people."""
        ...

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Pass on the result of the run."""
        ...


class StderrReporter:
    """Prints."""

    def say(self, message: str) -> None:
        """Print a line."""
        print(message, file=sys.stderr, flush=True)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Print the figures of the summary."""
        figures = (f"{key} {value}" for key, value in summary.items() if not isinstance(value, dict | list))
        self.say("done: " + ", ".join(figures))


class PipesReporter:
    """Logs to the Dagster run; the summary becomes the first custom message of the Pipes session."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def say(self, message: str) -> None:
        """Log a line."""
        self._context.log.info(message)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Send the summary."""
        self._context.report_custom_message(dict(summary))


class SilentReporter:
    """Says nothing: of several processes, the first one speaks."""

    def say(self, message: str) -> None:
        """Drop a line."""

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Drop the summary."""


@contextmanager
def open_reporter(is_first_process: bool = True) -> Iterator[Reporter]:
    """Report to Dagster if it launched this process, else to stderr; only the first of several processes reports."""
    from dagster_pipes import PipesEnvVarParamsLoader, open_dagster_pipes

    if not is_first_process:
        yield SilentReporter()
        return
    if not PipesEnvVarParamsLoader().is_dagster_pipes_process():
        yield StderrReporter()
        return
    with open_dagster_pipes() as context:
        yield PipesReporter(context)


def progress_line(entry: TrainingLogEntry, total_steps: int) -> str:
    """One log entry for people."""
    parts = [f"step {entry.step}/{total_steps}"]
    if entry.loss is not None:
        parts.append(f"loss {entry.loss:.3f}")
    if entry.eval_loss is not None:
        parts.append(f"validation loss {entry.eval_loss:.3f}")
    if entry.tokens_per_second is not None:
        parts.append(f"{entry.tokens_per_second:.0f} tokens/s")
    if entry.seconds_left is not None:
        parts.append(f"about {duration(entry.seconds_left)} left")
    return ", ".join(parts)
