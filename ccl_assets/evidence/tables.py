"""Contracts of the evidence tables: gold, silver and synthetic pairs and the knowledge base they form."""

from ccl_assets.corpora.tables import CHART_COLUMN, CORPUS_COLUMN, DOCUMENT_COLUMN
from ccl_assets.evidence.gold.pairs import EXPANSIONS
from ccl_assets.icd.tables import CHAPTER_COLUMN, CODE_COLUMN, RELEASE_COLUMN
from ccl_assets.tables.contract import BOOLEAN, INTEGER, REAL, STRING, STRINGS, Column, TableContract

PAIR_ID = Column("pair_id", STRING, "Hash of tier, code and folded evidence text.")
EVIDENCE_TEXT = Column("evidence", STRING, "Words that support the code.")
PROMPT = Column("prompt_sha256", STRING, "Hash of the prompt template; empty where no model was asked.", True)
MODEL = Column("model", STRING, "Model that answered; empty where no model was asked.", True)

_EXPANSIONS = "; ".join(f"`{name}`: {meaning}" for name, meaning in EXPANSIONS.items()) + "."

GOLD_PAIRS = TableContract(
    "gold/pairs",
    "Evidence-code pairs read off the release itself.",
    (
        RELEASE_COLUMN,
        CHAPTER_COLUMN,
        PAIR_ID,
        CODE_COLUMN,
        EVIDENCE_TEXT,
        Column(
            "source",
            STRING,
            "`title`, `inclusion_term`, `includes`, `default_form` of one of these, `short_form` (the project's own table), or the "
            "index table the term stands in.",
        ),
        Column("term_id", STRING, "Index term id, or code and position of the term."),
        Column("expansion", STRING, "The least certain of the steps: " + _EXPANSIONS),
        Column("steps", STRINGS, "Every step from the term to the code; `direct` where there is none to take."),
        Column(
            "modifier", STRING, "Nonessential modifier of the Index term that the evidence holds.", is_nullable=True
        ),
        Column("rank", INTEGER, "Place among the code's pairs, the best first: what a cap keeps."),
    ),
    key=("pair_id", "source"),
    partition_column="chapter",
)

EXTRACTIONS = TableContract(
    "silver/extractions",
    "Per note and assigned code the span a language model quoted, checked against the note.",
    (
        Column("shard", STRING, "Note shard partition key."),
        CORPUS_COLUMN,
        DOCUMENT_COLUMN,
        CHART_COLUMN,
        Column("source", STRING, "Source inside the corpus, e.g. `mimic_iv`."),
        Column("chapter", STRING, "Chapter of the code; empty where no chapter holds it.", True),
        CODE_COLUMN,
        Column("evidence", STRING, "Verbatim span of the note.", True),
        Column("begin", INTEGER, "First code point.", True),
        Column("end", INTEGER, "One past the last code point.", True),
        Column("status", STRING, "`verbatim`, `repaired`, `ungrounded`, `no_evidence`, `unparsed` or `not_asked`."),
        Column("edit_distance", INTEGER, "Edits between the quoted and the verbatim span.", True),
        PROMPT,
        MODEL,
    ),
    key=("corpus", "document_id", "code"),
    partition_column="shard",
    has_note_text=True,
    cluster_column="chapter",
)

CANDIDATES = TableContract(
    "silver/candidates",
    "Per code the distinct phrases found in notes, with how many notes hold them (the paper's E_c).",
    (
        CHAPTER_COLUMN,
        CODE_COLUMN,
        EVIDENCE_TEXT,
        Column("surface_forms", STRINGS, "The phrase as written in notes, sorted."),
        Column("document_count", INTEGER, "Notes in which the phrase supports the code."),
        Column("labelled_document_count", INTEGER, "Notes mined for the code."),
        Column("no_evidence_count", INTEGER, "Of these, notes without any grounded evidence."),
    ),
    key=("code", "evidence"),
    partition_column="chapter",
    has_note_text=True,
)

SILVER_PAIRS = TableContract(
    "silver/pairs",
    "Refined evidence per code, each row marked by what it is grounded in.",
    (
        RELEASE_COLUMN,
        CHAPTER_COLUMN,
        PAIR_ID,
        CODE_COLUMN,
        EVIDENCE_TEXT,
        Column(
            "grounding",
            STRING,
            "`candidate`, `gold_term`, `human_evidence`, `rewording` of one of these, or `ungrounded`.",
        ),
        Column("rewords", STRING, "The candidate or gold term that a rewording rewords.", True),
        Column(
            "similarity", REAL, "Cosine similarity to it, or to the nearest one an ungrounded phrase may reword.", True
        ),
        Column("is_trainable", BOOLEAN, "Kept for training: grounded rows only."),
        Column("document_count", INTEGER, "Notes that hold the phrase, 0 where it is not a candidate."),
        Column("refined_by", STRING, "`model`, or `frequency` where the model was not asked or gave nothing usable."),
        PROMPT,
        MODEL,
    ),
    key=("pair_id",),
    partition_column="chapter",
    has_note_text=True,
)

