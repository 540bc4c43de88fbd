"""Each gate of the evidence tables passes on good rows and fails on damaged ones, without quoting a note."""

import pytest

from ccl_assets.evidence import checks
from ccl_assets.tables.gate import declared

GOOD = {
    "pair_id": "0123456789abcdef",
    "code": "I10",
    "evidence": "HTN",
    "grounding": "candidate",
    "expansion": "direct",
    "is_trainable": True,
    "is_ambiguous": False,
    "resolved_code": None,
    "tier": "silver",
}
BILLABLE = {"I10", "I11.0", "I11.9"}
SECRET = "Mrs Winterbottom"


def rows(*changes: dict) -> list[dict]:
    return [GOOD, *({**GOOD, **change} for change in changes)]


@pytest.mark.parametrize(
    ("gate", "damage"),
    [
        (lambda found: checks.pairs_about_billable_codes(found, BILLABLE), {"code": "I11"}),
        (checks.evidence_well_formed, {"evidence": " - "}),
        (checks.evidence_well_formed, {"evidence": ""}),
        (checks.evidence_well_formed, {"evidence": f"{SECRET} " * 40}),
        (checks.grounded, {"evidence": SECRET, "grounding": "ungrounded"}),
        (checks.ambiguity_resolved, {"code": "I11.0", "evidence": "htn."}),
        (checks.ambiguity_resolved, {"evidence": "bp", "resolved_code": "I11.0"}),
        (checks.no_sibling_duplicates, {"code": "I11.0", "evidence": "htn."}),
    ],
    ids=["other release", "no words", "empty", "a paragraph", "ungrounded", "ambiguous", "given away", "shared"],
)
def test_a_blocking_gate_passes_on_good_rows_and_fails_on_damaged_ones(gate, damage):
    assert gate(rows()).passed
    assert gate([]).passed
    failed = gate(rows(damage))
    assert not failed.passed and failed.is_blocking
    assert failed.remedy
    assert SECRET not in f"{failed}"


def test_offenders_are_counted_and_the_first_are_named():
    odd = [{"code": f"X{number}"} for number in range(7)]
    details = checks.pairs_about_billable_codes(rows(*odd), BILLABLE).details
    assert (details["codes"], details["not_billable"], details["first"]) == (8, 7, ["X0", "X1", "X2", "X3", "X4"])


def test_rows_that_are_not_trained_on_may_be_ungrounded_or_ambiguous():
    aside = {"is_trainable": False, "grounding": "ungrounded", "code": "I11.0", "is_ambiguous": True}
    assert checks.grounded(rows(aside)).passed
    assert checks.ambiguity_resolved(rows(aside)).passed


def test_ambiguous_and_resolved_pairs_are_counted_by_tier():
    found = rows(
        {"is_trainable": False, "code": "I11.0", "is_ambiguous": True},
        {"evidence": "BP", "resolved_code": "I10", "tier": "gold"},
        {"evidence": "BP", "resolved_code": "I10", "code": "I11.9", "is_trainable": False},
        {"evidence": "BP", "resolved_code": "I10", "code": "I11.0", "is_trainable": False, "tier": "synthetic"},
    )
    gate = checks.ambiguity_resolved(found)
    assert gate.passed
    assert gate.details == {
        "unresolved": 0,
        "ambiguous_marked": 1,
        "ambiguous_silver": 1,
        "resolved": 1,
        "given_to_another_code_silver": 1,
        "given_to_another_code_synthetic": 1,
        "first": [],
    }


def statuses(**counts: int) -> list[dict]:
    place = {"corpus": "sample", "document_id": "n1", "code": "I10"}
    return [{**place, "status": status} for status, count in counts.items() for _ in range(count)]


def test_unreadable_answers_are_counted_among_those_asked_for():
    at_the_limit = statuses(verbatim=99, unparsed=1, not_asked=1000)
    gate = checks.answers_parsed(at_the_limit, is_packaged_model=False)
    assert gate.passed and gate.details["asked"] == 100
    over = checks.answers_parsed([*at_the_limit, *statuses(unparsed=1)], is_packaged_model=False)
    assert not over.passed and over.is_blocking
    assert over.details == {"asked": 101, "unparsed": 2, "share": 0.0198, "first": ["sample/n1 I10"] * 2}
    assert not checks.answers_parsed(statuses(unparsed=1), is_packaged_model=True).is_blocking
    assert checks.answers_parsed([], is_packaged_model=False).passed


