"""Partitions of linking: the rungs of the ladder, each with the tiers of terms below it."""

from dagster import StaticPartitionsDefinition

from ccl_assets.linking.rungs import RUNGS

RUNG = StaticPartitionsDefinition(list(RUNGS))
