"""The guidelines' outline becomes sections whose texts hold the whole body; chapter-specific ones know their chapter."""

import re
from functools import cache

import pypdfium2
import pytest

from ccl_assets.icd.chapters import CHAPTERS
from ccl_assets.icd.guidelines.pdf import Line
from ccl_assets.icd.guidelines.sections import chapter_guidelines, headings_not_found, parse_guidelines
from ccl_assets.icd.guidelines.text import Layout, join_lines
from ccl_assets.icd.release.contents import ReleaseError, ReleaseFile
from ccl_assets.icd.tables import GUIDELINES

SECTION_COUNTS = {2025: 486, 2026: 491}
STUBS = (3, 8, 11)
RUNNING = re.compile(r"ICD-10-CM Official Guidelines for Coding and ?Reporting *\nFY \d{4} *\nPage \d+ of \d+ *\n")
# something that is said in this chapter's guidelines only, in both years
SAID_IN = {
    1: "Code only confirmed cases of HIV infection/illness.",
    2: "designate the primary malignancy as the principal/first-listed diagnosis.",
    4: "The diabetes mellitus codes are combination codes",
    5: "Munchausen’s syndrome by proxy (MSBP) is a disorder in which a caregiver",
    6: "Monoplegia of lower limb, G83.2, Monoplegia of upper limb",
    7: "Assign as many codes from category H40, Glaucoma, as needed",
    9: "The classification presumes a causal relationship between hypertension and heart involvement",
    10: "Code only confirmed cases of influenza due to certain identified influenza viruses",
    12: "Assignment of the pressure ulcer stage code should be guided by clinical documentation",
    13: "Osteoporosis is a systemic condition",
    14: "If both a stage of CKD and ESRD are documented, assign code N18.6 only.",
    15: "Chapter 15 codes are to be used only on the maternal record",
    16: "For coding and reporting purposes the perinatal period is defined as before birth through the 28th day",
    17: "malformation/deformation/or chromosomal abnormality",
    18: "f. Functional quadriplegia\n\nGUIDELINE HAS BEEN DELETED EFFECTIVE OCTOBER 1, 2017",
    19: "The aftercare Z codes should not be used for aftercare for conditions such as injuries or poisonings",
    20: "An external cause code can never be a principal (first-listed) diagnosis.",
    21: "Z codes are for use in any healthcare setting.",
    22: "U07.0 Vaping-related disorder",
}


@pytest.fixture(scope="module")
def sections_of(published):
    @cache
    def sections(year: int) -> list[dict]:
        return parse_guidelines(published(year).file("guidelines"), f"FY{year}")

    return sections


@pytest.fixture(params=sorted(SECTION_COUNTS))
def year(request) -> int:
    return request.param


def text_of(sections: list[dict], section_id: str) -> str:
    return next(row["section_text"] for row in sections if row["section_id"] == section_id)


def letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def test_sections_fit_the_contract(sections_of, year):
    assert GUIDELINES.violations(GUIDELINES.table(sections_of(year))) == []


def test_every_heading_of_the_outline_is_found_and_begins_its_text(sections_of, year):
    sections = sections_of(year)
    assert len(sections) == SECTION_COUNTS[year]
    assert headings_not_found(sections) == []
    assert [
        row["section_id"] for row in sections if not letters(row["section_text"]).startswith(letters(row["title"]))
    ] == []


def test_the_texts_together_hold_the_body_and_nothing_else(published, sections_of, year):
    with pypdfium2.PdfDocument(published(year).file("guidelines").content) as document:
        pages = [document[number].get_textpage().get_text_range() for number in range(len(document))]
    body = [RUNNING.sub("", page.replace("\r\n", "\n")) for page in pages if page.count("......") < 5]
    assert len(pages) - len(body) == 5  # the table of contents
    expected = "".join("".join(body).split()).replace("\ufffe", "-").replace("\uf0a7", "•")
    assert "".join("".join(row["section_text"] for row in sections_of(year)).split()) == expected


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: str(chapter.number))
def test_each_chapter_has_its_own_guidelines(sections_of, year, chapter):
    sections = sections_of(year)
    text = chapter_guidelines(sections, chapter.key)
    assert re.match(rf"{chapter.number}\. Chapter {chapter.number}: .*\({chapter.first} ?[-–] ?", text)
    others = [line for line in text.splitlines() if re.match(r"\d+\. Chapter \d+: |[A-Z]\. |Section ", line)]
    assert len(others) == 1
    assert {row["section_id"].split(".")[2] for row in sections if row["chapter"] == chapter.key} == {
        str(chapter.number)
    }
    if chapter.number in STUBS:
        assert text.endswith("\n\nReserved for future guideline expansion")
        assert text.count("\n\n") == 1
    else:
        said = SAID_IN[chapter.number]
        assert said in text
        assert [
            row["section_id"] for row in sections if said in row["section_text"] and row["chapter"] != chapter.key
        ] == []


