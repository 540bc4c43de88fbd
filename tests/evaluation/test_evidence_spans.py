"""Span and token metrics on cases worked by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.evaluation.scoring.spans import (
    CRITERIA,
    EvidenceSpan,
    SpanRules,
    match_keys,
    merge_adjacent,
    span_keys,
    tokens,
    trim_edges,
)

NOTE = "Acute kidney injury. Later: acute kidney injury, resolved."
FIRST, SECOND = (0, 19), (28, 47)


def span(*fragments: tuple[int, int], code: str = "N17.9", document: str = "d") -> EvidenceSpan:
    return EvidenceSpan.at(document, code, fragments)


def matches(
    gold: list[EvidenceSpan], predicted: list[EvidenceSpan], note: str = NOTE, rules: SpanRules | None = None
) -> dict[str, tuple[int, int, int]]:
    rules = rules or SpanRules()
    return match_keys([span_keys(gold, note, rules)], [span_keys(predicted, note, rules)])


def test_another_occurrence_of_the_same_words_matches_by_text_but_not_by_position() -> None:
    assert matches([span(FIRST)], [span(SECOND)]) == {
        "span_exact": (0, 1, 1),
        "span_position_independent": (1, 0, 0),
        "token_exact": (0, 3, 3),
        "token_position_independent": (3, 0, 0),
    }


def test_an_overlapping_span_shares_tokens_only() -> None:
    found = matches([span(FIRST)], [span((6, 19))])  # "kidney injury"
    assert found["span_exact"] == found["span_position_independent"] == (0, 1, 1)
    assert found["token_exact"] == found["token_position_independent"] == (2, 0, 1)


def test_the_right_words_for_another_code_are_wrong_in_all_four() -> None:
    found = matches([span(FIRST)], [span(FIRST, code="N18.9")])
    assert all(hits == 0 for hits, _, _ in found.values())


def test_overlapping_spans_of_one_code_count_shared_tokens_once() -> None:
    found = matches([span(FIRST), span((6, 19))], [span(FIRST)])
    assert found["span_exact"] == (1, 0, 1)
    assert found["token_exact"] == (3, 0, 0)


def test_a_discontinuous_span_is_its_outer_positions_and_the_words_of_its_fragments() -> None:
    broken = span((0, 5), (13, 19))  # "Acute ... injury"
    found = matches([broken], [span(FIRST)])
    assert found["span_exact"] == (1, 0, 0)
    assert found["span_position_independent"] == (0, 1, 1)
    assert found["token_exact"] == (2, 1, 0)  # "kidney" is no evidence
    assert broken.text(NOTE) == "Acute injury"


def test_fragments_out_of_order_are_put_in_reading_order() -> None:
    assert span((13, 19), (0, 5)) == span((0, 5), (13, 19))


def test_fragments_that_overlap_count_their_tokens_once() -> None:
    overlapping = span((0, 12), (6, 19))  # "Acute kidney", "kidney injury"
    found = matches([overlapping], [span(FIRST)])
    assert found["span_exact"] == (1, 0, 0)
    assert found["span_position_independent"] == (0, 1, 1)  # "acute kidney kidney injury"
    assert found["token_exact"] == (3, 0, 0)


def test_an_unbroken_quote_over_a_gap_has_the_words_between_as_false_positives() -> None:
    found = matches([span((0, 5), (28, 33))], [span((0, 33))])  # "Acute ... acute"
    assert found["span_exact"] == (1, 0, 0)
    assert found["token_exact"] == (2, 3, 0)
    assert found["token_position_independent"] == (1, 3, 0)  # "acute" counts once


def test_words_are_compared_without_regard_to_case_and_codes_are_not() -> None:
    note = "HTN. htn."
    found = matches([span((0, 3))], [span((5, 8))], note)
    assert found["span_position_independent"] == found["token_position_independent"] == (1, 0, 0)
    assert matches([span((0, 3), code="i10")], [span((0, 3), code="I10")], note)["span_exact"] == (0, 1, 1)


def test_one_span_for_two_codes_counts_for_each() -> None:
    gold = [span(FIRST), span(FIRST, code="N18.9")]
    assert matches(gold, [span(FIRST)])["span_exact"] == (1, 0, 1)
    assert matches(gold, gold[::-1])["token_exact"] == (6, 0, 0)


def test_the_same_quote_twice_is_one_prediction() -> None:
    assert matches([span(FIRST)], [span(SECOND), span(SECOND)])["span_exact"] == (0, 1, 1)
    assert matches([span(FIRST)], [span(FIRST), span(FIRST)])["span_exact"] == (1, 0, 0)


def test_the_same_span_in_another_note_of_the_chart_matches_by_text_only() -> None:
    other = span(FIRST, document="e")
    found = match_keys(
        [span_keys([span(FIRST)], NOTE), span_keys([], NOTE)], [span_keys([], NOTE), span_keys([other], NOTE)]
    )
    assert found["span_exact"] == (0, 1, 1)
    assert found["span_position_independent"] == (1, 0, 0)


def test_a_quote_that_stands_nowhere_is_a_false_positive() -> None:
    invented = EvidenceSpan("d", "N17.9", (), "renal failure")
    found = matches([span(FIRST)], [invented])
    assert found["span_exact"] == (0, 1, 1)
    assert found["span_position_independent"] == (0, 1, 1)
    assert found["token_exact"] == (0, 2, 3)


@pytest.mark.parametrize(
    ("numbers", "kept"),
    [
        ("longer_than_10", ["ef", "25", "stage", "3", "t2dm"]),
        ("greater_than_10", ["ef", "stage", "3", "t2dm"]),
    ],
)
def test_numbers_are_dropped_by_the_rule_chosen(numbers: str, kept: list[str]) -> None:
    text = "EF 25%, stage 3, 12345678901, T2DM"
    assert [token for _, token in tokens(text, SpanRules(numbers=numbers))] == kept


def test_trimming_takes_one_mark_off_each_edge_and_never_the_whole_span() -> None:
    text = "((AKI.)"
    assert trim_edges(span((0, 7)), text) == span((1, 6))
    assert trim_edges(span((5, 6)), text) == span((5, 6))
    assert matches([span((28, 48))], [span(SECOND)], rules=SpanRules(trims_edges=True))["span_exact"] == (1, 0, 0)


def test_spans_of_one_code_parted_by_punctuation_are_merged() -> None:
    text = "CHF, HFpEF and AF"
    parts = [span((0, 3)), span((5, 10)), span((15, 17)), span((0, 3), code="I50.9")]
    merged = merge_adjacent(parts, text)
    assert sorted((it.code, it.fragments) for it in merged) == [
        ("I50.9", ((0, 3),)),
        ("N17.9", ((0, 10),)),
        ("N17.9", ((15, 17),)),
    ]
    assert merge_adjacent([span((0, 10)), span((5, 8))], text) == [span((0, 10))]
    assert merge_adjacent(parts[::-1], text) == merged  # in whatever order they come
    broken = span((0, 3), (15, 17))
    assert merge_adjacent([span((5, 10)), broken], text) == [broken, span((5, 10))]  # a broken one stays as it is


def test_no_evidence_on_either_side_is_no_match_and_no_error() -> None:
    assert matches([], []) == dict.fromkeys(CRITERIA, (0, 0, 0))


places = st.tuples(st.integers(0, len(NOTE) - 1), st.integers(1, 12)).map(lambda it: (it[0], min(sum(it), len(NOTE))))
span_lists = st.lists(st.builds(span, places, code=st.sampled_from(["N17.9", "I10"])), max_size=6)


@given(span_lists, span_lists, st.booleans(), st.booleans())
def test_matching_is_symmetric_and_a_system_equal_to_the_gold_is_perfect(
    gold: list[EvidenceSpan], predicted: list[EvidenceSpan], trims: bool, merges: bool
) -> None:
    rules = SpanRules(trims_edges=trims, merges_adjacent=merges)
    forward, backward = matches(gold, predicted, rules=rules), matches(predicted, gold, rules=rules)
    for criterion in CRITERIA:
        hits, false, missed = forward[criterion]
        assert backward[criterion] == (hits, missed, false)
    assert all(false == missed == 0 for _, false, missed in matches(gold, gold, rules=rules).values())
