"""Assets of the ontology: thin shells over the parsers of this slice."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ccl_assets.icd import checks
from ccl_assets.icd.guidelines.sections import headings_not_found, parse_guidelines
from ccl_assets.icd.index.alphabetic_index import SOURCES, parse_index
from ccl_assets.icd.index.chapter_terms import ChapterTerms
from ccl_assets.icd.index.cross_references import resolve, unresolved_by_reason
from ccl_assets.icd.index.reference_resolution import RESOLVED
from ccl_assets.icd.partitions import CHAPTER
from ccl_assets.icd.release.contents import Release, ReleaseError
from ccl_assets.icd.tables import (
    BILLABLE_CODES,
    BILLABLE_TITLES,
    CHAPTER_CODES,
    CHAPTER_INDEX_TERMS,
    CODES,
    GUIDELINES,
    INDEX_TERMS,
    INSTRUCTIONS,
    RELEASE,
)
from ccl_assets.icd.tabular.tabular_list import parse_tabular
from ccl_assets.lakehouse.documentation import describe, read_on
from ccl_assets.lakehouse.groups import group_of
from ccl_assets.lakehouse.table_asset import SOURCE_KIND, Input, TableResult, inputs, table_asset
from ccl_assets.resources.releases.source import ReleaseSource
from ccl_assets.tables.collector import collector_paused
from ccl_assets.tables.last_built import LastBuilt

SOURCE_KEY = dg.AssetKey(["source", "icd_release"])
_NOTES_READ: LastBuilt[list[dict[str, Any]]] = LastBuilt()  # instructional notes, read together with the codes


@dg.observable_source_asset(
    key=SOURCE_KEY,
    group_name=group_of("source").name,
    description=describe(
        "source/icd_release",
        "Files of the active release on disk.",
        "`CCL_ICD_RELEASE`, or the packaged FY2026. Observed, not computed: its data version is the hash of their content.",
    ),
    metadata=read_on("source/icd_release"),
    tags=SOURCE_KIND,
    required_resource_keys={"release_source"},
)
def icd_release_files(context: dg.OpExecutionContext) -> dg.DataVersion:
    """Hash the release's files."""
    source: ReleaseSource = context.resources.release_source
    return dg.DataVersion(source.version())


@table_asset(
    RELEASE,
    description="Recognised by content. Everything of the ontology is read from these.",
    kinds={"python"},
    gates=(checks.has_tabular_list,),
    deps=[SOURCE_KEY],
    required_resource_keys={"release_source"},
)
def release(context: dg.AssetExecutionContext) -> TableResult:
    """One row per source file."""
    opened = _open(context)
    rows = [
        {
            "release": opened.label,
            "role": file.role,
            "file_name": file.file_name,
            "byte_count": len(file.content),
            "sha256": file.sha256,
        }
        for file in opened.files
    ]
    metadata = {
        "release": opened.label,
        "path": str(_source(context).path),
        "files_not_recognised": len(opened.ignored),
        "files_not_recognised_names": list(opened.ignored),
    }
    return TableResult(rows, metadata, [checks.has_tabular_list([row["role"] for row in rows])])


@table_asset(
    CODES,
    description="The Tabular List as a table.",
    kinds={"python"},
    gates=(
        checks.parents_exist,
        checks.chapters_present,
        checks.equals_order_file,
    ),
    ins=inputs(release=RELEASE),
    required_resource_keys={"release_source"},
)
def codes(context: dg.AssetExecutionContext, release: pa.Table) -> TableResult:
    """Every code of the release."""
    opened = open_unchanged(context, release)
    tabular = parse_tabular(opened.tabular, opened.label)
    rows = tabular.codes
    _NOTES_READ.get((opened,), lambda: tabular.instructions)
    billable = [row for row in rows if row["is_billable"]]
    gates = [
        checks.parents_exist(rows),
        checks.chapters_present(rows, opened.year),
        checks.equals_order_file(rows, opened.file("order_file")),
    ]
    by_chapter = Counter(row["chapter"] for row in billable)
    metadata = {
        "release": opened.label,
        "billable_codes": len(billable),
        "expanded_codes": sum(row["is_expanded"] for row in rows),
        "billable_codes_by_chapter": chart("Billable codes by chapter", by_chapter, "codes"),
    }
    return TableResult(rows, metadata, gates)


