"""Note shards: what steps that ask a language model about every note are partitioned by."""

from __future__ import annotations

import hashlib

NOTE_SHARD_COUNT = 32  # never above 99: Dagster's staleness goes blind at 100 upstream partitions
NOTE_SHARDS = tuple(f"shard_{number:02d}" for number in range(NOTE_SHARD_COUNT))
# A small corpus fills few shards, so that each of its shards holds a batch worth of notes.
_SHARDS_OF_CORPUS = {"sample": 1}


def note_shard(corpus: str, chart_id: str) -> str:
    """Shard of an admission: all its notes fall into one, independent of the order of arrival."""
    number = int.from_bytes(hashlib.sha256(chart_id.encode()).digest()[:8], "big")
    return NOTE_SHARDS[number % _SHARDS_OF_CORPUS.get(corpus, NOTE_SHARD_COUNT)]
