"""The outcome of a gate: a data-quality check that can stop a table from being written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar


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


GateFunction = Callable[..., Gate]
_NAME, _DESCRIPTION = "gate_name", "gate_description"
_Function = TypeVar("_Function", bound=GateFunction)


def gate(name: str, description: str) -> Callable[[_Function], _Function]:
    """Declare the gate that a function evaluates.

    Args:
        name: Of the gate, as the function's result carries it; the name of the asset check.
        description: For the UI, one sentence.
    """

    def declare(function: _Function) -> _Function:
        setattr(function, _NAME, name)
        setattr(function, _DESCRIPTION, description)
        return function

    return declare


def declared(gates: Iterable[GateFunction]) -> dict[str, str]:
    """Name and description of each gate, from the functions that evaluate them.

    Raises:
        TypeError: A function declares no gate.
    """
    found = {}
    for function in gates:
        if not hasattr(function, _NAME):
            raise TypeError(
                f"{function.__module__}.{function.__name__} declares no gate: put @gate(name, description) above it"
            )
        found[getattr(function, _NAME)] = getattr(function, _DESCRIPTION)
    return found
