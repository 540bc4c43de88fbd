"""What the guidelines presume or ask for and codes alone show is a rule violation, with its section in the sentence."""

import pytest

from ccl_assets.evaluation.scoring.rule_violations import CodingRules
from ccl_assets.icd.instructions.lookup import Instructions
from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tables import CODES, INSTRUCTIONS
from ccl_assets.icd.tabular.tabular_list import parse_tabular


@pytest.fixture(scope="module")
def rules():
    """Of the packaged release."""
    opened = open_release()
    tabular = parse_tabular(opened.tabular, opened.label)
    return CodingRules(Instructions.from_tables(CODES.table(tabular.codes), INSTRUCTIONS.table(tabular.instructions)))


def against(rules, codes):
    return [violation for violation in rules.violations(codes) if violation.kind == "guideline"]


@pytest.mark.parametrize(
    ("codes", "at_fault", "wanted"),
    [
        (["I10", "I50.9"], "I10", "I11"),
        (["I50.22", "I10"], "I10", "I11"),
        (["I10", "I51.7"], "I10", "I11"),
        (["I10", "N18.9"], "I10", "I12"),
        (["I10", "N18.32", "E11.22"], "I10", "I12"),
        (["I10", "I50.9", "N18.6"], "I10", "I13"),
        (["I11.0", "I50.9", "N18.4"], "I11.0", "I13"),
        (["I12.9", "N18.9", "I50.1"], "I12.9", "I13"),
        (["i10", "N189"], "I10", "I12"),
    ],
)
def test_hypertension_with_heart_failure_or_kidney_disease_is_one_code(rules, codes, at_fault, wanted):
    (violation,) = against(rules, codes)
    assert violation.code == at_fault
    assert "guideline I.C.9.a" in violation.sentence
    assert f"a code of {wanted} " in violation.sentence


@pytest.mark.parametrize(
    "codes",
    [
        ["I10"],
        ["I50.9"],
        ["I11.0", "I50.9"],
        ["I12.9", "N18.9"],
        ["I13.0", "I50.9", "N18.9"],
        ["I10", "N17.9"],
        ["I10", "I48.91"],
        [],
    ],
)
def test_what_the_guideline_does_not_presume_is_no_violation(rules, codes):
    assert against(rules, codes) == []


@pytest.mark.parametrize(
    "code", ["O80", "O82", "O70.0", "O68", "O99.02", "O24.02", "O77.0", "O60.12X0", "O13.4", "O75.82"]
)
def test_a_delivery_needs_its_outcome(rules, code):
    (violation,) = against(rules, [code])
    assert violation.code == code
    assert "guideline I.C.15.n" in violation.sentence
    assert against(rules, [code, "Z37.0"]) == []


@pytest.mark.parametrize(
    "code", ["O09.91", "O60.00", "O99.01", "O34.211", "O90.0", "O86.11", "O94", "O47.9", "Z34.90", "O21.0"]
)
def test_a_pregnancy_without_delivery_needs_none(rules, code):
    assert against(rules, [code]) == []


@pytest.mark.parametrize(
    "codes", [["E119", "E10.9"], ["e11.9", "e109"], ["E11.9.", "E10.9."], [" E11.9", "E109 "], ["E119", "e119", "E109"]]
)
def test_codes_count_in_any_usual_spelling(rules, codes):
    expected = rules.violations(["E11.9", "E10.9"])
    assert expected, "the two types of diabetes exclude each other"
    assert rules.violations(codes) == expected
    assert rules.instructions.conflicts(codes) == rules.instructions.conflicts(["E11.9", "E10.9"]) != []
    assert rules.out_of_order(codes) == []


@pytest.mark.parametrize("spelling", ["E1122", "e11.22", "E11.22.", " e1122 "])
def test_look_ups_take_any_usual_spelling(rules, spelling):
    ontology, instructions = rules.ontology, rules.instructions
    assert spelling in ontology
    assert ontology[spelling].code == "E11.22"
    assert ontology.ancestors(spelling) == ["E11.2", "E11"]
    assert ontology.path(spelling) == ontology.path("E11.22")
    assert ontology.category(spelling) == "E11"
    assert ontology.billable_below(spelling) == ["E11.22"]
    assert ontology.descendants(spelling) == []
    assert ontology.tree_distance(spelling, "E11.22") == 0
    assert instructions.effective_instructions(spelling) == instructions.effective_instructions("E11.22") != []
    assert instructions.is_manifestation(spelling) is instructions.is_manifestation("E11.22")


@pytest.mark.parametrize("codes", [["diabetes"], [""], ["250.00"], ["I10", "hypertension"], ["E11.9 I10"], ["0BH17EZ"]])
def test_what_is_no_code_takes_part_in_nothing(rules, codes):
    for ask in (rules.violations, rules.conflicts, rules.out_of_order, rules.instructions.conflicts):
        assert list(ask(codes)) == []
    assert codes[-1] not in rules.ontology
    with pytest.raises(KeyError):
        rules.ontology[codes[-1]]
