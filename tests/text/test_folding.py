"""When two phrases count as one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ccl_assets.text.folding import fold, pair_id


def test_case_punctuation_and_spacing_do_not_tell_phrases_apart():
    assert fold("COPD,  Exacerbation.") == fold("copd exacerbation") == "copd exacerbation"


def test_what_changes_the_meaning_does():
    assert len({fold(text) for text in ("EF 20%", "EF 20", "C. diff +", "C. diff")}) == 4


@given(st.text(max_size=60))
@settings(deadline=None)
def test_folding_twice_is_folding_once_and_leaves_single_blanks(text):
    folded = fold(text)
    assert fold(folded) == folded
    assert folded == " ".join(folded.split())


def test_ids_follow_tier_code_and_folded_text():
    assert pair_id("gold", "I10", "HTN") == pair_id("gold", "I10", " htn.")
    assert len({pair_id("gold", "I10", "HTN"), pair_id("silver", "I10", "HTN"), pair_id("gold", "I11", "HTN")}) == 3
    assert len(pair_id("gold", "I10", "HTN")) == 16
