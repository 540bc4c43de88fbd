"""Folding of phrases that count as the same: case, whitespace and punctuation folded."""

from __future__ import annotations

import hashlib
import re

_NOT_WORD = re.compile(r"[^\w%+]+")


def fold(text: str) -> str:
    """Fold case, punctuation and whitespace: ``"COPD,  Exacerbation."`` and ``"copd exacerbation"`` become one."""
    return " ".join(_NOT_WORD.sub(" ", text.casefold()).split())


def pair_id(tier: str, code: str, evidence: str) -> str:
    """Stable id of an evidence-code pair: 16 hexadecimal digits."""
    return hashlib.sha256(f"{tier}\x1f{code}\x1f{fold(evidence)}".encode()).hexdigest()[:16]
