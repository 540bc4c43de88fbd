"""Answers of models in other dress than the project's own: everything recoverable is recovered, the rest is counted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccl_assets.answers.coding_format import parse_coding, render_coding
from ccl_assets.icd.code import normalize_code

HEAD = "### ICD-10-CM Codes\n"
THREE = ["E11.9", "I10", "N18.9"]
ANSWERS = {
    "label": (
        HEAD + "- ICD-10-CM: E11.9 - Type 2 diabetes\n- Code I10 – Hypertension\n- ICD-10 code: **N18.9** (CKD)",
        THREE,
    ),
    "numbered label": (
        HEAD + "Diagnosis 1: E11.9 – Type 2\nDiagnosis 2: I10 – Hypertension\nSecondary dx: N18.9",
        THREE,
    ),
    "Spanish label": (
        "Códigos CIE-10:\n- Código: E11.9 – Diabetes\n- Diagnóstico principal: I10\n- CIE-10: N18.9 – ERC",
        THREE,
    ),
    "prose list": ("The ICD-10-CM codes are: E11.9, I10, and N18.9.", THREE),
    "line end": (HEAD + "- Type 2 diabetes E11.9\n- Essential hypertension I10\n- CKD N18.9.", THREE),
    "label in brackets": (
        HEAD + "- CKD (ICD-10-CM N18.9)\n- Diabetes [ICD-10: E11.9]\n- Hypertension (code: I10)",
        None,
    ),
    "brackets without head": ("1. CKD (ICD-10-CM N18.9)\n2. Diabetes (E11.9): chronic\n3. Hypertension [I10]", None),
    "table": ("| Code | Title |\n|---|---|\n| E11.9 | T2DM |\n| I10 | HTN |\n| N18.9 | CKD |", THREE),
    "table, code last": (
        HEAD + "| Diagnosis | ICD-10 |\n|---|---|\n| T2DM | E11.9 |\n| HTN | I10 |\n| CKD | **N18.9** |",
        THREE,
    ),
    "tabs": (HEAD + "1\tE11.9\tT2DM\n2\tI10\tHTN\n3\tN18.9\tCKD", THREE),
    "HTML list": (
        "<h3>ICD-10-CM Codes</h3><ul><li><b>E11.9</b> – T2DM</li><li>I10 &ndash; HTN</li><li>N18.9</li></ul>",
        THREE,
    ),
    "HTML table": (
        "<table><tr><th>Code</th><th>Title</th></tr><tr><td>E11.9</td><td>T2DM</td></tr>"
        "<tr><td>I10</td><td>HTN</td></tr><tr><td>N18.9</td><td>CKD</td></tr></table>",
        THREE,
    ),
    "emoji": (HEAD + "✅ E11.9 – T2DM\n👉I10 – HTN\n1️⃣ N18.9 – CKD", THREE),
    "emoji behind a bullet": (HEAD + "- 🔹 E11.9 – T2DM\n- ✔️ I10\n* ➤ N18.9 – CKD", THREE),
    "check boxes": (HEAD + "- [x] E11.9 – T2DM\n- [x] I10\n- [X] N18.9", THREE),
    "JSON": ('{"codes": [{"code": "E11.9"}, {"code": "I10"}, {"code": "N18.9"}]}', THREE),
    "JSON list": ('Here they are:\n```json\n["E11.9", "I10", "N18.9"]\n```', THREE),
    "JSON map": ('{"E11.9": "T2DM", "I10": "HTN", "N18.9": "CKD"}', THREE),
    "JSON, cut off": (
        '[{"icd_code": "E11.9", "title": "T2DM"}, {"icd_code": "I10"}, {"icd_code": "N18.9", "tit',
        THREE,
    ),
    "JSON below the head": (HEAD + "```json\n[{'code': 'E119',}, {'code': 'i10'}, {'code': 'N189'},]\n```", THREE),
    "JSON lines": ('{"code": "E11.9"}\n{"code": "I10"}\n{"code": "N18.9"}', THREE),
    "pairs on a line": (HEAD + "E11.9 – Type 2 diabetes; I10 – Hypertension; N18.9 – CKD", THREE),
    "pairs with bars": (HEAD + "E11.9: Type 2 diabetes | I10: Hypertension | N18.9: CKD", THREE),
    "titles first on a line": (HEAD + "Type 2 diabetes (E11.9), Hypertension (I10), CKD (N18.9)", THREE),
    "thoughts": (
        "<think>\nJ18.9 is no code here.\n- J45.909\n</think>\n" + HEAD + "- E11.9 – a\n- I10 – b\n- N18.9 – c",
        THREE,
    ),
    "thoughts opened in the prompt": ("Perhaps\nJ18.9 – Pneumonia\n</think>\nE11.9 – a\nI10 – b\nN18.9 – c", THREE),
    "quotes below codes": (
        HEAD
        + '1. E11.9 – T2DM\n   Evidence: "t2dm"\n2. I10 – HTN\n   Evidence: "htn"\n3. N18.9 – CKD\n   Evidence: ckd',
        THREE,
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_codes_in_another_dress_are_read(name):
    text, expected = ANSWERS[name]
    found = parse_coding(text).entries
    codes = [entry.code for entry in found]
    assert codes == expected if expected else sorted(codes) == THREE
    assert [normalize_code(text[entry.begin : entry.end]) for entry in found] == codes


@pytest.mark.parametrize(
    "text",
    [
        HEAD + '- I10 – Hypertension (evidence: "high blood pressure")',
        HEAD + "- I10 – Hypertension\n  Evidence: high blood pressure",
        '[{"code": "I10", "evidence": ["high blood pressure"]}]',
        '{"evidence": ["high blood pressure"], "codes": ["I10"]}',
        "| Code | Evidence | Title |\n|--|--|--|\n| I10 | high blood pressure | Hypertension |",
        '{"I10": {"title": "Hypertension", "quote": "high blood pressure"}}',
    ],
)
def test_quotes_in_another_dress_are_read(text):
    (entry,) = parse_coding(text).entries
    assert (entry.code, entry.evidence) == ("I10", "high blood pressure")


@pytest.mark.parametrize(
    "line",
    [
        "Vitamin B12 deficiency",
        "Low vitamin B12",
        "Fracture at T12",
        "HbA1c 7.2",
        "T2DM",
        "History of P53 mutation",
        "No code",
    ],
)
def test_what_looks_like_a_code_is_none_and_counted(line):
    found = parse_coding(HEAD + f"- {line}\n- I10 – Hypertension")
    assert [entry.code for entry in found.entries] == ["I10"]
    assert "unparsed_line" in found.problems


@pytest.mark.parametrize(
    "text",
    [
        "E11.9 is not supported, since the note says prediabetes, so E11.9 was left out of what follows.",
        "<think>E11.9 – Type 2 diabetes\nI10 – Hypertension",
        '{"medications": ["B12 1000"], "age": 60}',
        "Take vitamin B12.\nT12 fracture seen.",
        "No code applies.",
        "```\n```",
    ],
)
def test_prose_and_thoughts_give_no_code_and_a_problem(text):
    found = parse_coding(text)
    assert not found.entries
    assert found.problems


words = st.text(st.sampled_from("abcdefg hiE,.;"), min_size=1, max_size=30).map(str.strip).filter(str.isalpha)
codes = st.sampled_from(["E11.9", "I10", "N18.9", "S72.001A", "QA0.0", "Z3A.20", "C7B.00", "O9A.211"])


@given(st.lists(st.tuples(words, codes, words), min_size=1, max_size=6, unique_by=lambda pair: pair[1]))
def test_the_own_format_is_read_back(pairs):
    text = render_coding(pairs)
    found = parse_coding(text)
    assert [(entry.evidence, entry.code, entry.title) for entry in found.entries] == pairs
    assert not found.problems


_PIECES = (
    "<think>",
    "</think>",
    "{",
    "}",
    "[",
    "]",
    '"code":',
    '"',
    "'",
    "|",
    "E11.9",
    "I10",
    "i10.",
    "B12",
    "(",
    ")",
    "\n",
    "- ",
    " – ",
    "### Evidence",
    "### ICD-10-CM Codes",
    "<li>",
    "<br>",
    "<td>",
    "Code ",
    "✅",
    "\t",
    ";",
    ",",
    "&amp;",
    "\\",
    "**",
    "Evidence: x",
)


@given(st.lists(st.one_of(st.sampled_from(_PIECES), st.text(max_size=5)), max_size=60).map("".join))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_and_no_code_is_invented(text):
    found = parse_coding(text)
    for entry in found.entries:
        assert normalize_code(text[entry.begin : entry.end]) == entry.code
    assert len({entry.code for entry in found.entries}) == len(found.entries)
