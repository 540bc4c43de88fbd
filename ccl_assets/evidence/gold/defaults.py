"""The code that a header means by default: "diabetes" is diabetes without complications, "COPD" is COPD, unspecified."""

from __future__ import annotations

import re
from functools import lru_cache

from ccl_assets.icd.ontology import Ontology
from ccl_assets.text.default_forms import default_form
from ccl_assets.text.folding import fold

_RESIDUAL = re.compile(r"^other (?:and unspecified )?", re.IGNORECASE)


@lru_cache(maxsize=2)
def default_codes(ontology: Ontology) -> dict[str, str]:
    """The default code of each header that has one.

    It is the one billable code below whose title says what the header's says once what goes without saying is left out; where
    there is none, the code that ends in 9 and is called unspecified. A code that needs a 7th character is no default.
    """
    found: dict[str, str] = {}
    for entry in reversed(list(ontology)):
        if entry.is_billable or entry.is_expanded or not ontology.children.get(entry.code):
            continue
        children = [ontology[child] for child in ontology.children[entry.code]]
        if any(child.is_expanded for child in children):
            continue
        wanted = _said(entry.title)
        below = [code for child in children if (code := child.code if child.is_billable else found.get(child.code))]
        same = [code for code in below if _said(ontology[code].title) == wanted]
        last = [
            child.code if child.is_billable else found.get(child.code)
            for child in children
            if child.code.endswith("9") and "unspecified" in child.title.lower()
        ]
        chosen = same[0] if len(same) == 1 else last[0] if len(last) == 1 and not same else None
        if chosen:
            found[entry.code] = chosen
    return found


def _said(title: str) -> str:
    return fold(default_form(_RESIDUAL.sub("", re.sub(r"\s*[(\[][^)\]]*[)\]]", "", title))))
