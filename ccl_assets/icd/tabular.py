"""The Tabular List: XML in, rows of ``icd/codes`` and ``icd/instructions`` out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ccl_assets.icd.chapters import CHAPTER_KEYS, CHAPTERS
from ccl_assets.icd.release import ReleaseError, ReleaseFile
from ccl_assets.icd.seventh_character import Exception7th, expand, is_extensible
from ccl_assets.icd.xml_documents import parse_xml, text_of

_RANGE_IN_TITLE = re.compile(r"\s*\([A-Z]\w\w(?:-[A-Z]\w\w)?\)\s*$")
_CODE_SHAPE = re.compile(r"^[A-Z][0-9A-Z]{2}(?:\.[0-9A-Z]{1,4})?$")
# the second character is a digit or, in QA0, an A before a digit; SAR and VAI are abbreviations
_PRINTED_CODE = r"[A-Z](?:\d[0-9A-Z]|A\d)\b(?:\.[0-9A-Z]{1,4})?"
_CODE_IN_TEXT = re.compile(rf"\b{_PRINTED_CODE}(?:\s*-\s*{_PRINTED_CODE}|\.?-)?")
NOTE_KINDS = {
    "includes": "includes",
    "excludes1": "excludes1",
    "excludes2": "excludes2",
    "codeFirst": "code_first",
    "useAdditionalCode": "use_additional_code",
    "codeAlso": "code_also",
    "notes": "notes",
    "sevenChrNote": "seventh_character_note",
}
Row = dict[str, Any]
Extensions = tuple[tuple[str, str], ...]


@dataclass
class Tabular:
    """Rows of the Tabular List; ``codes`` and ``instructions`` fit their contracts."""

    codes: list[Row] = field(default_factory=list)
    instructions: list[Row] = field(default_factory=list)


def parse_tabular(file: ReleaseFile, release: str) -> Tabular:
    """Parse the Tabular List and expand 7th characters.

    Cost: about 1.5 s and 250 MB for a release of 10 MB; linear in the number of codes.

    Raises:
        ReleaseError: Malformed XML, an unknown chapter, a malformed or repeated code.
    """
    root = parse_xml(file)
    reader = _Reader(file.file_name, release)
    for element in root.iterfind("chapter"):
        reader.read_chapter(element)
    if not reader.tabular.codes:
        raise ReleaseError(f"{file.file_name}: holds no <chapter> with codes; it is not a whole Tabular List")
    return reader.tabular


class _Reader:
    """One pass over the tree; carries what a code inherits: chapter, block, 7th-character definition."""

    def __init__(self, file_name: str, release: str) -> None:
        self.file_name = file_name
        self.release = release
        self.tabular = Tabular()
        self._seen: dict[str, int] = {}
        self._exceptions: list[Exception7th] = []
        self._chapter = self._chapter_title = self._block = self._block_title = ""

    def read_chapter(self, element: Any) -> None:
        number = text_of(element, "name")
        if not number.isdigit() or not 1 <= int(number) <= len(CHAPTERS):
            raise ReleaseError(f"{self.file_name}, line {element.sourceline}: unknown chapter {number!r}")
        self._chapter = CHAPTER_KEYS[int(number) - 1]
        self._chapter_title = _RANGE_IN_TITLE.sub("", text_of(element, "desc"))
        self._read_notes(element, "chapter", self._chapter)
        for section in element.iterfind("section"):
            self._block = str(section.get("id"))
            self._block_title = _RANGE_IN_TITLE.sub("", text_of(section, "desc"))
            self._read_notes(section, "block", self._block)
            for diag in section.iterfind("diag"):
                self._read_code(diag, None, ())

    def _read_code(self, element: Any, parent: str | None, inherited: Extensions) -> None:
        code = text_of(element, "name")
        self._check_code(code, element, parent)
        extensions = _extensions(element) or inherited
        self._read_notes(element, "code", code)
        children = element.findall("diag")
        title = text_of(element, "desc")
        inclusion_terms = [
            _plain(note) for group in element.iterfind("inclusionTerm") for note in group.iterfind("note")
        ]
        is_stem = not children and bool(extensions) and is_extensible(code)
        self.tabular.codes.append(
            self._row(code, parent, title, title, inclusion_terms, is_billable=not children and not is_stem)
        )
        for child in children:
            self._read_code(child, code, extensions)
        if is_stem:
            for full_code, character, meaning in expand(code, extensions, self._exceptions):
                self._check_code(full_code, element, code)
                row = self._row(full_code, code, title, f"{title}, {meaning}", [], is_billable=True)
                row.update(is_expanded=True, stem_code=code, seventh_character=character)
                self.tabular.codes.append(row)

    def _row(
        self,
        code: str,
        parent: str | None,
        title: str,
        long_title: str,
        inclusion_terms: list[str],
        *,
        is_billable: bool,
    ) -> Row:
        return {
            "release": self.release,
            "code": code,
            "parent_code": parent,
            "chapter": self._chapter,
            "chapter_title": self._chapter_title,
            "block": self._block,
            "block_title": self._block_title,
            "category": code[:3],
            "level": len(code.replace(".", "")),
            "title": title,
            "long_title": long_title,
            "is_billable": is_billable,
            "is_expanded": False,
            "stem_code": None,
            "seventh_character": None,
            "inclusion_terms": inclusion_terms,
        }

    def _check_code(self, code: str, element: Any, parent: str | None) -> None:
        where = f"{self.file_name}, line {element.sourceline}"
        if not _CODE_SHAPE.match(code):
            raise ReleaseError(f"{where}: {code!r} is not an ICD-10-CM code")
        if parent is not None and not code.startswith(parent):
            raise ReleaseError(f"{where}: code {code} stands below {parent}, which is not its parent")
        if code in self._seen:
            raise ReleaseError(f"{where}: code {code} is repeated, first on line {self._seen[code]}")
        self._seen[code] = element.sourceline

    def _read_notes(self, element: Any, scope: str, subject: str) -> None:
        for tag, kind in NOTE_KINDS.items():
            for group in element.iterfind(tag):
                for note in group.iterfind("note"):
                    text = _plain(note)
                    if (rule := Exception7th.parse(text)) is not None:
                        self._exceptions.append(rule)
                    self.tabular.instructions.append(
                        {
                            "release": self.release,
                            "instruction_id": f"{len(self.tabular.instructions):06d}",
                            "scope": scope,
                            "subject": subject,
                            "kind": kind,
                            "instruction_text": text,
                            "referenced_codes": [match.strip() for match in _CODE_IN_TEXT.findall(text)],
                        }
                    )


def _extensions(element: Any) -> Extensions:
    definition = element.find("sevenChrDef")
    if definition is None:
        return ()
    return tuple((str(item.get("char")), _plain(item)) for item in definition.iterfind("extension"))


def _plain(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


def order_file_codes(file: ReleaseFile) -> Iterator[tuple[str, bool, str]]:
    """Read the official order file: code with dot, whether billable, long title.

    Raises:
        ReleaseError: A line does not have the fixed columns.
    """
    for number, raw in enumerate(file.content.decode("utf-8", "replace").splitlines(), start=1):
        if not raw.strip():
            continue
        bare, flag = raw[6:13].strip(), raw[14:15]
        if flag not in ("0", "1") or not bare:
            raise ReleaseError(f"{file.file_name}, line {number}: not a line of an order file")
        yield (f"{bare[:3]}.{bare[3:]}" if len(bare) > 3 else bare), flag == "1", raw[77:].strip()
