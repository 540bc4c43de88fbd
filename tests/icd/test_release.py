"""Releases are recognised by content; what is not a release is refused with the file's name and a remedy."""

import io
import struct
import sys
import zipfile

import pytest

from ccl_assets.icd.release import (
    ROLES,
    ReleaseError,
    ReleaseFile,
    open_release,
    packaged_release_path,
    release_source_files,
)
from ccl_assets.icd.xml_documents import parse_xml

TABULAR = b"<ICD10CM.tabular><version>2026</version><title>Tabular</title></ICD10CM.tabular>"
INDEX = b"<ICD10CM.index><version>2026</version><title>Index to Diseases and Injuries</title></ICD10CM.index>"
EXTERNAL = b"<ICD10CM.index><version>2026</version><title>External Cause of Injuries Index</title></ICD10CM.index>"
NEOPLASM = (
    b"<ICD10CM.index><version>2026</version>"
    b'<indexHeading><head col="2">Malignant Primary</head></indexHeading></ICD10CM.index>'
)
DRUG = (
    b'<ICD10CM.index><version>2026</version><indexHeading><head col="1">Substance</head></indexHeading></ICD10CM.index>'
)
ORDER = b"00001 A00     0 Cholera                                                      Cholera\r\n"
CONTENTS = {
    "tabular": TABULAR,
    "index": INDEX,
    "neoplasm": NEOPLASM,
    "drug": DRUG,
    "external_cause": EXTERNAL,
    "order_file": ORDER,
}
BOMB = (
    b'<?xml version="1.0"?>\n<!DOCTYPE ICD10CM.tabular [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">'.encode() for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + b"]>\n<ICD10CM.tabular><version>2026</version><title>&i;</title></ICD10CM.tabular>"
)


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_the_packaged_release_is_found_without_importing_its_distribution():
    before = "simple_icd_10_cm" in sys.modules
    release = open_release()
    assert release.label == "FY2026-April"
    assert [file.role for file in release.files] == ["tabular"]
    assert ("simple_icd_10_cm" in sys.modules) is before


@pytest.mark.parametrize(
    ("year", "label", "absent"),
    [
        (2016, "FY2016", {"guidelines"}),
        (2017, "FY2017", {"guidelines"}),
        (2025, "FY2025-April", {"index"}),
        (2026, "FY2026-April", {"index", "neoplasm", "drug", "external_cause"}),
    ],
)
def test_published_releases_are_recognised_whatever_their_files_are_called(published, year, label, absent):
    release = published(year)
    assert release.label == label
    assert [file.role for file in release.files] == [role for role in ROLES if role not in absent]
    assert {file.year for file in release.files} <= {year, None}
    assert release.file("order_file").file_name in {f"icd10cm_order_{year}.txt", f"icd10cm-order-{year}.txt"}


def test_roles_come_from_content_and_not_from_names(tmp_path):
    for number, content in enumerate(CONTENTS.values()):
        (tmp_path / f"{number}.dat").write_bytes(content)
    (tmp_path / "icd10cm_tabular_2026.txt").write_bytes(b"notes of the edition, no XML\n")
    (tmp_path / "Guidelines.PDF").write_bytes(b"%PDF-1.7 ...")
    (tmp_path / "order file layout.pdf").write_bytes(b"%PDF-1.7 ...")
    release = open_release(tmp_path)
    found = {file.role: file.content for file in release.files}
    assert found == {**CONTENTS, "guidelines": b"%PDF-1.7 ..."}
    assert release.file("guidelines").file_name == "Guidelines.PDF"


def test_zips_in_zips_and_nested_folders_are_read(tmp_path):
    inner = zipped({"deep/Index.xml": INDEX})
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "release.ZIP").write_bytes(zipped({"x/Tabular.xml": TABULAR, "inner.zip": inner}))
    release = open_release(tmp_path)
    assert [(file.role, file.file_name) for file in release.files] == [
        ("tabular", "Tabular.xml"),
        ("index", "Index.xml"),
    ]


def test_a_single_xml_file_is_a_release_and_april_is_part_of_the_label(tmp_path):
    path = tmp_path / "tabular-april-2026.xml"
    path.write_bytes(TABULAR)
    assert open_release(path).label == "FY2026-April"
    assert release_source_files(path) == [path]


def test_of_order_file_and_addenda_the_whole_order_file_is_taken(tmp_path):
    (tmp_path / "tabular.xml").write_bytes(TABULAR)
    (tmp_path / "a_addenda.txt").write_bytes(ORDER)
    (tmp_path / "b_order.txt").write_bytes(ORDER * 3)
    (tmp_path / "c_addenda.txt").write_bytes(ORDER * 2)
    assert open_release(tmp_path).file("order_file").file_name == "b_order.txt"


