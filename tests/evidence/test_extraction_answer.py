"""Answers of miners, in the shapes models write them; any string is read."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccl_assets.evidence.silver.extraction_answer import read_extraction

CODES = ["I10", "E11.9", "J44.1"]
TITLES = {"I10": "Essential (primary) hypertension"}
LINES = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.builds(
            "{}{}{}{}".format,
            st.sampled_from(["", "- ", "* ", "**", '"']),
            st.sampled_from(["I10", "E11.9", "E119", "J44.1", "X"]),
            st.sampled_from([": ", " - ", " | ", "** = ", "", " (title): ", '": "', '": null', '": ["']),
            st.text(max_size=20),
        ),
    ),
    max_size=8,
).map("\n".join)
QUOTES = st.one_of(st.none(), st.text(max_size=30))


@pytest.mark.parametrize(
    ("line", "quote"),
    [
        ('- I10 Essential (primary) hypertension: "HTN"', "HTN"),
        ("I10 essential (primary) hypertension - HTN", "HTN"),
        ("- I10 Essential (primary) hypertension: No evidence found", None),
    ],
)
def test_an_answer_line_may_repeat_the_title(line, quote):
    assert read_extraction(line, ["I10"], TITLES) == {"I10": quote}


def test_a_title_without_a_quote_is_no_answer():
    assert read_extraction("- I10 Essential (primary) hypertension", ["I10"], TITLES) == {}


@pytest.mark.parametrize(
    ("line", "quote"),
    [
        ("I10: HTN", "HTN"),
        ("- I10: HTN", "HTN"),
        ("**I10**: HTN", "HTN"),
        ("**I10:** HTN", "HTN"),
        ("* **I10** – **HTN**", "HTN"),
        ("I10 (Essential hypertension): HTN", "HTN"),
        ("I10 = “HTN”", "HTN"),
        ('I10 | "HTN"', "HTN"),
        ("  I10 -  HTN  ", "HTN"),
        ("I10: HTN: poorly controlled", "HTN: poorly controlled"),
        ("I10: No evidence found", None),
        ("I10: no evidence found.", None),
        ("I10: None", None),
        ("I10: null", None),
        ("I10: N/A", None),
        ("I10: n/a (not in the note)", None),
        ("I10: NA.", None),
        ("I10: Not documented", None),
        ("I10:", None),
        ('I10: ""', None),
    ],
)
def test_lines_are_read_in_the_shapes_models_write(line, quote):
    assert read_extraction(line, ["I10"]) == {"I10": quote}


@pytest.mark.parametrize(
    "quote",
    ["Na 128", "NA low at 119", "nonexertional chest pain", "nonerosive reflux", "nonexudative macular degeneration"],
)
def test_findings_that_begin_like_a_refusal_are_quotes(quote):
    assert read_extraction(f"I10: {quote}", ["I10"]) == {"I10": quote}
    assert read_extraction(json.dumps({"I10": quote}), ["I10"]) == {"I10": quote}


def test_dots_in_codes_are_optional_the_first_answer_counts_and_other_codes_are_ignored():
    text = "E119: sugar\nE11.9: diabetes\nJ44.1: COPD\nHere you are: I10\ni10: htn"
    assert read_extraction(text, ["E11.9", "I10"]) == {"E11.9": "sugar"}
    text = '{"E119": "sugar", "E11.9": "diabetes", "J44.1": "COPD", "I10x": "htn"}'
    assert read_extraction(text, ["E11.9", "I10"]) == {"E11.9": "sugar"}


@pytest.mark.parametrize(
    "text",
    [
        '{"I10": "HTN", "E11.9": null}',
        '{\n  "I10": "HTN",\n  "E11.9": null\n}',
        '```json\n{"I10": "HTN", "E11.9": ""}\n```\nLet me know.',
        'Sure! Here it is: {"I10": "HTN", "E11.9": "No evidence found"} and nothing else.',
        '{"answers": {"I10 Essential hypertension": "HTN", "E11.9 - Diabetes": null}}',
        '{"I10": ["HTN", "htn"], "E11.9": null}',
        '{"E11.9": null, "I10" : "HTN", "J44.1": "COP',
        '{"I10": "HTN"; "E11.9": null, "J44.1": 12',
    ],
)
def test_json_is_read_whole_fenced_wrapped_or_cut(text):
    assert read_extraction(text, CODES, is_cut=True) == {"I10": "HTN", "E11.9": None}


def test_escapes_are_undone():
    assert read_extraction(r'{"I10": "BP \"high\"\n160\/90 \u00b5"}', ["I10"]) == {"I10": 'BP "high"\n160/90 µ'}
    assert read_extraction(r'{"I10": "bad \q escape"}', ["I10"]) == {"I10": r"bad \q escape"}
    assert read_extraction(r'{"I10": "half \ud83d pair"}', ["I10"]) == {"I10": "half ? pair"}


def test_half_a_quote_at_the_token_limit_is_no_answer():
    text = "- I10: HTN\n- E11.9: type 2 dia"
    assert read_extraction(text, CODES, is_cut=True) == {"I10": "HTN"}
    assert read_extraction(text, CODES) == {"I10": "HTN", "E11.9": "type 2 dia"}


@pytest.mark.parametrize(
    "text", ["", "I cannot help with that.", "{}", "[]", "null", '{"A00": "x"}', '{"I1', "- ", "\x00"]
)
def test_what_answers_nothing_gives_nothing(text):
    assert read_extraction(text, CODES) == {}


@given(st.one_of(st.text(), LINES), st.lists(st.sampled_from(CODES), unique=True), st.booleans())
@settings(deadline=None)
def test_any_answer_is_read(text, codes, is_cut):
    found = read_extraction(text, codes, TITLES, is_cut=is_cut)
    assert set(found) <= set(codes)
    assert all(quote is None or (quote and quote == quote.strip()) for quote in found.values())


@given(st.dictionaries(st.sampled_from(CODES), QUOTES, min_size=1), st.sampled_from([None, 2]), st.booleans())
@settings(deadline=None)
def test_what_json_says_is_what_is_read(answers, indent, is_ascii):
    found = read_extraction(json.dumps(answers, indent=indent, ensure_ascii=is_ascii), CODES)
    assert set(found) == set(answers)
    for code, quote in found.items():
        assert quote is None or quote in answers[code]


@given(st.dictionaries(st.sampled_from(CODES), QUOTES, min_size=1), st.data())
@settings(deadline=None)
def test_half_a_json_gives_no_code_another_answer(answers, data):
    text = json.dumps(answers)
    whole = read_extraction(text, CODES)
    cut = read_extraction(text[: data.draw(st.integers(0, len(text)))], CODES, is_cut=True)
    assert cut.items() <= whole.items()


@pytest.mark.parametrize(
    "text",
    [
        "*" * 200_000,
        "-" * 200_000 + "I10",
        "I10" + " " * 200_000,
        "I10" + "(" * 200_000,
        '"' * 200_000,
        '"I10' * 50_000,
        '"I10": "' * 25_000,
        '"I10": "' + "\\" * 200_001,
        '"I10"' + " " * 200_000,
        '"I10": [' * 25_000,
    ],
)
def test_degenerate_answers_are_read(text):
    assert set(read_extraction(text, ["I10"])) <= {"I10"}
