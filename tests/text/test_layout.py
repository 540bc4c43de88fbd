"""Lines, sections, words and the view of a text as it is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.text.grounding import ground_span
from ccl_assets.text.lines import split_lines
from ccl_assets.text.note_tokens import fold_words, tokenize
from ccl_assets.text.plain_view import plain_view
from ccl_assets.text.section_cuts import split_by_sections
from ccl_assets.text.sections import SectionKind, find_sections, note_lines

LINE_ENDS = ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("end", LINE_ENDS)
def test_lines_have_the_offsets_of_the_raw_text(end):
    text = f"one{end}{end}two"
    assert [text[line.begin : line.end] for line in split_lines(text)] == ["one", "", "two"]
    assert split_lines(text)[0].next == 3 + len(end)


@pytest.mark.parametrize(
    ("text", "goes_on"),
    [
        ("seen with the patient and\nfamily today", True),
        ("has a long and complicated story of having had a rather high\nblood pressure", True),
        ("Pt has high\nblood pressure", False),
        ("has a long and complicated story of having had a rather high\nAsthma is stable", False),
        ("has a long and complicated story of having had a rather high\n- asthma", False),
        ("has a long and complicated story of having had a rather high.\nblood pressure", False),
        ("SIGNIFICANT FOR ASTHMA\nAND MIGRAINE", True),
        ("no fever or chills this week\nand no cough and no chest pain\nbut has asthma", True),
    ],
)
def test_a_wrapped_line_goes_on_and_one_ended_on_purpose_does_not(text, goes_on):
    assert note_lines(text)[0].goes_on is goes_on


@pytest.mark.parametrize("end", LINE_ENDS)
@pytest.mark.parametrize(
    "head",
    [
        "Family History", "FAMILY HISTORY:", "family history:", "## Family History", "**Family History:**", "3. Family History:",
        "IV. FAMILY HISTORY", "Family Medical History (reviewed 3/4/2021 with the patient and her daughter):", "FHx:",
        "Family History 03/04/2021", "Pertinent Family History:", "[Family History]", "Antecedentes familiares:", "• Family Hx:",
    ],
)  # fmt: skip
def test_heads_of_many_styles(head, end):
    text = f"{head}{end}Migraine{end}{end}Assessment and Plan:{end}Gout"
    kinds = {text[section.body : section.end].strip(): section.kind for section in find_sections(text)}
    assert kinds == {"Migraine": SectionKind.FAMILY, "Gout": SectionKind.ASSESSMENT}


@pytest.mark.parametrize(
    "text",
    [
        "FH: 34 cm, FHR 140.",
        "FH: at umbilicus",
        "discussed at length with the patient and\nfamily - they agree",
        "Seen by family medicine. Plan agreed.",
        "Family is supportive.",
    ],
)
def test_what_only_looks_like_a_family_history(text):
    assert SectionKind.FAMILY not in {section.kind for section in find_sections(text)}


def test_entries_of_a_list_do_not_end_a_family_history():
    text = "FAMILY HISTORY:\nAsthma: mother\nCancer: negative\n\nASSESSMENT:\nGout"
    sections = list(find_sections(text))
    assert [section.kind for section in sections] == [SectionKind.FAMILY, SectionKind.ASSESSMENT]


def test_a_left_out_section_ends_without_a_head_below_it():
    text = "Immunizations: influenza, measles.\nAsthma is stable.\n"
    assert find_sections(text).at(text.index("Asthma")).kind is SectionKind.OTHER


def test_words_hyphenated_at_a_line_end_are_put_together_if_known():
    text = "pneu-\r\n  monia, follow-\nup"
    tokens = tokenize(text, {"pneumonia"})
    assert tokens.words == ["pneumonia", "follow", "up"]
    assert text[tokens.begins[0] : tokens.ends[0]] == "pneu-\r\n  monia"


def test_words_are_folded_whatever_their_letters():
    assert fold_words("Sjo\u0308gren’s SJÖGREN'S as\u00adth\u200bma \ufb01brosis ＡＢＣ") == [
        "sjogren", "sjogren", "asthma", "fibrosis", "abc",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("quote", "note", "text"),
    [
        ("pneumonia", "He has pneu-\nmonia", "pneu-\nmonia"),
        ("Sjögren's syndrome", "with Sjo\u0308gren's syndrome", "Sjo\u0308gren's syndrome"),
        ("Sjo\u0308gren's syndrome", "with Sjögren's syndrome", "Sjögren's syndrome"),
        ("asthma", "has as\u200bth\u00adma", "as\u200bth\u00adma"),
        ("atrial fibrillation", "in atrial \ufb01brillation", "atrial \ufb01brillation"),
        ("pneu\u00admonia", "has pneumonia", "pneumonia"),
    ],
)
def test_quotes_stand_in_the_note_as_it_is_read(quote, note, text):
    found = ground_span(quote, note)
    assert (found.status, found.text) == ("verbatim", text)
    assert note[found.begin : found.end] == text


def test_hidden_characters_do_not_make_another_finding_near():
    assert ground_span("hyperthyroidism", "hy\u00adpothyroidism").status == "ungrounded"


@given(st.text(st.sampled_from("abc \n-\u00ad\u0308\ufb01é\u200b\r"), max_size=40))
def test_the_view_knows_where_its_characters_stand(text):
    view = plain_view(text)
    if view.begins is None:
        assert view.text == text
        return
    assert len(view.text) == len(view.begins) == len(view.ends)
    assert all(begin < end <= len(text) for begin, end in zip(view.begins, view.ends, strict=True))
    assert list(view.begins) == sorted(view.begins)


@pytest.mark.parametrize("end", LINE_ENDS)
def test_sections_are_cut_at_any_line_end(end):
    text = f"HPI: cough{end}{end}PLAN:{end}rest{end}"
    parts = split_by_sections(text, [], lambda begin, stop: stop - begin < 18)
    assert [text[begin:stop] for begin, stop in parts] == [f"HPI: cough{end}{end}", f"PLAN:{end}rest{end}"]


def test_one_line_end_of_two_characters_is_no_empty_line():
    text = "one\r\ntwo\r\n\r\nthree\r\n"
    parts = split_by_sections(text, [], lambda begin, stop: stop - begin < 14)
    assert [text[begin:stop] for begin, stop in parts] == ["one\r\ntwo\r\n\r\n", "three\r\n"]
