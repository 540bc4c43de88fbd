"""The code that a header means by default: "diabetes" is diabetes without complications, "COPD" is COPD, unspecified."""

from __future__ import annotations

import re
from functools import lru_cache

from ccl_assets.icd.ontology import Ontology
from ccl_assets.text.default_forms import default_form
from ccl_assets.text.folding import fold

_RESIDUAL = re.compile(r"^other (?:and unspecified )?", re.IGNORECASE)


ACTIVE_CARE = "A"
"""The 7th character of a condition under active care, closed where it is a fracture: what a note means that says no more."""


@lru_cache(maxsize=2)
def default_codes(ontology: Ontology) -> dict[str, str]:
    """The default code of each header and stem that has one.

    A stem's is the code of active care. A header's is the one below whose title says what the header's says once what goes without
    saying is left out; where there is none, the one that ends in 9 and is called unspecified.
    """
    found: dict[str, str] = {}
    for entry in reversed(list(ontology)):
        if entry.is_billable or not ontology.children.get(entry.code):
            continue
        children = [ontology[child] for child in ontology.children[entry.code]]
        if any(child.is_expanded for child in children):
            active = next((child.code for child in children if child.code.endswith(ACTIVE_CARE)), None)
            if active:
                found[entry.code] = active
            continue
        below = [child for child in children if child.is_billable or child.code in found]
        wanted = _said(entry.title)
        same = [child for child in below if _said(child.title) == wanted]
        last = [child for child in below if child.code.endswith("9") and "unspecified" in child.title.lower()]
        chosen = same if len(same) == 1 else last if len(last) == 1 and not same else []
        for child in chosen:
            found[entry.code] = child.code if child.is_billable else found[child.code]
    return found


def _said(title: str) -> str:
    return fold(default_form(_RESIDUAL.sub("", re.sub(r"\s*[(\[][^)\]]*[)\]]", "", title))))
