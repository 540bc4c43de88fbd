"""The shell around every table asset: gates first, then the rows, with the contract as metadata.

An asset body computes rows and returns a :class:`TableResult`; this module checks them against the table's contract and the body's
own gates, reports each as an asset check, and hands the rows to the IO manager only if every blocking gate passed. So a
failing table is never written, nor any of the tables that are computed with it.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import pyarrow as pa

from ccl_assets.io_managers.delta_tables import Where, content_hash
from ccl_assets.io_managers.row_spool import RowSpool
from ccl_assets.lakehouse.code_versions import code_version as version_of
from ccl_assets.lakehouse.code_versions import evaluated_gates
from ccl_assets.lakehouse.documentation import ORIGINS, describe, table_metadata
from ccl_assets.lakehouse.groups import group_of
from ccl_assets.lakehouse.preview import preview
from ccl_assets.tables.contract import TableContract
from ccl_assets.tables.gate import Gate, GateFunction, declared

# Data versions of outputs and partitioned checks are beta in Dagster, and the project rests on them; its version is pinned and
# tested, so a warning at every use tells nobody anything.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

Gates = Sequence[GateFunction] | Mapping[str, str]
OWNERS = ["team:clinical-nlp"]
SOURCE_KIND = {"dagster/kind/source": ""}  # tags of observed files, which take no kinds
TABLES = "tables"  # key of the IO manager
ALL = dg.AllPartitionMapping()  # every partition of the input, whichever partition is made
_CONTRACT_GATE = "fits_contract"
_CONTRACT_REMEDY = (
    "rows are numbered as the asset gives them: correct what it is made from, or its code, and materialize it again"
)
_PREVIEW_ROWS = 5


class GateError(ValueError):
    """An asset's gates and the code of its body do not agree."""


@dataclass(frozen=True)
class TableResult:
    """Rows (an Arrow table, dictionaries, or a spool of what memory may not hold), metadata for people, and the gates evaluated.

    A spool is closed once its rows are stored or refused. Of a table that may quote notes nothing is shown but ``open_rows``: rows
    that the body vouches for, each by its own content, as free of restricted text.
    """

    rows: pa.Table | RowSpool | Iterable[Mapping[str, Any]]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    gates: Sequence[Gate] = ()
    open_rows: pa.Table | None = None


@dataclass(frozen=True)
class Input:
    """An upstream table: which partitions it contributes and, to save memory, which columns and rows.

    Attributes:
        contract: The table's.
        mapping: Partitions; as in Dagster.
        columns: Names; empty for all.
        where: Values by column, e.g. ``{"note_shard": (PARTITION,)}``, the run's partition key; a row is read if each of these
            columns holds one of its values.
        carries: Columns whose values the result takes from this table as they are, for column lineage; ``new=old`` where the
            result calls it otherwise. A table computed together with others takes those it has.
        is_streamed: The body receives a :class:`~ccl_assets.io_managers.table_io_manager.StoredTable` and reads from it, instead of
            an Arrow table with ``columns`` and ``where``.
    """

    contract: TableContract
    mapping: dg.PartitionMapping | None = None
    columns: tuple[str, ...] = ()
    where: Where = field(default_factory=dict)
    carries: tuple[str, ...] = ()
    is_streamed: bool = False

    @property
    def origins(self) -> dict[str, str]:
        """This table's column by the result's column.

        Raises:
            ValueError: This table has no such column, or does not read it.
        """
        pairs = [(name.split("=")[0], name.split("=")[-1]) for name in self.carries]
        readable = self.columns or self.contract.schema.names
        if unknown := [old for _, old in pairs if old not in readable]:
            raise ValueError(f"{self.contract.name} is said to hand on {unknown}, which is not read from it")
        return dict(pairs)


