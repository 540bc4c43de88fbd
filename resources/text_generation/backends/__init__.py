"""The backends, one module each; whatever module is here is a backend and may be named in ``CCL_BACKEND``.

A module declares its backend in ``BACKEND``. Nothing is imported before a backend is asked for.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from ccl_assets.resources.text_generation.backend import Backend

WITH_ADAPTERS = "transformers"  # runs models with adapters where the chosen backend does not


def backend_names() -> tuple[str, ...]:
    """Names of all backends, in alphabetical order."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))


def find_backend(name: str) -> Backend:
    """Return a backend by name.

    Raises:
        ValueError: There is no such backend, or it calls itself otherwise.
    """
    if name not in backend_names():
        raise ValueError(f"there is no backend {name!r}; there are {', '.join(backend_names())}")
    backend: Backend = import_module(f"{__name__}.{name}").BACKEND
    if backend.name != name:
        raise ValueError(f"{__name__}.{name} declares a backend {backend.name!r}; a backend is called as its module is")
    return backend
