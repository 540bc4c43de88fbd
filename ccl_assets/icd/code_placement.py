"""Place of a code in the Tabular List: below its parent, in its block, in its chapter."""

from __future__ import annotations

from collections.abc import Sequence

from ccl_assets.icd.chapters import chapter_of
from ccl_assets.icd.code import is_dotted

_CATEGORY_LENGTH = 3


def misplaced(code: str, parent: str | None, chapter: str, block: str, blocks: Sequence[str]) -> str | None:
    """Say what is wrong with the place of a printed code; ``None`` if nothing is.

    Args:
        code: The code as printed.
        parent: The code it stands below; ``None`` directly in a block.
        chapter: Key of the chapter it stands in.
        block: The block it stands in.
        blocks: All blocks of the chapter that hold codes.
    """
    if not is_dotted(code):
        return f"{code!r} is not an ICD-10-CM code"
    if parent is not None:
        if not code.startswith(parent):
            return f"code {code} stands below {parent}, which is not its parent"
        if len(code) - len(parent) != (2 if len(parent) == _CATEGORY_LENGTH else 1):
            return f"code {code} stands below {parent}, but its parent {code[:-1]} is missing"
        return None
    if len(code) != _CATEGORY_LENGTH:
        return f"code {code} stands directly in block {block}, but its parent {code[:-1].rstrip('.')} is missing"
    try:
        expected = chapter_of(code).key
    except KeyError as error:
        return str(error.args[0])
    if expected != chapter:
        return f"code {code} stands in chapter {chapter} and belongs to {expected}"
    if not in_block(code, block):
        # FY2016 prints Y09 in X92-Y08, and no block claims it: that is no error
        claimed = next((other for other in blocks if in_block(code, other)), None)
        if claimed is not None:
            return f"code {code} stands in block {block} and belongs to {claimed}"
    return None


def in_block(category: str, block: str) -> bool:
    """Tell whether a category lies in a block such as ``S80-S89`` or ``C7A``.

    A category that ends in a letter is printed between the numbers and not after them: ``C4A`` lies in ``C43-C44``.
    """
    first, _, last = block.partition("-")
    last = last or first
    if category[-1].isdigit():
        return first <= category <= last
    return first[:2] <= category[:2] <= last[:2]
