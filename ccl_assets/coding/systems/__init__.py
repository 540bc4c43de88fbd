"""The systems that code the benchmark notes, one module each; whatever module is here is a system.

A module says what its system is in ``SYSTEM``. Code that several systems share stands one folder up.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from ccl_assets.coding.coder_settings import CoderSettings
from ccl_assets.coding.coding_system import CodingSystem, Ingredients, SystemDescription

__all__ = [
    "SYSTEMS",
    "CoderSettings",
    "CodingSystem",
    "Ingredients",
    "SystemDescription",
    "build_system",
    "system_modules",
]


def _found() -> dict[str, SystemDescription]:
    systems: list[SystemDescription] = []
    for module in iter_modules(__path__):
        system = import_module(f"{__name__}.{module.name}").SYSTEM
        if system.name != module.name:
            raise ValueError(
                f"{__name__}.{module.name} describes a system {system.name!r}; a system is called as its module is"
            )
        systems.append(system)
    return {system.name: system for system in sorted(systems, key=lambda system: (system.rank, system.name))}


SYSTEMS: dict[str, SystemDescription] = _found()


def system_modules() -> tuple[str, ...]:
    """All that makes up the systems, as names of modules below ``ccl_assets``: found here by name, so imported nowhere."""
    return ("coding.systems", *(f"coding.systems.{name}" for name in sorted(SYSTEMS)))


def build_system(name: str, ingredients: Ingredients) -> CodingSystem:
    """Build a system by name.

    Raises:
        ValueError: There is no such system, or what it needs is not among the ingredients.
    """
    if name not in SYSTEMS:
        raise ValueError(f"there is no system {name!r}; there are {', '.join(SYSTEMS)}")
    system = SYSTEMS[name]
    if system.needs_generator and ingredients.generator is None:
        raise ValueError(f"system {name!r} needs a generator")
    if system.needs_gold_pairs and ingredients.gold_pairs is None:
        raise ValueError(f"system {name!r} needs gold_pairs")
    if system.rung is not None and not ingredients.span_coders:
        raise ValueError(f"system {name!r} needs span_coders")
    return system.build(system, ingredients)
