"""Partitions of the ontology: the 22 chapters of ICD-10-CM."""

from dagster import StaticPartitionsDefinition

from ccl_assets.icd.chapters import CHAPTER_KEYS

CHAPTER = StaticPartitionsDefinition(list(CHAPTER_KEYS))
