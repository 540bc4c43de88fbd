import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.sft.leakage import find_near_duplicates, shingles

WORDS = [f"word{i}" for i in range(3000)]


def text(seed, length=300):
    return " ".join(random.Random(seed).choices(WORDS, k=length))


TEST = [(f"test-{i}", text(i)) for i in range(20)]


def test_planted_copies_are_found_and_the_rest_is_not():
    copy = TEST[3][1].upper().replace(" ", ",  ")
    words = TEST[4][1].split()
    edited = " ".join("changed" if i % 40 == 0 else word for i, word in enumerate(words))
    inside = text(100, 2000) + " " + TEST[5][1] + " " + text(101, 2000)
    excerpt = " ".join(TEST[6][1].split()[50:120])
    training = [("clean", text(99)), ("copy", copy), ("edited", edited), ("inside", inside), ("excerpt", excerpt)]
    report = find_near_duplicates(training, TEST)
    assert [(o.training_id, o.test_id) for o in report.overlaps] == [
        ("copy", "test-3"),
        ("edited", "test-4"),
        ("inside", "test-5"),
        ("excerpt", "test-6"),
    ]
    assert report.offending_ids == ["copy", "edited", "inside", "excerpt"] and report.examined_count == 5
    assert report.overlaps[0].containment == 1.0 and 0.5 < report.overlaps[1].containment < 1.0


def test_a_shared_stock_paragraph_is_no_leak():
    stock = text(1000, 40)
    report = find_near_duplicates([("a", stock + " " + text(1))], [("t", stock + " " + text(2))])
    assert not report.overlaps


def test_deidentification_masks_do_not_hide_a_copy():
    words = text(7).split()
    third = " ".join("[**Name 12**]" if i % 10 == 0 else w for i, w in enumerate(words))
    fourth = " ".join("___" if i % 10 == 0 else w for i, w in enumerate(words))
    (overlap,) = find_near_duplicates([("iii", third)], [("iv", fourth)]).overlaps
    assert overlap.containment == 1.0


def test_short_phrases_are_reported_as_not_compared():
    report = find_near_duplicates([("short", "acute kidney injury"), ("long", text(1))], [("t", "acute kidney injury")])
    assert report.too_short_ids == ("short",) and report.examined_count == 1 and not report.overlaps


def test_no_test_document_is_no_leak_and_a_senseless_threshold_is_refused():
    assert not find_near_duplicates([("a", text(1))], []).overlaps
    with pytest.raises(ValueError, match="threshold"):
        find_near_duplicates([], [], threshold=0)


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=40))
def test_shingles_are_as_many_as_the_distinct_runs_of_eight_words(words):
    runs = {tuple(words[i : i + 8]) for i in range(len(words) - 7)}
    assert len(shingles(" ".join(words))) == len(runs)


def test_a_thousand_notes_are_compared_in_seconds():
    training = [(str(i), text(5000 + i, 1000)) for i in range(1000)]
    began = time.process_time()
    report = find_near_duplicates(training, TEST)
    assert not report.overlaps and time.process_time() - began < 20
