"""What is in force at a code, what excludes what, what is coded first: on the packaged release and on tiny ones."""

from bisect import bisect_left
from itertools import pairwise

import pytest

from ccl_assets.icd.instructions.code_references import Reference
from ccl_assets.icd.instructions.lookup import Instructions
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.tables import CODES, INSTRUCTIONS
from ccl_assets.icd.tabular.tabular_list import Tabular, parse_tabular


def build(tabular: Tabular) -> Instructions:
    return Instructions.from_tables(CODES.table(tabular.codes), INSTRUCTIONS.table(tabular.instructions))


@pytest.fixture(scope="session")
def instructions(packaged: Tabular) -> Instructions:
    return build(packaged)


def diag(code: str, inside: str = "", title: str = "Title") -> str:
    return f"<diag><name>{code}</name><desc>{title}</desc>{inside}</diag>"


def note(tag: str, *texts: str) -> str:
    return f"<{tag}>{''.join(f'<note>{text}</note>' for text in texts)}</{tag}>"


@pytest.fixture
def tiny(tabular_file):
    """Instructions of a Tabular List with one block, S80-S89."""

    def of(*diags: str, block_notes: str = "") -> Instructions:
        return build(parse_tabular(tabular_file("".join(diags), block_notes=block_notes), "FY2026"))

    return of


def conflicting(instructions, *codes):
    return [(found.code, found.excluded_code) for found in instructions.conflicts(codes)]


def test_notes_in_force_are_the_code_s_own_then_inherited_ones_up_to_the_chapter(tiny):
    inner = diag("S82.1", note("codeAlso", "own") + diag("S82.10"))
    outer = diag("S82", note("excludes2", "of the category") + inner)
    found = tiny(outer, diag("S83"), block_notes=note("includes", "of the block"))
    texts = [(item.scope, item.subject, item.text) for item in found.effective_instructions("S82.10")]
    assert texts == [("code", "S82.1", "own"), ("code", "S82", "of the category"), ("block", "S80-S89", "of the block")]
    assert [item.text for item in found.effective_instructions("S83")] == ["of the block"]
    assert [item.text for item in found.effective_instructions("S82.1", "excludes2")] == ["of the category"]


def test_an_expanded_code_has_the_notes_of_its_stem(instructions):
    of_stem = instructions.effective_instructions("S82.201")
    assert instructions.effective_instructions("S82.201A") == of_stem != []
    assert ("code", "S82") in {(item.scope, item.subject) for item in of_stem}
    assert ("chapter", "19_S00-T88") in {(item.scope, item.subject) for item in of_stem}


def test_blocks_without_codes_pass_their_notes_on_narrowest_first(instructions):
    blocks = [item.subject for item in instructions.effective_instructions("T20.011A") if item.scope == "block"]
    assert "T20-T32" in blocks
    order = list(dict.fromkeys(blocks))
    assert order.index("T20-T25") < order.index("T20-T32")
    transport = {item.subject for item in instructions.effective_instructions("V43.52XA") if item.scope == "block"}
    assert transport == {"V40-V49", "V00-V99"}
    assert "V00-V99" not in {item.subject for item in instructions.effective_instructions("W19.XXXA")}


@pytest.mark.parametrize("shared", ["B20", "F99", "P84", "R99", "Z66"])
def test_a_block_and_a_category_of_one_name_are_both_asked_and_once_each(instructions, packaged, shared):
    printed = [row["instruction_id"] for row in packaged.instructions if row["subject"] == shared]
    found = [item.instruction_id for item in instructions.effective_instructions(shared)]
    assert len(found) == len(set(found))
    assert [instruction_id for instruction_id in found if instruction_id in printed] == sorted(printed, key=found.index)
    assert set(printed) <= set(found)


def test_a_block_that_shares_its_name_with_a_category_keeps_its_notes_apart(tabular_file):
    file = tabular_file(diag("S82", note("excludes2", "of the category")), block_notes=note("includes", "of the block"))
    content = file.content.replace(b'id="S80-S89"', b'id="S82"')
    found = build(parse_tabular(type(file)(file.role, file.file_name, content), "FY2026"))
    assert [(item.scope, item.text) for item in found.effective_instructions("S82")] == [
        ("code", "of the category"),
        ("block", "of the block"),
    ]