def test_only_section_i_c_is_chapter_specific(sections_of, year):
    specific = [row["section_id"] for row in sections_of(year) if row["chapter"]]
    assert specific == [row["section_id"] for row in sections_of(year) if row["section_id"].startswith("I.C.")]


def test_ids_are_those_by_which_the_guidelines_are_cited(sections_of, year):
    titles = {row["section_id"]: row["title"] for row in sections_of(year)}
    assert titles["I.A.15"] == "15. “With”"
    assert titles["I.C.1.d.1.a.ii"] == "(ii) Urosepsis"
    assert titles["I.C.5.d"] == "d. Dementia"  # the outline puts it below I.C.5.c
    assert titles["I.C.9.a.2"] == "2) Hypertensive Chronic Kidney Disease"
    assert titles["II.H"] == "H. Uncertain Diagnosis"
    assert titles["IV.A.1"] == "1. Outpatient Surgery"
    assert titles["Appendix.I"] == "Appendix I. Present on Admission Reporting Guidelines"
    assert next(iter(titles)) == "Introduction"
    assert [section_id for section_id in titles if "#" in section_id] == []


def test_headings_that_the_published_outline_lacks_stay_in_their_section(sections_of, year):
    assert "\n\n(a) Presymptomatic Type 1 Diabetes Mellitus\n" in text_of(sections_of(year), "I.C.4.a.1")


def test_ids_stay_from_year_to_year(sections_of):
    before, after = ({row["section_id"]: row["title"] for row in sections_of(year)} for year in (2025, 2026))
    assert before.keys() <= after.keys()
    assert after.keys() - before.keys() == {"I.B.20", "I.C.1.a.2.k", "I.C.4.b", "I.C.4.b.1", "I.C.13.a.2"}
    assert sum(before[key] == after[key] for key in before) == 468


def test_paragraphs_and_lists_read_well(sections_of, year):
    assert text_of(sections_of(year), "I.C.5.b.2").endswith(
        "hierarchy:\n• If both use and abuse are documented, assign only the code for abuse\n"
        "• If both abuse and dependence are documented, assign only the code for dependence\n"
        "• If use, abuse and dependence are all documented, assign only the code for dependence\n"
        "• If both use and dependence are documented, assign only the code for dependence."
    )
    history = text_of(sections_of(year), "I.C.21.c.4")
    assert history.startswith(
        "4) History (of)\n\nThere are two types of history Z codes, personal and family. Personal history"
    )
    assert "\nZ82 Family history of certain disabilities and chronic diseases (leading to disablement)\nZ83 " in history
    assert "\nZ92 Personal history of medical treatment\nExcept: Z92.0, Personal history of contraception\n" in history
    assert "a principal diagnosis (first-listed in non-inpatient settings)" in text_of(sections_of(year), "I.B.19.a")
    assert "categories Q00-Q99, Congenital anomalies" in text_of(sections_of(year), "Appendix.I")
    assert "Code T86.1- should be assigned" in text_of(sections_of(year), "I.C.19.g.3.b")
    assert "disease, and must be sequenced first" in text_of(sections_of(year), "I.A.13")  # over a page's end


