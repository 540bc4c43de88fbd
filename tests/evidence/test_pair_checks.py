"""Each gate of the evidence tables passes on good rows and fails on damaged ones, without quoting a note."""

import pytest

from ccl_assets.evidence import checks

GOOD = {
    "pair_id": "0123456789abcdef",
    "code": "I10",
    "evidence": "HTN",
    "grounding": "candidate",
    "expansion": "direct",
    "is_trainable": True,
    "is_ambiguous": False,
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
    ],
    ids=["other release", "no words", "empty", "a paragraph", "ungrounded", "ambiguous"],
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
    assert checks.ambiguity_resolved(rows(aside)).details["ambiguous_marked"] == 1


def statuses(**counts: int) -> list[dict]:
    return [{"status": status} for status, count in counts.items() for _ in range(count)]


def test_unreadable_answers_are_counted_among_those_asked_for():
    at_the_limit = statuses(verbatim=99, unparsed=1, not_asked=1000)
    gate = checks.answers_parsed(at_the_limit, is_packaged_model=False)
    assert gate.passed and gate.details["asked"] == 100
    over = checks.answers_parsed([*at_the_limit, {"status": "unparsed"}], is_packaged_model=False)
    assert not over.passed and over.is_blocking
    assert not checks.answers_parsed(statuses(unparsed=1), is_packaged_model=True).is_blocking
    assert checks.answers_parsed([], is_packaged_model=False).passed


def test_quotes_that_are_mostly_not_verbatim_warn():
    assert checks.quotes_verbatim(statuses(verbatim=8, repaired=1, ungrounded=1, no_evidence=50)).passed
    gate = checks.quotes_verbatim(statuses(verbatim=7, repaired=2, ungrounded=1))
    assert not gate.passed and not gate.is_blocking
    assert gate.details == {"quotes": 10, "verbatim_share": 0.7}
    assert checks.quotes_verbatim(statuses(not_asked=3)).passed


def test_every_code_needs_a_direct_pair_unless_synthesis_was_bounded():
    covered = rows({"code": "I11.0"}, {"code": "I11.9", "expansion": "dash_subtree"})
    gate = checks.every_code_covered(covered, BILLABLE, is_bounded=False)
    assert not gate.passed and gate.is_blocking
    assert gate.details == {"codes": 3, "covered": 2, "uncovered": 1, "first": ["I11.9"]}
    assert not checks.every_code_covered(covered, BILLABLE, is_bounded=True).is_blocking
    whole = rows({"code": "I11.0"}, {"code": "I11.9", "is_trainable": False, "is_ambiguous": True})
    assert checks.every_code_covered(whole, BILLABLE, is_bounded=False).passed


def test_each_gate_is_announced_under_its_name():
    announced = {**checks.EXTRACTION_GATES, **checks.SILVER_GATES, **checks.KNOWLEDGE_BASE_GATES}
    made = [
        checks.pairs_about_billable_codes([], ()),
        checks.evidence_well_formed([]),
        checks.answers_parsed([], is_packaged_model=False),
        checks.quotes_verbatim([]),
        checks.grounded([]),
        checks.every_code_covered([], (), is_bounded=False),
        checks.ambiguity_resolved([]),
    ]
    assert {gate.name for gate in made} == set(announced)