def test_every_note_of_the_release_is_in_force_somewhere(instructions, packaged, ontology: Ontology):
    reached = {item.instruction_id for code in ontology for item in instructions.effective_instructions(code.code)}
    assert reached == {row["instruction_id"] for row in packaged.instructions}


def test_items_of_a_list_keep_the_heading_that_says_when_they_apply(instructions):
    found = {item.text: item.heading for item in instructions.code_first("D59.39")}
    assert found["complications of liver transplant (T86.4-)"] == ", if applicable, any associated:"


def test_unknown_codes_are_refused_where_one_code_is_asked_and_skipped_in_lists(instructions):
    with pytest.raises(KeyError):
        instructions.effective_instructions("E11.99999")
    assert conflicting(instructions, "E11.99999", "E11.9", "nonsense") == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("E11.9", "E10.9"),  # type 1 and type 2 diabetes
        ("R09.02", "J96.91"),  # a symptom and the failure that it belongs to
        ("I50.23", "I50.42"),  # siblings of one category
        ("K70.11", "R17"),  # printed at the block K70-K77
        ("S62.603A", "S68.611A"),  # 7th characters on both sides
    ],
)
def test_codes_that_exclude_each_other_conflict_whichever_comes_first(instructions, one, other):
    assert len(conflicting(instructions, one, other)) == len(conflicting(instructions, other, one)) == 1
    (found,) = instructions.conflicts([one, other])
    assert {found.code, found.excluded_code} == {one, other}
    assert found.note in instructions.excludes1(found.code)
    assert any(instructions.holds(target, found.excluded_code) for target in found.note.targets)


@pytest.mark.parametrize(
    "codes",
    [
        ("E11.9",),
        ("E11.9", "E11.9"),
        ("E11.9", "I10"),
        ("E11", "E11.9"),
        ("I11.0", "I50.9"),
        ("S82.201A", "S82.202A"),
    ],
)
def test_codes_that_may_stand_together_do_not_conflict(instructions, codes):
    assert conflicting(instructions, *codes) == []


def test_only_the_codes_in_parentheses_are_excluded_not_those_that_describe_the_condition(tiny):
    text = "any condition in S83 due to age (S89)"
    found = tiny(diag("S82", note("excludes1", text)), diag("S83"), diag("S89"))
    assert conflicting(found, "S82", "S83", "S89") == [("S82", "S89")]


def test_siblings_that_a_note_names_exclude_the_rest_of_its_subject_but_not_each_other(tiny):
    children = "".join(diag(code) for code in ("S82.0", "S82.1", "S82.2"))
    found = tiny(diag("S82", note("excludes1", "elsewhere (S82.1-S82.2)") + children))
    assert conflicting(found, "S82.0", "S82.1", "S82.2") == [("S82.0", "S82.1"), ("S82.0", "S82.2")]


def test_a_note_whose_reference_holds_its_own_subject_makes_no_conflict(tiny):
    children = diag("S82.0", note("excludes1", "other fractures (S82.-)")) + diag("S82.1")
    found = tiny(diag("S82", children))
    assert conflicting(found, "S82.0", "S82.1") == []


def test_a_condition_decides_whether_codes_conflict(instructions):
    assert conflicting(instructions, "F07.81", "S06.0X0A") == [("F07.81", "S06.0X0A")]
    assert conflicting(instructions, "F07.81", "S06.0X0S") == []
    assert conflicting(instructions, "E87.20", "E11.10") == []  # "with ketoacidosis" cannot be read off a code


def test_a_conflict_names_the_nearest_note_and_each_pair_once(tiny):
    inside = note("excludes1", "near (S89)") + diag("S82.0", note("excludes1", "nearest (S89)"))
    found = tiny(diag("S82", inside), diag("S89", note("excludes1", "from the other side (S82)")))
    (conflict,) = found.conflicts(["S82.0", "S89", "S82.0"])
    assert (conflict.code, conflict.note.text) == ("S82.0", "nearest (S89)")