def pdf(pages, outline=(), encrypted=False) -> ReleaseFile:
    """A tiny PDF: per page its lines as (left, height, text); the outline as (depth, title, page or None, top or None)."""

    def escaped(text: str) -> str:
        return re.sub(r"([()\\])", r"\\\1", text)

    objects = {1: "", 2: "", 3: "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"}
    first_page, root = 4, 4 + 2 * len(pages)
    for number, lines in enumerate(pages):
        stream = "".join(f"BT /F 12 Tf {x} {y} Td ({escaped(text)}) Tj ET\n" for x, y, text in lines)
        at = first_page + 2 * number
        objects[at] = (
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            f"/Resources << /Font << /F 3 0 R >> >> /Contents {at + 1} 0 R >>"
        )
        objects[at + 1] = f"<< /Length {len(stream)} >>\nstream\n{stream}endstream"
    kids = " ".join(f"{first_page + 2 * number} 0 R" for number in range(len(pages)))
    objects[2] = f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>"
    objects[1] = "<< /Type /Catalog /Pages 2 0 R >>"
    if outline:
        objects[1] = f"<< /Type /Catalog /Pages 2 0 R /Outlines {root} 0 R >>"
        above: dict[int, int] = {-1: root}
        children: dict[int, list[int]] = {root: []}
        for at, (depth, *_) in enumerate(outline, start=root + 1):
            above[depth] = at
            children[above[depth - 1]].append(at)
            children[at] = []
        for parent, below in children.items():
            ends = f"/First {below[0]} 0 R /Last {below[-1]} 0 R /Count {len(below)}" if below else ""
            objects[parent] = objects.get(parent, "") + ends
            for position, at in enumerate(below):
                _, title, page, top = outline[at - root - 1]
                place = f"/XYZ 0 {top} 0" if top is not None else "/Fit"
                objects[at] = objects.get(at, "") + f" /Title ({escaped(title)}) /Parent {parent} 0 R "
                if page is not None:
                    objects[at] += f"/Dest [{first_page + 2 * page} 0 R {place}] "
                if position + 1 < len(below):
                    objects[at] += f"/Next {below[position + 1]} 0 R "
                if position:
                    objects[at] += f"/Prev {below[position - 1]} 0 R "
        for at in children:
            objects[at] = f"<< {objects[at]} >>"
    content, offsets = b"%PDF-1.4\n", []
    for at in sorted(objects):
        offsets.append(len(content))
        content += f"{at} 0 obj\n{objects[at]}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    key = f"<{'5a' * 32}>"
    lock = f"/Encrypt << /Filter /Standard /V 1 /R 2 /O {key} /U {key} /P -4 >> /ID [<00> <00>]" if encrypted else ""
    content += (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n"
        f"<< /Size {len(objects) + 1} /Root 1 0 R {lock} >>\nstartxref\n{len(content)}\n%%EOF\n"
    ).encode()
    return ReleaseFile("guidelines", "guidelines.pdf", content)


def texts(file: ReleaseFile) -> dict[str, str]:
    return {row["section_id"]: row["section_text"] for row in parse_guidelines(file, "FY2099")}


def test_a_heading_is_taken_where_the_outline_points_although_its_words_are_printed_before():
    page = [
        (72, 700, "Section I. Rules"),
        (72, 680, "A. Scope"),
        (72, 640, "A. Scope"),
        (72, 620, "This is the scope."),
    ]
    found = texts(pdf([page], [(0, "Section I. Rules", 0, 720), (1, "A. Scope", 0, 655)]))
    assert found == {"I": "Section I. Rules\n\nA. Scope", "I.A": "A. Scope\n\nThis is the scope."}


@pytest.mark.parametrize(
    ("page", "top"), [(0, None), (0, 300), (None, None)], ids=["no height", "wrong height", "no page"]
)
def test_a_heading_whose_place_is_missing_or_wrong_is_found_by_its_words(page, top):
    printed = [(72, 700, "Section I. Rules"), (72, 660, "A. Scope and"), (72, 646, "purpose"), (72, 600, "Text.")]
    found = texts(pdf([printed], [(0, "Section I. Rules", 0, 720), (1, "A. Scope and purpose", page, top)]))
    assert found["I.A"] == "A. Scope and purpose\n\nText."


def test_a_heading_that_is_not_printed_is_counted_and_its_text_stays_with_the_section_before():
    printed = [(72, 700, "Section I. Rules"), (72, 660, "Text of something."), (72, 620, "B. Next")]
    outline = [(0, "Section I. Rules", 0, 720), (1, "A. Missing", 0, 670), (1, "B. Next", 0, 640)]
    rows = parse_guidelines(pdf([printed], outline), "FY2099")
    assert headings_not_found(rows) == ["I.A"]
    assert [row["section_text"] for row in rows] == ["Section I. Rules\n\nText of something.", "", "B. Next"]


def test_a_printed_heading_that_the_outline_lacks_stays_in_the_text_it_stands_in():
    printed = [(72, 700, "Section I. Rules"), (72, 660, "A. Unlisted"), (72, 640, "Its text.")]
    assert texts(pdf([printed], [(0, "Section I. Rules", 0, 720)])) == {
        "I": "Section I. Rules\n\nA. Unlisted\nIts text."
    }


def test_equal_places_get_different_ids_and_unnumbered_headings_are_named_by_their_words():
    titles = ["Section I. Rules", "A. One", "A. Two", "Reserved for later"]
    outline = [(bool(number), title, 0, 720 - 30 * number) for number, title in enumerate(titles)]
    printed = [(72, 700 - 30 * number, title) for number, title in enumerate(titles)]
    assert list(texts(pdf([printed], outline))) == ["I", "I.A", "I.A#2", "I.reserved-for-later"]


def test_what_precedes_section_i_is_the_introduction_with_or_without_a_heading_of_the_outline():
    printed = [(72, 700, "Guidelines"), (72, 660, "Who wrote this."), (72, 620, "Section I. Rules")]
    section = (0, "Section I. Rules", 0, 640)
    for outline in ([section], [(0, "Guidelines", 0, 720), section]):
        found = texts(pdf([printed], outline))
        assert list(found) == ["Introduction", "I"]
        assert letters(found["Introduction"]) == "guidelineswhowrotethis"


