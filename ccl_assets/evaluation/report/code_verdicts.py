"""Verdict on each code of an answer, in words that a coder would use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Literal

from ccl_assets.evaluation.scoring.spans import EvidenceSpan
from ccl_assets.evaluation.scoring.units import Answer, Document

Verdict = Literal["correct", "near miss", "wrong", "not billable", "missed"]
VERDICTS: tuple[Verdict, ...] = ("correct", "near miss", "wrong", "not billable", "missed")


@dataclass(frozen=True)
class CodeLine:
    """A gold or predicted code with its title and what became of it.

    Attributes:
        code: The code.
        title: Its title, empty where the release has none.
        verdict: In a word or two.
        reason: What a coder would add to the verdict.
        quote: What the system quoted, or else what people marked.
        is_grounded: Whether the quote stands in the note.
        confidence: As the system gave it.
        repaired_from: The invalid code as written, where it was replaced.
        why: What speaks for it, as the system says.
    """

    code: str
    title: str
    verdict: Verdict
    reason: str
    quote: str
    is_grounded: bool
    confidence: float | None = None
    repaired_from: str | None = None
    why: str | None = None


def code_lines(
    document: Document,
    gold: Set[str],
    answer: Answer,
    predictions: Sequence[Mapping[str, Any]],
    titles: Mapping[str, str],
) -> tuple[CodeLine, ...]:
    """Gold and predicted codes of a note, by verdict.

    Args:
        document: The note with its human evidence.
        gold: Codes people gave it.
        answer: What the system said.
        predictions: The same as stored, for confidence and repairs.
        titles: Long title by code, of all codes of the release, billable or not.
    """
    quotes = {span.code: span for span in (*document.evidence[::-1], *answer.evidence[::-1])}
    given = {row["code"]: row for row in predictions}
    lines = []
    for code in gold | answer.codes:
        verdict, reason = _verdict(code, gold, answer, titles)
        if verdict == "correct" and _is_elsewhere(code, document.evidence, answer.evidence):
            reason = "quoted from another place than people marked"
        quote, row = quotes.get(code), given.get(code, {})
        lines.append(
            CodeLine(
                code,
                titles.get(code, ""),
                verdict,
                reason,
                " ".join(quote.text(document.text).split()) if quote else "",
                is_grounded=quote is None or bool(quote.fragments),
                confidence=row.get("confidence"),
                repaired_from=row.get("repaired_from"),
                why=row.get("why"),
            )
        )
    lines.sort(key=lambda line: (VERDICTS.index(line.verdict), line.code))
    return tuple(lines)


def _verdict(code: str, gold: Set[str], answer: Answer, titles: Mapping[str, str]) -> tuple[Verdict, str]:
    """What became of a code, and what to add.

    A near miss is a wrong code in the category of a code that was missed.
    """
    if code not in answer.codes:
        instead = _in_category(code, answer.codes - gold)
        return "missed", f"{', '.join(instead)} given, of the same category" if instead else ""
    if code not in answer.valid_codes:
        return "not billable", "a heading: more characters are needed" if code in titles else "no code of the release"
    if code in gold:
        return "correct", ""
    if missed := _in_category(code, gold - answer.codes):
        return "near miss", f"expected {', '.join(missed)}, of the same category"
    beside = _in_category(code, gold)
    return "wrong", f"of the category of {', '.join(beside)}, which was found" if beside else "category not expected"


def _in_category(code: str, codes: Set[str]) -> list[str]:
    return sorted(other for other in codes if other[:3] == code[:3])


def _is_elsewhere(code: str, marked: Iterable[EvidenceSpan], quoted: Iterable[EvidenceSpan]) -> bool:
    """Whether both people and the system point to places, and none of them touch."""
    people, system = (
        [place for span in spans if span.code == code for place in span.fragments] for spans in (marked, quoted)
    )
    touches = any(begin < last and first < end for begin, end in people for first, last in system)
    return bool(people and system) and not touches
