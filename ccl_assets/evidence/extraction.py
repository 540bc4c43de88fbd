"""Silver evidence, stage one: one request per note with all its codes, every quote checked against the note."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ccl_assets.evidence.grounding import ground_span
from ccl_assets.prompts import Prompt
from ccl_assets.resources.text_generation.requests import (
    Completion,
    GenerationParameters,
    GenerationRequest,
    Message,
)

_CODE_LINE = re.compile(r"^[\s\-*•]*+([A-Z][0-9A-Z]{2}(?:\.?[0-9A-Z]{1,4})?)[\s*]*+(.*)$")
_ANSWER = re.compile(r"^[\s*]*+(?:\([^)]*\)[\s*]*+)?[:=|–-]+(.*)$")
# "nonerosive reflux" and "Na 128" are findings
_NO_EVIDENCE = re.compile(
    r"^\W*(no evidence|none\b|not (?:documented|found|mentioned|supported)|n/a\b|na\W*$)", re.IGNORECASE
)
_TOKENS_PER_CODE = 28  # code, title and quote, on average


@dataclass(frozen=True)
class NoteWithCodes:
    """A note to mine: its text and the codes it was assigned."""

    corpus: str
    document_id: str
    chart_id: str
    source: str
    text: str
    codes: tuple[str, ...]
    is_restricted: bool


def shard_of(chart_id: str, shard_count: int) -> int:
    """Shard of an admission: all its notes fall into one, independent of the order of arrival."""
    return int.from_bytes(hashlib.sha256(chart_id.encode()).digest()[:8], "big") % shard_count


def notes_to_mine(
    documents: Iterable[Mapping[str, Any]],
    labels: Iterable[Mapping[str, Any]],
    has_human_evidence: set[tuple[str, str]],
) -> list[NoteWithCodes]:
    """Notes that have codes but no human evidence, outside the validation and test splits.

    Args:
        documents: Rows of ``corpus/documents``.
        labels: Rows of ``corpus/labels``; a label without document counts for every note of its chart.
        has_human_evidence: ``(corpus, document_id)`` of notes with human spans.
    """
    by_note: dict[tuple[str, str], list[str]] = {}
    by_chart: dict[tuple[str, str], list[str]] = {}
    for label in labels:
        if label["document_id"] is None:
            by_chart.setdefault((label["corpus"], label["chart_id"]), []).append(label["code"])
        else:
            by_note.setdefault((label["corpus"], label["document_id"]), []).append(label["code"])
    found = []
    for row in documents:
        key = (row["corpus"], row["document_id"])
        if row["split"] in ("val", "test") or key in has_human_evidence:
            continue
        codes = [*by_note.get(key, ()), *by_chart.get((row["corpus"], row["chart_id"]), ())]
        if codes:
            found.append(
                NoteWithCodes(
                    row["corpus"], row["document_id"], row["chart_id"], row["source"], row["text"],
                    tuple(dict.fromkeys(codes)), row["is_restricted"],
                )
            )  # fmt: skip
    return found


def extraction_request(note: NoteWithCodes, titles: Mapping[str, str], prompt: Prompt) -> GenerationRequest:
    """The request for one note; codes that the release does not know are asked for without a title."""
    codes = [(code, titles.get(code, "")) for code in note.codes]
    turns = prompt.turns(note=note.text.strip(), codes=codes)
    return GenerationRequest(
        request_id=f"{note.corpus}/{note.document_id}",
        messages=tuple(Message(role, content) for role, content in turns),
        parameters=GenerationParameters(max_tokens=16 + _TOKENS_PER_CODE * len(codes)),
        is_restricted=note.is_restricted,
    )


def read_extraction(text: str, codes: Sequence[str], titles: Mapping[str, str] | None = None) -> dict[str, str | None]:
    """Read the answer: quote per code, ``None`` for a declared lack of evidence; codes not answered are absent.

    A line is ``CODE: quote``, or ``CODE title: quote`` where the titles are given. Total: any string in. The first answer for a
    code counts; codes that were not asked for are ignored.
    """
    wanted = {code.replace(".", ""): code for code in codes}
    found: dict[str, str | None] = {}
    for line in text.splitlines():
        match = _CODE_LINE.match(line)
        code = wanted.get(match[1].replace(".", "")) if match else None
        if match is None or code is None or code in found:
            continue
        rest = match[2]
        title = (titles or {}).get(code, "")
        if title and rest.lower().startswith(title.lower()):
            rest = rest[len(title) :]
        answer = _ANSWER.match(rest)
        if answer is not None:
            quote = answer[1].strip().strip("\"'“”`* ").strip()
            found[code] = None if not quote or _NO_EVIDENCE.match(quote) else quote
    return found


def extraction_rows(
    note: NoteWithCodes,
    completion: Completion | None,
    shard: str,
    prompt_sha256: str,
    model: str,
    titles: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Rows of ``silver/extractions`` for a note; ``completion`` is ``None`` where the profile left it out."""
    asked = completion is not None
    answers = read_extraction(completion.text, note.codes, titles) if completion and completion.error is None else {}
    rows = []
    for code in note.codes:
        row: dict[str, Any] = {
            "shard": shard,
            "corpus": note.corpus,
            "document_id": note.document_id,
            "chart_id": note.chart_id,
            "source": note.source,
            "code": code,
            "evidence": None,
            "begin": None,
            "end": None,
            "status": "unparsed" if asked else "not_asked",
            "edit_distance": None,
            "prompt_sha256": prompt_sha256 if asked else None,
            "model": model if asked else None,
        }
        if code in answers:
            quote = answers[code]
            if quote is None:
                row["status"] = "no_evidence"
            else:
                grounding = ground_span(quote, note.text)
                row["status"] = grounding.status
                if grounding.status != "ungrounded":
                    row.update(
                        evidence=grounding.text,
                        begin=grounding.begin,
                        end=grounding.end,
                        edit_distance=grounding.edit_distance,
                    )
        rows.append(row)
    return rows


def status_counts(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Rows by status."""
    return dict(sorted(Counter(row["status"] for row in rows).items()))
