"""Scope of a refresh: everything, or some assets and partitions with all that these are derived from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import dagster as dg


class SelectionError(ValueError):
    """A selection names what is not there."""


@dataclass(frozen=True, order=True)
class Target:
    """An asset, or one partition of it."""

    asset: str
    partition: str | None = None

    @property
    def key(self) -> dg.AssetKey:
        """The asset key."""
        return dg.AssetKey.from_user_string(self.asset)

    def __str__(self) -> str:
        """E.g. ``gold/pairs 09_I00-I99``."""
        return f"{self.asset} {self.partition}" if self.partition else self.asset


@dataclass(frozen=True)
class Selection:
    """Assets by key (``gold/pairs``) or by the first part of it (``gold``), and of these the partitions; empty for all.

    Attributes:
        names: Keys, or first parts of keys.
        partitions: Partition keys; an asset that has none of them is left out, one without partitions stays.
        again: Materialize what is selected even where nothing changed.
    """

    names: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    again: bool = False

    def chosen(self, targets: Collection[Target]) -> set[Target]:
        """The targets that are selected themselves.

        Raises:
            SelectionError: A name or partition is none of the targets'; the message lists what there is.
        """
        named = {target for target in targets if not self.names or self._names(target)}
        assets = sorted({target.asset for target in targets})
        groups = sorted({asset.partition("/")[0] for asset in assets})
        for name in self.names:
            if name not in assets and name not in groups:
                raise SelectionError(
                    f"no asset or group {name}; there are the groups {', '.join(groups)} and {', '.join(assets)}"
                )
        known = {target.partition for target in named if target.partition}
        if odd := [key for key in self.partitions if key not in known]:
            shown = ", ".join(sorted(known)) or "none"
            raise SelectionError(f"no partition {', '.join(odd)} of what is selected; there are {shown}")
        if not self.partitions:
            return named
        return {target for target in named if target.partition is None or target.partition in self.partitions}

    def with_ancestors(self, parents: Mapping[Target, Collection[Target]]) -> set[Target]:
        """The selected targets and everything above them.

        Args:
            parents: Direct parents of every target, in topological order.
        """
        wanted = self.chosen(parents.keys())
        for target in reversed(list(parents)):
            if target in wanted:
                wanted.update(parent for parent in parents[target] if parent in parents)
        return wanted

    def _names(self, target: Target) -> bool:
        return target.asset in self.names or target.asset.partition("/")[0] in self.names


EVERYTHING = Selection()
