"""The table of short forms, and the choice between their meanings."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.text.short_forms import (
    TABLE,
    Kind,
    Topic,
    is_ambiguous,
    load_short_forms,
    long_forms,
    meanings_by_key,
    possible_meanings,
    short_form_key,
)


def test_the_table_holds_the_promised_number_of_rows():
    english = [form for form in load_short_forms() if form.language == "en"]
    kinds = Counter(form.kind for form in english)
    assert len(english) >= 800
    assert kinds[Kind.LAY] >= 150
    assert kinds[Kind.MODIFIER] >= 50
    assert sum(is_ambiguous(short) for short in {form.short for form in english}) >= 60


def test_every_line_has_all_columns_and_stands_in_order():
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    assert {line.count("\t") for line in lines} == {8}
    rows = [line.split("\t") for line in lines[1:]]
    assert rows == sorted(rows, key=lambda row: (row[2], row[0].casefold(), row[0], row[1]))
    assert all(cell == cell.strip() for row in rows for cell in row)
    assert {row[2] for row in rows} == {"en", "es"}
    assert {row[6] for row in rows} == {"", "yes", "mixed"}


def test_no_row_is_said_twice_and_none_explains_itself():
    forms = load_short_forms()
    assert len({(form.short, form.long, form.language) for form in forms}) == len(forms)
    assert [form for form in forms if form.key == short_form_key(form.long)] == []


def test_each_meaning_of_an_ambiguous_short_form_names_its_context():
    silent = [
        form
        for form in load_short_forms()
        if form.language == "en" and is_ambiguous(form.short) and not form.context and not form.is_usual
        if form in possible_meanings(form.short)
    ]
    assert [(form.short, form.long) for form in silent if form.topic is not Topic.MODIFIER] == []


def test_an_ambiguous_short_form_has_at_most_one_usual_meaning():
    for forms in meanings_by_key().values():
        assert sum(form.is_usual for form in forms) <= 1


def test_only_conditions_and_statuses_lead_to_codes():
    assert {form.topic for form in load_short_forms() if form.code} == {Topic.CONDITION, Topic.STATUS}
    assert possible_meanings("MS Contin")[0].topic is Topic.DRUG
    assert not possible_meanings("CABG")[0].is_condition


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("HTN", "hypertension"),
        ("htn", "hypertension"),
        ("A-fib", "atrial fibrillation"),
        ("a fib", "atrial fibrillation"),
        ("S/P", "status post"),
        ("t2dm", "type 2 diabetes mellitus"),
        ("CKD stage 3", "chronic kidney disease, stage 3"),
        ("sugar diabetes", "diabetes mellitus"),
        ("can’t sleep", "insomnia"),
        ("b/l", "bilateral"),
    ],
)
def test_case_hyphens_and_blanks_do_not_count(short, long):
    assert long_forms(short) == (long,)


def test_a_short_form_that_is_a_word_needs_its_capitals():
    assert long_forms("as") == long_forms("all") == long_forms("it") == ()
    assert "aortic stenosis" in long_forms("AS")
    assert long_forms("ALL") == ("acute lymphoblastic leukemia",)


def test_words_near_decide_and_without_them_all_meanings_are_left():
    assert set(long_forms("MS")) >= {"multiple sclerosis", "mitral stenosis", "morphine sulfate", "mental status"}
    assert long_forms("MS", {"rheumatic", "valve"}) == ("mitral stenosis",)
    assert long_forms("MS", {"mg", "iv"}) == ("morphine sulfate",)
    assert len(long_forms("MS", {"mg", "iv", "rheumatic", "valve"})) > 1


def test_a_usual_meaning_is_taken_where_nothing_near_decides():
    assert long_forms("CP") == long_forms("CP", {"today"}) == ("chest pain",)
    assert long_forms("CP", {"spastic", "wheelchair"}) == ("cerebral palsy",)


def test_a_plural_near_counts_as_its_singular():
    assert long_forms("AC", {"joints"}) == ("acromioclavicular",)


def test_languages_are_kept_apart():
    assert long_forms("presión alta") == ()
    assert possible_meanings("presión alta", "es")[0].code == "I10"


@given(st.text(max_size=40))
def test_folding_a_key_again_changes_nothing(text):
    assert short_form_key(short_form_key(text)) == short_form_key(text)
