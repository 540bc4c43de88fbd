"""The shape of an ICD-10-CM code, and its one spelling here: upper case, with a dot after the third character if more follow.

All that knows the shape asks this module. Whether a release has a code is another question (:mod:`ccl_assets.icd.ontology`).

A category is a letter, a digit and a digit or letter (``I10``, ``C7B``, ``O9A``); ``QA0`` alone has a letter in the second place,
which is always an A. Up to four characters follow.
"""

from __future__ import annotations

import re
from functools import lru_cache

CATEGORY = r"[A-Z](?:[0-9][0-9A-Z]|A[0-9])"
"""Pattern of a category as releases print it."""
DOTTED = rf"{CATEGORY}(?:\.[0-9A-Z]{{1,4}})?"
"""Pattern of a code as releases print it."""
UNDOTTED = rf"{CATEGORY}(?:\.?[0-9A-Z]{{1,4}})?"
"""Pattern of a code with or without its dot."""
WRITTEN = r"(?:[A-Za-z][0-9][0-9AaBb]|[Qq][Aa]0)(?:\.?[0-9A-Za-z]{1,4})?"
"""Pattern of a code as models write it, in either case and without its dot, too.

Third characters other than digits are A and B in every release so far (C7B, M1A, Z3A), which keeps "A1c" out.
"""

_DOTTED = re.compile(DOTTED)
_ANY_SPELLING = re.compile(rf"({CATEGORY})\.?([0-9A-Z]{{1,4}})?\.?")
_ORDER_FILE_CODE = re.compile(rf"{CATEGORY}[0-9A-Z]{{0,4}}")


class NoCodeError(ValueError):
    """A text has not the shape of an ICD-10-CM code."""


def is_dotted(text: str) -> bool:
    """Tell whether a text is a code in the spelling of this project."""
    return _DOTTED.fullmatch(text) is not None


def dotted(bare: str) -> str:
    """Put the dot into a code without one; nothing is checked."""
    return f"{bare[:3]}.{bare[3:]}" if len(bare) > 3 else bare


def normalize_code(code: str) -> str:
    """Write a code as the project does (``e1122`` -> ``E11.22``); nothing is checked."""
    return dotted(re.sub(r"[.\s]", "", code).upper())


@lru_cache(maxsize=2**17)  # millions of rows repeat some ten thousand codes; equal codes then share one string, too
def dot_code(code: str) -> str:
    """Read a code in any usual spelling: with or without its dot, in either case, with a dot at its end.

    Not for ICD-9 or PCS: PCS codes can look like ICD-10-CM ones, so tell them apart by their file or label, not by their
    shape.

    Raises:
        NoCodeError: Not the shape of an ICD-10-CM code.
    """
    found = _ANY_SPELLING.fullmatch(code.strip().upper())
    if found is None:
        raise NoCodeError("not the shape of an ICD-10-CM code, such as E11.9 or E119")
    category, rest = found.groups()
    return f"{category}.{rest}" if rest else str(category)


def spelled(code: str) -> str:
    """A code in the spelling of this project; what has not the shape of a code stays as it is, and no look-up finds it."""
    try:
        return dot_code(code)
    except NoCodeError:
        return code


def is_order_file_code(text: str) -> bool:
    """Tell whether a text is a code as the official order file has it: upper case, without a dot."""
    return _ORDER_FILE_CODE.fullmatch(text) is not None
