"""Releases are recognised by content; what is not a release is refused with the file's name and a remedy."""

import io
import shutil
import struct
import subprocess
import sys
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccl_assets.icd.release import archives as release_archives
from ccl_assets.icd.release.contents import (
    ROLES,
    ReleaseError,
    ReleaseFile,
    open_release,
    packaged_release_path,
    release_source_files,
)
from ccl_assets.icd.release.roles import statement
from ccl_assets.icd.release.xml_documents import iterate_xml

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
CONVERSION = (
    b"FY 2026 (October 1, 2025 Update) Conversion Table\r\n"
    b"Current code assignment\tEffective\tPrevious Code(s) Assignment\r\nA04.71\t2017\tA04.7\r\n"
)
BOMB = (
    b'<?xml version="1.0"?>\n<!DOCTYPE ICD10CM.tabular [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">'.encode() for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + b"]>\n<ICD10CM.tabular><version>2026</version><title>&i;</title></ICD10CM.tabular>"
)


def pdf(*lines):
    """A page with these lines."""
    shown = "".join(f"({line.replace('(', chr(92) + '(').replace(')', chr(92) + ')')}) Tj 0 -14 Td " for line in lines)
    stream = f"BT /F1 10 Tf 40 700 Td {shown}ET".encode()
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    body = b"%PDF-1.4\n"
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return body + b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        table,
        len(body),
    )


def guidelines(year=2026, updated="October 1, 2025"):
    return pdf(
        "ICD-10-CM Official Guidelines for Coding and Reporting",
        f"FY {year} -- UPDATED {updated}",
        f"(October 1, {year - 1} - September 30, {year})",
        f"Items underlined have been moved within the guidelines since the April {year - 2}, FY {year - 1} version",
    )


def sheet(title="This FY 2026 (October 1, 2025 Update) Conversion Table includes the new codes"):
    import openpyxl

    workbook = openpyxl.Workbook()
    for line in (
        [title],
        ["Current code assignment", "Effective", "Previous Code(s) Assignment"],
        ["A04.71", 2017, "A04.7"],
    ):
        workbook.active.append(line)
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path):
    """Writes files below a folder and returns it."""

    def write(files):
        for name, content in files.items():
            path = tmp_path / "release" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return tmp_path / "release"

    return write


def roles(release):
    return {file.role: file.file_name for file in release.files}


# what is found


def test_the_packaged_release_is_found_without_importing_its_distribution():
    before = "simple_icd_10_cm" in sys.modules
    release = open_release()
    assert (release.label, release.year) == ("FY2026-April", 2026)
    assert [file.role for file in release.files] == ["tabular"]
    assert release.ignored == ("code-list-April-2026.txt",)
    assert ("simple_icd_10_cm" in sys.modules) is before


@pytest.mark.parametrize(
    ("year", "label", "absent"),
    [
        (2016, "FY2016", {"guidelines", "conversion_table"}),
        (2017, "FY2017", {"guidelines", "conversion_table"}),
        (2025, "FY2025-April", {"index", "conversion_table"}),
        (2026, "FY2026-April", {"index", "neoplasm", "drug", "external_cause"}),
    ],
)
def test_published_releases_are_recognised_whatever_their_files_are_called(published, year, label, absent):
    release = published(year)
    assert release.label == label
    assert [file.role for file in release.files] == [role for role in ROLES if role not in absent]
    assert {file.year for file in release.files if file.role != "order_file"} == {year}
    assert release.file("order_file").file_name in {f"icd10cm_order_{year}.txt", f"icd10cm-order-{year}.txt"}
    assert all(path.endswith((".txt", ".pdf", ".xsd", ".csv")) for path in release.ignored)


def test_the_published_addenda_and_notes_on_the_order_file_are_not_taken_for_the_guidelines(published_releases):
    release = open_release([published_releases / "fy2026", packaged_release_path()])
    assert roles(release) == {
        "tabular": "icd10c-tabular-April-1-2026.xml",
        "order_file": "icd10cm-order-2026.txt",
        "guidelines": "icd10cm-guidelines-fy2026-oct2025.pdf",
        "conversion_table": "ICD-10-CM-CONVERSION-TABLE-FY2026.xlsx",
    }
    assert {file.year for file in release.files} == {2026, None}
    pdfs = {name.rpartition("/")[2] for name in release.ignored if name.endswith(".pdf")}
    assert pdfs == {
        "icd10cm-index-addenda-2026.pdf",
        "icd10cm-tabular-addenda-2026.pdf",
        "icd10cmCodesFile.pdf",
        "icd10OrderFiles.pdf",
    }


