"""A coded note for people and programs: a table of its codes, or JSON with the same and exact offsets."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from ccl_assets.coding.active_release import ActiveRelease
from ccl_assets.coding.prediction import NO_EVIDENCE, CodedNote, PredictedCode
from ccl_assets.text.grounding import REPAIRED, UNGROUNDED

_COLUMNS = (("CODE", 8), ("TITLE", 40), ("EVIDENCE", 40), ("CONFIDENCE", 10), ("REMARKS", 44))


def one_line(text: str) -> str:
    """A text on one line, without characters that would steer a terminal."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def remarks(prediction: PredictedCode, release: ActiveRelease) -> list[str]:
    """Remarks on a predicted code: not valid, repaired, evidence not in the note."""
    found = []
    if not prediction["is_valid"]:
        is_header = prediction["code"] in release.titles
        found.append("header, not billable" if is_header else f"not in {release.label}")
    if repaired_from := prediction.get("repaired_from"):
        found.append(f"repaired from {one_line(repaired_from)}")
    if prediction["evidence_status"] == NO_EVIDENCE:
        found.append("no evidence given")
    elif prediction["evidence_status"] == UNGROUNDED:
        found.append("quote not in the note")
    elif prediction["evidence_status"] == REPAIRED:
        found.append("wording of the quote repaired")
    return found


def as_json(coded: CodedNote, release: ActiveRelease, system: str, model: str | None) -> dict[str, Any]:
    """Everything known of a coded note; evidence and offsets (end-exclusive code points) as in the note."""
    return {
        "system": system,
        "model": model,
        "release": release.label,
        "codes": [
            {
                "code": prediction["code"],
                "title": release.titles.get(prediction["code"]),
                "is_valid": prediction["is_valid"],
                "evidence": prediction["evidence"],
                "begin": prediction["begin"],
                "end": prediction["end"],
                "evidence_status": prediction["evidence_status"],
                "confidence": prediction.get("confidence"),
                "repaired_from": prediction.get("repaired_from"),
                "places": list(prediction.get("places") or ()),
                "why": prediction.get("why"),
                "remarks": remarks(prediction, release),
            }
            for prediction in coded.predictions
        ],
        "problems": coded.problems,
        "raw_output": coded.raw_output,
        "prompt_sha256": coded.prompt_sha256,
        "prompt_token_count": coded.prompt_token_count,
        "completion_token_count": coded.completion_token_count,
        "seconds": round(coded.seconds, 6),
    }


def as_table(coded: CodedNote, release: ActiveRelease, system: str, model: str | None) -> str:
    """A table of the codes, nothing cut off, and a closing line that says who coded against which release."""
    lines: list[str] = []
    if coded.predictions:
        lines += _row([name for name, _ in _COLUMNS])
        for prediction in coded.predictions:
            lines += _row(_cells(prediction, release))
        lines.append("")
    invalid = sum(not prediction["is_valid"] for prediction in coded.predictions)
    count = len(coded.predictions)
    facts = [
        f"{count} code{'' if count == 1 else 's'}" + (f", {invalid} of them not valid" if invalid else ""),
        f"ICD-10-CM {release.label}",
        f"system {system}" + (f", model {model}" if model else ""),
        f"{coded.seconds:.1f} s" if coded.seconds >= 0.1 else f"{1000 * coded.seconds:.1f} ms",
    ]
    lines.append("; ".join(facts))
    if coded.problems:
        lines.append(f"problems of the answer: {', '.join(coded.problems)}")
    return "\n".join(lines)


def _cells(prediction: PredictedCode, release: ActiveRelease) -> list[str]:
    evidence = ""
    if prediction["evidence"] is not None:
        place = "" if prediction["begin"] is None else f" [{prediction['begin']}-{prediction['end']}]"
        evidence = f'"{one_line(prediction["evidence"])}"{place}'
    confidence = prediction.get("confidence")
    return [
        prediction["code"],
        one_line(release.titles.get(prediction["code"], "")),
        evidence,
        "" if confidence is None else f"{confidence:.2f}",
        "; ".join(remarks(prediction, release)),
    ]


def _row(cells: Sequence[str]) -> Iterator[str]:
    """A row of the table, its cells wrapped."""
    wrapped = [textwrap.wrap(cell, width) for cell, (_, width) in zip(cells, _COLUMNS, strict=True)]
    for parts in zip_longest(*wrapped, fillvalue=""):
        padded = (part.ljust(width) for part, (_, width) in zip(parts, _COLUMNS, strict=True))
        yield "  ".join(padded).rstrip()
