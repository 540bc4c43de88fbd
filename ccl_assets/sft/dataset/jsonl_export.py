"""The dataset as JSON lines: input of the training process, and of LLaMA-Factory as it stands.

``dataset_info.json`` describes the files in LLaMA-Factory's *alpaca* format, which reads the two columns it is told of
and ignores the others: point its ``dataset_dir`` at the folder. Columns that may be empty are not written, since its reader
fixes a column's type by the first lines.
"""

from __future__ import annotations

import contextlib
import errno
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ccl_assets.sft.dataset.examples import Rows, rows_of
from ccl_assets.sft.tables import DATASET

SPLIT_FILES = {"train": "train.jsonl", "val": "val.jsonl"}
EXPORTED_COLUMNS = tuple(column.name for column in DATASET.columns if not column.is_nullable)
_INFO_FILE = "dataset_info.json"


class ExportError(RuntimeError):
    """The files could not be written; nothing of them is there, what an earlier export wrote is untouched."""


@dataclass(frozen=True)
class ExportedDataset:
    """Paths of the files; ``validation`` is ``None`` where there is no validation example."""

    directory: Path
    train: Path
    validation: Path | None
    train_count: int
    validation_count: int


def export_dataset(rows: Rows, directory: Path, recipe_name: str) -> ExportedDataset:
    """Write ``train.jsonl``, ``val.jsonl`` and ``dataset_info.json``.

    Lines are ordered by example id, so that equal datasets give equal files in whatever order the rows come. Rows are
    streamed. Files appear whole or not at all and are readable by their owner only, since prompts quote notes.

    Args:
        rows: Rows of the ``sft/dataset`` contract.
        directory: Created if missing; files of an earlier export are replaced.
        recipe_name: Names the datasets: ``ccl_<recipe>_train`` and ``ccl_<recipe>_val``.

    Raises:
        ExportError: The disk is full, or the folder cannot be written.
        ValueError: There is no training example, or a row has an unknown split.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _Lines(directory) as lines:
            lines.collect(rows)
            if not lines.count("train"):
                raise ValueError(
                    f"recipe {recipe_name!r} has no training example: materialize the corpora and the knowledge base it "
                    "draws on, or raise its limits in recipes.toml"
                )
            info = {}
            partials: dict[Path, Path] = {}
            try:
                for split, file_name in SPLIT_FILES.items():
                    if lines.count(split):
                        with _private(directory / file_name, partials) as target:
                            target.writelines(lines.ordered(split))
                        columns = {"prompt": "prompt", "response": "completion"}
                        described = {"file_name": file_name, "formatting": "alpaca", "columns": columns}
                        info[f"ccl_{recipe_name}_{split}"] = described
                with _private(directory / _INFO_FILE, partials) as target:
                    target.write(json.dumps(info, indent=2).encode() + b"\n")
                for path, partial in partials.items():
                    partial.replace(path)
            finally:
                for partial in partials.values():
                    partial.unlink(missing_ok=True)
            validation = directory / SPLIT_FILES["val"] if lines.count("val") else None
            if validation is None:
                (directory / SPLIT_FILES["val"]).unlink(missing_ok=True)
            return ExportedDataset(
                directory, directory / SPLIT_FILES["train"], validation, lines.count("train"), lines.count("val")
            )
    except OSError as error:
        remedy = (
            "free space there, or set CCL_HOME to a larger disk"
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            else "make the folder writable"
        )
        raise ExportError(
            f"recipe {recipe_name!r}: the dataset could not be exported to {directory} ({error.strerror}): {remedy}"
        ) from None


class _Lines:
    """Lines in a file without a name, and per split where each of them is."""

    def __init__(self, directory: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - closed by __exit__
        self._places: dict[str, list[tuple[str, int, int]]] = {split: [] for split in SPLIT_FILES}

    def collect(self, rows: Rows) -> None:
        begin = 0
        for row in rows_of(rows):
            if row["split"] not in self._places:
                raise ValueError(
                    f"example {row['example_id']} has split {row['split']!r}; known are {sorted(self._places)}"
                )
            line = json.dumps({name: row[name] for name in EXPORTED_COLUMNS}, ensure_ascii=False).encode() + b"\n"
            self._file.write(line)
            self._places[row["split"]].append((row["example_id"], begin, len(line)))
            begin += len(line)
        self._file.flush()

    def count(self, split: str) -> int:
        return len(self._places[split])

    def ordered(self, split: str) -> Iterator[bytes]:
        for _, begin, length in sorted(self._places[split]):
            self._file.seek(begin)
            yield self._file.read(length)

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # what could not be flushed was reported when it was written
            self._file.close()


def _private(path: Path, partials: dict[Path, Path]) -> IO[bytes]:
    """Open the file that will become ``path``, for its owner only."""
    partials[path] = partial = path.with_name(f".{path.name}.partial")
    partial.touch(mode=0o600)
    partial.chmod(0o600)
    return partial.open("wb")


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read exported examples.

    Raises:
        ValueError: A line is not a JSON object with prompt, completion and example id; file and line are named.
    """
    rows = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                row = None
            if not isinstance(row, dict) or not {"example_id", "prompt", "completion"} <= row.keys():
                raise ValueError(
                    f"{path}, line {number}: no example with example_id, prompt and completion; export it again"
                )
            rows.append(row)
    return rows
