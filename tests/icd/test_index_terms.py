"""The Alphabetic Index and the tables become rows without losing words, codes or cross-references."""

import re
from collections import Counter

import pytest

from ccl_assets.icd.index import SOURCES, parse_index
from ccl_assets.icd.release import ReleaseError, ReleaseFile
from ccl_assets.icd.tables import INDEX_TERMS

HEADS = "".join(
    f'<head col="{number}">{name}</head>'
    for number, name in enumerate(("Malignant Primary", "Malignant Secondary", "Ca in situ"), start=2)
)


def terms(body: str, role: str = "index", heading: str = "") -> list[dict]:
    content = f"<ICD10CM.index><version>2026</version>{heading}<letter><title>A</title>{body}</letter></ICD10CM.index>"
    return list(parse_index(ReleaseFile(role, f"{role}.xml", content.encode()), "FY2026"))


@pytest.fixture(scope="module")
def index_of_2017(published) -> list[dict]:
    return list(parse_index(published(2017).file("index"), "FY2017"))


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


@pytest.mark.parametrize("role", SOURCES)
def test_published_tables_fit_the_contract_and_ids_are_unique(published, index_of_2017, role):
    rows = index_of_2017 if role == "index" else list(parse_index(published(2017).file(role), "FY2017"))
    assert INDEX_TERMS.violations(INDEX_TERMS.table(rows)) == []
    assert {row["source"] for row in rows} == {SOURCES[role]}


def test_second_codes_are_codes_even_where_the_neoplasm_table_prints_prose(published):
    rows = list(parse_index(published(2017).file("neoplasm"), "FY2017"))
    assert [row["manifestation_code"] for row in rows if row["manifestation_code"]] == []


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
    ],
)
def test_nonessential_modifiers_are_told_from_the_title(title, path, modifiers):
    (row,) = terms(f"<mainTerm><title>{title}</title><code>A00</code></mainTerm>")
    assert (row["path"], row["nonessential_modifiers"]) == ([path], modifiers)


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


def test_a_damaged_index_is_named_with_its_line():
    file = ReleaseFile("index", "index.xml", b"<ICD10CM.index>\n<letter>\n<mainTerm>\n</letter></ICD10CM.index>")
    with pytest.raises(ReleaseError, match=r"index\.xml, line 4"):
        list(parse_index(file, "FY2026"))
