"""Assets that compare the active release with the previous one: thin shells over the pure modules."""

from collections import Counter
from typing import Any

import dagster as dg
import pyarrow as pa

from ccl_assets.icd.assets import chart, open_unchanged
from ccl_assets.icd.changes.conversion_table import ConversionTable, parse_conversion_table
from ccl_assets.icd.changes.crosswalk import PreviousCodes, build_crosswalk
from ccl_assets.icd.changes.diff import Edition, change_counts, first_changes, release_diff, release_order
from ccl_assets.icd.chapters import chapter_of
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.release.contents import Release, ReleaseFile
from ccl_assets.icd.tables import CODES, CROSSWALK, INSTRUCTIONS, RELEASE, RELEASE_DIFF
from ccl_assets.icd.tabular.tabular_list import parse_tabular
from ccl_assets.lakehouse.documentation import describe, read_on
from ccl_assets.lakehouse.groups import group_of
from ccl_assets.lakehouse.table_asset import SOURCE_KIND, Input, TableResult, inputs, table_asset
from ccl_assets.resources.releases.source import ReleaseSource
from ccl_assets.tables.gate import Gate

PREVIOUS_SOURCE_KEY = dg.AssetKey(["source", "previous_icd_release"])
NO_PREVIOUS = "none: set CCL_ICD_PREVIOUS_RELEASE to compare"
UNSET_VERSION = "unset"
_OLDER = {"previous_release_is_older": "The previous release is not newer than the active one."}
_SHOWN_CHANGES = 5  # of each kind of change
_SHOWN_REMARKS = 20


def previous_release_version(source: ReleaseSource) -> str:
    """Data version of the previous release's files; ``unset`` where none is configured."""
    return source.version() if source.is_set else UNSET_VERSION


@dg.observable_source_asset(
    key=PREVIOUS_SOURCE_KEY,
    group_name=group_of("source").name,
    description=describe(
        "source/previous_icd_release",
        "Files of the previous release on disk, to compare with.",
        "`CCL_ICD_PREVIOUS_RELEASE`; may be unset. Observed, not computed.",
    ),
    metadata=read_on("source/previous_icd_release"),
    tags=SOURCE_KIND,
    required_resource_keys={"previous_release_source"},
)
def previous_icd_release_files(context: dg.OpExecutionContext) -> dg.DataVersion:
    """Hash the previous release's files."""
    return dg.DataVersion(previous_release_version(context.resources.previous_release_source))


@table_asset(
    RELEASE_DIFF,
    description="Codes added, deleted and retitled, instructions added and removed. `CCL_ICD_PREVIOUS_RELEASE` says what to "
    "compare with.",
    kinds={"python"},
    gates=_OLDER,
    ins=inputs(release=Input(RELEASE, carries=("release",)), codes=CODES, instructions=INSTRUCTIONS),
    deps=[PREVIOUS_SOURCE_KEY],
    required_resource_keys={"previous_release_source"},
)
def release_diff_rows(
    context: dg.AssetExecutionContext, release: pa.Table, codes: pa.Table, instructions: pa.Table
) -> TableResult:
    """Changes between the two releases."""
    label = release["release"][0].as_py()
    previous = _previous(context)
    if previous is None:
        return TableResult([], {"release": label, "previous_release": NO_PREVIOUS}, [_is_older(None, label)])
    tabular = parse_tabular(previous.tabular, previous.label)
    before = Edition.from_tables(CODES.table(tabular.codes), INSTRUCTIONS.table(tabular.instructions))
    rows = release_diff(before, Edition.from_tables(codes, instructions))
    by_chapter = Counter(row["chapter"] for row in rows)
    metadata = {
        "release": label,
        "previous_release": previous.label,
        **change_counts(rows),
        "instruction_changes_by_kind": dict(Counter(f"{row['change']}: {row['kind']}" for row in rows if row["kind"])),
        "first_changes": dg.MetadataValue.md(first_changes(rows, _SHOWN_CHANGES)),
        "changes_by_chapter": chart("Changes by chapter", by_chapter, "codes and instructions"),
    }
    return TableResult(rows, metadata, [_is_older(previous.label, label)])


@table_asset(
    CROSSWALK,
    description="Successors by the official conversion table where a release carries one, else by successor rules that are stated, "
    "else unmapped. More than one successor means that the old code does not say which.",
    kinds={"python"},
    gates=_OLDER,
    ins=inputs(release=Input(RELEASE, carries=("release",)), codes=Input(CODES, carries=("new_code=code",))),
    deps=[PREVIOUS_SOURCE_KEY],
    required_resource_keys={"release_source", "previous_release_source"},
)
def crosswalk(context: dg.AssetExecutionContext, release: pa.Table, codes: pa.Table) -> TableResult:
    """Successors of old codes."""
    active = open_unchanged(context, release)
    previous = _previous(context)
    file = active.file("conversion_table") or (previous.file("conversion_table") if previous else None)
    table = parse_conversion_table(file) if file else None
    known = PreviousCodes(previous.label, _billable(previous)) if previous else None
    built = build_crosswalk(Ontology.from_table(codes), active.label, table, known)
    by_chapter = Counter(_chapter(code) for code in {row["old_code"] for row in built.rows})
    metadata = {
        "release": active.label,
        "previous_release": previous.label if previous else NO_PREVIOUS,
        "old_codes": dict(built.old_codes()),
        "rows_by_rule": dict(built.rules()),
        "successors_that_are_gone_too": {old: list(gone) for old, gone in built.dead_ends.items()},
        "named_but_never_billable": list(built.never_billable),
        **_table_metadata(file, table),
        "old_codes_by_chapter": chart("Old codes by chapter", by_chapter, "codes"),
    }
    return TableResult(built.rows, metadata, [_is_older(previous.label if previous else None, active.label)])


def _previous(context: dg.AssetExecutionContext) -> Release | None:
    source: ReleaseSource = context.resources.previous_release_source
    return source.open() if source.is_set else None


def _chapter(code: str) -> str:
    try:
        return chapter_of(code).key
    except KeyError:  # a misprint of the conversion table
        return "no chapter"


def _billable(release: Release) -> frozenset[str]:
    rows = parse_tabular(release.tabular, release.label).codes
    return frozenset(row["code"] for row in rows if row["is_billable"])


def _is_older(previous: str | None, active: str) -> Gate:
    older, newer = release_order(previous or ""), release_order(active)
    has_years = bool(older[0] and newer[0])  # a label may be the user's own
    return Gate(
        "previous_release_is_older",
        not has_years or older <= newer,
        "set CCL_ICD_PREVIOUS_RELEASE to the earlier and CCL_ICD_RELEASE to the later release",
        {"previous": previous or "none", "active": active},
    )


def _table_metadata(file: ReleaseFile | None, table: ConversionTable | None) -> dict[str, Any]:
    if file is None or table is None:
        return {"conversion_table": "none in these releases: only successor rules apply"}
    cells = (
        (str(remark.line), remark.kind, remark.printed, "left out" if remark.is_left_out else "used")
        for remark in table.remarks[:_SHOWN_REMARKS]
    )
    remarks = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells)
    return {
        "conversion_table": file.file_name,
        "conversion_table_lines": table.counts(),
        "conversion_table_remarks": dg.MetadataValue.md(f"| line | remark | printed | |\n|---|---|---|---|\n{remarks}"),
    }


ASSETS = [previous_icd_release_files, release_diff_rows, crosswalk]
