"""Bulk reading without Python's cycle collector in between."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the cyclic garbage collector.

    Reading a release makes a million objects that all live on and no cycles; looking for some among them again and again took
    a fifth to a third of the time. Nested uses are fine.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
