"""Dagster's own stale status of every partition, at the price of a query per asset instead of one per pair of partitions.

The resolver is not public API; it is used here only, and pinned by Dagster's version range.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContext
from dagster._utils.caching_instance_queryer import CachingInstanceQueryer


class _Loading(LoadingContext):
    """The resolver's batch loaders for one look."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._loaders: dict[Any, Any] = {}

    @property
    def instance(self) -> dg.DagsterInstance:
        return self._instance

    @property
    def loaders(self) -> dict[Any, Any]:
        return self._loaders


class _LatestEvents:
    """Answers whether a partition has an event newer than a given one, for all partitions of an asset by one query.

    The resolver asks that of each partition and each partition above it: 22 chapters that read 22 chapters make 484 questions,
    nearly all of which are answered by no.
    """

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._ids: dict[tuple[dg.AssetKey, bool], Mapping[str, int]] = {}

    def get_latest_data_version_record(
        self,
        key: dg.AssetKey,
        is_source: bool,
        partition_key: str,
        before_cursor: int | None = None,
        after_cursor: int | None = None,
    ) -> Any:
        if after_cursor is not None and self._newest(key, is_source).get(partition_key, -1) <= after_cursor:
            return None
        return self._instance.get_latest_data_version_record(
            key, is_source, partition_key, before_cursor=before_cursor, after_cursor=after_cursor
        )

    def _newest(self, key: dg.AssetKey, is_source: bool) -> Mapping[str, int]:
        found = self._ids.get((key, is_source))
        if found is None:
            kind = dg.DagsterEventType.ASSET_OBSERVATION if is_source else dg.DagsterEventType.ASSET_MATERIALIZATION
            found = self._ids[key, is_source] = self._instance.get_latest_storage_id_by_partition(key, kind)
        return found


def stale_status_resolver(graph: Any, instance: dg.DagsterInstance) -> CachingStaleStatusResolver:
    """A resolver for one look; what happens later it does not see."""
    loading = _Loading(instance)
    resolver = CachingStaleStatusResolver(instance, graph, loading, CachingInstanceQueryer(instance, graph, loading))
    resolver._instance = _LatestEvents(instance)  # type: ignore[assignment]
    return resolver
