import csv
import random
import re
import textwrap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.corpora.loaders import CorpusPaths, load
from ccl_assets.sft.dataset.leakage import (
    CONTAINMENT_THRESHOLD,
    MIN_WORDS,
    TestNotes,
    shingles,
    words_of,
)

WORDS = [f"word{i}" for i in range(3000)]


def text(seed, length=300):
    return " ".join(random.Random(seed).choices(WORDS, k=length))


TEST = [(f"test-{i}", text(i)) for i in range(20)]


def repeated(training, test):
    """Training texts that repeat a test note, with that note and the containment."""
    notes = TestNotes(test)
    found = [(training_id, notes.nearest(text)) for training_id, text in training]
    return [(name, *nearest) for name, nearest in found if nearest and nearest[1] >= CONTAINMENT_THRESHOLD]


def sample_notes(_request=None):
    return [document.text for document in load("sample", CorpusPaths()).documents]


def aci_bench_notes(request):
    folder = request.getfixturevalue("development_corpora") / "aci_bench" / "challenge_data"
    csv.field_size_limit(10**8)
    paths = [path for path in sorted(folder.glob("*.csv")) if "metadata" not in path.name]
    return [row["note"] for path in paths for row in csv.DictReader(path.open(newline="", encoding="utf-8"))]


def codiesp_notes(request):
    folder = request.getfixturevalue("development_corpora") / "codiesp_v4"
    return [path.read_text("utf-8") for path in sorted(folder.glob("*/text_files/*.txt"))][::3]


def edited_at_random(note, rng):
    words = []
    for word in words_of(note):
        kind = rng.choice("sid") if rng.random() < 0.1 else ""
        words += {"": [word], "s": ["other"], "i": ["new", word], "d": []}[kind]
    return " ".join(words)


def with_other_masks(note, rng):
    surrogates = iter(range(10**6))
    masked = re.sub(r"\w+", lambda m: f"[**Name {next(surrogates)}**]" if rng.random() < 0.07 else m.group(), note)
    return masked.replace("___", "[**2101-1-1**]")


def shuffled_paragraphs(note, rng):
    paragraphs = re.split(r"\n\s*\n", note)
    rng.shuffle(paragraphs)
    return "\n\n".join(paragraphs)


def excerpt(note, _):
    words = note.split()
    length = max(60, len(words) // 5)
    begin = (len(words) - length) // 2
    return "New admission. " * 300 + " ".join(words[max(begin, 0) : begin + length])


COPIES = {
    "verbatim": lambda note, _: note,
    "verbatim excerpt in a longer note": excerpt,
    "every tenth word changed": lambda note, _: " ".join(
        "other" if i % 10 == 5 else word for i, word in enumerate(words_of(note))
    ),
    "one word in ten changed, dropped or put in": edited_at_random,
    "wrapped anew": lambda note, _: "\n".join(textwrap.wrap(note.upper(), 40)),
    "paragraphs reordered": shuffled_paragraphs,
}


@pytest.mark.parametrize("corpus", [sample_notes, aci_bench_notes, codiesp_notes])
def test_every_planted_copy_of_a_real_note_is_found_and_no_other_note_of_its_corpus_is_taken_for_one(corpus, request):
    notes = [note for note in corpus(request) if len(words_of(note)) >= MIN_WORDS]
    random.Random(0).shuffle(notes)
    half = len(notes) // 2
    test = TestNotes((str(number), note) for number, note in enumerate(notes[:half]))
    unrelated = [test.nearest(note) for note in notes[half:]]
    assert max((found[1] for found in unrelated if found), default=0) < CONTAINMENT_THRESHOLD - 0.05
    rng = random.Random(1)
    for change in COPIES.values():
        found = [test.nearest(change(note, rng)) for note in notes[:half]]
        assert [test_id for test_id, _ in found] == [str(number) for number in range(half)]
        assert min(containment for _, containment in found) >= CONTAINMENT_THRESHOLD


def test_other_deidentification_masks_do_not_hide_a_copy():
    notes = sample_notes()
    rng = random.Random(2)
    copies = [(str(number), with_other_masks(note, rng)) for number, note in enumerate(notes)]
    found = repeated(copies, [(str(number), note) for number, note in enumerate(notes)])
    assert [ids[:2] for ids in found] == [(str(n), str(n)) for n in range(len(notes))]
    words = text(7).split()
    third = " ".join("[**Name 12**]" if i % 10 == 0 else w for i, w in enumerate(words))
    fourth = " ".join("___" if i % 10 == 0 else w for i, w in enumerate(words))
    assert repeated([("iii", third)], [("iv", fourth)]) == [("iii", "iv", 1.0)]


def test_planted_copies_are_found_in_order_and_the_rest_is_not():
    inside = text(100, 2000) + " " + TEST[5][1] + " " + text(101, 2000)
    excerpt = " ".join(TEST[6][1].split()[50:120])
    found = repeated([("clean", text(99)), ("inside", inside), ("excerpt", excerpt)], TEST)
    assert found == [("inside", "test-5", 1.0), ("excerpt", "test-6", 1.0)]


def test_a_shared_stock_paragraph_is_no_leak():
    stock = text(1000, 40)
    assert not repeated([("a", stock + " " + text(1))], [("t", stock + " " + text(2))])


def test_a_form_that_many_test_notes_share_says_nothing_of_a_copy():
    form = text(1000, 150)
    test = [(str(i), form + " " + text(i, 100)) for i in range(30)]
    assert not repeated([("same form", form + " " + text(50, 100))], test)
    ((_, test_id, _),) = repeated([("copy", form + " " + text(3, 100))], test)
    assert test_id == "3"


def test_short_texts_offend_only_where_they_are_a_test_note_word_for_word():
    test = [("t", "Acute kidney injury, resolved."), ("long", text(1))]
    found = repeated([("same", "acute kidney\ninjury resolved"), ("near", "acute kidney injury")], test)
    assert [ids[:2] for ids in found] == [("same", "t")]
    assert not repeated([("", "")], [("", "___")])


def test_no_test_document_is_no_leak():
    assert not repeated([("a", text(1))], [])


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=40))
def test_shingles_are_as_many_as_the_distinct_runs_of_five_words(words):
    runs = {tuple(words[i : i + 5]) for i in range(len(words) - 4)}
    assert len(shingles(" ".join(words))) == len(runs)


@given(st.integers(0, 10**6))
def test_containment_is_that_of_the_plain_definition(seed):
    rng = random.Random(seed)
    test = [(str(i), " ".join(rng.choices(WORDS[:4], k=rng.randint(40, 60)))) for i in range(6)]
    training = " ".join(rng.choices(WORDS[:4], k=50))

    def runs(one):
        words = one.split()
        return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}

    own = runs(training)
    plain = [len(own & runs(one)) / max(36, min(len(own), len(runs(one)))) for _, one in test]
    found = TestNotes(test).nearest(training)
    assert found is None or np.isclose(found[1], max(plain))
    assert found is not None or not max(plain)
