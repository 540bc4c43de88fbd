"""Cross-references of the Index resolved to terms, where they lead there without a doubt.

A ``see`` names the path of another term: "Fracture, arm, upper". It is sought among the titles step by step, from literal to
lenient (:data:`ccl_assets.icd.index.tree.STEPS`), and settled by the first step at which any term fits, if exactly one does. So
a more literal fit always wins, and where several fit nothing is chosen, with two exceptions: terms printed twice with the same
path and code are one; and of terms under several main terms of one name ("Fracture, traumatic", "Fracture, pathological")
that one is meant which stands under the reference's own main term. What is found is the printed target, which may refer on:
:func:`follow` leads to the end of the chain.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ccl_assets.icd.index.reference_resolution import OUTCOMES, RESOLVED, CrossReferences
from ccl_assets.icd.index.words import forget_words

Row = dict[str, Any]


def resolve(rows: Sequence[Row]) -> list[Row]:
    """Fill in targets and outcomes of all cross-references.

    Args:
        rows: Rows of ``icd/index_terms``, all sources of a release together, in their order. They are left as they are.

    Returns:
        The rows in the same order; those with a reference are new. Takes about 2 s for a release of 143,000 rows.
    """
    references = CrossReferences(rows)
    resolved = [_resolved(row, references) if row["see"] or row["see_also"] else row for row in rows]
    forget_words()
    return resolved


def _resolved(row: Row, references: CrossReferences) -> Row:
    row = dict(row)
    for column in ("see", "see_also"):
        if row[column]:
            found = references.resolve(row["source"], row["term_id"], row[column])
            row[f"{column}_target_ids"], row[f"{column}_outcome"] = list(found.target_ids), found.outcome
    return row


def follow(terms: Mapping[str, Mapping[str, Any]], term_id: str) -> list[str]:
    """Ids of the terms at the end of a chain of ``see``; a circle ends where it closes.

    Only settled references are followed: one that leaves a choice by site or type ends the chain, and leads nowhere.

    Args:
        terms: Resolved rows by their id.
        term_id: Where to start.
    """
    ends: list[str] = []
    seen: set[str] = set()
    waiting = [term_id]
    while waiting:
        current = waiting.pop(0)
        if current in seen:
            continue
        seen.add(current)
        row = terms[current]
        if current != term_id and (row["code"] or not row["see"]):
            ends.append(current)
        elif row["see_outcome"] in RESOLVED:
            waiting.extend(row["see_target_ids"])
    return ends


def unresolved_by_reason(rows: Iterable[Mapping[str, Any]], column: str = "see", shown: int = 5) -> list[Row]:
    """References that lead to no term, counted by why.

    Args:
        rows: Resolved rows.
        column: ``see`` or ``see_also``.
        shown: Most frequent printed references to show of each.

    Returns:
        ``reason``, ``meaning``, ``count`` and ``examples`` (each with ``see``, ``count`` and the first ``term_id``), largest
        count first.
    """
    counts: Counter[str] = Counter()
    printed: defaultdict[str, Counter[str]] = defaultdict(Counter)
    first: dict[tuple[str, str], str] = {}
    for row in rows:
        reason = row[f"{column}_outcome"]
        if reason and not row[f"{column}_target_ids"]:
            counts[reason] += 1
            printed[reason][row[column]] += 1
            first.setdefault((reason, row[column]), row["term_id"])
    return [
        {
            "reason": reason,
            "meaning": OUTCOMES[reason],
            "count": count,
            "examples": [
                {column: text, "count": number, "term_id": first[reason, text]}
                for text, number in printed[reason].most_common(shown)
            ],
        }
        for reason, count in counts.most_common()
    ]
