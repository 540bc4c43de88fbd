r"""Formats that are no plain text, told from the content: a note in one of them is refused with its name and what to do.

Marks of a format inside a line ("<br>", ``\\.br\\``) hide where sentences and sections end, so that codes would be wrong
in silence.
Comparison signs ("BP <120"), placeholders ("<unknown>") and de-identification marks ("[** 3 **]") are no marks of a format.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class NoteFormat(NamedTuple):
    """A format: its name, and how to get plain text out of it."""

    name: str
    remedy: str


_EXPORT = "export the text from the program that wrote it, as plain text in UTF-8"
_UNPACK = "unpack it first"
_PDF = NoteFormat("PDF", "take the text out (pdftotext -layout NOTE.pdf NOTE.txt); a scan needs text recognition first")
_WORD = NoteFormat("a Word document (DOCX)", "save it as plain text in UTF-8 (pandoc -t plain NOTE.docx -o NOTE.txt)")
_ODT = NoteFormat("an OpenDocument text (ODT)", "save it as plain text in UTF-8 (pandoc -t plain NOTE.odt -o NOTE.txt)")
_XLSX = NoteFormat("an Excel workbook (XLSX)", "copy the text of one note into a file in UTF-8")
_ZIP = NoteFormat("a ZIP archive", _UNPACK)
_OLE = NoteFormat(
    "a document of an old Office program (DOC, XLS or MSG)", "save it as plain text in UTF-8 in that program"
)
_RTF = NoteFormat("RTF (rich text)", "save it as plain text in UTF-8 (pandoc -f rtf -t plain NOTE.rtf -o NOTE.txt)")
_HTML = NoteFormat("HTML", "save it as plain text in UTF-8 (pandoc -f html -t plain NOTE.html -o NOTE.txt)")
_HL7 = NoteFormat(
    "an HL7 v2 message or text with its escapes (\\.br\\)",
    "take the text out of OBX-5, with a line end in the place of each \\.br\\",
)
_CDA = NoteFormat("a CDA document (HL7 XML)", "take the text of its sections out, as plain text in UTF-8")
_XML = NoteFormat("XML", "take the text of the note out of it, as plain text in UTF-8")
_FHIR = NoteFormat("a FHIR resource (JSON)", "take the text of the note out of it (attachments are in base64)")
_JSON = NoteFormat("JSON", "take the text of the note out of it, with real line ends")
_ESCAPED = NoteFormat(
    "text with its line ends written as \\n (from JSON or a database)", "put real line ends in their place"
)
_MAIL = NoteFormat("an e-mail (MIME)", "save its text part as plain text in UTF-8")
_IMAGE = NoteFormat("an image", "a scan needs text recognition first")
_UTF16 = NoteFormat("text in UTF-16", "save it as UTF-8 (iconv -f UTF-16 -t UTF-8)")
_UTF32 = NoteFormat("text in UTF-32", "save it as UTF-8 (iconv -f UTF-32 -t UTF-8)")
_TEX = NoteFormat("LaTeX", "save it as plain text in UTF-8 (pandoc -f latex -t plain NOTE.tex -o NOTE.txt)")

_MAGIC: tuple[tuple[bytes, NoteFormat], ...] = (
    (b"%PDF-", _PDF),
    (b"\x1f\x8b", NoteFormat("a gzip file", "unpack it first (gunzip)")),
    (b"BZh", NoteFormat("a bzip2 file", "unpack it first (bunzip2)")),
    (b"\xfd7zXZ\0", NoteFormat("an xz file", "unpack it first (unxz)")),
    (b"\x28\xb5\x2f\xfd", NoteFormat("a Zstandard file", "unpack it first (unzstd)")),
    (b"\x1f\x9d", NoteFormat("a compressed file (.Z)", "unpack it first (uncompress)")),
    (b"7z\xbc\xaf\x27\x1c", NoteFormat("a 7z archive", _UNPACK)),
    (b"Rar!\x1a\x07", NoteFormat("a RAR archive", _UNPACK)),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OLE),
    (b"\x89PNG\r\n\x1a\n", _IMAGE),
    (b"\xff\xd8\xff", _IMAGE),
    (b"GIF8", _IMAGE),
    (b"II*\0", _IMAGE),
    (b"MM\0*", _IMAGE),
    (b"\xffWPC", NoteFormat("a WordPerfect document", _EXPORT)),
    (b"%!PS", NoteFormat("PostScript", "take the text out (ps2ascii)")),
    (b"SQLite format 3\0", NoteFormat("an SQLite database", _EXPORT)),
    (b"PAR1", NoteFormat("a Parquet file", _EXPORT)),
    (b"\xff\xfe\0\0", _UTF32),
    (b"\0\0\xfe\xff", _UTF32),
    (b"\xff\xfe", _UTF16),
    (b"\xfe\xff", _UTF16),
)
_HEAD = 4096
_EDGE = "\ufeff \t\r\n\x0b\x0c\x1c"
_RTF_WORDS = re.compile(r"\\(?:par|pard|plain|fs\d{1,3}|f\d{1,2}|cf\d{1,2}|line|tab|cell|row|intbl)(?![A-Za-z])")
_HL7_ESCAPE = re.compile(r"\\(?:\.(?:br|sp|in|ti|ce|fi|nf|sk)[-+ ]?\d{0,3}|[HN]|[FSTRE]|X[0-9A-Fa-f]{2,})\\")
_HL7_SEGMENT = re.compile(
    r"^[\x0b ]*(?:MSH\|[^\s\w]|(?:FHS|BHS)\|\^|(?:OBX|NTE|OBR|PID|TXA|PV1|EVN)\|[^\n|]*\|)", re.MULTILINE
)
_CDA_TAG = re.compile(
    r"<(?:\w+:)?ClinicalDocument\b|urn:hl7-org:v3|<(?:paragraph|content|caption|nonXMLBody|structuredBody)\b[^<>]*>"
)
_HTML_TAG = re.compile(
    r"<!doctype\s+html|<!--|</?(?:html|head|body|title|meta|style|script|p|br|hr|b|i|u|em|strong|div|span|font|center|blockquote|small|big"
    r"|table|thead|tbody|tr|td|th|ul|ol|li|dl|dt|dd|h[1-6]|pre|sup|sub|strike|o:p|section|article|header|footer|label)"
    r"(?:\s+[\w:-]+\s*=[^<>]{0,500})?\s?/?>|<(?:a|img|input)\s[^<>]{0,500}>|&(?:nbsp|lt|gt|amp|quot|apos);",
    re.IGNORECASE,
)  # fmt: skip
_NUMBERED_CHARACTER = re.compile(r"&#(?:\d{2,5}|x[0-9a-f]{2,4});", re.IGNORECASE)
_STRAY_CHARACTERS = 2  # that a plain text may keep of an export
_XML_PAIR = re.compile(r"<([A-Za-z][\w:.-]{0,60})(?:\s[^<>]{0,500})?>[^<>]{0,20000}</\1\s*>")
_MAIL_HEAD = re.compile(r"^(?:MIME-Version|Content-Type|Content-Transfer-Encoding):\s*\S", re.IGNORECASE | re.MULTILINE)
_JSON_HEAD = re.compile(r'\{\s*(?:"[^"\n]{1,100}"\s*:|\})|\[\s*[{"\[]')
_ESCAPED_END = re.compile(r"\\r\\n|\\n(?![A-Za-z]*\\)|\\r(?![A-Za-z])")
_TEX_HEAD = re.compile(r"\\(?:documentclass|begin\{document\})")


def binary_format(content: bytes) -> NoteFormat | None:
    """The format of a file that is no text, by its first bytes; ``None`` if none is known."""
    head = content.lstrip(b"\xef\xbb\xbf \t\r\n") if content[:1] in b"\xef \t\r\n" else content
    if content[:4] == b"PK\x03\x04":
        return _zip_format(content)
    for magic, found in _MAGIC:
        if content.startswith(magic) or (magic.isascii() and len(magic) > 3 and head.startswith(magic)):
            return found
    if content[128:132] == b"DICM":
        return NoteFormat("a DICOM file", _EXPORT)
    if b"\0" in content[:_HEAD]:
        even, odd = content[: len(content) // 2 * 2 : 2], content[1::2]
        if (
            max(even.count(0), odd.count(0)) > 0.8 * max(1, len(odd))
            and min(even.count(0), odd.count(0)) < 0.1 * len(odd) + 1
        ):
            return _UTF16
    return None


def markup_format(text: str) -> NoteFormat | None:
    """The format of a text that is marked up; ``None`` for plain text."""
    start = text.lstrip(_EDGE)
    if start.startswith("{\\rtf") or len(_RTF_WORDS.findall(text[: 64 * _HEAD])) > 1:
        return _RTF
    if start.startswith("{") or start.startswith("["):
        if '"resourceType"' in text:
            return _FHIR
        if _JSON_HEAD.match(start):
            return _JSON
    if _CDA_TAG.search(text):
        return _CDA
    if start.startswith("<?xml"):
        return _XML
    if _HL7_SEGMENT.search(text) or _HL7_ESCAPE.search(text):
        return _HL7
    if len(_MAIL_HEAD.findall(text[:_HEAD])) > 1:
        return _MAIL
    if _HTML_TAG.search(text) or len(_NUMBERED_CHARACTER.findall(text)) > _STRAY_CHARACTERS:
        return _HTML
    if start.startswith("<") and _XML_PAIR.search(start):
        return _XML
    if _TEX_HEAD.search(text):
        return _TEX
    return _ESCAPED if len(_ESCAPED_END.findall(text)) > 1 else None


def _zip_format(content: bytes) -> NoteFormat:
    """Of a zip, by the names of its members, which stand in it unpacked."""
    for name, found in ((b"word/", _WORD), (b"xl/", _XLSX), (b"opendocument.text", _ODT)):
        if name in content:
            return found
    return _ZIP
