"""Artifacts that an asset writes itself, as a directory per partition; Dagster only remembers where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg


class ArtifactMissingError(RuntimeError):
    """A directory that should be read is not there."""


class ArtifactDirectoryIOManager(dg.IOManager):
    """The asset writes ``<root>/<group>/<asset>[/<partition>]`` atomically and outputs that path; inputs are the path again.

    An input that maps to no partition (a system without an adapter) is ``None``.
    """

    def __init__(self, root: Path) -> None:
        """Artifacts lie below ``root``."""
        self._root = root

    def handle_output(self, context: dg.OutputContext, obj: Path) -> None:
        """Check that the artifact is where it belongs."""
        partition = context.asset_partition_key if context.has_asset_partitions else None
        expected = self._path(context.asset_key, partition)
        if obj.resolve() != expected.resolve() or not expected.exists():
            raise ArtifactMissingError(
                f"{context.asset_key.to_user_string()} should have written {expected}, not {obj}"
            )
        context.add_output_metadata({"path": dg.MetadataValue.path(str(expected))})

    def load_input(self, context: dg.InputContext) -> Any:
        """Path of the artifact."""
        keys = list(context.asset_partition_keys) if context.has_asset_partitions else [None]
        if not keys:
            return None
        if len(keys) > 1:
            raise ValueError(
                f"{context.asset_key.to_user_string()}: an artifact input maps to one partition, not {len(keys)}"
            )
        path = self._path(context.asset_key, keys[0])
        if not path.exists():
            where = f" partition {keys[0]}" if keys[0] else ""
            raise ArtifactMissingError(
                f"{path} is missing: materialize {context.asset_key.to_user_string()}{where} again"
            )
        return path

    def _path(self, key: dg.AssetKey, partition: str | None) -> Path:
        path = self._root.joinpath(*key.path)
        return path / partition if partition else path