@pytest.mark.parametrize(
    ("reference", "held", "not_held"),
    [
        ("C43-C44", ["C43.9", "C4A.9", "C44.90"], ["C45.0"]),  # C4A is printed between the two
        ("L97.1-L97.9", ["L97.101", "L97.929"], ["L97"]),
        ("I63.3-I63.5", ["I63.30", "I63.59"], ["I63.6", "I63.29", "I63"]),
        ("E08.311-E08.359", ["E08.3211", "E08.359"], ["E08.36", "E08.29"]),
        ("S00-T88", ["S82.201A", "T07.XXXA"], ["V00.01XA", "R99"]),
        ("O00-O9A", ["O9A.111", "O00.00"], ["N99.0"]),
    ],
)
def test_a_range_holds_what_is_between_its_ends_and_below_them(instructions, reference, held, not_held):
    found = Reference(reference, *reference.split("-"))
    assert [code for code in held if not instructions.holds(found, code)] == []
    assert [code for code in not_held if instructions.holds(found, code)] == []


def test_ranges_that_are_no_blocks_hold_exactly_the_codes_between_their_ends(instructions, ontology):
    codes = sorted((code.code.replace(".", ""), code.code) for code in ontology)
    keys = [bare for bare, _ in codes]
    blocks = {code.block for code in ontology}
    ranges = {
        (item.first, item.last): item
        for notes in instructions._notes.values()
        for note_ in notes
        for item in note_.references
        if item.first != item.last and item.condition is None and f"{item.first}-{item.last}" not in blocks
    }
    assert len(ranges) > 150
    for (first, last), reference in ranges.items():
        low, high = first.replace(".", ""), last.replace(".", "")
        inside = codes[bisect_left(keys, low) : bisect_left(keys, f"{high}~")]
        # a code above the last end reaches beyond it and is no part of the range
        between = {code for bare, code in inside if bare == high or not high.startswith(bare)}
        held = {
            below
            for node in instructions._nodes_held(reference)
            if node in ontology
            for below in (node, *ontology.descendants(node))
        }
        assert held == between, (first, last)


def test_manifestations_are_told_by_title_or_by_what_is_to_be_coded_first(instructions):
    assert instructions.is_manifestation("G63")  # polyneuropathy in diseases classified elsewhere
    assert instructions.is_manifestation("F02.80")  # by the title above it
    assert instructions.is_manifestation("F06.31")  # code first the underlying physiological condition
    assert not instructions.is_manifestation("E11.42")
    assert not instructions.is_manifestation("B96.20")  # the cause of diseases classified elsewhere
    assert not instructions.is_manifestation("I26.99")


def test_optional_code_first_notes_make_no_manifestation(tiny):
    mandatory = diag("S82", note("codeFirst", "underlying disease, such as:", "osteoporosis (S89)"))
    optional = diag("S83", note("codeFirst", "underlying disease, if applicable, such as:", "osteoporosis (S89)"))
    found = tiny(mandatory, optional, diag("S89"))
    assert [code for code in ("S82", "S83", "S89") if found.is_manifestation(code)] == ["S82"]
    asked = {(target.first, item.heading) for item in found.code_first("S82") for target in item.targets}
    assert asked == {("S89", "underlying disease, such as:")}


def test_code_first_notes_of_manifestations_name_etiologies_of_the_release(instructions):
    for manifestation, etiology in (("F02", "G30"), ("G63", "E85")):
        assert instructions.is_manifestation(manifestation)
        named = {target.first for note in instructions.code_first(manifestation) for target in note.targets}
        assert etiology in named


def test_use_additional_and_code_first_give_their_own_kind_with_references(instructions):
    assert {item.kind for item in instructions.use_additional("E11.9")} == {"use_additional_code"}
    assert any(target.first == "Z79.4" for item in instructions.use_additional("E11.9") for target in item.targets)
    assert {item.kind for item in instructions.code_first("F02.80")} == {"code_first"}


@pytest.mark.parametrize("year", [2016, 2017, 2025])
def test_published_releases_are_indexed_and_notes_hold_for_the_whole_subtree(parsed, year):
    found = build(parsed(year))
    above = found.effective_instructions("S82.201")
    assert found.effective_instructions("S82.201A") == above
    chain = [found.effective_instructions(code) for code in ("S82.201", "S82.20", "S82.2", "S82")]
    assert all(longer[len(longer) - len(shorter) :] == shorter for longer, shorter in pairwise(chain))
    assert conflicting(found, "E11.9", "E10.9") == [("E11.9", "E10.9")]