def test_the_same_file_twice_is_one_file(tmp_path):
    (tmp_path / "tabular.xml").write_bytes(TABULAR)
    (tmp_path / "release.zip").write_bytes(zipped({"tabular.xml": TABULAR}))
    assert len(open_release(tmp_path).files) == 1


def test_a_path_that_does_not_exist_is_named_with_the_setting_to_change(tmp_path):
    with pytest.raises(ReleaseError, match=r"nowhere does not exist: set CCL_ICD_RELEASE"):
        open_release(tmp_path / "nowhere")


def test_a_zip_cut_in_half_is_named(tmp_path):
    whole = zipped({"Tabular.xml": TABULAR * 1000})
    (tmp_path / "release.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ReleaseError, match=r"release\.zip is damaged or cut short .*download it again"):
        open_release(tmp_path)


def test_a_zip_with_changed_bytes_is_refused(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("Tabular.xml", TABULAR)
    (tmp_path / "release.zip").write_bytes(buffer.getvalue().replace(b"2026", b"2027"))
    with pytest.raises(ReleaseError, match="damaged"):
        open_release(tmp_path)


def test_an_encrypted_zip_is_refused_with_a_release_error(tmp_path):
    content = bytearray(zipped({"Tabular.xml": TABULAR}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(signature) + offset
        content[at : at + 2] = struct.pack("<H", 1)
    (tmp_path / "release.zip").write_bytes(content)
    with pytest.raises(ReleaseError, match=r"release\.zip"):
        open_release(tmp_path)


def test_two_tabular_lists_are_refused_by_name(tmp_path):
    (tmp_path / "one.xml").write_bytes(TABULAR)
    (tmp_path / "two.xml").write_bytes(TABULAR.replace(b"Tabular<", b"Tabular II<"))
    with pytest.raises(ReleaseError, match=r"two files for the role 'tabular': one\.xml and two\.xml"):
        open_release(tmp_path)


def test_files_of_different_years_are_refused_and_each_says_its_year(tmp_path):
    (tmp_path / "index.xml").write_bytes(INDEX.replace(b"2026", b"2017"))
    (tmp_path / "tabular.xml").write_bytes(TABULAR)
    with pytest.raises(ReleaseError, match=r"index\.xml says 2017, tabular\.xml says 2026"):
        open_release(tmp_path)


@pytest.mark.parametrize("content", [b"<html><body>Not found</body></html>", b"", b"\x00\xff\xfe", INDEX])
def test_what_is_not_a_release_is_refused(tmp_path, content):
    (tmp_path / "tabular.xml").write_bytes(content)
    with pytest.raises(ReleaseError, match=r"is not an ICD-10-CM release: the Tabular List"):
        open_release(tmp_path)


def test_a_tabular_list_without_a_year_is_refused(tmp_path):
    (tmp_path / "tabular.xml").write_bytes(TABULAR.replace(b"<version>2026</version>", b""))
    with pytest.raises(ReleaseError, match=r"tabular\.xml: no <version>"):
        open_release(tmp_path)


def test_malformed_xml_is_named_with_its_line():
    broken = b"<ICD10CM.tabular>\n<version>2026</version>\n<chapter>\n<name>1</nam>\n</chapter>\n</ICD10CM.tabular>"
    with pytest.raises(ReleaseError, match=r"tabular\.xml, line 4: not well-formed XML"):
        parse_xml(ReleaseFile("tabular", "tabular.xml", broken))


@pytest.mark.parametrize(
    "document",
    [
        BOMB,
        b'<!DOCTYPE ICD10CM.tabular SYSTEM "other.dtd"><ICD10CM.tabular/>',
        b'<!DOCTYPE ICD10CM.tabular [<!ENTITY e SYSTEM "file:///etc/hostname">]><ICD10CM.tabular>&e;</ICD10CM.tabular>',
        b"<!DOCTYPE ICD10CM.tabular><ICD10CM.tabular/>",
    ],
    ids=["billion laughs", "external subset", "external entity", "empty"],
)
def test_document_types_are_refused(document):
    with pytest.raises(ReleaseError, match=r"tabular\.xml"):
        parse_xml(ReleaseFile("tabular", "tabular.xml", document))


def test_the_packaged_files_are_listed_for_change_detection():
    assert [file for file in release_source_files(packaged_release_path()) if file.suffix == ".xml"]
