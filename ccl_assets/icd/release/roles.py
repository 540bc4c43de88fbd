"""Role of a release's file, told from its content, and the year and update that the content states.

File names change every year and say little; here they are used in messages only.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from xml.parsers import expat

from ccl_assets.icd.release.error import ReleaseError

ROLES = (
    "tabular",
    "index",
    "neoplasm",
    "drug",
    "external_cause",
    "order_file",
    "guidelines",
    "conversion_table",
)
HEAD_BYTES = 4096
ZIP_MAGIC = b"PK\x03\x04"
DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
"""What zipfile raises on bytes that are no whole zip; `ReleaseError`, a `ValueError`, is to be let through first."""

_ORDER_LINE = re.compile(r"\d{5} [A-Z]\w{2,6} +[01] ")
_XML_START = re.compile(r"\s*<")
_GUIDELINES = re.compile(r"ICD-10-CM Official Guidelines for Coding and Reporting", re.IGNORECASE)
_GUIDELINES_WITHIN = (
    400  # characters of the first page; addenda and order-file notes name the guidelines later, if at all
)
_IN_FORCE = re.compile(r"October 1, \d{4} ?[-–—] ?September 30, (\d{4})", re.IGNORECASE)
_FISCAL_YEAR = re.compile(r"\bFY ?(\d{4})\b")
_UPDATED = re.compile(r"\bUPDATED (January|April) 1, (\d{4})|\b(January|April) 1, (\d{4}) Update", re.IGNORECASE)
_COLUMN_HEADS = re.compile(r"\s*current code.*?previous code", re.IGNORECASE | re.DOTALL)
_TITLE_CHARACTERS = 2000
_PDF_END_WITHIN = 1024
_SHEET_CELL = re.compile(rb"</(?:\w+:)?(?:si|is)>")
_SHEET_PART = re.compile(r"xl/(?:sharedStrings|worksheets/[^/]+)\.xml")
_TAG = re.compile(rb"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Statement:
    """Statement of a file: its role and, where its content says so, fiscal year and ``January`` or ``April`` update."""

    role: str
    year: int | None = None
    update: str | None = None


def may_have_role(head: bytes) -> bool:
    """Tell whether a file that begins like this can have a role; ``False`` saves reading all of it. Archives aside."""
    text = decoded(head)
    return (
        head.startswith(b"%PDF")
        or any(pattern.match(text) for pattern in (_XML_START, _ORDER_LINE))
        or _is_conversion_text(text)
    )


def is_office_document(member_names: Iterable[str]) -> bool:
    """Tell whether a zip with these members is a document of an office program, Excel's included, and no archive."""
    return "[Content_Types].xml" in member_names


def statement(shown: str, content: bytes) -> Statement | None:
    """Read a file's statement; ``None`` if it is no file of a release.

    XML of a release is read through once, so that what is not well-formed is refused before anything is parsed from it.

    Args:
        shown: Name for messages.
        content: The whole file.

    Raises:
        ReleaseError: XML of a release that is malformed (with its line) or declares a document type; a damaged PDF.
    """
    if content.startswith(ZIP_MAGIC):
        return _sheet_statement(shown, content)
    if content.startswith(b"%PDF"):
        return _pdf_statement(shown, content)
    text = decoded(content[:HEAD_BYTES])
    if _XML_START.match(text):
        return _xml_statement(shown, content)
    if _ORDER_LINE.match(text):
        return Statement("order_file")
    return _titled("conversion_table", text) if _is_conversion_text(text) else None


class _XmlHead:
    """Root tag, version, title and column heads: what stands before the first letter or chapter."""

    def __init__(self) -> None:
        self.root: str | None = None
        self.texts: dict[str, str] = {}
        self._open: list[str] = []
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def read(self, shown: str, content: bytes) -> None:
        try:
            self._parser.Parse(content, True)
        except _NotOurs:
            return
        except _DocumentType:
            if not _names_a_release(content):
                return
            raise ReleaseError(
                f"{shown}, line {self._parser.CurrentLineNumber}: declares a document type, which no ICD-10-CM release does "
                "and attacks need; refused: get the file from NCHS or CMS"
            ) from None
        except expat.ExpatError as error:
            if self.root is not None or _names_a_release(content):
                problem = expat.ErrorString(error.code)
                raise ReleaseError(
                    f"{shown}, line {error.lineno}: not well-formed XML ({problem}); get the file again"
                ) from None

    def _doctype(self, *_: object) -> None:
        raise _DocumentType

    def _start(self, tag: str, _: object) -> None:
        if self.root is None:
            if not tag.startswith("ICD10CM."):
                raise _NotOurs
            self.root = tag
        elif tag in ("letter", "chapter", "mainTerm"):  # the rest is read at full speed
            self._parser.StartElementHandler = None
            self._parser.EndElementHandler = None
            self._parser.CharacterDataHandler = None
        self._open.append(tag)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        tag = self._open[-1]
        self.texts[tag] = self.texts.get(tag, "") + text


