"""Partitions of the corpora: the corpora themselves, and note shards."""

from dagster import StaticPartitionsDefinition

from ccl_assets.corpora.loaders import CORPORA
from ccl_assets.corpora.note_shards import NOTE_SHARDS

CORPUS = StaticPartitionsDefinition(list(CORPORA))
NOTE_SHARD = StaticPartitionsDefinition(list(NOTE_SHARDS))
