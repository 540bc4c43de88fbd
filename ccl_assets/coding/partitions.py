"""Partitions of coding: the systems, and the adapter each of them uses."""

from dagster import StaticPartitionMapping, StaticPartitionsDefinition

from ccl_assets.coding.systems import SYSTEMS
from ccl_assets.linking.rungs import RUNGS
from ccl_assets.sft.recipes import RECIPE_NAMES

SYSTEM = StaticPartitionsDefinition(list(SYSTEMS))
ADAPTER_OF_SYSTEM = StaticPartitionMapping(
    {recipe: [name for name, system in SYSTEMS.items() if system.recipe == recipe] for recipe in RECIPE_NAMES}
)
CODER_OF_SYSTEM = StaticPartitionMapping(
    {rung: [name for name, system in SYSTEMS.items() if system.rung == rung] for rung in RUNGS}
)
