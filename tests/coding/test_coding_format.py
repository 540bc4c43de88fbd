"""The coding output format, written and read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.answers.code_line import WHOLE_CODE, parse_code_line
from ccl_assets.answers.coding_format import normalize_code, parse_coding, render_coding

PAIRS = [
    ("acute on chronic HFrEF", "I50.23", "Acute on chronic systolic (congestive) heart failure"),
    ("HTN", "I10", "Essential (primary) hypertension"),
]
RENDERED = """### Evidence
- acute on chronic HFrEF
- HTN
### ICD-10-CM Codes
- I50.23 – Acute on chronic systolic (congestive) heart failure
- I10 – Essential (primary) hypertension"""


def triples(parsed):
    return [(entry.evidence, entry.code, entry.title) for entry in parsed.entries]


def test_the_format_is_what_models_are_trained_on():
    assert render_coding(PAIRS) == RENDERED
    assert render_coding([(None, "I10", "Essential (primary) hypertension")]) == (
        "### ICD-10-CM Codes\n- I10 – Essential (primary) hypertension"
    )


def test_what_is_rendered_is_read_back_without_problems():
    parsed = parse_coding(RENDERED)
    assert triples(parsed) == PAIRS
    assert parsed.problems == ()


def test_a_span_over_a_line_break_becomes_one_line():
    assert "- acute kidney injury\n" in render_coding([("acute\n  kidney injury", "N17.9", "Acute kidney failure")])


@pytest.mark.parametrize(
    "pairs",
    [
        [("HTN", "I10", "Hypertension"), (None, "E11.9", "Diabetes")],
        [(" ", "I10", "Hypertension")],
        [("HTN", "I10", " ")],
        [("HTN", "hypertension", "Hypertension")],
    ],
)
def test_pairs_that_would_break_the_alignment_are_refused(pairs):
    with pytest.raises(ValueError, match=r"evidence|title|not an ICD"):
        render_coding(pairs)


@pytest.mark.parametrize(
    ("written", "code"),
    [("i10", "I10"), ("E1122", "E11.22"), ("s72.001a", "S72.001A"), ("T36.0X1A", "T36.0X1A"), ("C4A.9", "C4A.9")],
)
def test_codes_are_normalized(written, code):
    assert normalize_code(written) == code
    assert triples(parse_coding(f"### ICD-10-CM Codes\n- {written} – x")) == [(None, code, "x")]


@pytest.mark.parametrize(
    "line",
    [
        "- I10 – Essential hypertension",
        "- I10 - Essential hypertension",
        "* I10 — Essential hypertension",
        "• i10: Essential hypertension",
        "1. I10 – Essential hypertension",
        "2) I10 -> Essential hypertension",
        "- **I10** – Essential hypertension",
        "- **I10 – Essential hypertension**",
        "| I10 | Essential hypertension |",
        "I10 Essential hypertension",
        "- `I10` – Essential hypertension",
        '- I10 – "Essential hypertension"',
        "- Essential hypertension (I10)",
        "- Essential hypertension – I10",
    ],
)
def test_dress_of_a_code_line_does_not_matter(line):
    assert triples(parse_coding(f"### ICD-10-CM Codes\n{line}")) == [(None, "I10", "Essential hypertension")]


@pytest.mark.parametrize(
    ("evidence_head", "code_head"),
    [
        ("### Evidence", "### ICD-10-CM Codes"),
        ("Evidence:", "ICD-10-CM Codes:"),
        ("**Evidence**", "**ICD-10 Codes**"),
        ("**Evidence:**", "**Codes:**"),
        ("## Supporting evidence", "## Final ICD-10-CM diagnosis codes"),
        ("1. EVIDENCE", "2. CODES"),
        ("# Evidence spans (verbatim)", "# The codes, in order"),
    ],
)
def test_headings_may_vary(evidence_head, code_head):
    parsed = parse_coding(f"{evidence_head}\n- HTN\n\n{code_head}\n- I10 – Hypertension\n")
    assert triples(parsed) == [("HTN", "I10", "Hypertension")]
    assert parsed.problems == ()


@pytest.mark.parametrize(
    ("evidence_head", "code_head"),
    [
        ("### Evidencia", "### Códigos CIE-10-ES"),
        ("Evidencias:", "Codigos:"),
        ("**Evidencia**", "**Códigos ICD-10-CM**"),
    ],
)
def test_an_answer_in_spanish_is_read(evidence_head, code_head):
    """The notes of CodiEsp are Spanish, and models fall in with them."""
    parsed = parse_coding(f"{evidence_head}\n- HTA\n\n{code_head}\n- I10 – Hipertensión esencial (primaria)\n")
    assert triples(parsed) == [("HTA", "I10", "Hipertensión esencial (primaria)")]
    assert parsed.problems == ()


@pytest.mark.parametrize(
    "text",
    [
        "Der Patient leidet an Bluthochdruck und Typ-2-Diabetes.\nKeine weiteren Befunde.",
        "患者患有高血压。\n诊断:高血压 I10。",
        "### Доказательства\n- гипертония\n### Коды\nнет кодов",
    ],
)
def test_an_answer_in_a_language_that_is_not_understood_is_a_counted_reason(text):
    assert parse_coding(text).problems == ("no_code_section",)


def test_text_behind_a_heading_counts():
    assert triples(parse_coding("### Evidence: HTN\n### ICD-10-CM Codes: I10 – Hypertension")) == [
        ("HTN", "I10", "Hypertension")
    ]


def test_reasoning_before_the_sections_is_not_read():
    text = f"The note shows T2DM with CKD and B12 deficiency.\nI10 is likely since BP is high.\n\n{RENDERED}"
    assert triples(parse_coding(text)) == PAIRS


def test_several_codes_on_a_line_share_its_evidence():
    parsed = parse_coding("### Evidence\n- T2DM c/b CKD 3a\n### ICD-10-CM Codes\n- E11.22, N1831")
    assert triples(parsed) == [("T2DM c/b CKD 3a", "E11.22", ""), ("T2DM c/b CKD 3a", "N18.31", "")]


def test_without_a_code_section_only_unmistakable_lines_are_taken():
    parsed = parse_coding("B12 deficiency was noted.\n- I10 – Hypertension\nT2DM with CKD\nE11.9\nA1c - 9.1")
    assert [entry.code for entry in parsed.entries] == ["I10", "E11.9"]
    assert parsed.problems == ("no_code_section",)


def test_codes_left_in_the_evidence_section_are_found():
    parsed = parse_coding("### Evidence\n- HTN\n- I10 – Hypertension")
    assert triples(parsed) == [("HTN", "I10", "Hypertension")]
    assert parsed.problems == ("no_code_section",)


def test_a_repeated_code_counts_once_and_is_reported():
    parsed = parse_coding("### Evidence\n- HTN\n- high BP\n### ICD-10-CM Codes\n- I10 – a\n- I10 – b")
    assert triples(parsed) == [("HTN", "I10", "a")]
    assert parsed.problems == ("repeated_code",)


def test_an_unreadable_code_line_does_not_shift_its_neighbours_evidence():
    parsed = parse_coding("### Evidence\n- a\n- b\n- c\n### ICD-10-CM Codes\n- I10 – x\n- hmm, unclear\n- E11.9 – y")
    assert triples(parsed) == [("a", "I10", "x"), ("c", "E11.9", "y")]
    assert parsed.problems == ("unparsed_line",)


def test_chatter_after_the_codes_does_not_misalign():
    parsed = parse_coding(f"{RENDERED}\n\nLet me know if you need anything else!")
    assert triples(parsed) == PAIRS
    assert parsed.problems == ("unparsed_line",)


@pytest.mark.parametrize("spans", [["a"], ["a", "b", "c"], []])
def test_counts_that_differ_are_reported_and_evidence_is_dealt_out_by_order(spans):
    lines = "\n".join(f"- {span}" for span in spans)
    parsed = parse_coding(f"### Evidence\n{lines}\n### ICD-10-CM Codes\n- I10 – x\n- E11.9 – y")
    assert parsed.problems == ("evidence_misaligned",)
    assert [entry.evidence for entry in parsed.entries] == [*spans, None, None][:2]


def test_a_line_that_says_there_is_no_evidence_keeps_its_place():
    parsed = parse_coding("### Evidence\n- No evidence found.\n- DM\n### ICD-10-CM Codes\n- I10 – x\n- E11.9 – y")
    assert [entry.evidence for entry in parsed.entries] == [None, "DM"]
    assert parsed.problems == ()


def test_evidence_from_the_prompt_counts_where_the_answer_has_none():
    answer = "### ICD-10-CM Codes\n- I10 – x"
    assert triples(parse_coding(answer, given_evidence=["HTN"])) == [("HTN", "I10", "x")]
    assert triples(parse_coding(f"### Evidence\n- BP high\n{answer}", given_evidence=["HTN"])) == [
        ("BP high", "I10", "x")
    ]
    assert parse_coding(answer, given_evidence=["HTN", "DM"]).problems == ("evidence_misaligned",)


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_nothing_is_an_empty_output(text):
    parsed = parse_coding(text)
    assert (parsed.entries, parsed.problems) == ((), ("empty_output",))


def test_saying_that_there_is_no_code_is_no_problem():
    assert parse_coding("### ICD-10-CM Codes\n- None").problems == ()
    assert parse_coding(render_coding([])).problems == ()


def test_a_looping_model_is_cut_short_and_reported():
    lines = "\n".join(f"- A{number % 100:02}.{number // 100} – x" for number in range(600))
    parsed = parse_coding(f"### ICD-10-CM Codes\n{lines}")
    assert len(parsed.entries) == 500
    assert parsed.problems == ("too_many_lines",)


@pytest.mark.parametrize(
    "text",
    [
        "### Evidence\n" + "- x\n" * 10_000 + "### ICD-10-CM Codes\n" + "- I10 – y\n" * 10_000,
        "### ICD-10-CM Codes\n- I10" + " " * 1_000_000 + "x",
        "### Evidence" + " " * 1_000_000 + "x",
        "### ICD-10-CM Codes\n- I10" + ", I10" * 50_000,
        "#" * 1_000_000,
        "** " * 300_000,
        "I10 - x\n" * 10_000,
    ],
    ids=["lines", "blanks", "heading", "list", "marks", "bold", "loose"],
)
def test_long_outputs_are_read_at_linear_cost(text):
    parse_coding(text)  # some tenths of a second each; at the square of the length, hours


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (RENDERED, ["I50.23", "I10"]),
        (
            "I10 may fit.\n### Codes: **i10** = x\n 2) Diabetes (e119)\r\n| E1122, N18.31 |",
            ["i10", "e119", "E1122", "N18.31"],
        ),
    ],
)
def test_codes_are_traced_to_where_they_stand_in_the_answer(text, written):
    entries = parse_coding(text).entries
    assert [text[entry.begin : entry.end] for entry in entries] == written
    assert entries[0].begin >= text.index("odes")


def test_a_list_of_codes_without_end_is_cut_short_and_reported():
    parsed = parse_coding("### Codes\n- " + ", ".join(f"A{n % 100:02}.{n // 100}" for n in range(900)))
    assert (len(parsed.entries), parsed.problems) == (500, ("too_many_lines",))


SNIPPETS = st.sampled_from(
    [
        "### Evidence",
        "### ICD-10-CM Codes",
        "- ",
        "I10",
        " – ",
        "\n",
        "E11.9",
        "**",
        "|",
        ":",
        ",",
        "1. ",
        "No evidence",
        '"',
    ]
)


@given(st.text() | st.lists(SNIPPETS | st.text(max_size=5)).map("".join))
def test_any_text_can_be_read(text):
    parsed = parse_coding(text)
    codes = [entry.code for entry in parsed.entries]
    assert len(set(codes)) == len(codes)
    assert len(set(parsed.problems)) == len(parsed.problems)
    assert all(normalize_code(code) == code for code in codes)
    assert all(normalize_code(text[entry.begin : entry.end]) == entry.code for entry in parsed.entries)


CODES = st.from_regex(r"[A-TV-Z][0-9][0-9AB](\.[0-9A-Z]{1,4})?", fullmatch=True)
PLAIN = st.from_regex(r"[A-Za-z][A-Za-z0-9,/%() -]{0,30}[a-z)]", fullmatch=True).filter(
    lambda text: text.casefold() not in {"none", "nothing", "not found", "no codes"} and "  " not in text
)


@given(st.lists(st.tuples(PLAIN, CODES, PLAIN), unique_by=lambda pair: pair[1], max_size=12), st.booleans())
def test_any_rendered_coding_is_read_back(pairs, has_evidence):
    pairs = [(evidence if has_evidence else None, code, title) for evidence, code, title in pairs]
    parsed = parse_coding(render_coding(pairs))
    assert triples(parsed) == pairs
    assert parsed.problems == ()


def test_every_code_of_the_packaged_release_can_be_written_and_read(packaged_titles):
    """Also ``QA0.0101``, whose second character is no digit, unlike that of all other categories."""
    codes, _ = packaged_titles
    assert len(codes) > 90_000
    assert [code for code in codes if not WHOLE_CODE.fullmatch(code)] == []
    assert [code for code in codes if parse_code_line(f"{code} – Title") != [(code, "Title", 0, len(code))]] == []