@pytest.mark.parametrize(("year", "line_end"), [(2016, b"\r\n"), (2017, b"\r\n"), (2025, b"\n")])
def test_line_ends_do_not_matter(published, year, line_end):
    assert line_end in published(year).tabular.content[:200]


def test_roles_come_from_content_and_not_from_names(folder):
    contents = {
        "tabular": TABULAR,
        "index": INDEX,
        "neoplasm": NEOPLASM,
        "drug": DRUG,
        "external_cause": EXTERNAL,
        "order_file": ORDER,
        "guidelines": guidelines(),
        "conversion_table": sheet(),
    }
    others = {
        "icd10cm_tabular_2026.txt": b"notes of the edition, no XML\n",
        "Guidelines.pdf": pdf("ICD-10-CM TABULAR LIST of DISEASES and INJURIES", "2026 Addenda"),
        "guidelines_pcs.pdf": pdf("ICD-10-PCS Official Guidelines for Coding and Reporting", "2026"),
        "tabular.xsd": b'<?xml version="1.0"?>\n<xsd:schema xmlns:xsd="x"><!-- <ICD10CM.tabular> --></xsd:schema>',
        "page.html": b"<!DOCTYPE html><html><body>ICD-10-CM files<br></html>",
        "icd10cm_order_addenda_2026.txt": b"Add:         " + ORDER,
        "icd10cm_codes_2026.txt": b"A000    Cholera due to Vibrio cholerae 01, biovar cholerae\r\n",
        "letter.docx": zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w:document/>"}),
    }
    release = open_release(folder({f"{n}.dat": content for n, content in enumerate(contents.values())} | others))
    assert {file.role: file.content for file in release.files} == contents
    assert set(release.ignored) == set(others)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_byte_order_marks_and_utf_16_are_read(folder, encoding):
    files = {
        "a": TABULAR.decode().encode(encoding),
        "b": ORDER.decode().encode(encoding),
        "c": CONVERSION.decode().encode(encoding),
    }
    assert set(roles(open_release(folder(files)))) == {"tabular", "order_file", "conversion_table"}


def test_zips_in_zips_nested_folders_and_odd_names_are_read(folder):
    inner = zipped({"deep\\Ïndex (final) .XML": INDEX})
    outer = zipped({"x/y z/Tabular.xml": TABULAR, "inner.zip": inner, "__MACOSX/x/._Tabular.xml": b"\x00\x05\x16\x07"})
    release = open_release(
        folder({"a/b/release .ZIP": outer, ".DS_Store": b"\x00", "__MACOSX/Tabular.xml": TABULAR * 2})
    )
    assert roles(release) == {"tabular": "Tabular.xml", "index": "Ïndex (final) .XML"}
    assert release.ignored == ()


def test_a_zip_needs_no_name_that_says_so(folder):
    assert roles(open_release(folder({"download": zipped({"Tabular.xml": TABULAR})}))) == {"tabular": "Tabular.xml"}


def test_several_paths_make_one_release(folder):
    below = folder({"a/tabular.xml": TABULAR, "b/order.zip": zipped({"order.txt": ORDER}), "c/other.xml": b"<html/>"})
    release = open_release([below / "a", below / "b" / "order.zip"])
    assert roles(release) == {"tabular": "tabular.xml", "order_file": "order.txt"}


def test_a_single_xml_file_is_a_release(folder):
    path = folder({"tabular.xml": TABULAR}) / "tabular.xml"
    assert open_release(path).label == "FY2026"
    assert release_source_files(path) == [path]


def test_the_same_file_twice_is_one_file(folder):
    release = open_release(folder({"tabular.xml": TABULAR, "release.zip": zipped({"tabular.xml": TABULAR})}))
    assert len(release.files) == 1
    assert release.ignored == ("tabular.xml",)


def test_of_the_conversion_table_as_sheet_and_as_text_the_sheet_is_taken(folder):
    files = {"a.txt": CONVERSION, "b.xlsx": sheet(), "tabular.xml": TABULAR}
    release = open_release(folder({"table.zip": zipped(files)}))
    assert release.file("conversion_table").file_name == "b.xlsx"
    assert release.ignored == ("table.zip/a.txt",)


def test_large_files_that_cannot_be_of_a_release_are_not_read_whole(folder, monkeypatch):
    monkeypatch.setattr(release_archives, "UNPACKED_LIMIT", 2**20)
    release = open_release(folder({"image.iso": bytes(2 * 2**20), "tabular.xml": TABULAR}))
    assert release.ignored == ("image.iso",)


