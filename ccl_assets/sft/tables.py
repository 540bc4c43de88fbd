"""Contract of the fine-tuning dataset."""

from ccl_assets.tables.contract import BOOLEAN, INTEGER, STRING, STRINGS, Column, TableContract

DATASET = TableContract(
    "sft/dataset",
    "Prompt and completion of every training and validation example of a recipe.",
    (
        Column("recipe", STRING, "Recipe partition key."),
        Column("example_id", STRING, "Hash of recipe, kind, prompt, completion and number of the copy."),
        Column("split", STRING, "`train` or `val`."),
        Column("kind", STRING, "`document` (note in, evidence and codes out) or `span` (evidence in, code out)."),
        Column("tier", STRING, "`human`, `gold`, `silver` or `synthetic`."),
        Column("prompt", STRING, "The user turn, before the chat template."),
        Column("completion", STRING, "What the model must produce."),
        Column("codes", STRINGS, "Codes in the completion, in order."),
        Column("document_id", STRING, "`corpus/document` of a document example.", True),
        Column("part_begin", INTEGER, "First code point of the part of the note shown; empty where it is whole.", True),
        Column("part_end", INTEGER, "One past its last code point.", True),
        Column("pair_id", STRING, "Knowledge-base pair of a span example.", True),
        Column("prompt_token_count", INTEGER, "Tokens of the rendered prompt, template included."),
        Column("completion_token_count", INTEGER, "Tokens of the completion, end token included."),
        Column("is_restricted", BOOLEAN, "Quotes a note that may not leave this host."),
    ),
    key=("example_id",),
    partition_column="recipe",
    has_note_text=True,
    unhashed=("prompt", "completion"),  # example_id stands for them
)

RECIPES = TableContract(
    "sft/recipes",
    "The settings of every recipe as the profile has them.",
    (
        Column("recipe", STRING, "Recipe partition key."),
        Column("setting", STRING, "Name, with those of the tables around it, e.g. `training.lora.rank`."),
        Column("value", STRING, "Value as JSON."),
    ),
    key=("recipe", "setting"),
    partition_column="recipe",
)
