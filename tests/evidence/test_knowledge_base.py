"""All tiers together: who has precedence, what is ambiguous, what overlaps the benchmark."""

import pytest

from ccl_assets.evidence.knowledge_base.pairs import MixedReleasesError, knowledge_base, tier_counts
from ccl_assets.evidence.tables import KNOWLEDGE_BASE_PAIRS


@pytest.fixture
def united(small_ontology):
    return lambda gold=(), silver=(), synthetic=(), spans=(): knowledge_base(
        small_ontology, gold, silver, synthetic, spans
    )


@pytest.fixture
def gold(pair):
    return lambda code, evidence, expansion="direct", source="alphabetic_index", modifier=None: pair(
        code, evidence, expansion=expansion, source=source, modifier=modifier
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


def outcome(rows):
    return {row["code"]: (row["resolved_code"], row["is_ambiguous"], row["is_trainable"]) for row in rows}


def test_a_pair_of_several_tiers_belongs_to_the_highest(united, gold, silver, synthetic):
    rows = united(
        [gold("I10", "Hypertension")],
        [silver("I10", "hypertension."), silver("I10", "HTN")],
        [synthetic("I10", "HTN"), synthetic("I10", "high BP"), synthetic("I10", "Essential hypertension", True)],
    )
    assert summary(rows) == {
        ("I10", "Hypertension"): ("gold", "alphabetic_index", True),
        ("I10", "HTN"): ("silver", "candidate", True),
        ("I10", "high BP"): ("synthetic", "model", True),
        ("I10", "Essential hypertension"): ("synthetic", "title", True),
    }
    assert KNOWLEDGE_BASE_PAIRS.violations(KNOWLEDGE_BASE_PAIRS.table(rows)) == []


def test_within_a_tier_the_most_direct_statement_wins(united, gold):
    rows = united([gold("I10", "Hypertension", "dash_subtree"), gold("I10", "hypertension", "direct")])
    assert [(row["evidence"], row["expansion"]) for row in rows] == [("hypertension", "direct")]


@pytest.mark.parametrize("expansion", ["seventh_character", "dash_subtree"])
def test_direct_evidence_of_a_lower_tier_is_not_lost_to_an_indirect_statement(
    united, gold, silver, synthetic, expansion
):
    """Else a code that silver covers, so that nothing is synthesised for it, would end without evidence."""
    title = "Fracture of shaft of right tibia"
    for tiers in (([silver("S82.201A", title)], []), ([], [synthetic("S82.201A", title)])):
        (row,) = united([gold("S82.201A", title, expansion)], *tiers)
        assert (row["expansion"], row["is_trainable"]) == ("direct", True)
        assert row["tier"] != "gold"


def test_indirect_statements_are_kept_and_not_trained_on(united, gold):
    rows = united([gold("S82.201A", "Fracture", "seventh_character"), gold("I11.0", "Heart disease", "dash_subtree")])
    assert [row["is_trainable"] for row in rows] == [False, False]
    assert [row["is_ambiguous"] for row in rows] == [False, False]


def test_a_text_that_does_not_say_which_code_it_means_is_ambiguous(united, silver):
    rows = united([], [silver("I11.0", "Heart trouble"), silver("I11.9", "heart  trouble"), silver("I10", "HTN")])
    assert outcome(rows) == {"I11.0": (None, True, False), "I11.9": (None, True, False), "I10": (None, False, True)}


def test_a_text_is_given_to_the_code_that_the_release_states_it_for(united, gold, silver, synthetic):
    rows = united(
        [gold("I10", "Hypertension")], [silver("I11.0", "hypertension")], [synthetic("I11.9", "HYPERTENSION")]
    )
    given = ("I10", False)
    assert outcome(rows) == {"I10": (*given, True), "I11.0": (*given, False), "I11.9": (*given, False)}


def test_a_text_is_given_to_the_code_whose_title_it_is(united, gold, silver):
    title = "Hypertensive heart disease with heart failure"
    rows = united([gold("I11.9", title)], [silver("I11.0", title)])
    assert outcome(rows) == {"I11.0": ("I11.0", False, True), "I11.9": ("I11.0", False, False)}


def test_a_printed_term_goes_before_one_made_with_a_modifier(united, gold):
    rows = united(
        [gold("I10", "Malignant hypertension", modifier="malignant"), gold("I11.9", "malignant hypertension")]
    )
    assert outcome(rows) == {"I10": ("I11.9", False, False), "I11.9": ("I11.9", False, True)}


def test_the_firmest_statement_of_a_code_counts_even_where_another_row_is_kept(united, gold, silver):
    rows = united(
        [
            gold("I10", "malignant hypertension", modifier="malignant"),
            gold("I10", "Malignant hypertension", source="inclusion_term"),
            gold("I11.9", "malignant hypertension", source="inclusion_term"),
        ]
    )
    assert outcome(rows) == {"I10": (None, True, False), "I11.9": (None, True, False)}


def test_a_direct_statement_is_not_made_ambiguous_by_an_indirect_one(united, gold):
    rows = united([gold("I10", "Hypertension"), gold("I11.0", "Hypertension", "dash_subtree")])
    assert outcome(rows) == {"I10": (None, False, True), "I11.0": (None, False, False)}


def test_a_code_the_release_does_not_have_is_left_to_the_gate(united, gold, silver):
    rows = united(
        [gold("Z99.X", "Hypertension"), gold("Z99.X", "HTN", source="inclusion_term")], [silver("I10", "HTN")]
    )
    assert {row["code"] for row in rows} == {"Z99.X", "I10"}


def test_silver_pairs_without_ground_stay_out(united, silver):
    assert united([], [silver("I10", "tension", is_trainable=False)]) == []


def test_benchmark_spans_are_marked_and_trained_on(united, gold, silver, synthetic):
    rows = united(
        [gold("I10", "Hypertension")],
        [silver("I10", "HTN"), silver("I10", "high BP readings"), silver("I10", "high BP")],
        [synthetic("I10", "raised pressure")],
        ["hypertension", " htn ", "Raised pressures.", "reading: high BP"],
    )
    assert {row["evidence"]: (row["benchmark_overlap"], row["is_trainable"]) for row in rows} == {
        "Hypertension": ("equal", True),
        "HTN": ("equal", True),
        "high BP readings": ("near", True),
        "high BP": (None, True),
        "raised pressure": ("near", True),
    }


def noted(code, evidence, count, assigned):
    return {
        "code": code, "evidence": evidence, "document_count": count, "labelled_document_count": assigned
    }  # fmt: skip


def test_notes_decide_what_the_release_does_not(small_ontology, silver):
    """Of every third note with I10, and of every tenth with the others: what counts is not how many notes a code has."""
    pairs = [silver(code, "pressure trouble") for code in ("I10", "I11.0", "I11.9")]
    counts = [
        noted("I10", "Pressure trouble", 30_000, 90_000),
        noted("I11.0", "pressure trouble", 900, 9_000),
        noted("I11.9", "pressure trouble.", 70, 700),
    ]
    rows = knowledge_base(small_ontology, [], pairs, [], [], counts)
    assert outcome(rows) == {
        "I10": ("I10", False, True),
        "I11.0": ("I10", False, False),
        "I11.9": ("I10", False, False),
    }
    assert sum(row["share"] for row in rows) == pytest.approx(1, abs=1e-3)
    assert {row["code"]: row["document_count"] for row in rows} == {"I10": 30_000, "I11.0": 900, "I11.9": 70}
    counts[0]["document_count"] = 9_000  # now of every tenth as well
    rows = knowledge_base(small_ontology, [], pairs, [], [], counts)
    assert all(row["is_ambiguous"] and row["share"] == pytest.approx(1 / 3, abs=0.01) for row in rows)


def test_notes_of_a_code_without_the_pair_count_as_well(small_ontology, silver):
    counts = [noted("I10", "pressure trouble", 500, 1_000), noted("I11.0", "pressure trouble", 5, 100)]
    rows = knowledge_base(small_ontology, [], [silver("I11.0", "pressure trouble")], [], [], counts)
    assert outcome(rows) == {"I11.0": ("I10", False, False)}


def test_ranks_begin_with_the_title_and_go_on_with_what_notes_say(small_ontology, gold):
    pairs = [
        gold("I10", "raised pressure") | {"rank": 2},
        gold("I10", "hypertension", source="default_form") | {"rank": 3},
        gold("I10", "Essential (primary) hypertension", source="title") | {"rank": 1},
    ]
    rows = knowledge_base(small_ontology, pairs, [], [], [], [noted("I10", "Hypertension", 5, 9)])
    assert [row["evidence"] for row in sorted(rows, key=lambda row: row["rank"])] == [
        "Essential (primary) hypertension",
        "hypertension",
        "raised pressure",
    ]


def test_any_tier_may_be_empty(united, gold, silver, synthetic):
    tiers = [[gold("I10", "Hypertension")], [silver("I10", "HTN")], [synthetic("I10", "high BP")]]
    assert united() == []
    for number in range(3):
        only = [tier if number == other else [] for other, tier in enumerate(tiers)]
        without = [[] if number == other else tier for other, tier in enumerate(tiers)]
        assert (len(united(*only)), len(united(*without))) == (1, 2)


def test_tiers_of_several_releases_are_refused_with_their_labels(united, gold, silver, synthetic):
    old = {**silver("I10", "HTN", is_trainable=False), "release": "FY2025"}
    with pytest.raises(MixedReleasesError, match=r"gold/pairs FY2026; silver/pairs FY2025.*again"):
        united([gold("I10", "Hypertension")], [old])
    mixed = [synthetic("I10", "HTN"), {**synthetic("I11.0", "HHF"), "release": "FY2025"}]
    with pytest.raises(MixedReleasesError, match="synthetic/pairs FY2025, FY2026"):
        united([], [], mixed)


def test_counts_by_tier(united, gold, silver, synthetic):
    rows = united(
        [gold("I10", "Hypertension"), gold("I11.0", "Heart disease", "dash_subtree")],
        [silver("I10", "HTN"), silver("I11.0", "heart trouble"), silver("I11.9", "heart trouble")],
        [synthetic("I11.9", "hypertensive heart disease, no failure")],
    )
    assert tier_counts(rows) == {
        "gold": {"pairs": 2, "trainable": 1, "codes": 1, "codes_alone": 0},
        "silver": {"pairs": 3, "trainable": 1, "codes": 3, "codes_alone": 1},
        "synthetic": {"pairs": 1, "trainable": 1, "codes": 1, "codes_alone": 0},
    }
    assert tier_counts([])["synthetic"] == {"pairs": 0, "trainable": 0, "codes": 0, "codes_alone": 0}
