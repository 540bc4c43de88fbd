"""How assets are partitioned: chapters, corpora, note shards, recipes, systems."""

from dagster import AllPartitionMapping, StaticPartitionMapping, StaticPartitionsDefinition

from ccl_assets.coding.systems import SYSTEMS
from ccl_assets.corpora.loaders import CORPORA
from ccl_assets.corpora.note_shards import NOTE_SHARDS
from ccl_assets.icd.chapters import CHAPTER_KEYS
from ccl_assets.sft.recipes import RECIPE_NAMES, load_recipes

CHAPTER = StaticPartitionsDefinition(list(CHAPTER_KEYS))
CORPUS = StaticPartitionsDefinition(list(CORPORA))
NOTE_SHARD = StaticPartitionsDefinition(list(NOTE_SHARDS))
RECIPE = StaticPartitionsDefinition(list(RECIPE_NAMES))
SYSTEM = StaticPartitionsDefinition(list(SYSTEMS))

ALL = AllPartitionMapping()
ADAPTER_OF_SYSTEM = StaticPartitionMapping(
    {recipe: [name for name, system in SYSTEMS.items() if system.recipe == recipe] for recipe in RECIPE_NAMES}
)
# Recipes without spans read no chapter, so that a change of the knowledge base leaves them alone.
CHAPTERS_OF_RECIPE = StaticPartitionMapping(
    {key: [name for name, recipe in load_recipes().items() if recipe.spans.tiers] for key in CHAPTER_KEYS}
)
