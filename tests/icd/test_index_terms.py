"""The Alphabetic Index and the tables become rows without losing words, codes or cross-references."""

import re
from collections import Counter
from collections.abc import Callable
from functools import cache

import pytest

from ccl_assets.icd.index.alphabetic_index import SOURCES, parse_index
from ccl_assets.icd.release.contents import ReleaseError, ReleaseFile
from ccl_assets.icd.tables import INDEX_TERMS

HEADS = "".join(
    f'<head col="{number}">{name}</head>'
    for number, name in enumerate(("Malignant Primary", "Malignant Secondary", "Ca in situ"), start=2)
)


def terms(body: str, role: str = "index", heading: str = "") -> list[dict]:
    content = f"<ICD10CM.index><version>2026</version>{heading}<letter><title>A</title>{body}</letter></ICD10CM.index>"
    return list(parse_index(ReleaseFile(role, f"{role}.xml", content.encode()), "FY2026"))


@pytest.fixture(scope="module")
def rows_of(published) -> Callable[[int, str], list[dict]]:
    @cache
    def rows(year: int, role: str) -> list[dict]:
        release = published(year)
        file = release.file(role)
        assert file is not None, f"{release.label} has no {role}"
        return list(parse_index(file, release.label))

    return rows


@pytest.fixture(scope="module")
def index_of_2017(rows_of) -> list[dict]:
    return rows_of(2017, "index")


def test_the_index_of_2017_has_the_published_counts(index_of_2017):
    counts = Counter()
    for row in index_of_2017:
        counts["terms"] += 1
        counts["main terms"] += len(row["path"]) == 1
        counts["with a dash"] += bool(row["code"]) and row["code"].endswith("-")
        for column in ("code", "see", "see_also", "manifestation_code"):
            counts[column] += row[column] is not None
    assert counts == {
        "terms": 77_199,
        "main terms": 7_973,
        "code": 59_412,
        "see": 11_979,
        "see_also": 1_704,
        "manifestation_code": 746,
        "with a dash": 6_557,
    }


def test_dashes_are_kept_in_all_their_forms(index_of_2017):
    forms = Counter(re.sub(r"[A-Z0-9]", "x", row["code"]) for row in index_of_2017 if (row["code"] or "").endswith("-"))
    assert forms == {"xxx.xx-": 4_873, "xxx.x-": 1_563, "xxx.-": 65, "xxx-": 47, "xxx.xxx-": 9}


@pytest.mark.parametrize(
    ("year", "role", "terms", "main_terms", "codes", "cells"),
    [
        (2016, "index", 75_588, 7_939, 58_087, 0),
        (2016, "neoplasm", 1_930, 1, 0, 9_009),
        (2016, "drug", 7_416, 5_170, 0, 39_964),
        (2016, "external_cause", 7_564, 308, 6_191, 0),
        (2017, "neoplasm", 1_930, 1, 0, 9_009),
        (2017, "drug", 7_416, 5_170, 0, 39_964),
        (2017, "external_cause", 7_572, 314, 6_208, 0),
        (2025, "neoplasm", 1_939, 1, 0, 9_018),
        (2025, "drug", 7_428, 5_177, 0, 40_026),
        (2025, "external_cause", 8_064, 314, 6_650, 0),
    ],
)
def test_published_tables_are_read_whole(rows_of, year, role, terms, main_terms, codes, cells):
    rows = rows_of(year, role)
    own = [row for row in rows if row["cell"] is None]
    assert (len(own), sum(len(row["path"]) == 1 for row in own)) == (terms, main_terms)
    assert (sum(row["code"] is not None for row in own), len(rows) - len(own)) == (codes, cells)


def test_codes_that_the_tabular_list_lacks_are_kept_as_the_index_cites_them(rows_of, parsed):
    known = {row["code"] for row in parsed(2017).codes}
    lacking = [
        stem
        for role in SOURCES
        for row in rows_of(2017, role)
        for code in (row["code"], row["manifestation_code"])
        if code and (stem := code.rstrip("-").rstrip(".")) not in known
    ]
    assert (len(lacking), len(set(lacking))) == (50, 22)
    assert {"I16.2", "T81.40", "Z13.42", "V47.92"} <= set(lacking)


def test_references_stand_once_on_the_row_of_the_term_itself(rows_of):
    for role in ("neoplasm", "drug"):
        assert [row["term_id"] for row in rows_of(2017, role) if row["cell"] and (row["see"] or row["see_also"])] == []


def test_ids_tell_terms_apart_that_are_printed_twice(index_of_2017):
    assert len({tuple(row["path"]) for row in index_of_2017}) == 77_192
    assert len({row["term_id"] for row in index_of_2017}) == 77_199


