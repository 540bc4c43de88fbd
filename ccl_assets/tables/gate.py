"""The outcome of a gate: a data-quality check that can stop a table from being written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Gate:
    """Outcome of a gate: counts and first offending ids in ``details``, and what to do about it.

    A gate that is not blocking warns.
    """

    name: str
    passed: bool
    remedy: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    is_blocking: bool = True
