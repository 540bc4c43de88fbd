"""7th characters: length, placeholder, exceptions stated in prose."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccl_assets.icd.seventh_character import Exception7th, expand, is_extensible
from ccl_assets.icd.tabular import parse_tabular

ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
STEMS = st.builds(
    lambda category, rest: f"{category}.{rest}" if rest else category,
    st.from_regex(r"[A-Z][0-9][0-9A-Z]", fullmatch=True),
    st.text(ALPHANUMERIC, max_size=3),
)
EXTENSIONS = st.lists(
    st.tuples(st.sampled_from("ABCDEFGHJKMNPQRS0123459"), st.text("abc ,", min_size=1, max_size=9)),
    unique_by=lambda pair: pair[0],
    max_size=10,
)
S06_PROSE = (
    "7th characters D and S do not apply to codes in category S06 with 6th character 7 - death due to brain injury prior "
    "to regaining consciousness, or 8 - death due to other cause prior to regaining consciousness."
)
S06_RULE = Exception7th("S06", frozenset("78"), frozenset("DS"))


@given(STEMS, EXTENSIONS)
@settings(deadline=None)
def test_expanded_codes_have_seven_characters_and_keep_stem_order_and_meaning(stem, extensions):
    found = list(expand(stem, extensions))
    assert [(character, meaning) for _, character, meaning in found] == extensions
    for code, character, _ in found:
        bare = code.replace(".", "")
        assert len(bare) == 7 and code[3] == "."
        assert bare.startswith(stem.replace(".", ""))
        assert bare[-1] == character


@given(STEMS, EXTENSIONS)
@settings(deadline=None)
def test_only_missing_places_are_filled_and_with_x(stem, extensions):
    bare = stem.replace(".", "")
    for code, _, _ in expand(stem, extensions):
        assert code.replace(".", "")[len(bare) : 6] == "X" * (6 - len(bare))


@given(STEMS, EXTENSIONS)
@settings(deadline=None)
def test_an_exception_removes_what_it_names_and_nothing_else(stem, extensions):
    rule = Exception7th(stem[:3], frozenset("78"), frozenset("DS"))
    whole, kept = list(expand(stem, extensions)), list(expand(stem, extensions, [rule]))
    removed = [item for item in whole if item not in kept]
    assert all(code.replace(".", "")[5] in "78" and character in "DS" for code, character, _ in removed)
    assert all(not (code.replace(".", "")[5] in "78" and character in "DS") for code, character, _ in kept)


def test_a_stem_of_three_characters_is_padded():
    assert [code for code, _, _ in expand("X58", [("A", "initial encounter")])] == ["X58.XXXA"]


@pytest.mark.parametrize("code", ["C44.1021", "S82.201A"])
def test_a_code_of_seven_characters_is_never_extended(code):
    assert not is_extensible(code)
    with pytest.raises(ValueError, match="has seven characters already"):
        list(expand(code, [("A", "initial encounter")]))


def test_the_prose_of_s06_is_read():
    assert Exception7th.parse(S06_PROSE) == S06_RULE
    assert S06_RULE.forbids("S061X7", "D")
    assert not S06_RULE.forbids("S061X7", "A")
    assert not S06_RULE.forbids("S061X6", "D")
    assert not S06_RULE.forbids("S071X7", "D")


@pytest.mark.parametrize(("seventh", "named"), [("D", "D"), ("D or S", "DS"), ("A, D and S", "ADS"), ("B and C", "BC")])
def test_lists_of_characters_in_prose_are_read_whole(seventh, named):
    plural = "s" if len(named) > 1 else ""
    verb = "do" if plural else "does"
    note = f"7th character{plural} {seventh} {verb} not apply to codes in subcategory S06.3 with 6th character 7."
    assert Exception7th.parse(note) == Exception7th("S063", frozenset("7"), frozenset(named))


@given(st.text(max_size=200))
@settings(deadline=None)
def test_other_prose_states_no_exception(note):
    assert Exception7th.parse(note) is None


@pytest.mark.parametrize(("year", "is_stated"), [(2016, False), (2017, False), (2025, True), (2026, True)])
def test_the_s06_exception_is_read_from_the_release_and_not_assumed(parsed, year, is_stated):
    found = parsed(year)
    rules = [rule for row in found.instructions if (rule := Exception7th.parse(row["instruction_text"]))]
    assert rules == ([S06_RULE] if is_stated else [])
    codes = {row["code"] for row in found.codes}
    assert "S06.1X7A" in codes
    assert ("S06.1X7D" in codes) is not is_stated


def test_explicit_seven_character_leaves_stay_as_printed(packaged):
    full = [row for row in packaged.codes if row["level"] == 7 and not row["is_expanded"]]
    assert len(full) == 180
    assert all(row["is_billable"] and row["stem_code"] is None for row in full)
    assert not {row["code"] for row in packaged.codes if row["parent_code"] in {leaf["code"] for leaf in full}}
    assert "C44.1021" in {row["code"] for row in full}


def test_every_expanded_code_of_the_release_is_well_formed(packaged):
    expanded = [row for row in packaged.codes if row["is_expanded"]]
    shape = re.compile(r"[A-Z]\d[0-9A-Z]\.[0-9A-Z]{4}")
    assert all(shape.fullmatch(row["code"]) and row["code"].startswith(row["stem_code"]) for row in expanded)
    assert "X58.XXXA" in {row["code"] for row in expanded}


def test_the_nearest_definition_wins_and_a_leaf_may_have_its_own(tabular_file):
    outer = '<sevenChrDef><extension char="A">initial</extension><extension char="D">later</extension></sevenChrDef>'
    inner = '<sevenChrDef><extension char="K">nonunion</extension></sevenChrDef>'
    diags = (
        f"<diag><name>S82</name><desc>Fracture</desc>{outer}"
        f"<diag><name>S82.1</name><desc>Upper end</desc></diag>"
        f"<diag><name>S82.2</name><desc>Shaft</desc>{inner}</diag></diag>"
    )
    codes = [row["code"] for row in parse_tabular(tabular_file(diags), "FY2026").codes]
    assert codes == ["S82", "S82.1", "S82.1XXA", "S82.1XXD", "S82.2", "S82.2XXK"]
