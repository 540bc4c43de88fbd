"""Candidates: per code the distinct phrases that notes gave, with frequencies (the paper's E_c), and how often they gave none."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ccl_assets.text.folding import fold

GROUNDED = ("verbatim", "repaired")
LEAST_NOTES = 5  # a share over fewer notes says little, and is not shown
LONGEST_PHRASE = 200  # characters; a longer quote supports its code, but is a passage and no phrase to learn
_BATCH_ROWS = 16_384


@dataclass
class MinedCode:
    """Phrases that notes said of one code.

    Attributes:
        note_count: Notes with an answer for the code.
        no_evidence_count: Of these, notes without grounded evidence: the code's label noise, or what the miner overlooked.
        phrases: Notes by surface form by folded phrase.
    """

    note_count: int = 0
    no_evidence_count: int = 0
    phrases: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def no_evidence_share(self) -> float:
        """Share of notes without evidence, 0 to 1."""
        return self.no_evidence_count / self.note_count


def mined_codes(extractions: pa.Table) -> dict[str, MinedCode]:
    """Count what notes said, code by code.

    Equal rows are counted in Arrow first; what follows grows with distinct phrases, not with notes.

    Args:
        extractions: ``code``, ``status`` and ``evidence`` of ``silver/extractions``, which has one row per note and code; those not
            asked or not parsed say nothing of a code.
    """
    found: dict[str, MinedCode] = defaultdict(MinedCode)
    counted = extractions.group_by(["code", "status", "evidence"]).aggregate([([], "count_all")])
    for batch in counted.to_batches(_BATCH_ROWS):
        for row in batch.to_pylist():
            if row["status"] in ("not_asked", "unparsed"):
                continue
            count = row["count_all"]
            mined = found[row["code"]]
            mined.note_count += count
            words = " ".join((row["evidence"] or "").split()) if row["status"] in GROUNDED else ""
            if not fold(words):
                mined.no_evidence_count += count
            elif len(words) <= LONGEST_PHRASE:
                mined.phrases[fold(words)][words] += count
    return dict(sorted(found.items()))


def candidates(codes: Mapping[str, MinedCode], chapter: str) -> list[dict[str, Any]]:
    """Rows of ``silver/candidates``; the most frequent surface form stands for the phrase."""
    return [
        {
            "chapter": chapter,
            "code": code,
            "evidence": min(forms, key=lambda form: (-forms[form], form)),
            "surface_forms": sorted(forms),
            "document_count": forms.total(),
            "labelled_document_count": mined.note_count,
            "no_evidence_count": mined.no_evidence_count,
        }
        for code, mined in codes.items()
        for _, forms in sorted(mined.phrases.items())
    ]


def label_noise(codes: Mapping[str, MinedCode], most: int = 20) -> list[tuple[str, MinedCode]]:
    """The codes with most notes of no evidence, most first; those with fewer than five notes are left out."""
    shown = [(code, mined) for code, mined in codes.items() if mined.note_count >= LEAST_NOTES]
    return sorted(shown, key=lambda item: (-item[1].no_evidence_count, item[0]))[:most]


def label_noise_table(codes: Mapping[str, MinedCode]) -> str:
    """The same as a Markdown table: codes and counts, no words of any note."""
    rows = "".join(
        f"| {code} | {mined.note_count} | {mined.no_evidence_count} | {mined.no_evidence_share:.0%} |\n"
        for code, mined in label_noise(codes)
    )
    return f"| code | notes | without evidence | share |\n|---|---|---|---|\n{rows}"
