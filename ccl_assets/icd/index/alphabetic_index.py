"""The Alphabetic Index, the Neoplasm and Drug tables and the External-cause index: XML in, rows out.

Cross-references are kept as printed; resolving them is the business of :mod:`ccl_assets.icd.index.cross_references`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ccl_assets.icd.code import CATEGORY
from ccl_assets.icd.release.contents import ReleaseFile
from ccl_assets.icd.release.xml_documents import iterate_xml, plain_text

SOURCES = {
    "index": "alphabetic_index",
    "neoplasm": "neoplasm_table",
    "drug": "drug_table",
    "external_cause": "external_cause_index",
}
_CODE = re.compile(rf"{CATEGORY}(?:\.[0-9A-Z]{{0,4}})?-*")
_SPACE_BEFORE_COMMA = re.compile(r"\s+(?=[,;])")
_TRAILING = re.compile(r"(?:\s*,|\s+-+|\s*-\s*see)+$")
_DOUBLE_COMMA = re.compile(r",(?:\s*,)+")
# "procedureT88.53", "not intractable 4G43.829", "chronic I82.5y--"; not "(conditions in) I51.4-I51.9" nor "in subcategory K72.0"
_CODE_IN_TITLE = re.compile(
    r"^(?P<title>.*?(?:[a-z)]|\.\d(?=\s)))(?<! in)(?<! to)(?<! and)(?:\s[a-z0-9])?\s?"
    rf"(?P<code>{CATEGORY}\.[0-9A-Z]{{1,4}})y?(?P<dashes>-*)$"
)
_NO_CODE = {"", "-", "--"}
_BLANK: dict[str, Any] = {
    "release": "",
    "term_id": "",
    "source": "",
    "path": [],
    "nonessential_modifiers": [],
    "cell": None,
    "code": None,
    "manifestation_code": None,
    "see_category": None,
    "see": None,
    "see_target_ids": [],
    "see_outcome": None,
    "see_also": None,
    "see_also_target_ids": [],
    "see_also_outcome": None,
}
_PLAIN_COLUMNS = {
    "code": "code",
    "see": "see",
    "seeAlso": "see_also",
    "seecat": "see_category",
    "subcat": "see_category",
}


def parse_index(file: ReleaseFile, release: str) -> Iterator[dict[str, Any]]:
    """Yield one row of ``icd/index_terms`` per term, and one more per filled cell of a table.

    A term's own row comes first and alone carries its cross-references, unresolved; its cells follow, then its subterms. The
    file is read one main term at a time. A code that stands in a title, as in "procedureT88.53", moves to ``see_category``:
    ``code`` holds only what the release marks as such, so that counts of it are the release's.

    Raises:
        ReleaseError: Malformed XML, after the rows above the damage.
    """
    source = SOURCES[file.role]
    heads: dict[str, str] = {}
    for position, main in enumerate(iterate_xml(file, "mainTerm")):
        if position == 0:
            root = main.getroottree().getroot()
            heads = {head.get("col"): plain_text(head) for head in root.iterfind("indexHeading/head")}
        rows: list[dict[str, Any]] = []
        _collect(main, [], f"{source}/{position:05d}", {**_BLANK, "release": release, "source": source}, heads, rows)
        yield from rows


def _collect(
    element: Any,
    above: list[str],
    term_id: str,
    blank: dict[str, Any],
    heads: dict[str, str],
    rows: list[dict[str, Any]],
) -> None:
    """Append the rows of a term and of all below it."""
    row = blank.copy()
    title, cells, subterms = "", [], []
    for child in element:
        tag = child.tag
        if tag == "term":
            subterms.append(child)
        elif tag == "title":
            title, row["nonessential_modifiers"] = _title(child)
        elif tag == "cell":
            cells.append((str(child.get("col")), plain_text(child)))
        elif tag == "manif":  # the Neoplasm table has words in the place of the bracketed code
            row["manifestation_code"] = found if _CODE.fullmatch(found := plain_text(child)) else None
        elif tag in _PLAIN_COLUMNS:
            row[_PLAIN_COLUMNS[tag]] = plain_text(child) or None
    if not (row["code"] or row["see_category"] or cells) and (glued := _CODE_IN_TITLE.match(title)):
        title, row["see_category"] = glued["title"], glued["code"] + ("-" if glued["dashes"] else "")
    row["term_id"] = term_id
    row["path"] = path = [*above, title]
    rows.append(row)
    for column, code in cells:
        if code not in _NO_CODE:
            cell = {"term_id": f"{term_id}#{column}", "cell": heads.get(column, column), "code": code}
            rows.append({**row, **cell, "see": None, "see_also": None})
    for number, subterm in enumerate(subterms):
        _collect(subterm, path, f"{term_id}/{number:03d}", blank, heads, rows)


def _title(title: Any) -> tuple[str, list[str]]:
    """Title without its nonessential modifiers, and these; a modifier may open, follow or split the title."""
    text = title.text or ""
    modifiers: list[str] = []
    for child in title:
        inner = "".join(child.itertext())
        if child.tag == "nemod":
            inner, found = _split_modifiers(inner)
            modifiers += found
            text += inner
        else:
            text += f" {inner}"
        tail = child.tail or ""
        text += tail if tail[:1] == "-" else f" {tail}"  # "Legg(-Calvé)-Perthes disease"
    text = " ".join(text.split())
    if "," in text or ";" in text:
        text = _DOUBLE_COMMA.sub(",", _SPACE_BEFORE_COMMA.sub("", text))
    if text.endswith(("-", ",", "see")):
        text = _TRAILING.sub("", text)
    return text.replace("--", "-") if "--" in text and " --" not in text else text, modifiers


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
                # "Amnes(t)ic" and "(-Calvé)-Perthes" are one word, "gravitational(G) forces" is two
                after = text[position + 1 : position + 2]
                outside += "" if not after or after.isalnum() or after == "-" else " "
        elif depth == 0 and character != ")":
            outside += character
    if depth:
        modifiers.append(text[begin:])
    return outside, [" ".join(modifier.split()) for modifier in modifiers if modifier.strip()]
