"""The Alphabetic Index, the Neoplasm and Drug tables and the External-cause index: XML in, rows out.

Cross-references are kept as printed; resolving them is the business of another module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ccl_assets.icd.release import ReleaseFile
from ccl_assets.icd.xml_documents import parse_xml, text_of

SOURCES = {
    "index": "alphabetic_index",
    "neoplasm": "neoplasm_table",
    "drug": "drug_table",
    "external_cause": "external_cause_index",
}
_CODE = re.compile(r"[A-Z][0-9A][0-9A-Z](?:\.[0-9A-Z]{0,4})?-*")
_SPACE_BEFORE_COMMA = re.compile(r"\s+(?=[,;])")
_NO_CODE = {"", "-", "--"}


def parse_index(file: ReleaseFile, release: str) -> Iterator[dict[str, Any]]:
    """Yield one row of ``icd/index_terms`` per term, or per filled cell of a table.

    Raises:
        ReleaseError: Malformed XML.
    """
    root = parse_xml(file)
    source = SOURCES[file.role]
    heads = {head.get("col"): " ".join(head.itertext()).strip() for head in root.iterfind("indexHeading/head")}
    position = 0
    for letter in root.iterfind("letter"):
        for main in letter.iterfind("mainTerm"):
            yield from _term(main, (), f"{source}/{position:05d}", release, source, heads)
            position += 1


def _term(
    element: Any, above: tuple[str, ...], term_id: str, release: str, source: str, heads: dict[str, str]
) -> Iterator[dict[str, Any]]:
    title, modifiers = _title(element)
    path = (*above, title)
    row = {
        "release": release,
        "term_id": term_id,
        "source": source,
        "path": list(path),
        "nonessential_modifiers": modifiers,
        "cell": None,
        "code": text_of(element, "code") or None,
        "manifestation_code": _manifestation_code(element),
        "see": text_of(element, "see") or None,
        "see_also": text_of(element, "seeAlso") or None,
    }
    yield row
    for cell in element.iterfind("cell"):
        code = "".join(cell.itertext()).strip()
        if code not in _NO_CODE:
            column = str(cell.get("col"))
            yield {**row, "term_id": f"{term_id}#{column}", "cell": heads.get(column, column), "code": code}
    for number, child in enumerate(element.iterfind("term")):
        yield from _term(child, path, f"{term_id}/{number:03d}", release, source, heads)


def _title(element: Any) -> tuple[str, list[str]]:
    """Title without its nonessential modifiers, and these; a modifier may open, follow or split the title."""
    title = element.find("title")
    if title is None:
        return "", []
    modifiers: list[str] = []
    text = title.text or ""
    for child in title:
        inner = "".join(child.itertext())
        if child.tag == "nemod":
            inner, found = _split_modifiers(inner)
            modifiers += found
            text += inner
        else:
            text += f" {inner}"
        text += f" {child.tail or ''}"
    return " ".join(_SPACE_BEFORE_COMMA.sub("", text).split()), modifiers


def _split_modifiers(text: str) -> tuple[str, list[str]]:
    """Words outside the outermost parentheses, and what these hold.

    About a hundred ``nemod`` elements hold essential words too, "(prophylactic) drug therapy (use of)", or parentheses
    in parentheses, "(except toe(s) alone)". A few are out of balance: a stray closing one is dropped.
    """
    if "(" not in text:
        return "", [" ".join(text.split())] if text.strip() else []
    outside, modifiers, begin, depth = "", [], 0, 0
    for position, character in enumerate(text):
        if character == "(":
            depth += 1
            if depth == 1:
                begin = position + 1
        elif character == ")" and depth:
            depth -= 1
            if depth == 0:
                modifiers.append(text[begin:position])
                # "Amnes(t)ic" is one word, "gravitational(G) forces" is two
                outside += "" if text[position + 1 : position + 2].isalnum() else " "
        elif depth == 0 and character != ")":
            outside += character
    if depth:
        modifiers.append(text[begin:])
    return outside, [" ".join(modifier.split()) for modifier in modifiers if modifier.strip()]


def _manifestation_code(element: Any) -> str | None:
    """The bracketed code; the Neoplasm table has words in the same place, which are no code."""
    found = text_of(element, "manif")
    return found if _CODE.fullmatch(found) else None
