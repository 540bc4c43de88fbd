"""How assets are partitioned: chapters, corpora, note shards, recipes, systems."""

from dagster import AllPartitionMapping, StaticPartitionMapping, StaticPartitionsDefinition

from ccl_assets.coding.systems import SYSTEMS
from ccl_assets.corpora.loaders import CORPORA
from ccl_assets.corpora.note_shards import NOTE_SHARDS
from ccl_assets.icd.chapters import CHAPTER_KEYS
from ccl_assets.sft.recipes import RECIPE_NAMES

CHAPTER = StaticPartitionsDefinition(list(CHAPTER_KEYS))
CORPUS = StaticPartitionsDefinition(list(CORPORA))
NOTE_SHARD = StaticPartitionsDefinition(list(NOTE_SHARDS))
RECIPE = StaticPartitionsDefinition(list(RECIPE_NAMES))
SYSTEM = StaticPartitionsDefinition(list(SYSTEMS))

ALL = AllPartitionMapping()
ADAPTER_OF_SYSTEM = StaticPartitionMapping(
    {recipe: [name for name, system in SYSTEMS.items() if system.recipe == recipe] for recipe in RECIPE_NAMES}
)
