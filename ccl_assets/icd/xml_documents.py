"""Safe XML parsing: entities and document types are refused, errors name file and line."""

from __future__ import annotations

from typing import Any

from ccl_assets.icd.release import ReleaseError, ReleaseFile


def parse_xml(file: ReleaseFile) -> Any:
    """Parse a release file and return its root element (lxml).

    Raises:
        ReleaseError: Malformed XML (with line), or a document type, which no release has and an attack needs.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(file.content, parser)
    except etree.XMLSyntaxError as error:
        raise ReleaseError(
            f"{file.file_name}, line {error.lineno}: not well-formed XML ({error.msg}); get the file again"
        ) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise ReleaseError(f"{file.file_name}: declares a document type, which no ICD-10-CM release does; refused")
    return root


def text_of(element: Any, tag: str) -> str:
    """Text of the first child ``tag``, whitespace collapsed; empty if there is none."""
    child = element.find(tag)
    return " ".join("".join(child.itertext()).split()) if child is not None else ""