def test_neither_pdf_nor_excel_library_is_loaded_before_a_release_needs_it():
    script = (
        "import sys, ccl_assets.resources.releases.source;"
        "from ccl_assets.icd.release.contents import open_release; open_release();"
        "print([name for name in ('pypdfium2', 'openpyxl', 'lxml') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# the label


@pytest.mark.parametrize(
    ("files", "label"),
    [
        ({"t.xml": TABULAR}, "FY2026"),
        ({"t.xml": TABULAR, "g.pdf": guidelines()}, "FY2026"),
        ({"t.xml": TABULAR, "g.pdf": guidelines(updated="April 1, 2026")}, "FY2026-April"),
        ({"t.xml": TABULAR.replace(b"2026", b"2021"), "g.pdf": guidelines(2021, "January 1, 2021")}, "FY2021-January"),
        ({"t.xml": TABULAR, "c.xlsx": sheet("FY 2026 (April 1, 2026 Update) Conversion Table")}, "FY2026-April"),
        ({"t.xml": TABULAR, "c.txt": CONVERSION}, "FY2026"),
        ({"tabular-April-2026.xml": TABULAR, "g.pdf": guidelines()}, "FY2026-April"),
        ({"icd10cm-April-1-2026-XML.zip": zipped({"t.xml": TABULAR})}, "FY2026-April"),
        ({"t.zip": zipped({"April 2026/t.xml": TABULAR})}, "FY2026-April"),
        ({"t_apr2026.xml": TABULAR}, "FY2026-April"),
        ({"t since April 2025.xml": TABULAR}, "FY2026"),
        ({"april/t.xml": TABULAR, "list-April-2026.txt": b"A00"}, "FY2026"),
        ({"reappraised.xml": TABULAR}, "FY2026"),
        ({"icd10cm-tabular-2019.xml": TABULAR}, "FY2026"),
    ],
)
def test_the_label_comes_from_contents_and_the_update_also_from_names(folder, files, label):
    assert open_release(folder(files)).label == label


def test_a_given_label_stands_unless_the_contents_state_another_year(folder):
    path = folder({"tabular-april-2026.xml": TABULAR})
    assert open_release(path, label="FY2026").label == "FY2026"
    with pytest.raises(ReleaseError, match=r"the label FY2025 is given, but tabular-april-2026\.xml says 2026"):
        open_release(path, label="FY2025")
    with pytest.raises(ReleaseError, match=r"'2026' is no release label: write FY2026"):
        open_release(path, label="2026")


def test_a_tabular_list_without_a_year_needs_a_label(folder):
    path = folder({"tabular.xml": TABULAR.replace(b"<version>2026</version>", b"")})
    with pytest.raises(ReleaseError, match=r"tabular\.xml: no <version>.*--label"):
        open_release(path)
    release = open_release(path, label="FY2026")
    assert (release.label, release.year, release.tabular.year) == ("FY2026", 2026, None)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("index.xml", INDEX.replace(b"2026", b"2017"), r"index\.xml says 2017, tabular\.xml says 2026"),
        ("g.pdf", guidelines(2025), r"g\.pdf says 2025, tabular\.xml says 2026"),
        ("c.xlsx", sheet("FY 2025 Conversion Table"), r"c\.xlsx says 2025, tabular\.xml says 2026"),
        (
            "o.zip",
            zipped({"order_2017.txt": ORDER}),
            r"o\.zip/order_2017\.txt is named for 2017, tabular\.xml says 2026",
        ),
        ("order-fy25.txt", ORDER, r"order-fy25\.txt is named for 2025"),
        ("order-oct2024.txt", ORDER, r"order-oct2024\.txt is named for 2025"),
        ("c FY2024.xlsx", sheet("conversion table"), r"c FY2024\.xlsx is named for 2024"),
    ],
)
def test_files_of_different_years_are_refused_and_each_says_its_year(folder, name, content, says):
    with pytest.raises(ReleaseError, match=f"mixes releases of different years: .*{says}.*leave the files of one year"):
        open_release(folder({"tabular.xml": TABULAR, name: content}))


@pytest.mark.parametrize(
    "name", ["order.txt", "order_2026.txt", "order-fy2026-oct2025.txt", "order-oct-1-2025.txt", "o20190101.txt"]
)
def test_a_name_that_agrees_or_says_nothing_is_no_obstacle(folder, name):
    assert open_release(folder({"tabular.xml": TABULAR, name: ORDER})).file("order_file").file_name == name


