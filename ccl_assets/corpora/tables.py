"""Contracts of the ``corpus`` tables: notes, their codes and their evidence spans as the sources give them."""

import pyarrow as pa

from ccl_assets.tables.contract import BOOLEAN, INTEGER, STRING, Column, TableContract

CORPUS_COLUMN = Column("corpus", STRING, "Corpus partition key, e.g. `sample`.")
CHART_COLUMN = Column("chart_id", STRING, "Admission (chart) the note belongs to.")
DOCUMENT_COLUMN = Column("document_id", STRING, "Note id, unique within the corpus.")
SHARD_COLUMN = Column("note_shard", STRING, "Note shard partition key of the chart, e.g. `shard_07`.")
SOURCE_CODE_COLUMN = Column("source_code", STRING, "The code as the source writes it, which may be of another edition.")
FRAGMENTS = pa.list_(
    pa.field(
        "element",
        pa.struct([pa.field("begin", pa.int32(), nullable=False), pa.field("end", pa.int32(), nullable=False)]),
        nullable=False,
    )
)

DOCUMENTS = TableContract(
    "corpus/documents",
    "Clinical notes, raw text untouched.",
    (
        CORPUS_COLUMN,
        DOCUMENT_COLUMN,
        CHART_COLUMN,
        Column("source", STRING, "Source inside the corpus, e.g. `mimic_iv` or `mdace`."),
        Column("split", STRING, "`train`, `val`, `test`, or `unannotated` for notes that have codes only."),
        Column("category", STRING, "Note category, e.g. `discharge_summary`."),
        Column("text", STRING, "The note, code points as in the source file."),
        Column("character_count", INTEGER, "Code points of the text."),
        Column("text_sha256", STRING, "SHA-256 of the text in UTF-8."),
        Column("is_restricted", BOOLEAN, "Text may not leave this host (data-use agreement)."),
        SHARD_COLUMN,
    ),
    key=("corpus", "document_id"),
    partition_column="corpus",
    has_note_text=True,
    unhashed=("text",),  # text_sha256 stands for it
    cluster_column="note_shard",
)

LABELS = TableContract(
    "corpus/labels",
    "Codes assigned to charts (or to single notes, where the source says so).",
    (
        CORPUS_COLUMN,
        CHART_COLUMN,
        Column("document_id", STRING, "Note the code is assigned to; empty where the source codes the chart.", True),
        Column("position", INTEGER, "Rank in the source, from 1."),
        Column("code", STRING, "Billable ICD-10-CM code of the active release, with its dot."),
        SOURCE_CODE_COLUMN,
        SHARD_COLUMN,
    ),
    key=("corpus", "chart_id", "document_id", "code"),
    partition_column="corpus",
    cluster_column="note_shard",
)

EVIDENCE = TableContract(
    "corpus/evidence",
    "Human-marked spans that support a code, offsets into the raw note.",
    (
        CORPUS_COLUMN,
        CHART_COLUMN,
        DOCUMENT_COLUMN,
        Column("code", STRING, "Billable ICD-10-CM code of the active release, with its dot."),
        SOURCE_CODE_COLUMN,
        Column("begin", INTEGER, "First code point of the first fragment."),
        Column("end", INTEGER, "One past the last code point of the last fragment."),
        Column("fragments", FRAGMENTS, "All fragments, end-exclusive code points, in reading order."),
        Column("evidence_text", STRING, "The fragments as written in the note, joined by one space."),
    ),
    key=("corpus", "document_id", "code", "begin", "end"),
    partition_column="corpus",
    has_note_text=True,
)

CODE_COUNTS = TableContract(
    "corpus/code_counts",
    "Charts of each split that have a code.",
    (
        CORPUS_COLUMN,
        Column("split", STRING, "`train`, `val`, `test`, or `unannotated`."),
        Column("code", STRING, "Billable ICD-10-CM code of the active release, with its dot."),
        Column("chart_count", INTEGER, "Charts of the split with the code."),
    ),
    key=("corpus", "split", "code"),
    partition_column="corpus",
)
