"""All tiers together: who has precedence, what is ambiguous, what overlaps the benchmark."""

import pytest

from ccl_assets.evidence.knowledge_base import knowledge_base
from ccl_assets.evidence.tables import KNOWLEDGE_BASE_PAIRS


@pytest.fixture
def gold(pair):
    return lambda code, evidence, expansion="direct", source="title": pair(
        code, evidence, expansion=expansion, source=source
    )


@pytest.fixture
def silver(pair):
    return lambda code, evidence, is_trainable=True: pair(
        code, evidence, grounding="candidate" if is_trainable else "ungrounded", is_trainable=is_trainable
    )


@pytest.fixture
def synthetic(pair):
    return lambda code, evidence, is_fallback=False: pair(code, evidence, is_fallback=is_fallback)


def summary(rows):
    return {(row["code"], row["evidence"]): (row["tier"], row["source"], row["is_trainable"]) for row in rows}


def test_a_pair_of_several_tiers_belongs_to_the_highest(gold, silver, synthetic):
    rows = knowledge_base(
        [gold("I10", "Hypertension")],
        [silver("I10", "hypertension."), silver("I10", "HTN")],
        [synthetic("I10", "HTN"), synthetic("I10", "high BP"), synthetic("I10", "Essential hypertension", True)],
        [],
    )
    assert summary(rows) == {
        ("I10", "Hypertension"): ("gold", "title", True),
        ("I10", "HTN"): ("silver", "candidate", True),
        ("I10", "high BP"): ("synthetic", "model", True),
        ("I10", "Essential hypertension"): ("synthetic", "title", True),
    }
    assert KNOWLEDGE_BASE_PAIRS.violations(KNOWLEDGE_BASE_PAIRS.table(rows)) == []


def test_within_a_tier_the_most_direct_statement_wins(gold):
    rows = knowledge_base(
        [gold("I10", "Hypertension", "dash_subtree"), gold("I10", "hypertension", "direct")], [], [], []
    )
    assert [(row["evidence"], row["expansion"]) for row in rows] == [("hypertension", "direct")]


@pytest.mark.parametrize("expansion", ["seventh_character", "dash_subtree"])
def test_direct_evidence_of_a_lower_tier_is_not_lost_to_an_indirect_statement(gold, silver, synthetic, expansion):
    """Else a code that silver covers, so that nothing is synthesised for it, would end without evidence."""
    title = "Fracture of shaft of right tibia"
    for tiers in (([silver("S82.201A", title)], []), ([], [synthetic("S82.201A", title)])):
        (row,) = knowledge_base([gold("S82.201A", title, expansion)], *tiers, [])
        assert (row["expansion"], row["is_trainable"]) == ("direct", True)
        assert row["tier"] != "gold"


def test_indirect_statements_are_kept_and_not_trained_on(gold):
    rows = knowledge_base(
        [gold("S82.201A", "Fracture", "seventh_character"), gold("I11.0", "Heart disease", "dash_subtree")], [], [], []
    )
    assert [row["is_trainable"] for row in rows] == [False, False]
    assert [row["is_ambiguous"] for row in rows] == [False, False]


def test_a_text_that_directly_supports_two_codes_is_ambiguous(gold, silver):
    rows = knowledge_base(
        [gold("I11.0", "Heart failure"), gold("I10", "Hypertension")],
        [silver("I11.9", "heart  failure")],
        [],
        [],
    )
    assert {row["code"]: (row["is_ambiguous"], row["is_trainable"]) for row in rows} == {
        "I11.0": (True, False),
        "I11.9": (True, False),
        "I10": (False, True),
    }


def test_a_direct_statement_is_not_made_ambiguous_by_an_indirect_one(gold):
    rows = knowledge_base([gold("I10", "Hypertension"), gold("I11.0", "Hypertension", "dash_subtree")], [], [], [])
    assert {row["code"]: row["is_trainable"] for row in rows} == {"I10": True, "I11.0": False}


def test_silver_pairs_without_ground_stay_out(silver):
    assert knowledge_base([], [silver("I10", "tension", is_trainable=False)], [], []) == []


def test_benchmark_spans_are_marked_and_only_silver_ones_are_not_trained_on(gold, silver, synthetic):
    rows = knowledge_base(
        [gold("I10", "Hypertension")],
        [silver("I10", "HTN"), silver("I10", "high BP")],
        [synthetic("I10", "raised pressure")],
        ["hypertension", " htn ", "Raised pressure."],
    )
    assert {row["evidence"]: (row["is_benchmark_span"], row["is_trainable"]) for row in rows} == {
        "Hypertension": (True, True),
        "HTN": (True, False),
        "high BP": (False, True),
        "raised pressure": (True, True),
    }