def test_the_order_file_of_another_published_year_is_refused_by_its_name(published_releases, tmp_path):
    for year in (2016, 2017):
        if not (published_releases / f"fy{year}").is_dir():
            pytest.skip(f"the published release of {year} is not here")
    xml = next((published_releases / "fy2016").glob("*XML*"))
    order = next((published_releases / "fy2017").glob("cms*"))
    for file in (xml, order):
        shutil.copy(file, tmp_path)
    with pytest.raises(ReleaseError, match=r"Tabular\.xml says 2016.*icd10cm_order_2017\.txt is named for 2017"):
        open_release(tmp_path)


# what is refused


def test_a_path_that_does_not_exist_is_named_with_the_setting_to_change(tmp_path):
    with pytest.raises(ReleaseError, match=r"nowhere does not exist: set CCL_ICD_RELEASE"):
        open_release(tmp_path / "nowhere")


def test_an_empty_folder_is_no_release(tmp_path):
    with pytest.raises(ReleaseError, match="is not an ICD-10-CM release: the Tabular List"):
        open_release(tmp_path)


def test_a_zip_cut_in_half_is_named(folder):
    whole = zipped({"Tabular.xml": TABULAR * 1000})
    with pytest.raises(ReleaseError, match=r"zip release\.zip is damaged or cut short .*download it again"):
        open_release(folder({"release.zip": whole[: len(whole) // 2]}))


def test_a_zip_with_changed_bytes_is_refused_even_where_they_are_in_a_file_without_a_role(folder):
    members = {"Tabular.xml": TABULAR, "readme.txt": b"for 2027 or so"}
    damaged = zipped(members, zipfile.ZIP_STORED).replace(b"2027", b"2028")
    with pytest.raises(ReleaseError, match=r"release\.zip is damaged.*readme\.txt"):
        open_release(folder({"release.zip": damaged}))


def test_a_web_page_saved_as_a_zip_is_called_one(folder):
    with pytest.raises(ReleaseError, match=r"release\.zip is a web page and no zip"):
        open_release(folder({"release.zip": b"<!DOCTYPE html><html>404</html>", "tabular.xml": TABULAR}))


def test_an_encrypted_zip_is_refused_with_a_release_error(folder):
    content = bytearray(zipped({"Tabular.xml": TABULAR}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(signature) + offset
        content[at : at + 2] = struct.pack("<H", 1)
    with pytest.raises(ReleaseError, match=r"release\.zip/Tabular\.xml is encrypted: unpack"):
        open_release(folder({"release.zip": bytes(content)}))


def test_a_compression_that_python_does_not_know_is_named(folder):
    content = bytearray(zipped({"Tabular.xml": TABULAR}))
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = content.index(signature) + offset
        content[at : at + 2] = struct.pack("<H", 9)  # deflate64, which Windows uses for large files
    with pytest.raises(ReleaseError, match=r"release\.zip: .*unpack it and give the folder"):
        open_release(folder({"release.zip": bytes(content)}))


@pytest.mark.parametrize("depth", [0, 2])
def test_a_zip_bomb_is_refused_before_it_is_unpacked(folder, monkeypatch, depth):
    monkeypatch.setattr(release_archives, "UNPACKED_LIMIT", 2**20)
    content = zipped({"Tabular.xml": bytes(8 * 2**20)})
    for _ in range(depth):
        content = zipped({"inner.zip": content})
    with pytest.raises(ReleaseError, match=r"release\.zip.*more than 1 MB unpacked.*zip bomb"):
        open_release(folder({"release.zip": content}))


def test_many_small_zips_together_are_bounded_too(folder, monkeypatch):
    monkeypatch.setattr(release_archives, "UNPACKED_LIMIT", 2**20)
    with pytest.raises(ReleaseError, match=r"3\.zip.*zip bomb"):
        open_release(folder({f"{n}.zip": zipped({"Tabular.xml": bytes(300_000)}) for n in range(9)}))


def test_an_excel_bomb_is_refused(folder, monkeypatch):
    monkeypatch.setattr(release_archives, "UNPACKED_LIMIT", 2**20)
    bomb = zipped({"[Content_Types].xml": b"", "xl/sharedStrings.xml": bytes(8 * 2**20)})
    with pytest.raises(ReleaseError, match="zip bomb"):
        open_release(folder({"table.xlsx": bomb}))


def test_zips_without_end_in_each_other_are_refused(folder):
    content = zipped({"Tabular.xml": TABULAR})
    for _ in range(5):
        content = zipped({"inner.zip": content})
    with pytest.raises(ReleaseError, match="more than 3 deep"):
        open_release(folder({"release.zip": content}))


@pytest.mark.parametrize(
    ("role", "content", "other"),
    [
        ("tabular", TABULAR, TABULAR.replace(b"Tabular<", b"Tabular II<")),
        ("order_file", ORDER, ORDER * 2),
        ("guidelines", guidelines(), guidelines(updated="April 1, 2026")),
        ("conversion_table", CONVERSION, CONVERSION * 2),
    ],
)
def test_two_files_for_one_role_are_refused_by_name(folder, role, content, other):
    files = {"one.dat": content, "two.zip": zipped({"two.dat": other})}
    with pytest.raises(
        ReleaseError, match=rf"two files for the role '{role}': one\.dat and two\.zip/two\.dat; leave one"
    ):
        open_release(folder({"tabular.xml": TABULAR, **files} if role != "tabular" else files))


@pytest.mark.parametrize("content", [b"<html><body>Not found</body></html>", b"", b"\x00\xff\xfe", INDEX])
def test_what_is_not_a_release_is_refused(folder, content):
    with pytest.raises(ReleaseError, match=r"is not an ICD-10-CM release: the Tabular List"):
        open_release(folder({"tabular.xml": content}))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (guidelines()[:400], r"g\.pdf: the PDF cannot be read \(it is cut short\)"),
        (b"%PDF-1.7 nothing of a PDF %%EOF", r"g\.pdf: the PDF cannot be read"),
    ],
)
def test_a_damaged_pdf_is_refused(folder, content, problem):
    with pytest.raises(ReleaseError, match=problem):
        open_release(folder({"tabular.xml": TABULAR, "g.pdf": content}))


def test_malformed_xml_is_named_with_its_line_before_anything_is_parsed(folder):
    broken = b"<ICD10CM.tabular>\n<version>2026</version>\n<chapter>\n<name>1</nam>\n</chapter>\n</ICD10CM.tabular>"
    with pytest.raises(
        ReleaseError, match=r"z\.zip/t\.xml, line 4: not well-formed XML \(mismatched tag\); get the file"
    ):
        open_release(folder({"z.zip": zipped({"t.xml": broken})}))
    with pytest.raises(ReleaseError, match=r"tabular\.xml, line 4: not well-formed XML"):
        list(iterate_xml(ReleaseFile("tabular", "tabular.xml", broken), "chapter"))


def test_xml_cut_short_is_named_with_its_last_line(folder):
    with pytest.raises(ReleaseError, match=r"t\.xml, line 2: not well-formed XML \(no element found\)"):
        open_release(folder({"t.xml": b"<ICD10CM.tabular>\n<version>2026</version>"}))


DOCTYPES = {
    "billion laughs": BOMB,
    "external subset": b'<!DOCTYPE ICD10CM.tabular SYSTEM "other.dtd"><ICD10CM.tabular/>',
    "external entity": (
        b'<!DOCTYPE ICD10CM.tabular [<!ENTITY e SYSTEM "file:///etc/hostname">]><ICD10CM.tabular>&e;</ICD10CM.tabular>'
    ),
    "empty": b"<!DOCTYPE ICD10CM.tabular><ICD10CM.tabular/>",
    "of another name": b'<!DOCTYPE x [<!ENTITY a "a">]><ICD10CM.tabular>&a;</ICD10CM.tabular>',
}


@pytest.mark.parametrize("document", DOCTYPES.values(), ids=DOCTYPES)
def test_document_types_are_refused(folder, document):
    with pytest.raises(ReleaseError, match=r"t\.xml, line \d: declares a document type.*refused"):
        open_release(folder({"t.xml": document}))
    with pytest.raises(ReleaseError, match=r"tabular\.xml"):
        list(iterate_xml(ReleaseFile("tabular", "tabular.xml", document), "chapter"))


SHEET = sheet()


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_no_damage_leads_to_another_error(data, tmp_path_factory):
    whole = data.draw(st.sampled_from([zipped({"a/T.xml": TABULAR, "c.xlsx": SHEET}), SHEET, guidelines(), TABULAR]))
    content = bytearray(whole)
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=6)):
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.zip"
    path.write_bytes(content[: data.draw(st.integers(0, len(whole)))])
    for name in ("damaged.zip", "damaged"):
        target = path.with_name(name)
        if target != path:
            shutil.copy(path, target)
        try:
            open_release(target)
        except ReleaseError as error:
            assert "damaged" in str(error)


@given(st.binary(max_size=200))
def test_any_bytes_are_told_apart_without_an_error(content):
    for start in (b"-", b"<", b"<?xml version='1.0'?>", b"\xff\xfe"):
        assert statement("any", start + content) is None


def test_the_packaged_files_are_listed_for_change_detection():
    names = {file.name for file in release_source_files(packaged_release_path())}
    assert any(name.endswith(".xml") for name in names)
    assert not names & {"__init__.py"}