@table_asset(
    INSTRUCTIONS,
    description="Includes, Excludes1/2, code first, use additional code, code also and 7th-character notes, where they are "
    "printed, with the codes they name. `ccl_assets.icd.instructions.lookup` tells which are in force at a code.",
    kinds={"python"},
    gates=(checks.references_known,),
    ins=inputs(release=RELEASE, codes=CODES),
    required_resource_keys={"release_source"},
)
def instructions(context: dg.AssetExecutionContext, release: pa.Table, codes: pa.Table) -> TableResult:
    """Instructional notes where they are printed."""
    opened = open_unchanged(context, release)
    rows = _NOTES_READ.get((opened,), lambda: parse_tabular(opened.tabular, opened.label).instructions)
    metadata = {
        **{f"notes_{kind}": n for kind, n in Counter(row["kind"] for row in rows).items()},
        "references": sum(len(row["referenced_codes"]) for row in rows),
    }
    return TableResult(rows, metadata, [checks.references_known(rows, set(codes["code"].to_pylist()))])


@table_asset(
    INDEX_TERMS,
    description="Terms of the Alphabetic Index and its tables. Empty with the packaged release, which carries no Index: gold "
    "pairs then come from titles and inclusion terms.",
    kinds={"python"},
    gates=(checks.index_codes_known,),
    ins=inputs(release=RELEASE, codes=CODES),
    required_resource_keys={"release_source"},
)
def index_terms(context: dg.AssetExecutionContext, release: pa.Table, codes: pa.Table) -> TableResult:
    """Index terms with full paths."""
    opened = open_unchanged(context, release)
    files = [file for role in SOURCES if (file := opened.file(role)) is not None]
    with collector_paused():
        rows = resolve([row for file in files for row in parse_index(file, opened.label)])
    metadata = {
        "files": [file.file_name for file in files],
        **Counter(row["source"] for row in rows),
        **_reference_metadata(rows),
    }
    return TableResult(rows, metadata, [checks.index_codes_known(rows, set(codes["code"].to_pylist()))])


# A change of one chapter must not reach what reads another, nor a new wording what only asks which codes there are. So what
# reads a part of the release reads one of these tables: its data version stays where the part is the same.


@table_asset(
    CHAPTER_CODES,
    description="A chapter's part of `icd/codes`. It changes with its own chapter only, and so does what is read from it.",
    kinds={"python"},
    ins=inputs(codes=CODES),
    partitions_def=CHAPTER,
)
def chapter_codes(context: dg.AssetExecutionContext, codes: pa.Table) -> TableResult:
    """Codes of a chapter."""
    return TableResult(codes.filter(pc.equal(codes["chapter"], context.partition_key)))


@table_asset(
    CHAPTER_INDEX_TERMS,
    description="A chapter's part of `icd/index_terms`: terms that may lead to its codes, by themselves or by a `see`.",
    kinds={"python"},
    ins=inputs(index_terms=INDEX_TERMS),
    partitions_def=CHAPTER,
)
def chapter_index_terms(context: dg.AssetExecutionContext, index_terms: pa.Table) -> TableResult:
    """Index terms of a chapter."""
    terms = index_terms.take(ChapterTerms.of(index_terms)[context.partition_key])
    chapter = pa.array([context.partition_key] * terms.num_rows, pa.string())
    return TableResult(pa.Table.from_arrays([chapter, *terms.columns], schema=CHAPTER_INDEX_TERMS.schema))


@table_asset(
    BILLABLE_CODES,
    description="The codes that may be assigned, without their texts: a new wording leaves what only asks for these as it is.",
    kinds={"python"},
    ins=inputs(
        codes=Input(CODES, columns=("release", "code"), where={"is_billable": (True,)}, carries=("release", "code"))
    ),
)
def billable_codes(context: dg.AssetExecutionContext, codes: pa.Table) -> TableResult:
    """Codes that may be assigned."""
    return TableResult(codes)


