"""Counts of notes that say a text of a code: the counts of ``silver/candidates`` by folded text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from ccl_assets.evidence.knowledge_base.shares import Claim
from ccl_assets.text.folding import fold


class NoteCounts:
    """Notes by text and code, and notes mined by code."""

    def __init__(self, candidates: Iterable[Mapping[str, Any]]) -> None:
        """Read rows of ``silver/candidates`` (code, evidence, document_count, labelled_document_count)."""
        self._by_text: dict[str, dict[str, int]] = defaultdict(dict)
        self._assigned: dict[str, int] = {}
        for row in candidates:
            counts = self._by_text[fold(row["evidence"])]
            counts[row["code"]] = counts.get(row["code"], 0) + row["document_count"]
            self._assigned[row["code"]] = row["labelled_document_count"]

    def codes(self, text: str) -> Iterable[str]:
        """Codes that notes say a folded text of."""
        return self._by_text.get(text, {}).keys()

    def document_count(self, code: str, text: str) -> int:
        """Notes in which a folded text supports a code."""
        return self._by_text.get(text, {}).get(code, 0)

    def assigned_count(self, code: str) -> int:
        """Notes that were mined for a code."""
        return self._assigned.get(code, 0)

    def claim(self, code: str, text: str, firmness: int) -> Claim:
        """Known facts of a folded text and a code, stated as firmly as said."""
        return Claim(firmness, self.document_count(code, text), self.assigned_count(code))