def test_feet_and_contents_are_left_out_and_a_paragraph_goes_on_over_the_page():
    feet = [[(400, 40, f"Rules Page {number} of 4")] for number in range(1, 5)]
    pages = [
        [(72, 700, "Section I. Rules...........2"), *feet[0]],
        [(72, 700, "Section I. Rules"), (72, 660, "A sentence that is long enough to fill the line and"), *feet[1]],
        [(72, 700, "goes on here as one paragraph, which ends"), (72, 686, "here."), *feet[2]],
        [(72, 700, "Page 4 of 4 is a sentence of the body."), *feet[3]],
    ]
    found = texts(pdf(pages, [(0, "Section I. Rules", 1, 720)]))
    assert found == {
        "I": "Section I. Rules\n\nA sentence that is long enough to fill the line and goes on here as one paragraph, which ends "
        "here.\n\nPage 4 of 4 is a sentence of the body."
    }


def line(text: str, height: float = 700, right: float = 540) -> Line:
    """A line whose characters are 6 points wide."""
    return Line(0, right - 6 * len(text), right, height, text)


@pytest.mark.parametrize(
    ("before", "after", "joined"),
    [
        ("assigned as first-", "listed diagnosis", "assigned as first-listed diagnosis"),
        ("the ICD-", "10-CM codes", "the ICD-10-CM codes"),
        ("codes Q00-", "Q99, Congenital", "codes Q00-Q99, Congenital"),
        ("codes Q00-", "QA1.", "codes Q00-QA1."),
        ("Code T86.1-", "should be assigned", "Code T86.1- should be assigned"),
        ("assign Z51.--", "code", "assign Z51.-- code"),
        ("and", "so on", "and so on"),
    ],
)
def test_a_hyphen_at_a_lines_end_is_kept_and_parts_only_codes_from_words(before, after, joined):
    assert join_lines([line(before), line(after)]) == joined


def test_a_paragraph_ends_at_a_gap_at_a_short_sentence_and_at_a_list_entry():
    layout = Layout(leading=14, margins={0: 540})
    assert layout.compose([line("One."), line("Two.", 670)]) == "One.\n\nTwo."
    assert layout.compose([line("One.", right=300), line("Two.", 686)]) == "One.\nTwo."
    assert (
        layout.compose([line("A code from category"), line("Z15. More follows", 686)])
        == "A code from category Z15. More follows"
    )
    assert (
        layout.compose([line("Z14 Carrier"), line("Z15 Genetic susceptibility", 686)])
        == "Z14 Carrier\nZ15 Genetic susceptibility"
    )
    assert (
        layout.compose([line("As follows:"), line("• First", 686), line("• Second", 672)])
        == "As follows:\n• First\n• Second"
    )


def test_the_guidelines_of_an_unknown_chapter_are_refused_and_those_of_a_release_without_any_are_empty():
    assert chapter_guidelines([], "09_I00-I99") == ""
    with pytest.raises(KeyError, match="is no chapter key such as"):
        chapter_guidelines([], "9")


OTHER = pdf([[(72, 700, "Report"), (72, 660, "Text.")]], [(0, "Report", 0, 720)])
WHOLE = pdf([[(72, 700, "Section I. Rules")]], [(0, "Section I. Rules", 0, 720)])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"guidelines\.pdf: not a PDF; get the file again"),
        (b"<html>moved</html>", r"guidelines\.pdf: not a PDF; get the file again"),
        (WHOLE.content[:-40], r"guidelines\.pdf: the PDF is cut short; get the file again"),
        (b"%PDF-1.7 nothing of a PDF %%EOF", r"guidelines\.pdf: the PDF is damaged .*; get the file again"),
        (
            pdf([[(72, 700, "Text")]], encrypted=True).content,
            r"guidelines\.pdf: the PDF is encrypted; .* needs no password",
        ),
        (pdf([[]]).content, r"guidelines\.pdf: the PDF holds no text .*; get the published file"),
        (pdf([[(72, 700, "Text")]]).content, r"guidelines\.pdf: the PDF has no outline, .*; get the published file"),
        (OTHER.content, r"guidelines\.pdf: .* not the ICD-10-CM Official Guidelines; give the guidelines PDF"),
    ],
    ids=["empty", "html", "cut short", "damaged", "encrypted", "scan", "no outline", "other document"],
)
def test_a_pdf_that_cannot_be_cut_into_sections_is_named_with_a_remedy(content, message):
    with pytest.raises(ReleaseError, match=message):
        parse_guidelines(ReleaseFile("guidelines", "guidelines.pdf", content), "FY2099")
