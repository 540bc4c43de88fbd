"""Kinds of codes that figures are given for separately: seen in training or not, how often, covered by which tier, which chapter.

- ``seen`` / ``unseen``: the code is among the labels of its corpus's own training split, or is not.
- ``frequency:0``, ``frequency:1-5``, ``frequency:6-50``, ``frequency:over 50``: training charts that carry the code.
- ``unseen:gold`` / ``silver`` / ``synthetic`` / ``none``: unseen, by the best tier of the code's trainable pairs in the knowledge
  base. This is what the knowledge base taught about codes that no training note has.
- ``chapter:09_I00-I99``, ``chapter:none``.

Any string is classified, so that a predicted code which the release lacks counts as a false positive in its subsets too: it is
unseen, without a pair, and of the chapter its first three characters lie in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from ccl_assets.icd.chapters import CHAPTER_KEYS, chapter_of
from ccl_assets.icd.code import spelled

ALL_CODES = "all"
TIERS = ("gold", "silver", "synthetic")  # best first
_NONE = "none"
_FREQUENCIES = ((0, "0"), (5, "1-5"), (50, "6-50"))
_FREQUENT = "over 50"

SUBSETS = (
    "seen",
    "unseen",
    *(f"frequency:{name}" for _, name in _FREQUENCIES),
    f"frequency:{_FREQUENT}",
    *(f"unseen:{tier}" for tier in (*TIERS, _NONE)),
    *(f"chapter:{key}" for key in (*CHAPTER_KEYS, _NONE)),
)


@dataclass(frozen=True)
class CodeSubsets:
    """The subsets a code belongs to.

    Attributes:
        training_charts: By corpus and code: charts of the training split that carry the code. A corpus without training labels
            has no entry; to it nothing is seen or unseen, and its codes have their chapter only.
        tiers: Best tier by code.
    """

    training_charts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    tiers: Mapping[str, str] = field(default_factory=dict)

    def of(self, corpus: str, code: str) -> tuple[str, ...]:
        """The subsets of a code on a benchmark of the corpus."""
        code = spelled(code)
        chapter = f"chapter:{_chapter(code)}"
        if (charts := self.training_charts.get(corpus)) is None:
            return (chapter,)
        count = charts.get(code, 0)
        frequency = f"frequency:{next((name for most, name in _FREQUENCIES if count <= most), _FREQUENT)}"
        if count:
            return "seen", frequency, chapter
        return "unseen", f"unseen:{self.tiers.get(code, _NONE)}", frequency, chapter


def code_subsets(counts: pa.Table, pairs: pa.Table) -> CodeSubsets:
    """Subsets by the training split of each corpus and by the knowledge base.

    Args:
        counts: ``corpus/code_counts``.
        pairs: ``knowledge_base/pairs`` (code, tier, is_trainable).
    """
    training: dict[str, dict[str, int]] = {}
    for row in counts.filter(pc.field("split") == "train").to_pylist():
        training.setdefault(row["corpus"], {})[row["code"]] = row["chart_count"]
    trainable = pairs.filter(pc.field("is_trainable")).group_by(["code", "tier"]).aggregate([])
    tiers: dict[str, str] = {}
    for code, tier in zip(trainable["code"].to_pylist(), trainable["tier"].to_pylist(), strict=True):
        tiers[code] = min(tier, tiers.get(code, tier), key=TIERS.index)
    return CodeSubsets(training, tiers)


def _chapter(code: str) -> str:
    try:
        return chapter_of(code).key
    except KeyError:
        return _NONE
