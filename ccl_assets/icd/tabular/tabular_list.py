"""The Tabular List: XML in, rows of ``icd/codes`` and ``icd/instructions`` out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ccl_assets.icd.chapters import CHAPTER_KEYS, CHAPTERS
from ccl_assets.icd.code import CATEGORY, dot_code, is_order_file_code
from ccl_assets.icd.code_placement import misplaced
from ccl_assets.icd.instructions.code_references import find_references
from ccl_assets.icd.release.contents import ReleaseError, ReleaseFile
from ccl_assets.icd.release.roles import decoded
from ccl_assets.icd.release.xml_documents import iterate_xml, plain_text, text_of
from ccl_assets.icd.tabular.seventh_character import Exception7th, expand, is_extensible
from ccl_assets.tables.collector import collector_paused

_RANGE_IN_TITLE = re.compile(rf"\s*\({CATEGORY}(?:-{CATEGORY})?\)\s*$")
NOTE_KINDS = {
    "includes": "includes",
    "excludes1": "excludes1",
    "excludes2": "excludes2",
    "codeFirst": "code_first",
    "useAdditionalCode": "use_additional_code",
    "codeAlso": "code_also",
    "notes": "notes",
    "sevenChrNote": "seventh_character_note",
    "sevenChrDef": "seventh_character_note",  # a few definitions hold notes beside their characters
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

    Cost: about 1 s and 150 MB of rows for a release of 10 MB; linear in the number of codes. :class:`TabularReader` gives
    the same rows without holding them all.

    Raises:
        ReleaseError: Malformed XML, an unknown chapter, a malformed, repeated or misplaced code.
    """
    reader = TabularReader(file, release)
    with collector_paused():
        return Tabular(list(reader.codes()), reader.instructions())