def inputs(**wanted: TableContract | Input) -> dict[str, dg.AssetIn]:
    """Asset inputs by parameter name."""
    found = {}
    for name, given in wanted.items():
        needed = given if isinstance(given, Input) else Input(given)
        found[name] = dg.AssetIn(
            key=dg.AssetKey(needed.contract.name.split("/")),
            partition_mapping=needed.mapping,
            metadata={
                "columns": list(needed.columns),
                "where": {k: list(v) for k, v in needed.where.items()},
                ORIGINS: needed.origins,
                **({"is_streamed": True} if needed.is_streamed else {}),
            },
        )
    return found


def table_asset(
    contract: TableContract,
    *,
    description: str,
    kinds: set[str],
    code_version: str | None = None,
    settings: Mapping[str, Any] | None = None,
    also: Iterable[str] = (),
    gates: Gates = (),
    ins: Mapping[str, dg.AssetIn] | None = None,
    deps: Sequence[Any] = (),
    partitions_def: dg.PartitionsDefinition[str] | None = None,
    pool: str | None = None,
    retry_policy: dg.RetryPolicy | None = None,
    required_resource_keys: set[str] | None = None,
) -> Callable[[Callable[..., TableResult]], dg.AssetsDefinition]:
    """Turn a function ``(context, **tables) -> TableResult`` into an asset of the contract's table.

    Args:
        contract: Table; its name is the asset key, its first part the group.
        description: For the UI, in Markdown; goes after the contract's one sentence.
        kinds: At most two Dagster kinds beside ``deltalake``.
        code_version: Where it is not to follow from the code that the body uses.
        settings: Settings that change the result; part of the code version.
        also: Modules that the body uses without importing them; see :func:`~ccl_assets.lakehouse.code_versions.code_version`.
        gates: Functions of the gates that the body evaluates, each declared with :func:`~ccl_assets.tables.gate.gate`; or name and
            description, for a body that evaluates its gates itself.
        ins: Upstream tables, from :func:`inputs`.
        deps: Upstream assets that are not loaded.
        partitions_def: As in Dagster.
        pool: Concurrency pool.
        retry_policy: As in Dagster.
        required_resource_keys: As in Dagster.
    """

    def decorate(body: Callable[..., TableResult]) -> dg.AssetsDefinition:
        @functools.wraps(body)
        def compute(context: dg.AssetExecutionContext, *args: Any, **kwargs: Any) -> Iterator[Any]:
            yield from _emit([_Part(contract, named, body(context, *args, **kwargs), "result")])

        named = gates_of(body, gates)
        _declare(compute, body)
        version = code_version or version_of(body, settings=settings, also=also)
        return dg.asset(
            key=_key(contract),
            group_name=group_of(contract.name).name,
            description=describe(contract.name, contract.description, description),
            ins=dict(ins or {}),
            deps=list(deps),
            partitions_def=partitions_def,
            check_specs=_check_specs(contract, named, partitions_def),
            output_required=False,
            code_version=_full_code_version(version, contract),
            kinds={"deltalake", *kinds},
            owners=OWNERS,
            io_manager_key=TABLES,
            pool=pool,
            retry_policy=retry_policy,
            required_resource_keys=required_resource_keys,
            metadata=table_metadata(contract, ins or {}),
            tags=_tags(contract),
        )(compute)

    return decorate


