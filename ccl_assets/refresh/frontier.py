"""The frontier: which partitions are stale or missing with nothing stale above them, and materializing them in waves.

Dagster tells of each partition whether its direct inputs or its code changed, by data version. Staleness is not transitive
there, so a partition below a stale one may still call itself fresh; and a re-derived partition whose content did not change
stops the wave. Hence: materialize the frontier, look again, until there is none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from ccl_assets.refresh.processes import end_dead_runs, process_tag, wait_for_pools
from ccl_assets.refresh.selection import EVERYTHING, Selection, Target
from ccl_assets.refresh.stale_status import stale_status_resolver

DATA_VERSION_TAG = "dagster/data_version"
_INTERRUPTED = "DagsterExecutionInterruptedError"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
SourceVersions = Callable[[], Mapping[Any, str]]  # data version by partition, or by None
IsLost = Callable[[Target], bool]  # whether storage no longer has what was materialized


@dataclass
class Frontier:
    """Targets that may be materialized now, and those that wait.

    Attributes:
        ready: Stale or missing, with nothing stale or missing above.
        waiting: Targets with something stale, missing or failed above, and what that is.
        missing: Targets that were never materialized, or are gone from storage.
        lost: Those of them that are gone.
        computed_together: For an asset, all assets that one computation gives with it.
        partitioned_by: Partitions definition of an asset; two may have equal keys and yet mean different things.
    """

    computed_together: Mapping[str, Collection[str]] = field(default_factory=dict)
    partitioned_by: Mapping[str, Any] = field(default_factory=dict)
    ready: list[Target] = field(default_factory=list)
    waiting: dict[Target, set[Target]] = field(default_factory=dict)
    missing: set[Target] = field(default_factory=set)
    lost: set[Target] = field(default_factory=set)

    def runs(self) -> list[list[Target]]:
        """Group the ready targets into runs, those of one partition together: a run costs more than most of them.

        A target that was never materialized joins the run of the same partition above it, if it waits for nothing else; one that is
        only stale does not, since its input may turn out unchanged.
        """
        groups: list[list[Target]] = []
        taken: set[Target] = set()
        for target in self.ready:
            if target in taken:
                continue
            group = self._whole(target)
            for other in self.ready if target.partition is not None else ():
                if other not in group and self._share_partition(other, target):
                    group += self._whole(other)
            for waiting, above in self.waiting.items():
                joins = waiting in self.missing and self._share_partition(waiting, target) and above <= set(group)
                if joins and waiting not in group:
                    group += self._whole(waiting)
            taken.update(group)
            groups.append(group)
        return groups

    def _share_partition(self, one: Target, other: Target) -> bool:
        definitions = self.partitioned_by.get(one.asset), self.partitioned_by.get(other.asset)
        return one.partition == other.partition and definitions[0] == definitions[1]

    def _whole(self, target: Target) -> list[Target]:
        names = self.computed_together.get(target.asset, (target.asset,))
        return [Target(name, target.partition) for name in names]


@dataclass
class Outcome:
    """Result of a refresh or a run: targets materialized, failed with a message, and left waiting below a failure."""

    materialized: list[Target] = field(default_factory=list)
    failed: dict[Target, str] = field(default_factory=dict)
    waiting: list[Target] = field(default_factory=list)


def find_frontier(
    graph: Any,
    instance: dg.DagsterInstance,
    partitions: Mapping[str, Collection[str]],
    failed: Collection[Target] = (),
    selection: Selection = EVERYTHING,
    made: Collection[Target] = (),
    is_lost: IsLost = lambda _: False,
) -> Frontier:
    """Look at every selected target and all above it once; about 3 s for 250 targets.

    Args:
        graph: The asset graph of the definitions.
        instance: Where materializations are recorded.
        partitions: For an asset, the partitions that can be materialized at all (corpora that are configured); others: all.
        failed: Targets that failed in this refresh; they and all below them wait.
        selection: What to look at.
        made: Targets that this refresh materialized.
        is_lost: See :mod:`ccl_assets.refresh.lost`.

    Raises:
        SelectionError: The selection names what is not there.
    """
    from dagster._core.definitions.data_version import StaleStatus

    resolver = stale_status_resolver(graph, instance)
    nodes = {key.to_user_string(): graph.get(key) for key in graph.materializable_asset_keys}
    frontier = Frontier(
        {name: sorted(key.to_user_string() for key in node.execution_set_asset_keys) for name, node in nodes.items()},
        {name: node.partitions_def for name, node in nodes.items()},
    )
    parents = _parents(graph, resolver, partitions)
    wanted = selection.with_ancestors(parents)
    again = selection.chosen(parents.keys()).difference(made) if selection.again else frozenset()
    dirty: set[Target] = set()
    for target in filter(wanted.__contains__, parents):
        status = resolver.get_status(target.key, target.partition)
        if status is StaleStatus.FRESH and target not in made and is_lost(target):
            status = StaleStatus.MISSING
            frontier.lost.add(target)
        above = parents[target] & dirty
        if target in failed:
            above.add(target)
        if status is StaleStatus.FRESH and not above and target not in again:
            continue
        dirty.add(target)
        if status is StaleStatus.MISSING:
            frontier.missing.add(target)
        if above:
            frontier.waiting[target] = above
        else:
            frontier.ready.append(target)
    return frontier


def _parents(graph: Any, resolver: Any, partitions: Mapping[str, Collection[str]]) -> dict[Target, set[Target]]:
    """Every target that can be materialized, in topological order, with its direct parents."""
    from dagster._core.definitions.events import AssetKeyPartitionKey

    found: dict[Target, set[Target]] = {}
    for key in graph.toposorted_asset_keys:
        node = graph.get(key)
        if not node.is_materializable:
            continue
        name = key.to_user_string()
        keys = [None] if node.partitions_def is None else list(node.partitions_def.get_partition_keys())
        for partition in keys:
            if partition is None or partition in partitions.get(name, keys):
                above = resolver._get_partition_dependencies(key=AssetKeyPartitionKey(key, partition))
                found[Target(name, partition)] = {
                    Target(parent.asset_key.to_user_string(), parent.partition_key) for parent in above
                }
    return found


def refresh(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    partitions: Mapping[str, Collection[str]],
    sources: Mapping[str, SourceVersions],
    say: Callable[[str], None] = print,
    *,
    selection: Selection = EVERYTHING,
    tags: Mapping[str, str] | None = None,
    lost: Callable[[dg.DagsterInstance], IsLost] | None = None,
) -> Outcome:
    """Materialize the frontier until nothing is stale or missing, in this process, one run per partition.

    One run per partition and not per range, because a run has one data version: a range would mark every partition changed where
    one is.

    Args:
        definitions: The code location.
        instance: Dagster instance that records the runs.
        partitions: See :func:`find_frontier`.
        sources: Data versions of each source asset, by partition.
        say: Receives progress lines.
        selection: What is to be fresh in the end; everything it is derived from is included.
        tags: Put on every run.
        lost: Looks at storage, once per wave.

    Raises:
        SelectionError: The selection names what is not there.
    """
    if dead := end_dead_runs(instance):
        say(f"{len(dead)} runs of killed processes were marked as failed; what they stored is kept")
    graph = definitions.resolve_asset_graph()
    outcome = Outcome()
    wave = 0
    while True:
        observe(instance, sources)
        is_lost = lost(instance) if lost else lambda _: False
        frontier = find_frontier(graph, instance, partitions, outcome.failed, selection, outcome.materialized, is_lost)
        if frontier.lost:
            say(f"{len(frontier.lost)} partitions are gone from storage and are made again, first {min(frontier.lost)}")
        runs = frontier.runs()
        if not runs:
            outcome.waiting = [target for target in frontier.waiting if target not in outcome.failed]
            return outcome
        wave += 1
        say(f"wave {wave}: {len(runs)} runs, {len(frontier.waiting)} partitions wait for them")
        for number, group in enumerate(runs, start=1):
            wait_for_pools(instance, {pool for target in group for pool in graph.get(target.key).pools or ()}, say)
            started = time.monotonic()
            run = materialize(definitions, instance, group, tags)
            took = time.monotonic() - started
            say(
                f"  {number:3}/{len(runs)}  {took:6.1f} s  {' + '.join(map(str, group))}{'  FAILED' if run.failed else ''}"
            )
            for target, reason in run.failed.items():
                say(f"           {target}: {reason}")
            outcome.materialized += run.materialized
            outcome.failed |= run.failed


def materialize(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    group: list[Target],
    tags: Mapping[str, str] | None = None,
) -> Outcome:
    """Run the targets of one partition; those below a failure are not computed and left waiting.

    Raises:
        KeyboardInterrupt: The run was interrupted (SIGINT, SIGTERM); Dagster makes a failed run of that.
    """
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=instance,
        run_config=_QUIET,
        partition_key=group[0].partition,
        tags={**process_tag(), **(tags or {})},
        asset_selection=[target.key for target in group],
        raise_on_error=False,
    )
    made = {event.asset_key for event in result.get_asset_materialization_events()}
    outcome = Outcome([target for target in group if target.key in made])
    reasons = {event.step_key: _reason(event) for event in result.all_events if event.is_step_failure}
    planned = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    steps = {event.asset_key: event.step_key for entry in planned if (event := entry.dagster_event) is not None}
    for target in group:
        if target.key in made:
            continue
        if (step := steps.get(target.key)) in reasons:
            outcome.failed[target] = reasons[step]
        else:
            outcome.waiting.append(target)
    if outcome.waiting and not outcome.failed:  # it would be ready again and again
        reason = "the run ended without computing it; see the run in the Dagster UI"
        outcome.failed, outcome.waiting = dict.fromkeys(outcome.waiting, reason), []
    return outcome


def _reason(failure: dg.DagsterEvent) -> str:
    """What a person should read of a step's failure: a gate's words, or the first cause."""
    data = failure.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return data.user_failure_data.description
    causes = [data.error] if data.error is not None else []
    while causes and causes[-1].cause is not None:
        causes.append(causes[-1].cause)
    if any(cause.cls_name == _INTERRUPTED for cause in causes):
        raise KeyboardInterrupt
    return causes[-1].message.strip() if causes else "unknown error"


def observe(instance: dg.DagsterInstance, sources: Mapping[str, SourceVersions]) -> list[Target]:
    """Record the data version of each source partition that changed, without a run; returns these."""
    changed = []
    for name, versions in sources.items():
        key = dg.AssetKey.from_user_string(name)
        for partition, version in versions().items():
            record = instance.get_latest_data_version_record(key, True, partition)
            known = record.event_log_entry.tags if record is not None else None
            if known is None or known.get(DATA_VERSION_TAG) != version:
                observation = dg.AssetObservation(key, partition=partition, tags={DATA_VERSION_TAG: version})
                instance.report_runless_asset_event(observation)
                changed.append(Target(name, partition))
    return changed
