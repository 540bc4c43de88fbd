"""Assets of the corpora: one pass over a corpus gives its documents, labels and evidence."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import dagster as dg
import pyarrow as pa

from ccl_assets.corpora import checks
from ccl_assets.corpora.documents import LoadCounts
from ccl_assets.corpora.edition import Edition
from ccl_assets.corpora.loaders import CORPORA, CorpusPaths, read, source_files
from ccl_assets.corpora.partitions import CORPUS
from ccl_assets.corpora.readers import reader_modules
from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS
from ccl_assets.icd.changes.crosswalk import Crosswalk
from ccl_assets.icd.tables import BILLABLE_CODES, CROSSWALK
from ccl_assets.io_managers.row_spool import RowSpool
from ccl_assets.io_managers.table_io_manager import TableIOManager
from ccl_assets.lakehouse.documentation import describe, read_on
from ccl_assets.lakehouse.groups import group_of
from ccl_assets.lakehouse.table_asset import SOURCE_KIND, TABLES, Input, TableResult, inputs, table_multi_asset
from ccl_assets.resources.file_hashes import FileHashes

SOURCE_KEY = dg.AssetKey(["source", "corpus_files"])
_SHOWN_ROWS = 5


@dg.observable_source_asset(
    key=SOURCE_KEY,
    group_name=group_of("source").name,
    partitions_def=CORPUS,
    description=describe(
        "source/corpus_files",
        "Files of each corpus on disk.",
        "Observed, not computed: the data version is the hash of their content. A corpus is configured by its path (`CCL_MDACE`, "
        "…); the sample always is.",
    ),
    metadata=read_on("corpus/files"),
    tags=SOURCE_KIND,
    required_resource_keys={"corpus_paths", "file_hashes"},
)
def corpus_files(context: dg.OpExecutionContext) -> dg.DataVersionsByPartition:
    """Hash the files of every configured corpus."""
    return dg.DataVersionsByPartition(corpus_versions(context.resources.corpus_paths, context.resources.file_hashes))


def corpus_versions(paths: CorpusPaths, hashes: FileHashes) -> dict[str, str]:
    """Content hash of each configured corpus.

    Raises:
        CorpusFormatError: A configured path does not exist.
    """
    return {name: hashes.digest(source_files(name, paths)) for name in configured_corpora(paths)}


def configured_corpora(paths: CorpusPaths) -> list[str]:
    """Corpora whose paths are set; the sample always is."""
    return [name for name, source in CORPORA.items() if source.is_configured(paths)]


@table_multi_asset(
    {
        "documents": (DOCUMENTS, "In their splits; test notes are in no training table.", (checks.rows_readable,)),
        "labels": (
            LABELS,
            "A code that the release does not have as billable is replaced by its one successor, "
            "else left out, counted.",
            (checks.labels_of_known_notes,),
        ),
        "evidence": (
            EVIDENCE,
            "Every span is compared with the note it is said to stand in.",
            (checks.offsets_inside_notes,),
        ),
    },
    name="corpus",
    also=reader_modules(),
    kinds={"python"},
    ins=inputs(
        codes=Input(BILLABLE_CODES, columns=("code",), carries=("code",)),
        crosswalk=Input(
            CROSSWALK, columns=("old_code", "new_code", "successor_count", "rule"), carries=("code=new_code",)
        ),
    ),
    deps=[SOURCE_KEY],
    partitions_def=CORPUS,
    required_resource_keys={"corpus_paths", TABLES},
)
def corpus(
    context: dg.AssetExecutionContext, codes: pa.Table, crosswalk: pa.Table
) -> Iterator[tuple[str, TableResult]]:
    """Take in one corpus, note by note."""
    tables: TableIOManager = context.resources.tables
    edition = Edition(frozenset(codes["code"].to_pylist()), Crosswalk.from_table(crosswalk))
    counts = LoadCounts()
    charts: set[str] = set()
    splits: Counter[str] = Counter()
    characters = 0
    distinct_codes: set[str] = set()
    misquoted: list[str] = []
    stray: list[str] = []
    is_open = True
    with ExitStack() as opened:
        documents, labels, evidence = (
            opened.enter_context(tables.spool(contract)) for contract in (DOCUMENTS, LABELS, EVIDENCE)
        )
        for note in map(edition.apply, read(context.partition_key, context.resources.corpus_paths, counts)):
            documents.append(note.document.row())
            for label in note.labels:
                labels.append(label.row())
                distinct_codes.add(label.code)
            for span in note.evidence:
                evidence.append(span.row())
            charts.add(note.document.chart_id)
            splits[note.document.split] += 1
            characters += len(note.document.text)
            misquoted += checks.misquotes(note)
            stray += checks.strays(note)
            is_open = is_open and not note.document.is_restricted
        opened.pop_all()  # the rows are complete: whoever stores or refuses them closes the spools
    figures = {
        "charts": len(charts),
        "characters": characters,
        **{f"split_{split}": count for split, count in sorted(splits.items())},
        **counts.metadata(),
    }
    yield "documents", TableResult(documents, figures, [checks.rows_readable(counts)], _shown(documents, is_open))
    metadata = {"distinct_codes": len(distinct_codes), **edition.labels.metadata()}
    yield "labels", TableResult(labels, metadata, [checks.labels_of_known_notes(labels.num_rows, stray)])
    yield (
        "evidence",
        TableResult(
            evidence,
            edition.evidence.metadata(),
            [checks.offsets_inside_notes(evidence.num_rows, misquoted)],
            _shown(evidence, is_open),
        ),
    )


def _shown(rows: RowSpool, is_open: bool) -> pa.Table | None:
    return rows.head(_SHOWN_ROWS) if is_open else None


ASSETS = [corpus_files, corpus]
