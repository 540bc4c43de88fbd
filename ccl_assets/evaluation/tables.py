"""Contracts of the evaluation tables: what systems predicted, and how it scores."""

import pyarrow as pa

from ccl_assets.corpora.tables import CHART_COLUMN, CORPUS_COLUMN, DOCUMENT_COLUMN
from ccl_assets.tables.contract import BOOLEAN, INTEGER, REAL, STRING, STRINGS, Column, TableContract

PLACE = pa.struct([pa.field("begin", pa.int32(), nullable=False), pa.field("end", pa.int32(), nullable=False)])
PREDICTED_CODES = pa.list_(
    pa.field(
        "element",
        pa.struct(
            [
                pa.field("code", pa.string(), nullable=False),
                pa.field("is_valid", pa.bool_(), nullable=False),
                pa.field("evidence", pa.string()),
                pa.field("begin", pa.int32()),
                pa.field("end", pa.int32()),
                pa.field("evidence_status", pa.string(), nullable=False),
                pa.field("confidence", pa.float64()),
                pa.field("repaired_from", pa.string()),
                pa.field("places", pa.list_(pa.field("element", PLACE, nullable=False))),
                pa.field("why", pa.string()),
            ]
        ),
        nullable=False,
    )
)
SYSTEM = Column("system", STRING, "System partition key.")

PREDICTIONS = TableContract(
    "eval/predictions",
    "What a system answered for each benchmark document.",
    (
        SYSTEM,
        CORPUS_COLUMN,
        Column("split", STRING, "Split of the benchmark, e.g. `test`."),
        DOCUMENT_COLUMN,
        CHART_COLUMN,
        Column("raw_output", STRING, "The system's own words.", True),
        Column(
            "predictions",
            PREDICTED_CODES,
            "Distinct codes in the order given: `is_valid` (billable in the release), quoted evidence with offsets, "
            "`evidence_status` (`verbatim`, `repaired`, `ungrounded`, `none`), `confidence` (probability of the code's tokens, or "
            "share of runs that gave it, or calibrated), `repaired_from` (the invalid code as written, where it was replaced), "
            "`places` (all that are known), `why` (what speaks for it).",
        ),
        Column("problems", STRINGS, "What the parser had to say of the output, one reason code each."),
        Column("prompt_token_count", INTEGER, "Tokens read, 0 for systems without a model."),
        Column("completion_token_count", INTEGER, "Tokens written, 0 for systems without a model."),
        Column("seconds", REAL, "Wall time for the document; a batch's time is shared evenly."),
        Column("model", STRING, "Model name, adapter included; empty for systems without a model.", True),
        Column("prompt_sha256", STRING, "Hash of the prompt template.", True),
        Column("was_asked", BOOLEAN, "False where the profile's limit left the document out."),
    ),
    key=("system", "corpus", "document_id"),
    partition_column="system",
    has_note_text=True,
    unhashed=("seconds",),
)

SCORES = TableContract(
    "eval/scores",
    "Every figure with its unit, label space, macro convention and interval.",
    (
        SYSTEM,
        Column("benchmark", STRING, "`corpus/split`."),
        Column("unit", STRING, "`chart`, `note` or `discharge`."),
        Column(
            "label_space",
            STRING,
            "`release` (all billable codes) or `gold` (predictions outside the split's codes dropped).",
        ),
        Column("macro_convention", STRING, "`gold`, `any`, or `none` for figures that are not macro averages."),
        Column("metric", STRING, "Name of the figure, e.g. `micro_f1`."),
        Column(
            "subset",
            STRING,
            "Codes the figure is about: `all`, `seen` or `unseen` in the corpus's training labels, `unseen:gold` (best tier of the "
            "knowledge base), `frequency:1-5` (training labels), `chapter:09_I00-I99`.",
        ),
        Column("value", REAL, "The figure, 0 to 1 for rates.", True),
        Column("lower", REAL, "Lower end of the 95 % bootstrap interval.", True),
        Column("upper", REAL, "Upper end of the 95 % bootstrap interval.", True),
        Column("document_count", INTEGER, "Units scored."),
        Column("resample_count", INTEGER, "Bootstrap resamples, 0 where no interval is given."),
    ),
    key=("system", "benchmark", "unit", "label_space", "macro_convention", "metric", "subset"),
    partition_column="system",
)