@table_asset(
    BILLABLE_TITLES,
    description="Full titles of the codes that may be assigned, which is what prompts show; inclusion terms do not change it.",
    kinds={"python"},
    ins=inputs(
        codes=Input(
            CODES,
            columns=("release", "code", "long_title"),
            where={"is_billable": (True,)},
            carries=("release", "code", "long_title"),
        )
    ),
)
def billable_titles(context: dg.AssetExecutionContext, codes: pa.Table) -> TableResult:
    """Titles of codes that may be assigned."""
    return TableResult(codes)


def _reference_metadata(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Shares of cross-references that lead to a term, without and with those that leave a choice; those that lead nowhere."""
    metadata: dict[str, Any] = {}
    for column in ("see", "see_also"):
        for source in SOURCES.values():
            outcomes = [row[f"{column}_outcome"] for row in rows if row["source"] == source and row[column]]
            if outcomes:
                leading = sum(outcome in RESOLVED for outcome in outcomes)
                metadata |= {
                    f"{source}_{column}": len(outcomes),
                    f"{source}_{column}_resolved": round(leading / len(outcomes), 4),
                    f"{source}_{column}_resolved_or_choice": round(
                        (leading + outcomes.count("resolved_choice")) / len(outcomes), 4
                    ),
                }
        if reasons := unresolved_by_reason(rows, column):
            metadata[f"{column}_unresolved"] = dg.MetadataValue.md(_reasons(reasons, column))
    return metadata


def _reasons(reasons: list[dict[str, Any]], column: str) -> str:
    lines = [
        f"| `{row['reason']}`: {row['meaning']} | {row['count']} | {'; '.join(shown[column] for shown in row['examples'])} |"
        for row in reasons
    ]
    return "\n".join(["| why unresolved | references | most frequent |", "|---|---|---|", *lines])


@table_asset(
    GUIDELINES,
    description="Sections of the Official Guidelines. Empty where the release carries no guidelines PDF.",
    kinds={"python"},
    ins=inputs(release=RELEASE),
    required_resource_keys={"release_source"},
)
def guidelines(context: dg.AssetExecutionContext, release: pa.Table) -> TableResult:
    """Guideline sections by the PDF's outline."""
    opened = open_unchanged(context, release)
    file = opened.file("guidelines")
    rows = parse_guidelines(file, opened.label) if file is not None else []
    missing = headings_not_found(rows)
    metadata = {
        "file": file.file_name if file else "none in this release",
        "headings_without_text": len(missing),
        "headings_without_text_first": missing[:10],
        "sections_by_chapter": chart(
            "Sections by chapter", Counter(row["chapter"] for row in rows if row["chapter"]), ""
        ),
    }
    return TableResult(rows, metadata)


def _source(context: dg.AssetExecutionContext) -> ReleaseSource:
    source: ReleaseSource = context.resources.release_source
    return source


def _open(context: dg.AssetExecutionContext) -> Release:
    return _source(context).open()


def open_unchanged(context: dg.AssetExecutionContext, release: pa.Table) -> Release:
    """Open the release and make sure that it is the one ``icd/release`` describes."""
    opened = _open(context)
    described = dict(zip(release["file_name"].to_pylist(), release["sha256"].to_pylist(), strict=True))
    if described != {file.file_name: file.sha256 for file in opened.files}:
        raise ReleaseError(
            f"{_source(context).path} changed since icd/release was materialized: materialize that first"
        )
    return opened


def chart(title: str, counts: Mapping[str, int], unit: str) -> dg.MetadataValue:
    """A bar chart of counts by chapter, for metadata."""
    from ccl_assets.lakehouse.plots import as_markdown, bar_chart

    labels = sorted(counts)
    return dg.MetadataValue.md(as_markdown(bar_chart(title, labels, [counts[label] for label in labels], unit), title))


ASSETS = [
    icd_release_files,
    release,
    codes,
    chapter_codes,
    billable_codes,
    billable_titles,
    instructions,
    index_terms,
    chapter_index_terms,
    guidelines,
]
