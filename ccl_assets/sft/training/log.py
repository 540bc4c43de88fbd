"""The training log: one JSON line per logged step or evaluation, written as training goes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

LOG_FILE = "training_log.jsonl"


@dataclass(frozen=True)
class TrainingLogEntry:
    """One line of the log.

    Attributes:
        step: Optimizer steps done.
        epoch: Passes over the data done.
        seconds: Since this launch began to train.
        loss: Mean training loss per completion token since the entry before, in nats.
        eval_loss: Validation loss, in nats per completion token; such an entry has no ``loss``.
        learning_rate: Rate of the step.
        tokens_per_second: Tokens through the model, padding not counted.
        seconds_left: Estimate to the end.
    """

    step: int
    epoch: float
    seconds: float
    loss: float | None = None
    eval_loss: float | None = None
    learning_rate: float | None = None
    tokens_per_second: float | None = None
    seconds_left: float | None = None


def append_entry(path: Path, entry: TrainingLogEntry) -> None:
    """Add one line; what is not set is left out."""
    with path.open("a", encoding="utf-8") as log:
        log.write(_line(entry))


def read_training_log(path: Path) -> list[TrainingLogEntry]:
    """Read a log, given its file or the adapter directory that holds it.

    A last line that a kill cut short is skipped.

    Raises:
        ValueError: Another line is not a log entry; file and line are named.
    """
    file = path / LOG_FILE if path.is_dir() else path
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    entries = []
    for number, line in enumerate(lines, start=1):
        try:
            entries.append(TrainingLogEntry(**json.loads(line)))
        except (json.JSONDecodeError, TypeError):
            if number == len(lines) and not line.endswith("\n"):
                break
            raise ValueError(f"{file}, line {number}: not a training log entry; train the adapter again") from None
    return entries


def rewind_log(path: Path, step: int) -> list[TrainingLogEntry]:
    """Drop what was logged after ``step``, which a resumed run will do again; returns what is left."""
    entries = [entry for entry in read_training_log(path) if entry.step <= step] if path.exists() else []
    rewound = path.with_name(f".{path.name}.partial")
    rewound.write_text("".join(map(_line, entries)), encoding="utf-8")
    rewound.replace(path)
    return entries


def loss_series(entries: Iterable[TrainingLogEntry]) -> dict[str, list[tuple[float, float]]]:
    """``(step, loss)`` curves for a plot: ``training`` and, where there was any, ``validation``."""
    entries = list(entries)
    series = {
        "training": [(float(e.step), e.loss) for e in entries if e.loss is not None],
        "validation": [(float(e.step), e.eval_loss) for e in entries if e.eval_loss is not None],
    }
    return {name: points for name, points in series.items() if points}


def is_falling(entries: Sequence[TrainingLogEntry]) -> bool:
    """Tell whether training helped.

    By the validation loss before and after, where both are there; else by the mean training loss of the first and the
    last third of the steps, since steps mix notes and spans and a single one says little.
    """
    evaluations = [e.eval_loss for e in entries if e.eval_loss is not None]
    if len(evaluations) >= 2:
        return evaluations[-1] < evaluations[0]
    losses = [e.loss for e in entries if e.loss is not None]
    third = max(1, len(losses) // 3)
    return len(losses) >= 2 and sum(losses[-third:]) < sum(losses[:third])


def _line(entry: TrainingLogEntry) -> str:
    return json.dumps({key: value for key, value in asdict(entry).items() if value is not None}) + "\n"