class TabularReader:
    """One pass over the file; carries what a code inherits: chapter, block, 7th-character definition.

    First exhaust :meth:`codes`, then ask for :meth:`instructions`, whose references are checked against all codes.
    """

    def __init__(self, file: ReleaseFile, release: str) -> None:
        self._file = file
        self._release = release
        self._lines: dict[str, int] = {}
        self._rows: list[Row] = []
        self._notes: list[tuple[str, str, str, str]] = []
        self._exceptions: list[Exception7th] = []
        self._blocks: list[str] = []
        self._chapter = self._block = ""
        self._shared: Row = {}

    def codes(self) -> Iterator[Row]:
        """Yield rows of ``icd/codes`` in printed order; at most one block of them is in memory."""
        for element in iterate_xml(self._file, "chapter"):
            for _ in self._read_chapter(element):
                yield from self._rows
                self._rows.clear()
        if not self._lines:
            raise ReleaseError(f"{self._file.file_name}: holds no <chapter> with codes; it is not a whole Tabular List")

    def instructions(self) -> list[Row]:
        """Rows of ``icd/instructions`` in printed order."""
        rows = []
        for number, (scope, subject, kind, text) in enumerate(self._notes):
            references = find_references(text, self._lines.__contains__)
            rows.append(
                {
                    "release": self._release,
                    "instruction_id": f"{number:06d}",
                    "scope": scope,
                    "subject": subject,
                    "kind": kind,
                    "instruction_text": text,
                    "referenced_codes": [reference.printed for reference in references],
                    "reference_first": [reference.first for reference in references],
                    "reference_last": [reference.last for reference in references],
                }
            )
        return rows

    def _read_chapter(self, element: Any) -> Iterator[None]:
        """Read block by block; yields when the rows of one are there."""
        number = text_of(element, "name")
        if not number.isdigit() or not 1 <= int(number) <= len(CHAPTERS):
            raise ReleaseError(f"{self._where(element)}: unknown chapter {number!r}")
        self._chapter = CHAPTER_KEYS[int(number) - 1]
        chapter_title = _RANGE_IN_TITLE.sub("", text_of(element, "desc"))
        self._read_notes(element, "chapter", self._chapter)
        sections = element.findall("section")
        self._blocks = [str(section.get("id")) for section in sections if section.find("diag") is not None]
        for section in sections:
            self._block = str(section.get("id"))
            self._shared = {
                "release": self._release,
                "chapter": self._chapter,
                "chapter_title": chapter_title,
                "block": self._block,
                "block_title": _RANGE_IN_TITLE.sub("", text_of(section, "desc")),
            }
            self._read_notes(section, "block", self._block)
            for group in section.iterfind("inclusionTerm"):  # a block has no row of its own to carry them
                self._read_group(group, "includes", "block", self._block)
            for diag in section.iterfind("diag"):
                self._read_code(diag, None, ())
            yield

    def _read_code(self, element: Any, parent: str | None, inherited: Extensions) -> None:
        code, title, inclusion_terms, extensions = "", "", [], inherited
        groups, children = [], []
        for child in element:  # one pass: asking for each tag by name costs more than the rest of the reading
            tag = child.tag
            if tag == "diag":
                children.append(child)
            elif tag == "name":
                code = plain_text(child)
            elif tag == "desc":
                title = plain_text(child)
            elif tag == "inclusionTerm":
                inclusion_terms += [text for note in child.iterfind("note") if (text := plain_text(note))]
            elif tag in NOTE_KINDS:
                groups.append(child)
        line = self._check_code(code, element, parent)
        for group in groups:
            self._read_group(group, NOTE_KINDS[group.tag], "code", code)
            if group.tag == "sevenChrDef":
                extensions = _extensions(group) or inherited
        is_stem = not children and bool(extensions) and is_extensible(code)
        row = {
            **self._shared,
            "code": code,
            "parent_code": parent,
            "category": code[:3],
            "level": len(code) - ("." in code),
            "title": title,
            "long_title": title,
            "is_billable": not children and not is_stem,
            "is_expanded": False,
            "stem_code": None,
            "seventh_character": None,
            "inclusion_terms": inclusion_terms,
            "includes": [
                text
                for group in groups
                if NOTE_KINDS[group.tag] == "includes"
                for note in group.iterfind("note")
                if (text := plain_text(note))
            ],
        }
        self._rows.append(row)
        for child in children:
            self._read_code(child, code, extensions)
        if is_stem:
            stem = {**row, "parent_code": code, "level": 7, "is_billable": True, "is_expanded": True, "stem_code": code}
            for full_code, character, meaning in expand(code, extensions, self._exceptions):
                self._note_line(full_code, line)
                full = stem.copy()
                full["code"] = full_code
                full["long_title"] = f"{title}, {meaning}"
                full["seventh_character"] = character
                full["inclusion_terms"] = []
                full["includes"] = []
                self._rows.append(full)

    def _check_code(self, code: str, element: Any, parent: str | None) -> int:
        problem = misplaced(code, parent, self._chapter, self._block, self._blocks)
        if problem is not None:
            raise ReleaseError(f"{self._where(element)}: {problem}; get the file again")
        line = int(element.sourceline)
        self._note_line(code, line)
        return line

    def _note_line(self, code: str, line: int) -> None:
        if code in self._lines:
            raise ReleaseError(
                f"{self._file.file_name}, line {line}: code {code} is repeated, first on line {self._lines[code]}"
            )
        self._lines[code] = line

    def _where(self, element: Any) -> str:
        return f"{self._file.file_name}, line {element.sourceline}"

    def _read_notes(self, element: Any, scope: str, subject: str) -> None:
        for group in element:
            if group.tag in NOTE_KINDS:
                self._read_group(group, NOTE_KINDS[group.tag], scope, subject)

    def _read_group(self, group: Any, kind: str, scope: str, subject: str) -> None:
        for note in group.iterfind("note"):
            if not (text := plain_text(note)):
                continue  # `<note/>`, as the edition of October 2026 has one, says nothing
            if (rule := Exception7th.parse(text)) is not None:
                self._exceptions.append(rule)
            self._notes.append((scope, subject, kind, text))


def _extensions(definition: Any) -> Extensions:
    return tuple((str(item.get("char")), plain_text(item)) for item in definition.iterfind("extension"))


def order_file_codes(file: ReleaseFile) -> Iterator[tuple[str, bool, str]]:
    """Read the official order file: code with dot, whether billable, long title.

    Raises:
        ReleaseError: A line does not have the fixed columns.
    """
    for number, raw in enumerate(decoded(file.content).splitlines(), start=1):
        if not raw.strip():
            continue
        bare, flag = raw[6:13].strip().removesuffix("."), raw[14:15]
        if flag not in ("0", "1") or not is_order_file_code(bare):
            raise ReleaseError(f"{file.file_name}, line {number}: not a line of an order file")
        yield dot_code(bare), flag == "1", raw[77:].strip()