def _names_a_release(content: bytes) -> bool:
    return "ICD10CM." in decoded(content[:HEAD_BYTES])


class _DocumentType(Exception):  # noqa: N818 - leaves the parser, never this module
    pass


class _NotOurs(Exception):  # noqa: N818
    pass


def _xml_statement(shown: str, content: bytes) -> Statement | None:
    head = _XmlHead()
    head.read(shown, content)
    version = head.texts.get("version", "").strip()
    year = int(version) if re.fullmatch(r"\d{4}", version) else None
    role = _xml_role(head)
    return Statement(role, year) if role else None


def _xml_role(head: _XmlHead) -> str | None:
    if head.root == "ICD10CM.tabular":
        return "tabular"
    if head.root != "ICD10CM.index":
        return None
    columns = head.texts.get("head", "").lower()
    if columns:
        return "neoplasm" if "malignant" in columns else "drug" if "substance" in columns else None
    return "external_cause" if "external cause" in head.texts.get("title", "").lower() else "index"


def _pdf_statement(shown: str, content: bytes) -> Statement | None:
    import pypdfium2

    problem = "it is cut short" if b"%%EOF" not in content[-_PDF_END_WITHIN:] else None
    text = ""
    try:
        with pypdfium2.PdfDocument(content) as document:
            text = " ".join(document[0].get_textpage().get_text_range().split()) if len(document) else ""
    except pypdfium2.PdfiumError as error:
        problem = problem or str(error)
    if problem:
        raise ReleaseError(f"{shown}: the PDF cannot be read ({problem}); get the file again, or leave it out")
    return _titled("guidelines", text) if _GUIDELINES.search(text[:_GUIDELINES_WITHIN]) else None


def _sheet_statement(shown: str, content: bytes) -> Statement | None:
    """Of a workbook, from its text as XML: opening it as a workbook takes half a second."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name for name in archive.namelist() if _SHEET_PART.fullmatch(name)]
            parts = [archive.read(name) for name in names]
    except DAMAGED_ZIP as error:
        raise ReleaseError(f"{shown}: the document is damaged ({error}); get the file again") from None
    cells = [_TAG.sub(b"", cell).decode("utf-8", "replace") for part in parts for cell in _SHEET_CELL.split(part)[:-1]]
    at = {
        head: next((number for number, cell in enumerate(cells) if cell.strip().lower().startswith(head)), None)
        for head in ("current code", "previous code")
    }
    if None in at.values():
        return None
    # the strings stand in the order of their first use, but what a tool sorted is still found by its own words
    return _titled("conversion_table", " ".join(" ".join(cell for cell in cells if "onversion" in cell).split()))


def _is_conversion_text(text: str) -> bool:
    return any(_COLUMN_HEADS.match(line) for line in text.splitlines() if "\t" in line)


def _titled(role: str, text: str) -> Statement:
    """Year and update out of a title: the first that it states, since later ones speak of earlier versions."""
    title = " ".join(text[:_TITLE_CHARACTERS].split())
    found = _IN_FORCE.search(title) or _FISCAL_YEAR.search(title)
    year = int(found[1]) if found else None
    updates = [(found[1] or found[3], int(found[2] or found[4])) for found in _UPDATED.finditer(title)]
    update = next((name.capitalize() for name, of_year in updates if of_year == year), None)
    return Statement(role, year, update)


def decoded(content: bytes) -> str:
    """Text of a file, or of its head: UTF-8, or UTF-16 by its byte-order mark or by the zero bytes of plain letters."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content[: len(content) // 2 * 2].decode("utf-16", "replace")
    if content[1:2] == b"\0" or content[:1] == b"\0":
        encoding = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
        return content[: len(content) // 2 * 2].decode(encoding, "replace")
    return content.decode("utf-8-sig", "replace")
