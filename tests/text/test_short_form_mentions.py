"""Short forms found and decided in running text."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.text.short_form_mentions import find_short_forms, write_out
from ccl_assets.text.short_forms import is_ambiguous, load_short_forms, short_form_key

GOLDEN = Path(__file__).parents[1] / "golden" / "ambiguous_short_forms.tsv"


def sentences():
    with GOLDEN.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def found(text, section=""):
    return {mention.short: mention.long for mention in find_short_forms(text, section)}


@pytest.mark.parametrize("row", sentences(), ids=lambda row: f"{row['short_form']}: {row['long_form']}")
def test_a_sentence_decides_its_ambiguous_short_form(row):
    key = short_form_key(row["short_form"])
    holding = [one for one in find_short_forms(row["sentence"]) if key in short_form_key(one.short)]
    assert row["long_form"] in {mention.long for mention in holding}


def test_every_ambiguous_short_form_has_two_sentences():
    counts = Counter(short_form_key(row["short_form"]) for row in sentences())
    ambiguous = {form.key for form in load_short_forms() if form.language == "en" and is_ambiguous(form.short)}
    assert len(ambiguous) >= 60
    assert [key for key in sorted(ambiguous) if counts[key] < 2] == []


def test_mentions_stand_where_they_say():
    text = "PMH: HTN, a-fib on coumadin, s/p CABG, b/l LE edema."
    assert [text[one.begin : one.end] for one in find_short_forms(text)] == [
        "PMH", "HTN", "a-fib", "on coumadin", "s/p CABG", "b/l", "LE edema",
    ]  # fmt: skip


def test_the_longest_short_form_is_taken():
    assert found("DM2 w/ CKD") == {"DM2 w/ CKD": "type 2 diabetes mellitus with diabetic chronic kidney disease"}
    assert found("CVA tenderness") == {"CVA tenderness": "costovertebral angle tenderness"}


def test_words_of_another_statement_do_not_decide():
    assert found("Valve disease. MS noted.")["MS"] is None
    assert found("MS with valve disease.")["MS"] == "mitral stenosis"


def test_the_heading_decides_where_the_statement_does_not():
    assert found("MS stable")["MS"] is None
    assert found("MS stable", "Neurology")["MS"] == "multiple sclerosis"


def test_parts_of_words_and_of_marks_are_no_short_forms():
    assert found("L-spine film, T/R/M, mother, I'm") == {"L-spine": "lumbar spine"}
    assert found("pain in one joint. Pain elsewhere") == {}
    assert found("Y. V. L., normal range (N.R.) and good R wave") == {"R wave": "R wave of the electrocardiogram"}
    assert found("R. hip pain, L knee") == {"R": "right", "L": "left"}
    assert found("C. diff") == {"C. diff": "Clostridioides difficile infection"}


def test_capitals_throughout_make_no_word_an_abbreviation():
    assert found("ALL OTHER SYSTEMS ARE NEGATIVE OR STABLE FOR HIS AGE") == {}
    assert found("History of ALL in remission")["ALL"] == "acute lymphoblastic leukemia"
    assert found("ALL") == {"ALL": "acute lymphoblastic leukemia"}


def test_a_negated_lay_word_is_another_entry():
    assert found("Never smoker") == {"Never smoker": "no tobacco smoking"}


def test_decided_short_forms_are_written_out_and_lay_words_are_left():
    assert write_out("s/p fall w/ hip fx") == "status post fall with hip fracture"
    assert write_out("MS and kidney stones") == "MS and kidney stones"
    assert write_out("COPD w/o SOB") == "chronic obstructive pulmonary disease without shortness of breath"


@given(st.text(max_size=80))
def test_mentions_of_any_text_follow_one_another_inside_it(text):
    end = 0
    for mention in find_short_forms(text):
        assert end <= mention.begin < mention.end <= len(text)
        assert text[mention.begin : mention.end] == mention.short
        end = mention.end
