"""What notes say of conditions, by kind of fault that real notes led to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccl_assets.text.assertions import Assertion, assert_note, language_of
from ccl_assets.text.note_tokens import tokenize
from ccl_assets.text.rule_files import LANGUAGES, triggers
from ccl_assets.text.sections import SectionKind

from .assertion_cases import CASES

LINE_ENDS = ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"]


def status(text, condition, language=None):
    begin = text.lower().index(condition)
    return assert_note(text, language).status(begin, begin + len(condition)).value


@pytest.mark.parametrize("kind", CASES)
def test_cases_of_a_kind(kind):
    wrong = [
        (text, condition, expected, found)
        for text, conditions in CASES[kind]
        for condition, expected in conditions.items()
        if (found := status(text, condition)) != expected
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("El paciente no refiere asma.", "negated"),
        ("Paciente sin asma ni fiebre.", "negated"),
        (
            "Niega fiebre, tos, disnea, dolor torácico, náuseas, vómitos, diarrea, disuria, hematuria, cefalea o asma.",
            "negated",
        ),
        ("Se descartó asma con las pruebas.", "negated"),
        ("No se evidencia asma en la exploración.", "negated"),
        ("Asma: no", "negated"),
        ("El asma fue descartada.", "negated"),
        ("Niega fiebre. Presenta asma.", "present"),
        ("No tiene fiebre pero presenta asma.", "present"),
        ("Sin embargo presenta asma.", "present"),
        ("Antecedentes familiares: asma.\nJuicio clínico: gota", "family"),
        ("Su madre padece asma.", "family"),
        ("El padre con asma y el hermano sano.", "family"),
        ("Su marido tiene asma.", "other_person"),
        ("Probable asma del adulto.", "uncertain"),
        ("Cuadro compatible con asma.", "uncertain"),
        ("Sospecha de asma.", "uncertain"),
        ("No se puede descartar asma.", "uncertain"),
        ("Con antecedentes de asma en la infancia.", "historical"),
        ("Asma ya resuelta.", "resolved"),
        ("Acudir si presenta asma.", "hypothetical"),
        ("Vacunado contra asma.", "hypothetical"),
        ("La madre refiere que el niño presenta asma.", "present"),
    ],
)
def test_spanish_notes_have_rules_of_their_own(text, expected):
    assert status(text, "asma", "es") == expected


def test_the_language_is_that_of_the_commonest_words():
    assert language_of(tokenize("El paciente acude a la consulta por dolor de espalda con fiebre")) == "es"
    assert language_of(tokenize("The patient comes to the clinic for back pain and fever")) == "en"
    assert language_of(tokenize("")) == "en"
    with pytest.raises(ValueError, match="no rules for language 'de'"):
        assert_note("Kein Asthma", "de")


def statement_of(trigger):
    """The trigger with a condition where it looks for one."""
    return {
        "forward": f"{trigger.phrase} asthma",
        "near": f"{trigger.phrase} asthma",
        "both": f"{trigger.phrase} asthma",
        "backward": f"asthma {trigger.phrase}",
        "tail": f"asthma {trigger.phrase}",
        "near-back": f"asthma {trigger.phrase}",
        "value": f"Asthma: {trigger.phrase}",
    }[trigger.direction]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "group", [each.value for each in Assertion if each not in (Assertion.PRESENT, Assertion.OTHER_PERSON)]
)
def test_each_trigger_says_what_its_row_says(language, group):
    rows = [row for row in triggers(language) if row.status == group and row.direction != "skip"]
    wrong = [
        (row.phrase, row.direction, found)
        for row in rows
        if (found := status(statement_of(row), "asthma", language)) not in {group, "negated"}
    ]
    assert rows
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_phrases_that_only_look_like_triggers_say_nothing(language):
    rows = [row for row in triggers(language) if row.direction == "skip"]
    wrong = [
        row.phrase for row in rows if status(f"{row.phrase} asthma", "asthma", language) not in {"present", "uncertain"}
    ]
    assert len(rows) > 10
    assert wrong == []


def test_a_trigger_within_a_term_is_part_of_the_term():
    text = "Diabetes without retinopathies and asthma."
    spans = [(0, 30), (35, 41)]
    said = assert_note(text, spans=spans)
    assert [said.status(*span) for span in spans] == [Assertion.PRESENT, Assertion.PRESENT]
    assert assert_note(text).status(17, 30) is Assertion.NEGATED


def test_offsets_are_those_of_the_raw_note():
    text = "Denies fe\u00adver.\r\nFamily History:\r\nMigraine\r\n\r\nPlan:\r\nrest"
    said = assert_note(text)
    assert said.status(text.index("fe"), text.index("ver") + 3) is Assertion.NEGATED
    section = said.section_at(text.index("Migraine"))
    assert (section.kind, section.title) == (SectionKind.FAMILY, "Family History")
    assert text[section.begin : section.end].startswith("Family History:")
    begin, end = said.statement_at(3)
    assert text[begin:end] == "Denies fe\u00adver"


def test_an_empty_note_says_nothing():
    said = assert_note("")
    assert said.status(0, 0) is Assertion.PRESENT
    assert said.statement_at(0) == (0, 0)


# -- one condition, one assertion, many layouts ------------------------------------------------------------------------------

ASSERTED = {
    "present": ["{} is stable", "known {}", "{} is treated", "she has {}"],
    "negated": [
        "denies {}", "no {}", "no evidence of {}", "{}: no", "{} (-)", "doesn't have {}", "{} was ruled out",
        "negative for fever, chills, cough and {}", "was negative for {}", "low suspicion for {}", "[ ] {}", "{} is unlikely",
    ],
    "family": ["mother: {}", "her sister has {}", "family history of {}", "{} in his brother", "{} runs in the family"],
    "other_person": ["her husband has {}", "wife with {}"],
    "historical": ["history of {}", "h/o {}", "prior {}"],
    "resolved": ["{}, resolved", "{} has resolved"],
    "hypothetical": ["return if {}", "screening for {}", "{} vaccine given", "at risk for {}"],
    "uncertain": ["probable {}", "suspected {}", "possible {}", "rule out {}"],
}  # fmt: skip
LAYOUTS = {
    "sentences": "The patient comes today. {}. Gout is stable.",
    "lines": "Visit note\n{}\nGout is stable",
    "list": "Problems:\n- {}\n- gout",
    "numbers": "Problems:\n1. {}\n2. gout",
    "section": "HPI:\nComes today.\n\nASSESSMENT:\n{}\nGout\n",
    "markdown": "## HPI\nComes today.\n\n## Assessment\n{}\n\ngout",
    "left-out section before": "Family History\nMother had epilepsy.\n\nAssessment\n{}\nGout",
    "denials before": "Denies fever, chills, sweats, nausea, vomiting.\n{}\nGout",
    "indented": "Note\n\n    {}\n\n    gout",
    "paragraphs": "Comes today.\n\n{}.\n\nGout.",
}
CONDITIONS = ["asthma", "pneumonia", "migraine", "chronic kidney disease", "Sjo\u0308gren's syndrome"]


@st.composite
def notes(draw):
    expected = draw(st.sampled_from(sorted(ASSERTED)))
    condition = draw(st.sampled_from(CONDITIONS))
    statement = draw(st.sampled_from(ASSERTED[expected])).format(condition)
    if draw(st.booleans()):
        statement = statement[0].upper() + statement[1:]
    text = LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))].format(statement)
    text = text.replace("\n", draw(st.sampled_from(LINE_ENDS)))
    if draw(st.booleans()):
        text = text.replace(". ", ".\u00a0")
    return text, condition, expected


@given(notes())
def test_a_condition_is_read_alike_in_every_layout(made):
    text, condition, expected = made
    begin = text.lower().index(condition.lower())
    said = assert_note(text, "en")
    gout = text.lower().rindex("gout")
    assert said.status(begin, begin + len(condition)).value == expected
    assert said.status(gout, gout + 4) is Assertion.PRESENT


@given(st.text(st.sampled_from("aB1 .,:;-\n\r\t()[]|?*#no\u00ad\u0308\u2028•☐"), max_size=200))
def test_any_text_is_read(text):
    said = assert_note(text)
    tokens = said.tokens
    assert all(begin < end for begin, end in zip(tokens.begins, tokens.ends, strict=True))
    assert all(end <= begin for end, begin in zip(tokens.ends, tokens.begins[1:], strict=False))
    sections = list(said.sections)
    assert [section.end for section in sections[:-1]] == [section.begin for section in sections[1:]]
    assert (sections[0].begin, sections[-1].end) == (0, len(text))
    for offset in range(0, len(text), 7):
        assert isinstance(said.status(offset, offset + 3), Assertion)
