"""Codes that notes name: shapes, ranges, lists, conditions on characters, and words that only look like codes."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccl_assets.icd.instructions.code_references import find_references, located_references

KNOWN = (
    "A00 A74 B01 B09 B27 B27.0 B27.9 C00 C96 C91.0 C95.9 D51 E08 E11 E11.9 E13 E53.8 F10 F11 F19 F98.2 F98.3 I20 I25 I50.2 "
    "I50.43 I69 K70.3 M05.00 M05.8A M31.5 N18 N26 O00 O9A P28.3 P28.4 Q00 QA0 R40.21 R63.83 S00 S01 S06 S06.1 S06.6 S06.81 "
    "S06.82 S09 S12.0 S12.6 S82.201A S92 T36 T39.0 T40.5X1 T40.5X4 T43.1X T50 T63.81 T88 Z3A"
)
CODES = set(KNOWN.split())
YEARS = (2016, 2017, 2025, 2026)
# what notes name and the release lacks, by release: official slips, none of them a word
STALE = {
    2016: "A00-Y89 M23.5-M23.89 M43.3-M43.59 O86.1-O86.3 Q98.0-Q98.2 V94.X X00-X09 X00-X09 X08-X09",
    2017: "A00-Y89 E09.692 M23.5-M23.89 M43.3-M43.59 O86.1-O86.3 T84.04 T84.040 T84.041 T84.042 T84.043 V94.X X00-X09 X00-X09 "
    "X08-X09 Z87.001 Z87.008",
    2025: "A00-Y89 G31.90",
    2026: "A00-Y89 G31.90 R10.1-R10.4-",
}


def read(text):
    return find_references(text, CODES.__contains__)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type 2 diabetes (E11.-)", [("E11.-", "E11", "E11")]),
        ("ischemic heart diseases (I20-I25)", [("I20-I25", "I20", "I25")]),
        ("cirrhosis (K70.3-)", [("K70.3-", "K70.3", "K70.3")]),
        ("codes from category S00-T88", [("S00-T88", "S00", "T88")]),
        ("varicella (A00, B01-B09)", [("A00", "A00", "A00"), ("B01-B09", "B01", "B09")]),
        ("any condition in N18 and N26 - due to hypertension", [("N18", "N18", "N18"), ("N26", "N26", "N26")]),
        ("malformations (Q00-QA0)", [("Q00-QA0", "Q00", "QA0")]),
        ("weeks of gestation, Z3A, to identify", [("Z3A", "Z3A", "Z3A")]),
        ("fracture, initial encounter (S82.201A)", [("S82.201A", "S82.201A", "S82.201A")]),
        ("poisoning by cocaine (T40.5X1-T40.5X4)", [("T40.5X1-T40.5X4", "T40.5X1", "T40.5X4")]),
        ("head injury (S00 - S09)", [("S00 - S09", "S00", "S09")]),
        ("by site, if known (M05.00 to M05.8A)", [("M05.00 to M05.8A", "M05.00", "M05.8A")]),
        ("substance use (F10.--F19.-)", [("F10.--F19.-", "F10", "F19")]),
        ("substance use (F10.- -F19.-)", [("F10.- -F19.-", "F10", "F19")]),
        ("disorders of infancy (F98.2.-F98.3)", [("F98.2.-F98.3", "F98.2", "F98.3")]),
        ("apnea of newborn (P28.3- - P28.4-)", [("P28.3- - P28.4-", "P28.3", "P28.4")]),
        ("fracture of vertebra (S12.0--S12.6.-)", [("S12.0--S12.6.-", "S12.0", "S12.6")]),
        ("giant cell (M31.5., A00)", [("M31.5", "M31.5", "M31.5"), ("A00", "A00", "A00")]),
        ("classified in category S06- code to specified injury", [("S06-", "S06", "S06")]),
        (
            "in subcategories S06.1- to S06.6- , S06.81- and S06.82- code to injury",
            [
                ("S06.1- to S06.6-", "S06.1", "S06.6"),
                ("S06.81-", "S06.81", "S06.81"),
                ("S06.82-", "S06.82", "S06.82"),
            ],
        ),
    ],
)
def test_printed_forms_are_kept_and_their_ends_are_codes(text, expected):
    assert [(found.printed, found.first, found.last) for found in read(text)] == expected


@pytest.mark.parametrize(
    "text",
    [
        "vitamin B12 deficiency anemia",
        "influenza A/H1N1",
        "hepatic fibrosis, stage F4",
        "free T4 and T3",
        "glucose-6-phosphate dehydrogenase (G6PD) deficiency",
        "with C3 glomerulonephritis",
        "alcoholic hallucinations (F1.5)",
        "sequelae of burn (a10)",
        "the drug (vitamin B12)",
        "WHO grade IIA, 5A00B",
    ],
)
def test_words_that_look_like_codes_are_none(text):
    assert read(text) == []


def test_a_word_and_a_code_in_one_note_are_told_apart():
    assert [found.printed for found in read("vitamin B12 deficiency (E53.8)")] == ["E53.8"]


def test_unknown_codes_are_kept_only_where_a_parenthesis_opens_with_a_code():
    assert [found.printed for found in read("frontotemporal disorder (G31.90, E11.9)")] == ["G31.90", "E11.9"]
    assert read("see G31.90") == []
    assert [found.printed for found in read("other than A00-Y89")] == ["A00-Y89"]


def test_a_range_that_runs_backwards_is_read_as_its_first_code():
    assert [(found.printed, found.first, found.last) for found in read("venomous amphibians (T63.81-R63.83)")] == [
        ("T63.81-R63.83", "T63.81", "T63.81")
    ]


def test_codes_in_parentheses_are_told_from_codes_in_the_sentence():
    found = read("any condition in I50.2-I50.43 due to hypertension (CKD) (N18)")
    assert [(reference.first, reference.is_parenthesised) for reference in found] == [("I50.2", False), ("N18", True)]


@pytest.mark.parametrize(
    ("text", "fitting", "others"),
    [
        (
            "drug (T36-T50 with fifth or sixth character 5)",
            ["T36.95XA", "T39.015A", "T45.515"],
            ["T36.91XA", "T39.011A"],
        ),
        ("poisoning (T36-T50 with fifth or sixth character 1-4 or 6)", ["T36.91XA", "T39.016A"], ["T39.015A"]),
        ("salicylates (T39.0-, with sixth character 1-4)", ["T39.011A"], ["T39.015A", "T39.01"]),
        ("underdosing (T36-T50) with fifth or sixth character 6", ["T36.96XA"], ["T36.95XA"]),
        ("of ankle (S92.-with 7th character B)", ["S92.001B"], ["S92.001A", "S92.00"]),
        ("of arm (S92.- with 7th character B or C)", ["S92.001B", "S92.001C"], ["S92.001D"]),
        ("fluency disorder (I69. with final characters -23)", ["I69.023", "I69.923"], ["I69.022", "I69.02"]),
        ("hyperosmolarity (E08, E11, E13 with final characters .00 or .01)", ["E11.00", "E08.01"], ["E11.10", "E11.9"]),
        ("amnestic syndrome (F10-F19 with 5th character .6)", ["F10.96"], ["F10.950"]),
        ("drug psychosis (F11-F19 with fifth to sixth characters 51)", ["F11.951"], ["F11.950", "F11.15"]),
        ("whooping cough (B27 with fifth-character 1)", ["B27.01"], ["B27.00"]),
        ("leukemia in remission C91.0-C95.9 with 5th character 1", ["C91.01"], ["C91.00"]),
        ("diabetic amyotrophy (E08-E13 with .44)", ["E11.44"], ["E11.40", "E11.9"]),
        ("angiopathy (E08-E13 with .51-.52)", ["E11.51", "E11.52"], ["E11.59"]),
        ("psychosis (F11-F19 with .15. .25, .95)", ["F11.150", "F19.259"], ["F11.10"]),
        ("arthropathy (E08-E13 with .61-)", ["E11.610"], ["E11.62"]),
        ("collision (S00-S09 with 5th digit 9)", ["S01.09"], ["S01.01"]),
    ],
)
def test_conditions_on_characters_are_read(text, fitting, others):
    condition = read(text)[0].condition
    assert [code for code in fitting if not condition.holds(code)] == []
    assert [code for code in others if condition.holds(code)] == []


def test_a_condition_at_the_end_of_a_list_holds_for_the_whole_list_and_for_nothing_before_it():
    found = read("diabetes (E08, E11, E13 with final characters .00 or .01) and K70.3")
    assert [reference.condition is not None for reference in found] == [True, True, True, False]
    apart = read("any condition in N18 due to drugs (T36-T50 with fifth or sixth character 5)")
    assert [reference.condition is not None for reference in apart] == [False, True]


def test_final_characters_are_those_of_the_stem_of_an_expanded_code():
    (reference,) = read("underdosing (T36-T50 with final character 6)")
    assert reference.condition.holds("T36.0X6A", "T36.0X6")
    assert not reference.condition.holds("T36.0X5A", "T36.0X5")


@pytest.mark.parametrize(
    "text",
    [
        "diabetic acidosis - see categories E08-E13 with ketoacidosis",
        "open fracture (S92.- with open fracture 7th character)",
        "polyneuropathy (B27.0-B27.9 with 1)",
        "liver disease (B27.0-B27.9 with .9)",
    ],
)
def test_a_condition_that_is_not_about_characters_is_kept_in_words_and_fits_no_code(text):
    condition = read(text)[0].condition
    assert condition.words.startswith("with ") and not condition.values
    assert not condition.holds("E11.10") and not condition.holds("B27.91")


@given(st.text("ABEIST0125.-,() toandwith", max_size=60))
@settings(deadline=None)
def test_any_text_is_read_and_references_are_found_again_in_it(text):
    found = read(text)
    columns = ([f.printed for f in found], [f.first for f in found], [f.last for f in found])
    assert list(located_references(text, *columns)) == found
    assert all(reference.printed in text and reference.printed.startswith(reference.first) for reference in found)


@pytest.mark.parametrize("year", YEARS)
def test_official_notes_name_no_unknown_code_but_the_known_stale_ones(parsed, year):
    known = {row["code"] for row in parsed(year).codes}
    stale = [
        printed
        for row in parsed(year).instructions
        for printed, first, last in zip(
            row["referenced_codes"], row["reference_first"], row["reference_last"], strict=True
        )
        if first not in known or last not in known
    ]
    assert " ".join(sorted(stale)) == STALE[year]


@pytest.mark.parametrize("year", YEARS)
def test_nothing_in_official_notes_that_has_the_shape_of_a_code_is_missed_but_words(parsed, year):
    shape = re.compile(r"(?<![0-9A-Za-z])[A-Z][0-9A][0-9A-Z](?:\.[0-9A-Z]{1,4})?(?![0-9A-Za-z])")
    missed = set()
    for row in parsed(year).instructions:
        rest = row["instruction_text"]
        for printed in row["referenced_codes"]:
            rest = rest.replace(printed, " ", 1)
        missed |= set(shape.findall(rest))
    assert {code for code in missed if not code.isalpha()} == {"B12"}
