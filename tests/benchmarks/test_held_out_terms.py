"""What is held out of training leaves no trace in it."""

import random

import pytest
from held_out_terms import MOST_PER_CODE, hold_out, is_near

from ccl_assets.text.folding import fold

TITLES = {
    "J45.909": "Unspecified asthma, uncomplicated",
    "J40": "Bronchitis, not specified as acute or chronic",
    "J60": "Coalworker's pneumoconiosis",
}
INDEX = ("alphabetic_index",)


def pair(code, evidence, term_id, source="alphabetic_index", modifier=None):
    return {"code": code, "evidence": evidence, "term_id": term_id, "source": source, "modifier": modifier}


def titles_and(*pairs):
    return [*(pair(code, title, f"{code}/title", "title") for code, title in TITLES.items()), *pairs]


ASTHMA = [
    pair("J45.909", "wheezing attack", "a/1"),
    pair("J45.909", "allergic wheezing attack", "a/1", modifier="allergic"),
    pair("J45.909", "attacks of wheezing", "a/2"),
    pair("J45.909", "spasmodic breathing", "a/3"),
]
OTHERS = [
    pair("J40", "tracheobronchial catarrh", "b/1"),
    pair("J40", "inflamed tubes", "b/2"),
    pair("J60", "anthracosis", "c/1"),
    pair("J60", "black lung", "c/2"),
]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Asthma, bronchial", "bronchial asthma"),
        ("attacks of wheezing", "wheezing attack"),
        ("pneumoconiosis due to talc", "Pneumoconiosis, talc"),
        ("coalworkers' pneumoconiosis", "coalworker pneumoconiosis"),
    ],
)
def test_order_plurals_and_small_words_make_no_other_phrase(one, other):
    assert is_near(one, other)


@pytest.mark.parametrize(("one", "other"), [("black lung", "collapsed lung"), ("asthma", "allergic asthma")])
def test_other_words_do(one, other):
    assert not is_near(one, other)


def test_all_wordings_of_a_term_and_near_equals_leave_training_with_it():
    for seed in range(20):
        held = hold_out(titles_and(*ASTHMA), TITLES, INDEX, 1, unseen_share=0.0, seed=seed)
        left = {row["evidence"] for row in held.training}
        (term,) = held.terms
        if term.term_id in ("a/1", "a/2"):
            assert not left & {"wheezing attack", "allergic wheezing attack", "attacks of wheezing"}
            assert "spasmodic breathing" in left
        else:
            assert {"wheezing attack", "allergic wheezing attack", "attacks of wheezing"} <= left


def test_terms_that_share_a_wording_are_one():
    shared = pair("J40", "inflamed tubes", "b/1")
    for seed in range(10):
        held = hold_out(titles_and(*OTHERS, shared), TITLES, INDEX, 3, unseen_share=0.0, seed=seed)
        assert sum(term.code == "J40" for term in held.terms) == 1
        assert {row["evidence"] for row in held.training if row["code"] == "J40"} == {TITLES["J40"]}


def test_a_phrase_like_its_code_s_title_or_like_a_marked_span_is_not_held_out():
    rows = titles_and(pair("J60", "pneumoconiosis, coalworkers", "c/3"), *OTHERS)
    held = hold_out(
        rows, TITLES, INDEX, 9, unseen_share=0.0, elsewhere=[("J60", "black lungs"), ("J40", "Anthracosis")]
    )
    assert {term.term_id for term in held.terms} == {"b/1", "b/2"}


def test_codes_chosen_to_be_unseen_have_no_pair_left_and_are_not_codes_of_notes():
    for seed in range(10):
        held = hold_out(
            titles_and(*ASTHMA, *OTHERS), TITLES, INDEX, 2, unseen_share=1.0, seed=seed, elsewhere=[("J60", "soot")]
        )
        codes = {term.code for term in held.terms}
        assert held.terms
        assert "J60" not in codes
        assert not codes & {row["code"] for row in held.training}


def test_every_other_code_keeps_a_pair():
    held = hold_out([pair("J40", "inflamed tubes", "b/2")], TITLES, INDEX, 5, unseen_share=0.0)
    assert held.terms == ()
    assert len(held.training) == 1


def test_only_the_named_sources_are_asked_for_and_the_plain_wording_is():
    rows = titles_and(pair("J60", "miner's lung", "J60/inclusion_term/0", "inclusion_term"), *ASTHMA[:2])
    held = hold_out(rows, TITLES, INDEX, 5, unseen_share=0.0)
    assert [term.phrase for term in held.terms] == ["wheezing attack"]


def test_every_code_gives_a_term_before_any_gives_a_second():
    rows = [
        pair(code, f"{code} {word}", f"{code}/{word}")
        for code in TITLES
        for word in ("ab", "cd", "ef", "gh", "ij", "kl")
    ]
    titles = dict.fromkeys(TITLES, "another thing entirely")
    held = hold_out(rows, titles, INDEX, 6, unseen_share=0.0)
    assert sorted(term.code for term in held.terms) == sorted([*TITLES, *TITLES])
    many = hold_out(rows, titles, INDEX, 99, unseen_share=0.0)
    assert len(many.terms) == MOST_PER_CODE * len(TITLES)


def test_the_choice_depends_on_seed_and_content_alone():
    rows = titles_and(*ASTHMA, *OTHERS)
    shuffled = random.Random(3).sample(rows, len(rows))
    chosen = hold_out(rows, TITLES, INDEX, 4)
    assert hold_out(shuffled, TITLES, INDEX, 4).terms == chosen.terms
    assert any(hold_out(rows, TITLES, INDEX, 4, seed=seed).terms != chosen.terms for seed in range(5))


@pytest.mark.slow
def test_no_held_out_phrase_of_the_packaged_release_is_left_in_training(packaged_inclusion_terms):
    rows, titles = packaged_inclusion_terms
    held = hold_out(rows, titles, ("inclusion_term",), 120)
    trained = {}
    for row in held.training:
        trained.setdefault(row["code"], []).append(row["evidence"])
    assert len(held.terms) == 120
    unseen = [term for term in held.terms if term.code not in trained]
    assert len(unseen) == 40
    folded = {fold(row["evidence"]) for row in held.training}
    for term in held.terms:
        assert fold(term.phrase) not in folded
        assert not any(is_near(term.phrase, other) for other in (titles[term.code], *trained.get(term.code, ())))


@pytest.fixture(scope="module")
def packaged_inclusion_terms():
    from ccl_assets.evidence.gold.pairs import IndexReferences, gold_pairs
    from ccl_assets.icd.ontology import Ontology
    from ccl_assets.icd.release.contents import open_release
    from ccl_assets.icd.tables import CODES
    from ccl_assets.icd.tabular.tabular_list import parse_tabular

    release = open_release()
    ontology = Ontology.from_table(CODES.table(parse_tabular(release.tabular, release.label).codes))
    rows = gold_pairs(ontology, IndexReferences(ontology, []), "10_J00-J99", release.label)
    codes_of = {}
    for row in rows:
        codes_of.setdefault(fold(row["evidence"]), set()).add(row["code"])
    direct = [row for row in rows if row["expansion"] == "direct" and len(codes_of[fold(row["evidence"])]) == 1]
    return direct, ontology.titles
