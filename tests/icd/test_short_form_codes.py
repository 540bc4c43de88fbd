"""Codes of short forms and of everyday conditions, held against the releases."""

import csv
from pathlib import Path

from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.tables import CODES
from ccl_assets.text.clinical_words import affirmed, clinical_words
from ccl_assets.text.short_forms import load_short_forms

EVERYDAY = Path(__file__).parents[1] / "golden" / "everyday_conditions.tsv"
EMPTY_WORDS = frozenset({"disease", "disorder", "syndrome", "condition", "status", "patient"})
MIN_SAID_SHARE = 2 / 3


def words(text: str) -> frozenset[str]:
    return frozenset(word.removesuffix("ly") for word in affirmed(clinical_words(text))) - EMPTY_WORDS


def said(ontology: Ontology, code: str) -> set[str]:
    """The words of a code's titles and inclusion terms, and of those above it."""
    found: set[str] = set()
    for one in (ontology[code], *(ontology[above] for above in ontology.ancestors(code))):
        for text in (one.title, one.long_title, *one.inclusion_terms):
            found |= words(text)
    return found


def everyday_conditions() -> list[dict[str, str]]:
    with EVERYDAY.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_every_code_of_a_short_form_is_billable(ontology):
    assert {form.code for form in load_short_forms() if form.code} - ontology.billable == set()


def test_a_code_says_the_long_form_or_the_table_says_why(ontology):
    unsupported = [
        (form.long, form.code)
        for form in load_short_forms()
        if form.code and not form.why
        if len(words(form.long) & said(ontology, form.code)) < MIN_SAID_SHARE * len(words(form.long))
    ]
    assert unsupported == []


def test_a_long_form_has_one_code_wherever_it_stands():
    codes: dict[str, set[str]] = {}
    for form in load_short_forms():
        codes.setdefault(form.long, set()).add(form.code)
    assert {long: found for long, found in codes.items() if len(found) > 1} == {}


def test_everyday_conditions_are_many_and_of_every_kind(ontology):
    rows = everyday_conditions()
    kinds = [row["kind"] for row in rows]
    assert len({row["condition"].casefold() for row in rows}) == len(rows) >= 200
    assert kinds.count("lay") >= 20
    assert kinds.count("abbreviation") >= 40
    assert kinds.count("status") >= 15
    assert kinds.count("injury") >= 10
    assert len({ontology.chapter(row["codes"].split()[0]) for row in rows}) >= 18


def test_codes_of_everyday_conditions_are_billable(ontology):
    assert {code for row in everyday_conditions() for code in row["codes"].split()} - ontology.billable == set()


def test_codes_of_everyday_conditions_are_billable_in_the_release_of_2017(parsed):
    billable = Ontology.from_table(CODES.table(parsed(2017).codes)).billable
    missing = {
        row["condition"]: row["codes_fy2017"] or row["codes"]
        for row in everyday_conditions()
        if row["codes_fy2017"] != "none" and set((row["codes_fy2017"] or row["codes"]).split()) - billable
    }
    assert missing == {}


def test_the_table_of_short_forms_agrees_with_the_everyday_conditions():
    codes = {form.short.casefold(): form.code for form in load_short_forms() if form.code and form.language == "en"}
    shared = {
        row["condition"]: row["codes"].split() for row in everyday_conditions() if row["condition"].casefold() in codes
    }
    assert len(shared) >= 40
    assert {name for name, accepted in shared.items() if codes[name.casefold()] not in accepted} == set()
