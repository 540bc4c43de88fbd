"""The dataset as JSON lines: input of the training process, and of LLaMA-Factory as it stands.

``dataset_info.json`` describes the files in LLaMA-Factory's *alpaca* format, which reads the two columns it is told of
and ignores the others: point its ``dataset_dir`` at the folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SPLIT_FILES = {"train": "train.jsonl", "val": "val.jsonl"}


@dataclass(frozen=True)
class ExportedDataset:
    """Where the files are; ``validation`` is ``None`` where there is no validation example."""

    directory: Path
    train: Path
    validation: Path | None
    train_count: int
    validation_count: int


def export_dataset(rows: Iterable[Mapping[str, Any]], directory: Path, recipe_name: str) -> ExportedDataset:
    """Write ``train.jsonl``, ``val.jsonl`` and ``dataset_info.json``.

    Files appear whole or not at all and are readable by their owner only, since prompts quote notes.

    Args:
        rows: Rows of the ``sft/dataset`` contract.
        directory: Created if missing; files of an earlier export are replaced.
        recipe_name: Names the datasets: ``ccl_<recipe>_train`` and ``ccl_<recipe>_val``.

    Raises:
        ValueError: There is no training example, or a row has an unknown split.
    """
    lines: dict[str, list[str]] = {split: [] for split in SPLIT_FILES}
    for row in rows:
        if row["split"] not in lines:
            raise ValueError(f"example {row['example_id']} has split {row['split']!r}; known are {sorted(lines)}")
        lines[row["split"]].append(json.dumps(dict(row), ensure_ascii=False, sort_keys=True) + "\n")
    if not lines["train"]:
        raise ValueError(f"recipe {recipe_name!r} has no training example: materialize its corpora and pairs first")
    directory.mkdir(parents=True, exist_ok=True)
    info = {}
    for split, file_name in SPLIT_FILES.items():
        path = directory / file_name
        if not lines[split]:
            path.unlink(missing_ok=True)
            continue
        _write_private(path, "".join(lines[split]))
        columns = {"prompt": "prompt", "response": "completion"}
        info[f"ccl_{recipe_name}_{split}"] = {"file_name": file_name, "formatting": "alpaca", "columns": columns}
    _write_private(directory / "dataset_info.json", json.dumps(info, indent=2) + "\n")
    validation = directory / SPLIT_FILES["val"] if lines["val"] else None
    return ExportedDataset(
        directory, directory / SPLIT_FILES["train"], validation, len(lines["train"]), len(lines["val"])
    )


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


def _write_private(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.touch(mode=0o600)
    partial.chmod(0o600)
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
