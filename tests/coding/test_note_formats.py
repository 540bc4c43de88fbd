"""Notes that are no plain text are refused by the name of their format; plain notes with odd signs are read."""

import gzip
import io
import zipfile

import pytest

from ccl_assets.coding.command.note_file import NoteError, read_note
from ccl_assets.coding.command.note_formats import markup_format
from ccl_assets.corpora.sample import FILES


def _zip(*names):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in names:
            archive.writestr(name, "Asthma")
    return held.getvalue()


FORMATS = {
    "HTML": [
        b"<p><b>ROS:</b> No fever<br>Asthma</p>",
        b"<!DOCTYPE html><html><body>Asthma</body></html>",
        b"Asthma<br/>Gout",
        b"No fever&nbsp;today",
        b"<TABLE><TR><TD>Asthma</TD></TR></TABLE>",
        b'<div class="x">\nGout</div>',
        b"<span style='a'>Gout</span>",
        b"pain &lt; 3 days",
    ],
    "RTF": [rb"{\rtf1\ansi Asthma\par Gout\par}", b"\xef\xbb\xbf{\\rtf1 Gout}", rb"\pard\plain Asthma\par Gout"],
    "HL7 v2": [
        rb"MSH|^~\&|A|B|||20260101||ORU^R01|1|P|2.5" + b"\r" + rb"OBX|1|TX|1||Asthma",
        rb"Denies fever\.br\Asthma",
        b"\x0bMSH|^~\\&|A\r",
        b"OBX|1|TX|NOTE||Asthma||||||F",
        b"NTE|1||Gout",
        rb"Asthma\X0D\Gout",
        rb"\H\Assessment\N\ gout",
    ],
    "CDA": [
        b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><text>Gout</text></ClinicalDocument>',
        b"<text><paragraph>Asthma</paragraph></text>",
        b"<cda:ClinicalDocument><x>Gout</x></cda:ClinicalDocument>",
    ],
    "XML": [
        b'<?xml version="1.0"?><note><body1>Asthma</body1></note>',
        b"<TEXT>Asthma</TEXT>",
        b"<record><TEXT>Gout</TEXT></record>",
    ],
    "FHIR": [b'{"resourceType": "DocumentReference", "id": "1"}'],
    "JSON": [b'{"text": "Asthma\\nGout"}', b'[{"note": "Asthma"}]'],
    "line ends written as": [rb"ROS:\nNo fever\nAsthma", rb"No fever\r\nAsthma\r\nGout"],
    "PDF": [b"%PDF-1.7\n1 0 obj", b"\n%PDF-1.4\n"],
    "DOCX": [_zip("[Content_Types].xml", "word/document.xml")],
    "XLSX": [_zip("[Content_Types].xml", "xl/workbook.xml")],
    "ZIP": [_zip("note.txt")],
    "gzip": [gzip.compress(b"Asthma", mtime=0)],
    "old Office": [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0"],
    "image": [b"\x89PNG\r\n\x1a\n\0", b"\xff\xd8\xff\xe0\0"],
    "UTF-16": ["Asthma".encode("utf-16"), "Asthma\nGout".encode("utf-16-le"), "Asthma\nGout".encode("utf-16-be")],
    "e-mail": [b"From: a\nMIME-Version: 1.0\nContent-Type: text/html\n\nGout"],
}


@pytest.mark.parametrize(("name", "content"), [(name, one) for name, all_ in FORMATS.items() for one in all_])
def test_other_formats_are_refused_by_name(tmp_path, name, content):
    path = tmp_path / "note.txt"
    path.write_bytes(content)
    with pytest.raises(NoteError) as error:
        read_note(str(path))
    message = str(error.value).partition("note.txt")[2]
    assert name in message
    assert ";" in message, "a remedy follows"
    assert "Asthma" not in message and "Gout" not in message


@pytest.mark.parametrize(
    "text",
    [
        "BP <120/80, HbA1c <7 %, pain > 3/10; <1 week",
        "Seen by <unknown> on [** 2180-5-7 **] at [**Hospital 3**]. <NAME> has gout.",
        "PMH | asthma | gout\nROS - N/V, w/o fever \\ chills",
        "# Assessment\n- **Asthma**\n* Gout & migraine",
        "CC: cough\\n",
        "{Asthma} [x] gout; R&D; a<b and c>d",
        "C:\\notes\\new\\Pat; S/P MI",
        "Labs: Na 140|K 4.1|Cl 100",
    ],
)
def test_plain_notes_are_read_as_they_are(tmp_path, text):
    path = tmp_path / "note.txt"
    path.write_bytes(text.encode())
    assert read_note(str(path)) == text


def test_no_note_of_the_sample_is_taken_for_another_format():
    from ccl_assets.coding.command.note_formats import markup_format
    from ccl_assets.corpora.loaders import CorpusPaths, load

    assert FILES.is_dir()
    documents = load("sample", CorpusPaths()).documents
    assert documents
    assert [document.document_id for document in documents if markup_format(document.text)] == []


def test_a_stray_numbered_character_makes_no_html():
    assert markup_format("The patient&#146;s asthma and the mother&#146;s gout.") is None
    assert markup_format("It&#146;s &#147;asthma&#148;").name == "HTML"
