"""Safe XML parsing: entities and document types are refused, errors name file and line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from ccl_assets.icd.release.contents import ReleaseError, ReleaseFile

_SAFE = {"resolve_entities": False, "no_network": True, "remove_comments": True, "remove_pis": True}


def iterate_xml(file: ReleaseFile, tag: str) -> Iterator[Any]:
    """Yield each element ``tag``, complete, and free it before the next one: memory holds one at a time.

    An error further down the file is raised after the elements above it were given out.

    Raises:
        ReleaseError: Malformed XML (with line), or a document type, which no release has and an attack needs.
    """
    from lxml import etree

    events = etree.iterparse(io.BytesIO(file.content), events=("end",), tag=tag, **_SAFE)
    try:
        for _, element in events:
            _refuse_document_type(file, element)
            yield element
            element.clear(keep_tail=False)
            while element.getprevious() is not None:
                del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        raise _malformed(file, error) from None
    _refuse_document_type(file, events.root)


def _malformed(file: ReleaseFile, error: Any) -> ReleaseError:
    return ReleaseError(f"{file.file_name}, line {error.lineno}: not well-formed XML ({error.msg}); get the file again")


def _refuse_document_type(file: ReleaseFile, element: Any) -> None:
    if element.getroottree().docinfo.internalDTD is not None:
        raise ReleaseError(f"{file.file_name}: declares a document type, which no ICD-10-CM release does; refused")


def text_of(element: Any, tag: str) -> str:
    """Text of the first child ``tag``, whitespace collapsed; empty if there is none."""
    child = element.find(tag)
    return plain_text(child) if child is not None else ""


def plain_text(element: Any) -> str:
    """All text of an element, whitespace collapsed."""
    text = "".join(element.itertext()) if len(element) else element.text or ""
    return " ".join(text.split())
