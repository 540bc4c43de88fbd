"""Partitions of fine-tuning: the recipes, and which chapters each of them reads."""

from dagster import StaticPartitionMapping, StaticPartitionsDefinition

from ccl_assets.icd.chapters import CHAPTER_KEYS
from ccl_assets.sft.recipes import RECIPE_NAMES, load_recipes

RECIPE = StaticPartitionsDefinition(list(RECIPE_NAMES))
# Recipes without spans read no chapter, so that a change of the knowledge base leaves them alone.
CHAPTERS_OF_RECIPE = StaticPartitionMapping(
    {key: [name for name, recipe in load_recipes().items() if recipe.spans.tiers] for key in CHAPTER_KEYS}
)
