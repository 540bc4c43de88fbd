"""Texts that pairs of several chapters have; a chapter's part of the knowledge base cannot know of them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from ccl_assets.text.folding import fold


def ambiguous_across(pairs: pa.Table) -> set[str]:
    """Ids of trainable pairs whose text another chapter trains on for another code.

    A chapter's table cannot know of the others. As within a chapter, the full title of a code comes first, then a term of
    the release; a text that one code alone has in the highest of these stays with it, and only the others are returned.

    Args:
        pairs: Rows of ``knowledge_base/pairs`` of any number of chapters (pair_id, code, evidence, tier, source,
            is_trainable).
    """
    pairs = pairs.filter(pairs["is_trainable"]).select(["pair_id", "code", "evidence", "tier", "source"])
    is_gold = pc.equal(pairs["tier"], "gold")
    is_title = pc.and_(is_gold, pc.equal(pairs["source"], "title"))
    firm = pc.if_else(is_title, 0, pc.if_else(is_gold, 1, 2))
    texts = pairs["evidence"].combine_chunks().dictionary_encode()
    folded = pa.array([fold(text) for text in texts.dictionary.to_pylist()], pa.string())
    table = pa.table(
        {"pair_id": pairs["pair_id"], "code": pairs["code"], "text": folded.take(texts.indices), "firm": firm}
    )
    by_text = table.group_by("text").aggregate([("code", "count_distinct"), ("firm", "min")])
    shared = by_text.filter(pc.greater(by_text["code_count_distinct"], 1)).select(["text", "firm_min"])
    rivals = table.join(shared, "text", join_type="inner")
    firmest = rivals.filter(pc.equal(rivals["firm"], rivals["firm_min"]))
    owners = firmest.group_by("text").aggregate([("code", "count_distinct")])
    owned = owners.filter(pc.equal(owners["code_count_distinct"], 1))["text"].combine_chunks()
    stays = pc.and_(pc.is_in(rivals["text"], value_set=owned), pc.equal(rivals["firm"], rivals["firm_min"]))
    return set(rivals.filter(pc.invert(stays))["pair_id"].to_pylist())
