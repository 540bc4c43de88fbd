"""Text of the UI on an asset before it ever ran: description, columns with their origins, further reading."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import dagster as dg

from ccl_assets.lakehouse.groups import group_of
from ccl_assets.tables.contract import TableContract

ORIGINS = "origins"  # of an input's metadata: its columns by the result's, as in Input.carries


def describe(asset: str, sentence: str, details: str = "") -> str:
    """A description in Markdown: one sentence with the paper's section, which is all that the graph shows, then details."""
    section = group_of(asset).section
    headline = f"{sentence.rstrip('.')} (paper, section {section})." if section else sentence
    return f"{headline}\n\n{details}" if details else headline


def read_on(asset: str) -> dict[str, Any]:
    """The group's section of the paper as a link, and the group's page of ``docs/``, which is there without a network too."""
    group = group_of(asset)
    found: dict[str, Any] = {}
    if group.section:
        found["paper"] = dg.MetadataValue.url(group.paper_url)
    if text := group.page_text:
        found[f"docs/{group.page}"] = dg.MetadataValue.md(text)
    return found


def table_metadata(contract: TableContract, ins: Mapping[str, dg.AssetIn]) -> dict[str, Any]:
    """Columns with types, meaning and origin; key; column lineage."""
    origins = _origins(contract, ins)
    schema = dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                str(column.type),
                description=" ".join([column.description, *_said(origins.get(column.name, []))]),
                constraints=dg.TableColumnConstraints(nullable=column.is_nullable),
            )
            for column in contract.columns
        ],
        constraints=dg.TableConstraints(other=[f"key: {', '.join(contract.key)}"]),
    )
    found = {"dagster/column_schema": schema, "dagster/table_name": contract.name, **read_on(contract.name)}
    if origins:
        found["dagster/column_lineage"] = dg.TableColumnLineage(origins)
    return found


def _origins(contract: TableContract, ins: Mapping[str, dg.AssetIn]) -> dict[str, list[dg.TableColumnDep]]:
    found: dict[str, list[dg.TableColumnDep]] = defaultdict(list)
    for needed in ins.values():
        carried = (needed.metadata or {}).get(ORIGINS, {})
        for new, old in carried.items():
            if new in contract.schema.names and isinstance(needed.key, dg.AssetKey):
                found[new].append(dg.TableColumnDep(needed.key, old))
    return found


def _said(origins: list[dg.TableColumnDep]) -> list[str]:
    """What column lineage says, in words: the UI of an installation of one's own does not draw it."""
    return (
        [f"From {' and '.join(f'`{o.asset_key.to_user_string()}.{o.column_name}`' for o in origins)}."]
        if origins
        else []
    )
