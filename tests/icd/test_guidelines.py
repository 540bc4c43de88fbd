"""The guidelines' outline becomes sections; chapter-specific ones know their chapter."""

import pytest

from ccl_assets.icd.chapters import CHAPTER_KEYS
from ccl_assets.icd.guidelines import parse_guidelines
from ccl_assets.icd.release import ReleaseError, ReleaseFile
from ccl_assets.icd.tables import GUIDELINES


@pytest.fixture(scope="module")
def sections(published) -> list[dict]:
    return parse_guidelines(published(2026).file("guidelines"), "FY2026")


def test_sections_fit_the_contract(sections):
    assert GUIDELINES.violations(GUIDELINES.table(sections)) == []


def test_every_chapter_has_its_part_and_only_section_i_c_is_chapter_specific(sections):
    assert {row["chapter"] for row in sections} == {*CHAPTER_KEYS, None}
    assert all(row["section_id"].startswith("I.C.") for row in sections if row["chapter"])


@pytest.mark.parametrize(
    ("section_id", "title", "chapter"),
    [
        ("I.A", "Conventions", None),
        ("I.C.4.a", "Diabetes", "04_E00-E89"),
        ("I.C.9.a", "Hypertension", "09_I00-I99"),
        ("I.C.22", "U00-U85", "22_U00-U85"),
        ("II", "Section II", None),
    ],
)
def test_known_sections_are_found_by_their_place(sections, section_id, title, chapter):
    row = next(row for row in sections if row["section_id"] == section_id)
    assert title in row["title"]
    assert row["chapter"] == chapter


def test_texts_begin_with_their_heading_and_do_not_overlap(sections):
    hypertension = next(row["section_text"] for row in sections if row["section_id"] == "I.C.9.a")
    assert "presumes a causal relationship" in " ".join(hypertension.split())
    marked = [
        row["section_id"]
        for row in sections
        if "presumes a causal relationship between hypertension" in " ".join(row["section_text"].split())
    ]
    assert marked == ["I.C.9.a"]
    assert sum(bool(row["section_text"]) for row in sections) / len(sections) > 0.95


@pytest.mark.parametrize("content", [b"%PDF-1.7 cut short", b""])
def test_an_unreadable_pdf_is_named(content):
    with pytest.raises(ReleaseError, match=r"guidelines\.pdf"):
        parse_guidelines(ReleaseFile("guidelines", "guidelines.pdf", content), "FY2026")


def test_a_pdf_without_an_outline_is_refused():
    import io

    from pypdf import PdfWriter

    writer, buffer = PdfWriter(), io.BytesIO()
    writer.add_blank_page(width=72, height=72)
    writer.write(buffer)
    with pytest.raises(ReleaseError, match=r"guidelines\.pdf: the PDF has no outline"):
        parse_guidelines(ReleaseFile("guidelines", "guidelines.pdf", buffer.getvalue()), "FY2026")
