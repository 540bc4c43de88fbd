"""The official measures of CodiEsp (CLEF eHealth 2020), for benchmarks whose charts are single notes; diagnoses only.

- **D**: mean average precision over the notes that have codes, in the order a system gives its codes (the micro-F1 of task D is
  ``micro_f1`` of the unit ``note``).
- **X**: a pair of note and code is found if one of its predicted references begins 0 to 10 characters before a human reference
  of that code and ends 0 to 10 after it. Of a discontinuous reference the outermost positions count; one hit is enough.

As in the official scripts, codes outside the release are dropped first: ``valid_code_rate`` says how many. Where this departs
from them: a note without any answer counts as 0 (trectools averages over the notes answered, which rewards silence); parts of a
reference listed out of order are sorted first (16 of 3,431 of the dev set); a code without a located quote, which could not be
submitted to task X, can hit nothing and is a false positive.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

from ccl_assets.evaluation.scoring.spans import EvidenceSpan

TOLERANCE = 10


def average_precision(ranked: Sequence[str], gold: Set[str]) -> float:
    """Precision at each gold code found, averaged over all gold codes, missed ones as 0.

    Args:
        ranked: Distinct codes, best first.
        gold: At least one code.
    """
    found, total = 0, 0.0
    for rank, code in enumerate(ranked, start=1):
        if code in gold:
            found += 1
            total += found / rank
    return total / len(gold)


def located_codes(
    gold: Iterable[EvidenceSpan], predicted: Iterable[EvidenceSpan], codes: Set[str]
) -> tuple[int, int, int]:
    """True positives, false positives and false negatives of task X in one note.

    Args:
        gold: Human references.
        predicted: Quotes of the system.
        codes: Codes it predicted, quoted or not, those outside the release left out.
    """
    wanted: dict[str, list[tuple[int, int]]] = {}
    for span in gold:
        wanted.setdefault(span.code, []).append(_outermost(span))
    hits = {
        span.code
        for span in predicted
        if span.fragments
        and span.code in codes
        and any(_covers(_outermost(span), it) for it in wanted.get(span.code, ()))
    }
    return len(hits), len(codes) - len(hits), len(wanted) - len(hits)


def _outermost(span: EvidenceSpan) -> tuple[int, int]:
    return span.fragments[0][0], max(end for _, end in span.fragments)


def _covers(predicted: tuple[int, int], gold: tuple[int, int]) -> bool:
    return 0 <= gold[0] - predicted[0] <= TOLERANCE and 0 <= predicted[1] - gold[1] <= TOLERANCE
