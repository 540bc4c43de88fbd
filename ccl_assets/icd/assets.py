"""Assets of the ontology: thin shells over the parsers of this slice."""

from collections import Counter
from typing import Any

import dagster as dg
import pyarrow as pa

from ccl_assets.code_versions import code_version
from ccl_assets.gate import Gate
from ccl_assets.icd import checks
from ccl_assets.icd.guidelines import parse_guidelines
from ccl_assets.icd.index import SOURCES, parse_index
from ccl_assets.icd.release import Release, ReleaseError
from ccl_assets.icd.tables import CODES, GUIDELINES, INDEX_TERMS, INSTRUCTIONS, RELEASE
from ccl_assets.icd.tabular import parse_tabular
from ccl_assets.resources.release_source import ReleaseSource
from ccl_assets.table_asset import TableResult, inputs, table_asset

SOURCE_KEY = dg.AssetKey(["source", "icd_release"])
_TABULAR = ("icd.release", "icd.xml_documents", "icd.tabular", "icd.seventh_character", "icd.chapters")


@dg.observable_source_asset(
    key=SOURCE_KEY,
    group_name="source",
    description="The release's files on disk (`CCL_ICD_RELEASE`, or the packaged FY2026). Observed, not computed: its "
    "data version is the hash of their content.",
    required_resource_keys={"release_source"},
)
def icd_release_files(context: dg.OpExecutionContext) -> dg.DataVersion:
    """Hash the release's files."""
    source: ReleaseSource = context.resources.release_source
    return dg.DataVersion(source.version())


@table_asset(
    RELEASE,
    code_version=code_version("icd.release"),
    description="Files of the active release, recognised by content. Everything of the ontology is read from these.",
    kinds={"python"},
    gates=checks.RELEASE_GATES,
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
    tabular_count = sum(row["role"] == "tabular" for row in rows)
    gate = Gate(
        "has_tabular_list",
        tabular_count == 1,
        "give the folder or zip of one release",
        {"tabular_lists": tabular_count},
    )
    return TableResult(rows, {"release": opened.label, "path": str(_source(context).path)}, [gate])


@table_asset(
    CODES,
    code_version=code_version(*_TABULAR, "icd.checks"),
    description="The ICD-10-CM Tabular List as a table: headers and billable codes, 7th characters expanded.",
    kinds={"python"},
    gates=checks.CODES_GATES,
    ins=inputs(release=RELEASE),
    required_resource_keys={"release_source"},
)
def codes(context: dg.AssetExecutionContext, release: pa.Table) -> TableResult:
    """Every code of the release."""
    opened = _open_unchanged(context, release)
    rows = parse_tabular(opened.tabular, opened.label).codes
    billable = [row for row in rows if row["is_billable"]]
    gates = [
        checks.parents_exist(rows),
        checks.chapters_present(rows, opened.tabular.year or 0),
        checks.equals_order_file(rows, opened.file("order_file")),
    ]
    by_chapter = Counter(row["chapter"] for row in billable)
    metadata = {
        "release": opened.label,
        "billable_codes": len(billable),
        "expanded_codes": sum(row["is_expanded"] for row in rows),
        "billable_codes_by_chapter": _chart("Billable codes by chapter", by_chapter, "codes"),
    }
    return TableResult(rows, metadata, gates)


@table_asset(
    INSTRUCTIONS,
    code_version=code_version(*_TABULAR),
    description="Includes, Excludes1/2, code first, use additional code, code also and 7th-character notes.",
    kinds={"python"},
    ins=inputs(release=RELEASE),
    required_resource_keys={"release_source"},
)
def instructions(context: dg.AssetExecutionContext, release: pa.Table) -> TableResult:
    """Instructional notes where they are printed."""
    opened = _open_unchanged(context, release)
    rows = parse_tabular(opened.tabular, opened.label).instructions
    return TableResult(rows, {f"notes_{kind}": n for kind, n in Counter(row["kind"] for row in rows).items()})


@table_asset(
    INDEX_TERMS,
    code_version=code_version("icd.index", "icd.xml_documents", "icd.release", "icd.checks"),
    description="Terms of the Alphabetic Index and its tables. Empty with the packaged release, which carries no Index: gold "
    "pairs then come from titles and inclusion terms.",
    kinds={"python"},
    gates=checks.INDEX_GATES,
    ins=inputs(release=RELEASE, codes=CODES),
    required_resource_keys={"release_source"},
)
def index_terms(context: dg.AssetExecutionContext, release: pa.Table, codes: pa.Table) -> TableResult:
    """Index terms with full paths."""
    opened = _open_unchanged(context, release)
    files = [file for role in SOURCES if (file := opened.file(role)) is not None]
    rows = [row for file in files for row in parse_index(file, opened.label)]
    metadata = {"files": [file.file_name for file in files], **Counter(row["source"] for row in rows)}
    return TableResult(rows, metadata, [checks.index_codes_known(rows, set(codes["code"].to_pylist()))])


@table_asset(
    GUIDELINES,
    code_version=code_version("icd.guidelines", "icd.release"),
    description="Sections of the Official Guidelines. Empty where the release carries no guidelines PDF.",
    kinds={"python"},
    ins=inputs(release=RELEASE),
    required_resource_keys={"release_source"},
)
def guidelines(context: dg.AssetExecutionContext, release: pa.Table) -> TableResult:
    """Guideline sections by the PDF's outline."""
    opened = _open_unchanged(context, release)
    file = opened.file("guidelines")
    rows = parse_guidelines(file, opened.label) if file is not None else []
    without_text = sum(not row["section_text"] for row in rows)
    return TableResult(rows, {"file": file.file_name if file else "none in this release", "without_text": without_text})


def _source(context: dg.AssetExecutionContext) -> ReleaseSource:
    source: ReleaseSource = context.resources.release_source
    return source


def _open(context: dg.AssetExecutionContext) -> Release:
    return _source(context).open()


def _open_unchanged(context: dg.AssetExecutionContext, release: pa.Table) -> Release:
    """Open the release and make sure that it is the one ``icd/release`` describes."""
    opened = _open(context)
    described = dict(zip(release["file_name"].to_pylist(), release["sha256"].to_pylist(), strict=True))
    if described != {file.file_name: file.sha256 for file in opened.files}:
        raise ReleaseError(
            f"{_source(context).path} changed since icd/release was materialized: materialize that first"
        )
    return opened


def _chart(title: str, counts: dict[str, Any], unit: str) -> dg.MetadataValue:
    from ccl_assets.plots import as_markdown, bar_chart

    labels = sorted(counts)
    return dg.MetadataValue.md(as_markdown(bar_chart(title, labels, [counts[label] for label in labels], unit), title))


ASSETS = [icd_release_files, release, codes, instructions, index_terms, guidelines]
