"""7th characters: length, placeholder, exceptions stated in prose."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tabular.seventh_character import Exception7th, expand, is_extensible
from ccl_assets.icd.tabular.tabular_list import parse_tabular

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


def seventh_characters(tabular, stem):
    return "".join(row["seventh_character"] for row in tabular.codes if row["stem_code"] == stem)


@pytest.mark.parametrize("year", [2016, 2017, 2025, 2026])
@pytest.mark.parametrize(
    ("stem", "characters"),
    [
        ("S12.000", "ABDGKS"),  # the definition of S12 …
        ("S12.8", "ADS"),  # … and two that override it
        ("S12.9", "ADS"),
        ("S52.121", "ABCDEFGHJKMNPQRS"),
        ("S52.521", "ADGKPS"),  # torus fracture
        ("S52.529", "ADGKPS"),
        ("S82.161", "ADGKPS"),
    ],
)
def test_the_nearest_definition_counts_and_not_one_further_up(parsed, year, stem, characters):
    assert seventh_characters(parsed(year), stem) == characters


def test_definitions_on_leaves_and_stems_of_three_characters_are_expanded(packaged):
    assert seventh_characters(packaged, "X58") == "ADS"
    codes = {row["code"]: row for row in packaged.codes}
    assert codes["X58.XXXA"]["stem_code"] == codes["X58.XXXA"]["parent_code"] == "X58"
    assert codes["H40.10X0"]["long_title"].startswith("Unspecified open-angle glaucoma, ")
    stems = {row["stem_code"] for row in packaged.codes if row["stem_code"] and len(row["stem_code"]) == 3}
    assert {"X58", "T07", "W08", "Y33"} <= stems


def test_the_placeholder_is_set_by_length_and_not_by_the_attribute(packaged):
    from lxml import etree

    root = etree.fromstring(open_release().tabular.content)
    printed = {diag.findtext("name") for diag in root.iter("diag")}
    assert sum(diag.get("placeholder") is not None for diag in root.iter("diag")) == 246
    assert sum("X" in code.partition(".")[2] for code in printed) == 1_526
    padded = [row for row in packaged.codes if row["is_expanded"]]
    assert all(row["code"].replace(".", "")[:-1] == row["stem_code"].replace(".", "").ljust(6, "X") for row in padded)


def test_without_the_s06_rule_seventy_six_codes_too_many_would_be_made(packaged):
    made = {row["code"] for row in packaged.codes if row["is_expanded"]}
    concerned = {code[:-1] for code in made if S06_RULE.forbidden(code.replace(".", "")[:6])}
    assert len(concerned) == 38
    assert {f"{padded}{character}" for padded in concerned for character in "DS"}.isdisjoint(made)


def test_a_definition_on_a_leaf_reaches_no_sibling(tabular_file):
    only = '<sevenChrDef><extension char="A">initial encounter</extension></sevenChrDef>'
    diags = f"<diag><name>S82</name><desc>F</desc><diag><name>S82.1</name><desc>U</desc>{only}</diag>"
    diags += "<diag><name>S82.2</name><desc>S</desc></diag></diag>"
    rows = parse_tabular(tabular_file(diags), "FY2026").codes
    assert [(row["code"], row["is_billable"]) for row in rows] == [
        ("S82", False),
        ("S82.1", False),
        ("S82.1XXA", True),
        ("S82.2", True),
    ]
