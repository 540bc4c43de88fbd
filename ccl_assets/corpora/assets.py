"""Assets of the corpora: one load of a corpus gives its documents, labels and evidence."""

from collections import Counter
from collections.abc import Iterator

import dagster as dg
import pyarrow as pa

from ccl_assets.code_versions import code_version
from ccl_assets.corpora import checks
from ccl_assets.corpora.loaders import CORPORA, CorpusPaths, load, source_files
from ccl_assets.corpora.tables import DOCUMENTS, EVIDENCE, LABELS
from ccl_assets.icd.tables import CODES
from ccl_assets.partitions import CORPUS
from ccl_assets.resources.file_hashes import FileHashes
from ccl_assets.table_asset import TableResult, inputs, table_multi_asset

SOURCE_KEY = dg.AssetKey(["source", "corpus_files"])


@dg.observable_source_asset(
    key=SOURCE_KEY,
    group_name="source",
    partitions_def=CORPUS,
    description="Files of each configured corpus. Observed, not computed: the data version is the hash of their content.",
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
        "documents": (DOCUMENTS, "Clinical notes, raw text untouched, in their splits.", checks.DOCUMENT_GATES),
        "labels": (
            LABELS,
            "Codes of charts or notes. What the release does not have as billable is left out, counted.",
            {},
        ),
        "evidence": (EVIDENCE, "Human evidence spans with offsets into the raw note.", checks.EVIDENCE_GATES),
    },
    name="corpus",
    code_version=code_version(
        "corpora.documents",
        "corpora.csv_files",
        "corpora.mimic_iv",
        "corpora.mdace",
        "corpora.aci_bench",
        "corpora.codiesp",
        "corpora.loaders",
    ),
    kinds={"python"},
    ins=inputs(codes=CODES),
    deps=[SOURCE_KEY],
    partitions_def=CORPUS,
    required_resource_keys={"corpus_paths"},
)
def corpus(context: dg.AssetExecutionContext, codes: pa.Table) -> Iterator[tuple[str, TableResult]]:
    """Load one corpus."""
    name = context.partition_key
    loaded = load(name, context.resources.corpus_paths)
    billable = {
        code for code, flag in zip(codes["code"].to_pylist(), codes["is_billable"].to_pylist(), strict=True) if flag
    }
    documents = list(loaded.rows(DOCUMENTS))
    labels, evidence = list(loaded.rows(LABELS)), list(loaded.rows(EVIDENCE))
    known_labels = [row for row in labels if row["code"] in billable]
    known_evidence = [row for row in evidence if row["code"] in billable]
    yield (
        "documents",
        TableResult(
            documents,
            {
                "charts": len({row["chart_id"] for row in documents}),
                "characters": sum(row["character_count"] for row in documents),
                **{f"split_{split}": count for split, count in Counter(row["split"] for row in documents).items()},
                **loaded.counts.metadata(),
            },
            [checks.rows_readable(loaded.counts)],
        ),
    )
    unknown = Counter(row["code"] for row in labels if row["code"] not in billable)
    yield (
        "labels",
        TableResult(
            known_labels,
            {
                "distinct_codes": len({row["code"] for row in known_labels}),
                "not_in_release": unknown.total(),
                "not_in_release_first": [code for code, _ in unknown.most_common(10)],
            },
        ),
    )
    yield (
        "evidence",
        TableResult(
            known_evidence,
            {"spans": len(known_evidence), "spans_of_codes_not_in_release": len(evidence) - len(known_evidence)},
            [checks.offsets_inside_notes(documents, known_evidence)],
        ),
    )


ASSETS = [corpus_files, corpus]