def table_multi_asset(
    tables: Mapping[str, tuple[TableContract, str, Gates]],
    *,
    name: str,
    kinds: set[str],
    ins: Mapping[str, dg.AssetIn],
    deps: Sequence[Any],
    partitions_def: dg.PartitionsDefinition[str],
    required_resource_keys: set[str],
    code_version: str | None = None,
    settings: Mapping[str, Any] | None = None,
    also: Iterable[str] = (),
) -> Callable[[Callable[..., Iterable[tuple[str, TableResult]]]], dg.AssetsDefinition]:
    """Turn a function that yields ``(output, TableResult)`` into one asset per table, computed together.

    Args:
        tables: Per output name its contract, description and gates.
        name: Name of the computation.
        kinds: See :func:`table_asset`, like the rest.
        ins: See above.
        deps: See above.
        partitions_def: See above.
        required_resource_keys: See above.
        code_version: See above.
        settings: See above.
        also: See above.
    """

    def decorate(body: Callable[..., Iterable[tuple[str, TableResult]]]) -> dg.AssetsDefinition:
        @functools.wraps(body)
        def compute(context: dg.AssetExecutionContext, *args: Any, **kwargs: Any) -> Iterator[Any]:
            results = list(body(context, *args, **kwargs))
            yield from _emit([_Part(tables[name][0], named[name], result, name) for name, result in results])

        if not any(isinstance(gates, Mapping) and gates for _, _, gates in tables.values()):
            gates_of(
                body, [gate for _, _, gates in tables.values() if not isinstance(gates, Mapping) for gate in gates]
            )
        named = {
            name: dict(gates) if isinstance(gates, Mapping) else declared(gates)
            for name, (_, _, gates) in tables.items()
        }
        _declare(compute, body)
        version = code_version or version_of(body, settings=settings, also=also)
        outs = {
            output: dg.AssetOut(
                key=_key(contract),
                group_name=group_of(contract.name).name,
                description=describe(contract.name, contract.description, description),
                is_required=False,
                code_version=_full_code_version(version, contract),
                kinds={"deltalake", *kinds},
                owners=OWNERS,
                io_manager_key=TABLES,
                metadata=table_metadata(contract, ins),
                tags=_tags(contract),
            )
            for output, (contract, description, _) in tables.items()
        }
        specs = [
            spec
            for name, (contract, _, _) in tables.items()
            for spec in _check_specs(contract, named[name], partitions_def)
        ]
        return dg.multi_asset(
            name=name,
            outs=outs,
            ins=dict(ins),
            deps=list(deps),
            partitions_def=partitions_def,
            check_specs=specs,
            required_resource_keys=required_resource_keys,
        )(compute)

    return decorate


def gates_of(body: Callable[..., Any], gates: Gates) -> dict[str, str]:
    """Name and description of an asset's gates.

    Raises:
        GateError: The body evaluates a declared gate that is not listed, or never evaluates one that is. Said when the asset is
            defined, from the code that the body uses.
    """
    if isinstance(gates, Mapping):
        return dict(gates)
    named = declared(gates)
    used = evaluated_gates(body)
    if used is not None and used != set(named):
        name = f"{body.__module__}.{body.__name__}"
        missing, idle = sorted(used - set(named)), sorted(set(named) - used)
        raise GateError(
            f"{name}: "
            + "; ".join(
                said
                for said in (
                    f"evaluates the gates {', '.join(missing)}, which `gates` does not list" if missing else "",
                    f"never evaluates the gates {', '.join(idle)}, which `gates` lists" if idle else "",
                )
                if said
            )
        )
    return named


def _declare(compute: Callable[..., Any], body: Callable[..., Any]) -> None:
    """Give ``compute`` the body's parameters, types resolved, and no return type, which Dagster would check."""
    signature = inspect.signature(body, eval_str=True).replace(return_annotation=inspect.Signature.empty)
    compute.__signature__ = signature  # type: ignore[attr-defined]
    compute.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}


def _key(contract: TableContract) -> dg.AssetKey:
    return dg.AssetKey(contract.name.split("/"))


def _check_specs(
    contract: TableContract, gates: Mapping[str, str], partitions_def: dg.PartitionsDefinition[str] | None
) -> list[dg.AssetCheckSpec]:
    declared = {_CONTRACT_GATE: "Columns, types, empty values and the key are as the contract says.", **gates}
    return [
        dg.AssetCheckSpec(name, asset=_key(contract), description=text, blocking=True, partitions_def=partitions_def)
        for name, text in declared.items()
    ]


@dataclass(frozen=True)
class _Part:
    """One table of a computation."""

    contract: TableContract
    declared: Mapping[str, str]
    result: TableResult
    output: str