def test_codes_glued_to_titles_are_split_off_and_counted_apart(index_of_2017):
    glued = {(row["path"][-1], row["see_category"]) for row in index_of_2017 if row["see_category"] and not row["code"]}
    assert {
        ("unintended under general anesthesia, during procedure", "T88.53"),
        ("loss of consciousness of unspecified duration", "S06.0X9"),
        ("Linitis plastica", "C16.9"),
        ("not intractable", "G43.829"),
        ("without refractory migraine", "G43.909"),
        ("angiomatous", "D18.00"),
    } <= glued
    assert sum(row["see_category"] is not None for row in index_of_2017) == 145 + 12


@pytest.mark.parametrize("role", SOURCES)
def test_published_tables_fit_the_contract_and_ids_are_unique(rows_of, role):
    rows = rows_of(2017, role)
    assert INDEX_TERMS.violations(INDEX_TERMS.table(rows)) == []
    assert {row["source"] for row in rows} == {SOURCES[role]}


def test_words_in_the_place_of_the_second_code_are_no_code(rows_of):
    assert [row["manifestation_code"] for row in rows_of(2017, "neoplasm") if row["manifestation_code"]] == []
    (row,) = terms("<mainTerm><title>tongue</title><manif>ventral surface of tongue</manif></mainTerm>", "neoplasm")
    assert row["manifestation_code"] is None


def test_no_parenthesis_is_left_in_the_paths_of_the_index(index_of_2017):
    assert {row["path"][-1] for row in index_of_2017 if re.search(r"[()]", row["path"][-1])} == set()
    assert not [row for row in index_of_2017 if row["path"][-1] != " ".join(row["path"][-1].split())]


def test_essential_words_among_the_modifiers_stay_in_the_path(index_of_2017):
    titles = {row["path"][-1] for row in index_of_2017}
    assert "Long-term drug therapy" in titles
    assert "stage 5 chronic kidney disease or end stage renal disease" in titles


@pytest.mark.parametrize(
    ("title", "path", "modifiers"),
    [
        ("Anemia", "Anemia", []),
        ("Anemia<nemod>(essential) (general)</nemod>", "Anemia", ["essential", "general"]),
        ("<nemod>(gastro)</nemod>enteritis", "enteritis", ["gastro"]),
        ("<nemod>(somatoform)</nemod> pain", "pain", ["somatoform"]),
        ("vein<nemod>(peripheral)</nemod> NEC", "vein NEC", ["peripheral"]),
        ("foot<nemod>(except toe(s) alone)</nemod>", "foot", ["except toe(s) alone"]),
        ("breast<nemod>(s) (and nipple(s))</nemod>", "breast", ["s", "and nipple(s)"]),
        ("Long-term<nemod>(current) drug therapy (use of)</nemod>", "Long-term drug therapy", ["current", "use of"]),
        ("Achromat<nemod>(ism), achromatopsia (acquired)</nemod>", "Achromat, achromatopsia", ["ism", "acquired"]),
        ("Amnes<nemod>(t)ic syndrome (post-traumatic)</nemod>", "Amnesic syndrome", ["t", "post-traumatic"]),
        ("auricle<nemod>(ear)</nemod>, congenital", "auricle, congenital", ["ear"]),
        ("hantavirus<nemod>(HPS) syndrome)</nemod>", "hantavirus syndrome", ["HPS"]),
        ("Fever<nemod>(of unknown origin</nemod>", "Fever", ["of unknown origin"]),
        ("Fever<nemod>unknown  origin</nemod>", "Fever", ["unknown origin"]),
        ("Fever<nemod></nemod>", "Fever", []),
        ("Legg<nemod>(-Calvé)</nemod>-Perthes disease", "Legg-Perthes disease", ["-Calvé"]),
        ("Fistula<nemod>(old)</nemod> -", "Fistula", ["old"]),
        ("kidney,", "kidney", []),
        ("Environmental condition- see", "Environmental condition", []),
        ("Imbrication, teeth<nemod>(old)</nemod>,, fully erupted", "Imbrication, teeth, fully erupted", ["old"]),
        ("Sulph-", "Sulph-", []),
    ],
)
def test_nonessential_modifiers_are_told_from_the_title(title, path, modifiers):
    (row,) = terms(f"<mainTerm><title>{title}</title><code>A00</code></mainTerm>")
    assert (row["path"], row["nonessential_modifiers"]) == ([path], modifiers)


