"""Contracts of the ``icd`` tables: the ontology as the release states it, nothing inferred from notes."""

from dataclasses import replace

from ccl_assets.tables.contract import BOOLEAN, INTEGER, LONG, STRING, STRINGS, Column, TableContract

RELEASE_COLUMN = Column("release", STRING, "Release label, e.g. `FY2026-April`.")
CHAPTER_COLUMN = Column("chapter", STRING, "Chapter partition key, e.g. `09_I00-I99`.")
CODE_COLUMN = Column("code", STRING, "ICD-10-CM code with its dot, e.g. `I50.23`.")

RELEASE = TableContract(
    "icd/release",
    "The source files of the active ICD-10-CM release, one row per file.",
    (
        RELEASE_COLUMN,
        Column(
            "role",
            STRING,
            "`tabular`, `index`, `neoplasm`, `drug`, `external_cause`, `order_file`, `guidelines`, `conversion_table`.",
        ),
        Column("file_name", STRING, "Name of the file, inside its archive where it came in one."),
        Column("byte_count", LONG, "Size in bytes."),
        Column("sha256", STRING, "SHA-256 of the content."),
    ),
    key=("role", "file_name"),
)

CODES = TableContract(
    "icd/codes",
    "Every code of the release, headers and billable, 7th-character codes expanded.",
    (
        RELEASE_COLUMN,
        CODE_COLUMN,
        Column("parent_code", STRING, "Code one level up; empty for a category.", is_nullable=True),
        CHAPTER_COLUMN,
        Column("chapter_title", STRING, "Title of the chapter."),
        Column("block", STRING, "Block (section) of the Tabular List, e.g. `I30-I5A`."),
        Column("block_title", STRING, "Title of the block."),
        Column("category", STRING, "Three-character category."),
        Column("level", INTEGER, "Characters of the code without its dot, 3 to 7."),
        Column("title", STRING, "Title in the Tabular List; for an expanded code that of its stem."),
        Column("long_title", STRING, "Full title, the 7th character's meaning included."),
        Column("is_billable", BOOLEAN, "Whether the code is valid for submission (has nothing below it)."),
        Column("is_expanded", BOOLEAN, "Composed of a stem and a 7th character, so not printed in the Tabular List."),
        Column("stem_code", STRING, "The printed code that was expanded.", is_nullable=True),
        Column("seventh_character", STRING, "The appended 7th character.", is_nullable=True),
        Column("inclusion_terms", STRINGS, "Inclusion terms printed at this code (none for an expanded code)."),
        Column("includes", STRINGS, "Includes notes printed at this code (none for an expanded code)."),
    ),
    key=("code",),
)

CHAPTER_CODES = replace(
    CODES,
    name="icd/chapter_codes",
    description="The codes of one chapter, so that what reads one chapter does not read the others.",
    partition_column="chapter",
)

BILLABLE_CODES = TableContract(
    "icd/billable_codes",
    "Which codes may be assigned, and nothing of what the release says of them.",
    (RELEASE_COLUMN, CODE_COLUMN),
    key=("code",),
)

BILLABLE_TITLES = TableContract(
    "icd/billable_titles",
    "Full title of each code that may be assigned.",
    (
        RELEASE_COLUMN,
        CODE_COLUMN,
        Column("long_title", STRING, "Full title, the 7th character's meaning included."),
    ),
    key=("code",),
)

INSTRUCTIONS = TableContract(
    "icd/instructions",
    "Instructional notes of the Tabular List where they are printed; they apply to the whole subtree.",
    (
        RELEASE_COLUMN,
        Column("instruction_id", STRING, "Positional id."),
        Column("scope", STRING, "`chapter`, `block` or `code`."),
        Column("subject", STRING, "Chapter key, block or code that carries the note."),
        Column(
            "kind",
            STRING,
            "`includes`, `excludes1`, `excludes2`, `code_first`, `use_additional_code`, `code_also`, `notes`, "
            "`seventh_character_note`.",
        ),
        Column("instruction_text", STRING, "The note as printed."),
        Column("referenced_codes", STRINGS, "Codes and ranges named in the note, as printed."),
        Column(
            "reference_first",
            STRINGS,
            "First code of each reference, without its dash; the reference holds everything below its codes.",
        ),
        Column("reference_last", STRINGS, "Last code of each reference; the first again where it is no range."),
    ),
    key=("instruction_id",),
)