def _emit(parts: Sequence[_Part]) -> Iterator[Any]:
    spools = [part.result.rows for part in parts if isinstance(part.result.rows, RowSpool)]
    try:
        tables = [_rows(part) for part in parts]
        failed: dict[str, list[Gate]] = {}
        for part, rows in zip(parts, tables, strict=True):
            outcomes = _outcomes(part, rows)
            for gate in outcomes:
                yield check_result(gate, _key(part.contract))
            failed[part.contract.name] = [gate for gate in outcomes if not gate.passed and gate.is_blocking]
        stop_if_failed(failed)
        for part, rows in zip(parts, tables, strict=True):
            yield _output(part, rows)
    finally:
        for spool in spools:
            spool.close()


def _rows(part: _Part) -> pa.Table | RowSpool:
    rows = part.result.rows
    return rows if isinstance(rows, pa.Table | RowSpool) else part.contract.table(rows)


def _outcomes(part: _Part, rows: pa.Table | RowSpool) -> list[Gate]:
    problems = rows.violations if isinstance(rows, RowSpool) else part.contract.violations(rows)
    details = {"rows": rows.num_rows, "violations": problems}
    outcomes = [Gate(_CONTRACT_GATE, not problems, _CONTRACT_REMEDY, details), *part.result.gates]
    if undeclared := {gate.name for gate in outcomes} ^ {_CONTRACT_GATE, *part.declared}:
        raise AssertionError(f"{part.contract.name}: gates declared and evaluated differ: {sorted(undeclared)}")
    return outcomes


def _output(part: _Part, rows: pa.Table | RowSpool) -> dg.Output[Any]:
    contract = part.contract
    count_key = "dagster/partition_row_count" if contract.partition_column else "dagster/row_count"
    metadata = {count_key: rows.num_rows, **part.result.metadata}
    if (shown := _shown(part, rows)) is not None and shown.num_rows:
        metadata["preview"] = dg.MetadataValue.md(preview(shown))
    version = dg.DataVersion(content_hash(contract, rows))
    return dg.Output(rows, output_name=part.output, metadata=metadata, data_version=version)


def _shown(part: _Part, rows: pa.Table | RowSpool) -> pa.Table | None:
    if part.contract.has_note_text:
        return part.result.open_rows.slice(0, _PREVIEW_ROWS) if part.result.open_rows is not None else None
    return rows.head(_PREVIEW_ROWS) if isinstance(rows, RowSpool) else rows.slice(0, _PREVIEW_ROWS)


def check_result(gate: Gate, key: dg.AssetKey) -> dg.AssetCheckResult:
    """A gate's outcome as Dagster reports it, lists as text; the remedy is shown where the gate failed."""
    details = {name: _legible(value) for name, value in gate.details.items() if value not in ([], ())}
    return dg.AssetCheckResult(
        passed=gate.passed,
        check_name=gate.name,
        asset_key=key,
        severity=dg.AssetCheckSeverity.ERROR if gate.is_blocking else dg.AssetCheckSeverity.WARN,
        metadata={**details, **({} if gate.passed else {"remedy": gate.remedy})},
    )


def _legible(value: Any) -> Any:
    """Lists of words as words, which the UI shows at once; it hides a list behind a button."""
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value)) if all(isinstance(one, str | int) for one in value) else list(value)
    return value


def stop_if_failed(failed: Mapping[str, Sequence[Gate]]) -> None:
    """Raise if a blocking gate failed, so that nothing is written and nothing downstream runs.

    Raises:
        dagster.Failure: Names the tables, gates, their details and remedies.
    """
    said = [
        f"{name} was not written. "
        + "; ".join(f"gate {gate.name}: {dict(gate.details)}; {gate.remedy}" for gate in gates)
        for name, gates in failed.items()
        if gates
    ]
    if said:
        raise dg.Failure(" ".join(said), allow_retries=False)


def _full_code_version(code_version: str, contract: TableContract) -> str:
    shape = f"{contract.schema}|{contract.key}|{contract.partition_column}"
    return f"{code_version} contract={hashlib.sha256(shape.encode()).hexdigest()[:6]}"


def _tags(contract: TableContract) -> dict[str, str]:
    return {"note_text": "yes"} if contract.has_note_text else {}
