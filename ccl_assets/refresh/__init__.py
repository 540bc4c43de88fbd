"""Refreshing the lakehouse: which partitions are stale, in which order they run, whose run is alive."""
