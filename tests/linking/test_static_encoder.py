"""The static encoder on a tiny vocabulary: pieces, training, files, recall, and what is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ccl_assets.linking import checks
from ccl_assets.linking.encoder_languages import TrainedEncoder, encoder_card, start_of, train_language
from ccl_assets.linking.encoder_recall import Recall, found_at, recall_by_group, split_terms
from ccl_assets.linking.encoder_training import Recipe, TermOfCode, train_encoder
from ccl_assets.linking.static_encoder import StaticEncoder, UnreadableEncoderError
from ccl_assets.linking.stems import Stems
from ccl_assets.linking.term_index import TermIndex

TITLES = {"I10": "Essential hypertension", "J45.9": "Asthma", "J45.2": "Mild asthma", "R05": "Cough"}
TERMS = [
    TermOfCode("high blood pressure", "I10", "index"),
    TermOfCode("raised pressure", "I10", "human"),
    TermOfCode("reactive airways", "J45.9", "index"),
    TermOfCode("hacking", "R05", "inclusion_term"),
]
PIECES = [
    "essential",
    "hyper",
    "##tension",
    "asthma",
    "mild",
    "cough",
    "high",
    "blood",
    "pressure",
    "raised",
    "reactive",
    "airways",
    "hack",
    "##ing",
]


def table(width=8, rows=14):
    return np.random.default_rng(1).normal(size=(rows, width)).astype(np.float32)


@pytest.fixture
def start():
    return StaticEncoder(PIECES, table())


def test_words_are_split_into_the_longest_pieces_known(start):
    named = [[start.pieces[part] for part in start.parts_of(word)] for word in ("hypertension", "hacking", "zzz")]
    assert named == [["hyper", "##tension"], ["hack", "##ing"], []]


def test_a_text_is_the_mean_direction_of_its_pieces_whatever_case_and_accents(start):
    (vector, same, nothing) = start.encode(["mild asthma", "ÁSTHMA, Mild", "zzz"])
    expected = start.table[PIECES.index("mild")] + start.table[PIECES.index("asthma")]
    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), rtol=1e-5)
    np.testing.assert_allclose(vector, same, rtol=1e-5)
    assert not nothing.any()


def test_letter_sequences_give_unknown_words_a_vector():
    hashed = StaticEncoder((), table(rows=64), buckets=64)
    one, other = hashed.encode(["hipertensión", "hipertenso"])
    assert one @ other > 0.5
    assert not np.allclose(one, other)


def test_training_brings_terms_of_a_code_together_and_is_repeatable(start):
    recipe = Recipe(epochs=40, rate=0.02, seed=3)
    learned = train_encoder(start, TERMS, TITLES, recipe)
    again = train_encoder(start, TERMS, TITLES, recipe)
    assert learned.encoder.fingerprint == again.encoder.fingerprint
    assert (
        learned.encoder.fingerprint != train_encoder(start, TERMS, TITLES, replace(recipe, seed=4)).encoder.fingerprint
    )
    assert learned.curve[-1][1] < learned.curve[0][1]

    def closeness(encoder):
        vectors = encoder.encode(["high blood pressure", "essential hypertension", "asthma"])
        return vectors[0] @ vectors[1] - vectors[0] @ vectors[2]

    assert closeness(learned.encoder) > max(0.3, closeness(start))


def test_what_was_written_is_read_back(start, tmp_path):
    start.write(tmp_path)
    read = StaticEncoder.read(tmp_path)
    np.testing.assert_allclose(read.encode(["mild cough"]), start.encode(["mild cough"]), atol=1e-3)
    assert read.pieces == start.pieces


@pytest.mark.parametrize("damage", ["missing", "cut", "version"])
def test_damaged_files_are_refused(start, tmp_path, damage):
    start.write(tmp_path)
    if damage == "missing":
        (tmp_path / "encoder.npz").unlink()
    elif damage == "cut":
        (tmp_path / "encoder.json").write_text('{"pieces": ["a"')
    else:
        text = (tmp_path / "encoder.json").read_text()
        (tmp_path / "encoder.json").write_text(text.replace('"version": 1', '"version": 0'))
    with pytest.raises(UnreadableEncoderError, match="materialize linking/encoder again"):
        StaticEncoder.read(tmp_path)


def test_a_table_of_another_size_is_refused():
    with pytest.raises(ValueError, match="14 vectors for 1 word pieces"):
        StaticEncoder(["a"], table())


def test_of_a_code_the_nearest_term_counts():
    index = TermIndex(np.eye(3, dtype=np.float32), [["A"], ["A", "B"], ["C"]])
    query = np.array([[0.8, 0.6, 0.1]], np.float32)
    (found,) = index.nearest_codes(query, 2)
    assert [(near.code, near.term) for near in found] == [("A", 0), ("B", 1)]
    assert found[0].similarity == pytest.approx(0.8)


def test_held_out_terms_share_no_words_with_training():
    terms = [TermOfCode(f"word{number} pain", "R05", "index") for number in range(400)]
    terms += [TermOfCode(f"pain, word{number}", "I10", "human") for number in range(400)]
    kept, held = split_terms(terms, TITLES, Stems("en"))
    keys = [{frozenset(Stems("en").of_text(term.text)) for term in part} for part in (kept, held)]
    assert not keys[0] & keys[1]
    assert 10 < len(held) < 100
    assert len(kept) + len(held) == len(terms)


def test_recall_counts_first_places_and_first_tens(start):
    known = [TermOfCode(title, code, "title") for code, title in TITLES.items()]
    held = [TermOfCode("asthma mild", "J45.2", "human"), TermOfCode("zzz", "I10", "index")]
    places = found_at(start, known, held)
    assert places[0] == 0
    groups = recall_by_group(held, [0, 10])
    assert groups["all"] == Recall(2, 0.5, 0.5)
    assert groups["tier human"] == Recall(1, 1.0, 1.0)
    assert groups["chapter 09"] == Recall(1, 0.0, 0.0)


def test_a_language_is_trained_and_described():
    start = start_of(PIECES, table(), width=4, buckets=16)
    assert start.table.shape == (len(PIECES) + 16, 4)
    found = train_language("en", start, [*TERMS, *TERMS], TITLES, Recipe(epochs=1))
    assert found.terms + found.after.get("all", Recall(0, 0, 0)).terms == len(TERMS)
    assert "4 numbers a vector" in encoder_card({"en": found})


def outcome(before, after, count, worst=1.0):
    encoder = StaticEncoder(["a"], np.array([[worst]], np.float32))
    groups = [{"all": Recall(count, *shares)} for shares in (before, after)]
    return {"en": TrainedEncoder(encoder, (), *groups, 1)}


def test_gates_of_the_encoder():
    assert checks.recall_above_words(outcome((0.3, 0.5), (0.6, 0.8), 500)).passed
    worse = checks.recall_above_words(outcome((0.3, 0.5), (0.3, 0.6), 500))
    assert not worse.passed
    assert worse.is_blocking
    assert not checks.recall_above_words(outcome((0.3, 0.5), (0.3, 0.6), 5)).is_blocking
    assert checks.vectors_finite(outcome((0, 0), (1, 1), 5)).passed
    assert not checks.vectors_finite(outcome((0, 0), (1, 1), 5, math.nan)).passed
