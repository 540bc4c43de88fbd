"""The shell around every asset that is no table: an index, an adapter, a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from ccl_assets.lakehouse.code_versions import code_version
from ccl_assets.lakehouse.documentation import describe, read_on
from ccl_assets.lakehouse.groups import group_of
from ccl_assets.lakehouse.table_asset import OWNERS, gates_of
from ccl_assets.tables.gate import GateFunction


def artifact_asset(
    key: dg.AssetKey,
    sentence: str,
    details: str,
    *,
    ins: Mapping[str, dg.AssetIn],
    kinds: set[str],
    io_manager_key: str = "artifact_directory",
    settings: Mapping[str, Any] | None = None,
    also: Iterable[str] = (),
    deps: Sequence[Any] = (),
    partitions_def: dg.PartitionsDefinition[str] | None = None,
    gates: Sequence[GateFunction] = (),
    pool: str | None = None,
    required_resource_keys: set[str] | None = None,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Turn a function into an asset whose value its IO manager keeps as files.

    Args:
        key: Asset key; its first part is the group.
        sentence: Description in one sentence, which the graph shows.
        details: Description that follows, in Markdown.
        ins: Upstream tables, from :func:`~ccl_assets.lakehouse.table_asset.inputs`.
        kinds: Dagster kinds, three at most.
        io_manager_key: Who keeps the value.
        settings: Settings that change the result; part of the code version.
        also: Modules that the body uses without importing them; see :func:`code_version`.
        deps: Upstream assets that are not loaded.
        partitions_def: As in Dagster.
        gates: Functions of the gates that the body yields as blocking checks before its output, which may then be left out.
        pool: Concurrency pool.
        required_resource_keys: As in Dagster.
    """
    name = key.to_user_string()

    def decorate(body: Callable[..., Any]) -> dg.AssetsDefinition:
        named = gates_of(body, gates)
        return dg.asset(
            key=key,
            group_name=group_of(name).name,
            description=describe(name, sentence, details),
            metadata=read_on(name),
            ins=dict(ins),
            deps=list(deps),
            partitions_def=partitions_def,
            code_version=code_version(body, settings=settings, also=also),
            check_specs=[
                dg.AssetCheckSpec(check, asset=key, description=text, blocking=True, partitions_def=partitions_def)
                for check, text in named.items()
            ],
            output_required=not named,
            kinds=kinds,
            owners=OWNERS,
            io_manager_key=io_manager_key,
            pool=pool,
            required_resource_keys=required_resource_keys,
        )(body)

    return decorate