def test_quotes_that_are_mostly_not_verbatim_warn():
    assert checks.quotes_verbatim(statuses(verbatim=8, repaired=1, ungrounded=1, no_evidence=50)).passed
    gate = checks.quotes_verbatim(statuses(verbatim=7, repaired=2, ungrounded=1))
    assert not gate.passed and not gate.is_blocking
    assert gate.details == {"quotes": 10, "not_verbatim": 3, "verbatim_share": 0.7, "first": ["sample/n1 I10"] * 3}
    assert checks.quotes_verbatim(statuses(not_asked=3)).passed


def test_every_code_needs_a_direct_pair_unless_synthesis_was_bounded():
    covered = rows({"code": "I11.0", "tier": "synthetic"}, {"code": "I11.9", "expansion": "dash_subtree"})
    gate = checks.every_code_covered(covered, BILLABLE, is_bounded=False)
    assert not gate.passed and gate.is_blocking
    assert gate.details == {
        "codes": 3,
        "covered": 2,
        "uncovered": 1,
        "first": ["I11.9"],
        "without_trainable_pair": 0,
        "first_without_trainable_pair": [],
        "codes_silver": 1,
        "codes_synthetic": 1,
    }
    bounded = checks.every_code_covered(covered, BILLABLE, is_bounded=True)
    assert not bounded.is_blocking
    assert "CCL_PROFILE=full" in bounded.remedy and "CCL_PROFILE" not in gate.remedy


def test_a_code_without_a_trainable_pair_is_covered_and_named():
    whole = rows({"code": "I11.0"}, {"code": "I11.9", "is_trainable": False, "is_ambiguous": True})
    gate = checks.every_code_covered(whole, BILLABLE, is_bounded=False)
    assert gate.passed
    assert (gate.details["without_trainable_pair"], gate.details["first_without_trainable_pair"]) == (1, ["I11.9"])


def test_siblings_may_not_share_synthetic_evidence_whatever_its_plurals():
    apart = rows(
        {"code": "I11.0", "evidence": "fracture tibia, left"}, {"code": "I11.9", "evidence": "fracture tibia, right"}
    )
    assert checks.no_sibling_duplicates(apart).passed
    assert checks.no_sibling_duplicates(rows(GOOD)).passed  # the same code twice
    gate = checks.no_sibling_duplicates([*apart, {**GOOD, "code": "I11.0", "evidence": "Fractures tibia (right)"}])
    assert not gate.passed and gate.is_blocking
    assert gate.details == {"phrases": 3, "shared": 1, "first": ["I11.0 I11.9"]}


def test_the_order_of_words_tells_siblings_apart():
    one, other = "blindness left eye, low vision right eye", "blindness right eye, low vision left eye"
    assert checks.no_sibling_duplicates(
        rows({"code": "I11.0", "evidence": one}, {"code": "I11.9", "evidence": other})
    ).passed


def test_every_uncovered_code_is_written_unless_synthesis_was_bounded():
    gate = checks.every_uncovered_code_written(rows(), {"I10", "I11.9"}, is_bounded=False)
    assert not gate.passed and gate.is_blocking
    assert gate.details == {"uncovered_before": 2, "not_written": 1, "first": ["I11.9"]}
    assert not checks.every_uncovered_code_written(rows(), {"I11.9"}, is_bounded=True).is_blocking
    assert checks.every_uncovered_code_written([], (), is_bounded=False).passed


def test_each_gate_is_announced_under_its_name():
    made = {
        checks.pairs_about_billable_codes: checks.pairs_about_billable_codes([], ()),
        checks.evidence_well_formed: checks.evidence_well_formed([]),
        checks.answers_parsed: checks.answers_parsed([], is_packaged_model=False),
        checks.quotes_verbatim: checks.quotes_verbatim([]),
        checks.grounded: checks.grounded([]),
        checks.every_code_covered: checks.every_code_covered([], (), is_bounded=False),
        checks.ambiguity_resolved: checks.ambiguity_resolved([]),
        checks.no_sibling_duplicates: checks.no_sibling_duplicates([]),
        checks.every_uncovered_code_written: checks.every_uncovered_code_written([], (), is_bounded=False),
    }
    for function, gate in made.items():
        assert list(declared([function])) == [gate.name]
