"""A small code location for test_backfills.py: letters of a chapter and their count, as tables of the project's building blocks.

A letters run waits for a second one before it writes, so that two runs commit to the table at the same time. It fails where
the folder holds a file ``fail_<chapter>``.
"""

import os
import time
from pathlib import Path

import dagster as dg

from ccl_assets.io_managers.delta_tables import DeltaTables
from ccl_assets.io_managers.table_io_manager import TableIOManager
from ccl_assets.lakehouse.table_asset import TableResult, inputs, table_asset
from ccl_assets.tables.contract import INTEGER, STRING, Column, TableContract

FOLDER = Path(os.environ["BACKFILL_FOLDER"])
CHAPTERS = ("A", "B", "C", "D", "E")
CHAPTER = dg.StaticPartitionsDefinition(list(CHAPTERS))
CHAPTER_COLUMN = Column("chapter", STRING, "Partition.")
LETTERS = TableContract(
    "gold/letters", "Test.", (CHAPTER_COLUMN, Column("letter", STRING, "Letter."), Column("process", INTEGER, "Process.")),
    ("chapter", "letter"), "chapter",
)  # fmt: skip
COUNTS = TableContract(
    "gold/counts", "Test.", (CHAPTER_COLUMN, Column("count", INTEGER, "Letters.")), ("chapter",), "chapter"
)


def rendezvous(name, seconds=10.0):
    """Wait until another run is here, or for some seconds: the last one is alone."""
    here = FOLDER / "here"
    here.mkdir(exist_ok=True)
    (here / name).touch()
    until = time.monotonic() + seconds
    while len(list(here.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.05)


@table_asset(LETTERS, code_version="1", description="", kinds=set(), partitions_def=CHAPTER)
def letters(context) -> TableResult:
    chapter = context.partition_key
    if (FOLDER / f"fail_{chapter}").exists():
        raise RuntimeError(f"the disk of {chapter} is full")
    rendezvous(chapter)
    return TableResult([{"chapter": chapter, "letter": letter, "process": os.getpid()} for letter in "xyz"])


@table_asset(COUNTS, code_version="1", description="", kinds=set(), ins=inputs(letters=LETTERS), partitions_def=CHAPTER)
def counts(context, letters) -> TableResult:
    return TableResult([{"chapter": context.partition_key, "count": letters.num_rows}])


defs = dg.Definitions(
    assets=[letters, counts],
    resources={
        "tables": TableIOManager(DeltaTables(str(FOLDER / "lakehouse")), {c.name: c for c in (LETTERS, COUNTS)})
    },
    executor=dg.in_process_executor,
)