_OUTCOMES = (
    "`resolved`; `resolved_spelling` (a misprint); `resolved_choice` (the reader chooses by site or type below the target, whose "
    "own code is not meant); without targets `by_site_or_type`, `ambiguous`, `not_found`, `self_reference`, `instruction`, "
    "`codes`, `table`."
)

INDEX_TERMS = TableContract(
    "icd/index_terms",
    "Terms of the Alphabetic Index and of the Neoplasm, Drug and External-cause tables; empty where a release has none.",
    (
        RELEASE_COLUMN,
        Column("term_id", STRING, "Positional id: source and the position of each level, e.g. `index/A/12/3`."),
        Column("source", STRING, "`alphabetic_index`, `neoplasm_table`, `drug_table` or `external_cause_index`."),
        Column("path", STRINGS, "Lead term and subterms down to this one, nonessential modifiers left out."),
        Column("nonessential_modifiers", STRINGS, "Words in parentheses at this term; they do not change the code."),
        Column("cell", STRING, "Column of the Neoplasm or Drug table.", is_nullable=True),
        Column("code", STRING, "Default code as printed, dash forms kept.", is_nullable=True),
        Column("manifestation_code", STRING, "Second, bracketed code.", is_nullable=True),
        Column(
            "see_category",
            STRING,
            "Category that the term says to see, or a code in its title.",
            is_nullable=True,
        ),
        Column("see", STRING, "`see` cross-reference as printed.", is_nullable=True),
        Column("see_target_ids", STRINGS, "Terms that `see` leads to, where it leads there without a doubt."),
        Column("see_outcome", STRING, f"What came of `see`: {_OUTCOMES}", is_nullable=True),
        Column("see_also", STRING, "`see also` cross-reference as printed.", is_nullable=True),
        Column("see_also_target_ids", STRINGS, "Terms that `see also` leads to, where it leads there without a doubt."),
        Column("see_also_outcome", STRING, "What came of `see also`, in the same words.", is_nullable=True),
    ),
    key=("term_id",),
)

CHAPTER_INDEX_TERMS = replace(
    INDEX_TERMS,
    name="icd/chapter_index_terms",
    description="The Index terms that may lead to codes of one chapter, with those that they refer to.",
    columns=(CHAPTER_COLUMN, *INDEX_TERMS.columns),
    key=("chapter", "term_id"),
    partition_column="chapter",
)

GUIDELINES = TableContract(
    "icd/guidelines",
    "Sections of the Official Guidelines; empty where the release carries none.",
    (
        RELEASE_COLUMN,
        Column("section_id", STRING, "Position in the outline, e.g. `I.C.9.a`."),
        Column("title", STRING, "Heading of the section."),
        Column("chapter", STRING, "Chapter key of a chapter-specific section.", is_nullable=True),
        Column("section_text", STRING, "Text of the section."),
    ),
    key=("section_id",),
)

RELEASE_DIFF = TableContract(
    "icd/release_diff",
    "What changed between the previous and the active release; empty where no previous release is configured.",
    (
        RELEASE_COLUMN,
        Column("previous_release", STRING, "Label of the release compared with."),
        Column("change_id", STRING, "Positional id."),
        Column(
            "change",
            STRING,
            "`code_added`, `code_deleted`, `code_retitled` (billable codes); `instruction_added`, `instruction_removed`.",
        ),
        CHAPTER_COLUMN,
        Column("subject", STRING, "The code; for an instruction the chapter key, block or code that carries it."),
        Column("kind", STRING, "Kind of instruction; empty for codes.", is_nullable=True),
        Column("before", STRING, "Long title or instruction in the previous release.", is_nullable=True),
        Column("after", STRING, "Long title or instruction in the active release.", is_nullable=True),
    ),
    key=("change_id",),
)

CROSSWALK = TableContract(
    "icd/crosswalk",
    "Codes that were billable once and are not in the active release, and what became of them.",
    (
        RELEASE_COLUMN,
        Column("old_code", STRING, "A code that is not billable in the active release."),
        Column("new_code", STRING, "A billable successor; empty where none is known.", is_nullable=True),
        Column("successor_count", INTEGER, "Successors of the old code; above 1 the old code does not say which."),
        Column("rule", STRING, "`official` (conversion table), the successor rule that was applied, or `unmapped`."),
        Column("effective_year", INTEGER, "Fiscal year the new code came into force, where known.", is_nullable=True),
    ),
    key=("old_code", "new_code"),
)