@pytest.mark.parametrize(
    ("title", "path", "code"),
    [
        ("anesthesia, during procedureT88.53", "anesthesia, during procedure", "T88.53"),
        ("Linitis<nemod>(gastric)</nemod> plasticaC16.9", "Linitis plastica", "C16.9"),
        ("not intractable 4G43.829", "not intractable", "G43.829"),
        ("stationary wW22.09", "stationary", "W22.09"),
        ("bleb associated H59.4", "bleb associated", "H59.4"),
        ("chronic I82.5y--", "chronic", "I82.5-"),
        ("classifiable to B85.0-B85.2 B85.4", "classifiable to B85.0-B85.2", "B85.4"),
        ("sites in categories C77.0 - C77.5", "sites in categories C77.0 - C77.5", None),
        ("heart<nemod>(conditions in I51.4- I51.9)</nemod>", "heart", None),
        ("heart conditions in I51.4", "heart conditions in I51.4", None),
        ("with failure I50.9- - left, reversible", "with failure I50.9- - left, reversible", None),
        ("T11-T12 level", "T11-T12 level", None),
    ],
)
def test_a_code_in_a_title_is_told_from_codes_that_the_title_speaks_of(title, path, code):
    (row,) = terms(f"<mainTerm><title>{title}</title></mainTerm>")
    assert (row["path"], row["see_category"], row["code"]) == ([path], code, None)


def test_a_title_keeps_its_code_where_the_term_has_one_of_its_own():
    (row,) = terms("<mainTerm><title>bleb associated H59.4</title><code>H59.40</code></mainTerm>")
    assert (row["path"], row["see_category"], row["code"]) == (["bleb associated H59.4"], None, "H59.40")


@pytest.mark.parametrize("tag", ["seecat", "subcat"])
def test_a_category_to_see_is_kept_apart_from_the_code(tag):
    (row,) = terms(f"<mainTerm><title>Instability</title><{tag}>M53.2</{tag}></mainTerm>")
    assert (row["see_category"], row["code"]) == ("M53.2", None)


def test_subterms_carry_the_path_and_a_positional_id():
    rows = terms(
        "<mainTerm><title>Abscess</title><see>Cellulitis</see>"
        '<term level="1"><title>skin</title><code>L02.-</code></term>'
        '<term level="1"><title>skin</title><term level="2"><title>arm</title><code>L02.41-</code></term></term></mainTerm>'
        "<mainTerm><title>Abscess</title><seeAlso>Boil</seeAlso><code>E11.9</code><manif>H42</manif></mainTerm>"
    )
    assert [(row["term_id"], row["path"], row["code"]) for row in rows] == [
        ("alphabetic_index/00000", ["Abscess"], None),
        ("alphabetic_index/00000/000", ["Abscess", "skin"], "L02.-"),
        ("alphabetic_index/00000/001", ["Abscess", "skin"], None),
        ("alphabetic_index/00000/001/000", ["Abscess", "skin", "arm"], "L02.41-"),
        ("alphabetic_index/00001", ["Abscess"], "E11.9"),
    ]
    assert (rows[0]["see"], rows[-1]["see_also"], rows[-1]["manifestation_code"]) == ("Cellulitis", "Boil", "H42")


def test_filled_cells_of_a_table_are_rows_of_their_own():
    rows = terms(
        '<mainTerm><title>lung</title><cell col="2">C34.9-</cell><cell col="3">C78.0-</cell><cell col="4">-</cell>'
        '<cell col="5">--</cell><cell col="6"/></mainTerm>',
        "neoplasm",
        f"<indexHeading>{HEADS}</indexHeading>",
    )
    assert [(row["term_id"], row["cell"], row["code"]) for row in rows] == [
        ("neoplasm_table/00000", None, None),
        ("neoplasm_table/00000#2", "Malignant Primary", "C34.9-"),
        ("neoplasm_table/00000#3", "Malignant Secondary", "C78.0-"),
    ]


def test_a_cell_without_a_heading_is_called_by_its_number():
    rows = terms('<mainTerm><title>lung</title><cell col="2">C34.90 </cell></mainTerm>', "drug")
    assert [(row["cell"], row["code"]) for row in rows] == [(None, None), ("2", "C34.90")]


def test_an_empty_index_has_no_rows():
    assert terms("") == []


def test_a_damaged_index_is_named_with_its_line():
    file = ReleaseFile("index", "index.xml", b"<ICD10CM.index>\n<letter>\n<mainTerm>\n</letter></ICD10CM.index>")
    with pytest.raises(ReleaseError, match=r"index\.xml, line 4"):
        list(parse_index(file, "FY2026"))
