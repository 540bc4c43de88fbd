"""The sample as one file of JSON lines, a note a line, for other projects; and as Hugging Face ``datasets``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccl_assets.corpora.sample import FILES

if TYPE_CHECKING:
    from datasets import DatasetDict

    from ccl_assets.corpora.sample.markup import MarkedNote

JSON_LINES = Path("sample.jsonl")


def json_lines(notes: Iterable[MarkedNote], titles: Mapping[str, str]) -> bytes:
    """Write notes as JSON lines in UTF-8; README.md beside this module describes the fields.

    Args:
        notes: In the order of the file.
        titles: Title by code.
    """
    return "".join(json.dumps(_row(note, titles), ensure_ascii=False) + "\n" for note in notes).encode()


def _row(note: MarkedNote, titles: Mapping[str, str]) -> dict[str, Any]:
    return {
        "note": f"{note.number:03d}{'abc'[note.place] if note.place else ''}",
        "chart": f"{note.number:03d}",
        "split": note.split,
        "kind": note.kind,
        "text": note.text,
        "codes": [{"code": code, "title": titles[code]} for code in note.codes],
        "evidence": [
            {"begin": mark.begin, "end": mark.end, "code": mark.code, "text": note.text[mark.begin : mark.end]}
            for mark in note.marks
        ],
        "reasons": [{"code": reason.code, "reason": reason.text} for reason in note.reasons],
    }


def load_dataset(path: Path = FILES / JSON_LINES) -> DatasetDict:
    """Load the sample for Hugging Face ``datasets``: splits ``mimic`` (evidence is there too), ``train``, ``val``, ``test``.

    Offsets are end-exclusive code points of ``text``. About a second; everything is held in memory.

    Raises:
        FileNotFoundError: There is no such file.
    """
    from datasets import Dataset, DatasetDict, Features, Value

    features = Features(
        {
            **{name: Value("string") for name in ("note", "chart", "split", "kind", "text")},
            "codes": [{"code": Value("string"), "title": Value("string")}],
            "evidence": [
                {"begin": Value("int32"), "end": Value("int32"), "code": Value("string"), "text": Value("string")}
            ],
            "reasons": [{"code": Value("string"), "reason": Value("string")}],
        }
    )
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    splits = list(dict.fromkeys(row["split"] for row in rows))
    return DatasetDict(
        {
            split: Dataset.from_list([row for row in rows if row["split"] == split], features=features)
            for split in splits
        }
    )
