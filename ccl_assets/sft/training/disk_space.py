"""A full disk, said as such: libraries wrap it in errors of their own that name neither the place nor the remedy."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# safetensors and torch give the operating system's message, torch.save's zip writer not even that
_NO_SPACE_TEXT = re.compile(
    r"No space left|File too large|quota exceeded|PytorchStreamWriter|unexpected pos", re.IGNORECASE
)


class DiskFullError(RuntimeError):
    """Something could not be written for want of space; nothing half-written is left in its place."""


@contextmanager
def names_full_disk(directory: Path, what: str) -> Iterator[None]:
    """Turn any library's error about a full disk into one that says where space is wanted.

    Raises:
        DiskFullError: In its stead.
    """
    try:
        yield
    except Exception as error:
        is_full = error.errno in _NO_SPACE if isinstance(error, OSError) else _NO_SPACE_TEXT.search(str(error))
        if not is_full:
            raise
        free = shutil.disk_usage(directory).free // 2**20
        raise DiskFullError(
            f"no space for {what} in {directory} ({free} MiB free): free some and start again; training goes on from its last "
            "whole checkpoint"
        ) from error