COVERAGE = TableContract(
    "synthetic/coverage",
    "Per billable code the tiers that cover it before synthesis.",
    (
        RELEASE_COLUMN,
        CHAPTER_COLUMN,
        CODE_COLUMN,
        Column(
            "family_code",
            STRING,
            "First stem of the codes that differ from it in side, trimester, intent or 7th character only; else the code.",
        ),
        Column("gold_count", INTEGER, "Direct gold pairs."),
        Column("silver_count", INTEGER, "Trainable silver pairs."),
        Column("is_covered", BOOLEAN, "Has a direct gold pair or a trainable silver pair."),
    ),
    key=("code",),
)

NEAREST_CODES = TableContract(
    "synthetic/nearest_codes",
    "For each uncovered code its nearest covered codes, embedding similarity re-ranked by the hierarchy.",
    (
        CHAPTER_COLUMN,
        CODE_COLUMN,
        Column("rank", INTEGER, "1 is nearest."),
        Column("neighbour_code", STRING, "A covered code."),
        Column(
            "relation",
            STRING,
            "The nearest the two share: `family`, `subcategory`, `category`, `block`, `chapter`, `none`.",
        ),
        Column("similarity", REAL, "Cosine similarity of the two codes' texts."),
        Column("tree_distance", INTEGER, "Steps between the codes in the hierarchy of chapters, blocks and codes."),
        Column("score", REAL, "What ranks follow: similarity, adjusted by how the two stand in the hierarchy."),
    ),
    key=("code", "rank"),
    partition_column="chapter",
)

SYNTHETIC_PAIRS = TableContract(
    "synthetic/pairs",
    "Conservative evidence written for codes that no other tier covers.",
    (
        RELEASE_COLUMN,
        CHAPTER_COLUMN,
        PAIR_ID,
        CODE_COLUMN,
        EVIDENCE_TEXT,
        Column("family_code", STRING, "The family that shared one request; as in `synthetic/coverage`."),
        Column("neighbour_code", STRING, "The covered code it was derived from."),
        Column(
            "is_fallback", BOOLEAN, "Made of title and inclusion terms because no generated phrase passed the rules."
        ),
        Column(
            "attempt_count",
            INTEGER,
            "Requests spent on the family: the first and those that gave the reason of a refusal.",
        ),
        PROMPT,
        MODEL,
    ),
    key=("pair_id",),
    partition_column="chapter",
)

KNOWLEDGE_BASE_PAIRS = TableContract(
    "knowledge_base/pairs",
    "All tiers together: duplicates removed, ambiguity and benchmark overlap marked.",
    (
        RELEASE_COLUMN,
        CHAPTER_COLUMN,
        PAIR_ID,
        CODE_COLUMN,
        EVIDENCE_TEXT,
        Column(
            "tier",
            STRING,
            "`gold`, `silver` or `synthetic`: the highest tier that states the pair directly, or at all.",
        ),
        Column("source", STRING, "Source or grounding within the tier."),
        Column("expansion", STRING, "How far the evidence reaches; `direct` for silver and synthetic."),
        Column(
            "resolved_code",
            STRING,
            "Where several codes of the chapter had the text: the one it was given to. Empty where only one has it, "
            "and where the text stays ambiguous.",
            True,
        ),
        Column(
            "is_ambiguous", BOOLEAN, "Several codes of the chapter have the text, and it does not say which is meant."
        ),
        Column(
            "firmness",
            INTEGER,
            "How firmly the text is said of the code: 0 title, 1 Index or short form, 2 default form, 3 inclusion term or includes "
            "note, 4 with a modifier, 5 notes or a model.",
        ),
        Column("document_count", INTEGER, "Notes in which the text supports the code."),
        Column("assigned_count", INTEGER, "Notes mined for the code."),
        Column(
            "share",
            REAL,
            "The code's share of the text among all codes that notes say it of, each counted by the notes that have the code; "
            "empty where no note says it.",
            True,
        ),
        Column("rank", INTEGER, "Place among the code's pairs of its tier, the best first: what a recipe's caps keep."),
        Column(
            "benchmark_overlap",
            STRING,
            "`equal` or `near` to a human span of a test document; a recipe says what of it is trained on.",
            True,
        ),
        Column("is_trainable", BOOLEAN, "Says the code itself, and is neither ambiguous nor given to another code."),
    ),
    key=("pair_id",),
    partition_column="chapter",
    has_note_text=True,
)
