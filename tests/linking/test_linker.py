"""The linker: stretches of a note that no term says, the terms near them, and what becomes of them in a coder."""

import numpy as np
import pytest

from ccl_assets.linking.coder import LINKER
from ccl_assets.linking.linker import Link, Linker, Neighbours, links, phrases
from ccl_assets.linking.read_note import read_note
from ccl_assets.linking.static_encoder import StaticEncoder
from ccl_assets.linking.stems import Stems
from ccl_assets.linking.term_book import Match
from ccl_assets.linking.terms import Terms
from ccl_assets.linking.training import AnnotatedText, train

STEMS = Stems("en")
WORDS = ("asthma", "wheezy", "chest", "hypertension", "pressure", "cough", "patient")


def pieces():
    return [STEMS.of_word(word) for word in WORDS]


@pytest.fixture(scope="module")
def encoder():
    """Asthma and a wheezy chest mean the same, hypertension and pressure too."""
    rows = {"asthma": (1, 0, 0, 0), "wheezy": (0.9, 0, 0, 0.2), "chest": (0.8, 0, 0, -0.2), "hypertension": (0, 1, 0, 0),
            "pressure": (0, 1, 0, 0.3), "cough": (0, 0, 1, 0), "patient": (0, 0, 0, -1)}  # fmt: skip
    return StaticEncoder(pieces(), np.array([rows[word] for word in WORDS], np.float32))


@pytest.fixture
def terms():
    found = Terms("en")
    for text, code in (("Asthma", "J45.909"), ("Hypertension", "I10"), ("Cough", "R05.9")):
        found.add_pairs([{"code": code, "evidence": text, "tier": "gold", "source": "title", "is_trainable": True}])
    return found


def read(text):
    return read_note(text, STEMS, "en")


def test_a_wording_that_no_term_has_is_near_the_term_that_means_it(encoder, terms):
    near = Linker(encoder, terms).near(read("The chest is wheezy."), [])
    found = {terms.keys[one.terms[0]]: one for one in near}
    assert list(found) == [terms.keys[0]]
    assert found[terms.keys[0]].similarities[0] > 0.9


def test_what_a_term_says_already_is_not_looked_up(encoder, terms):
    note = read("wheezy chest, pressure")
    first, last = 0, 1
    stretches = {(one.first, one.last) for one in Linker(encoder, terms).near(note, [Match(0, first, last, 0)])}
    assert stretches.isdisjoint({(0, 0), (0, 1), (1, 1)})
    assert (2, 2) in stretches


def test_stretches_stay_within_phrases_and_skip_stop_words():
    note = read("Plan: wheezy of the chest. Cough.")
    words = [[note.said.tokens.words[place] for place in places] for places in phrases(note)]
    assert words == [["plan"], ["wheezy", "chest"], ["cough"]]


def test_a_hidden_term_gives_way_to_the_next_and_far_ones_give_nothing(terms):
    near = [Neighbours(0, 1, (0, 1, 2), (0.9, 0.8, 0.5)), Neighbours(3, 3, (2,), (0.3,))]
    (every,) = links(near[:1], terms, lambda term, code: True)
    assert (every.code, every.similarity, round(every.margin, 3)) == ("J45.909", 0.9, 0.1)
    (shown,) = links(near, terms, lambda term, code: code != "J45.909")
    assert shown == Link(1, "I10", 0.8, pytest.approx(0.3), 0, 1)
    assert not list(links(near[1:], terms, lambda term, code: True))


def test_a_coder_with_a_linker_codes_wordings_that_it_never_met(encoder):
    pairs = [
        {"code": code, "evidence": text, "tier": "gold", "source": "title", "is_trainable": True}
        for text, code in (("Asthma", "J45.909"), ("Hypertension", "I10"), ("Cough", "R05.9"))
    ]
    said = (("wheezy chest", "J45.909"), ("pressure", "I10"), ("chest wheezy", "J45.909"))
    notes = []
    for number in range(60):
        words, code = said[number % 3]
        notes.append(
            AnnotatedText(
                str(number), str(number), f"ASSESSMENT:\nPatient with {words} and a cough.\n", frozenset({code})
            )
        )
    hidden = []

    def without(notes_hidden):
        hidden.append(notes_hidden)
        return encoder

    coder = train("en", pairs, notes, encoder_without=without).coder
    found = coder.code("ASSESSMENT:\nPatient with wheezy chest.\n")
    assert [one.code for one in found] == ["J45.909"]
    assert found[0].similarity < 1
    assert not coder.without(LINKER).code("ASSESSMENT:\nPatient with wheezy chest.\n")
    assert hidden[-1] == frozenset()
    assert all(hidden[:-1]), "each fold asks for an encoder without its own notes"
