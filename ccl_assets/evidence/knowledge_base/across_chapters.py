"""Texts that pairs of several chapters have; a chapter's part of the knowledge base cannot know of them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ccl_assets.evidence.knowledge_base.shares import Claim, owner
from ccl_assets.text.folding import fold

ACROSS_COLUMNS = ("pair_id", "code", "evidence", "firmness", "document_count", "assigned_count", "is_trainable")


def ambiguous_across(pairs: pa.Table) -> set[str]:
    """Ids of trainable pairs whose text another chapter trains on for another code.

    A chapter's table cannot know of the others. It is decided as within a chapter: the firmest statement goes first, then the
    code that notes say the text of at least half of the time. A text that so belongs to one code stays with it, and only the
    others are returned.

    Args:
        pairs: ``ACROSS_COLUMNS`` of ``knowledge_base/pairs`` of any number of chapters.
    """
    pairs = pairs.filter(pairs["is_trainable"]).select(list(ACROSS_COLUMNS))
    texts = pairs["evidence"].combine_chunks().dictionary_encode()
    folded = pa.array([fold(text) for text in texts.dictionary.to_pylist()], pa.string())
    pairs = pairs.append_column("text", folded.take(texts.indices))
    by_text = pairs.group_by("text").aggregate([("code", "count_distinct")])
    shared = by_text.filter(pc.greater(by_text["code_count_distinct"], 1))["text"].combine_chunks()
    rivals: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in pairs.filter(pc.is_in(pairs["text"], value_set=shared)).to_pylist():
        rivals[row["text"]].append(row)
    left_out: set[str] = set()
    for rows in rivals.values():
        claims: dict[str, Claim] = {}
        for row in rows:
            claim = Claim(row["firmness"], row["document_count"], row["assigned_count"])
            claims[row["code"]] = min(claim, claims.get(row["code"], claim))
        kept = owner(claims)
        left_out |= {row["pair_id"] for row in rows if row["code"] != kept}
    return left_out
