"""Evidence written for uncovered codes: asked once per family, again with the reason, and at last the title."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccl_assets.evidence.synthetic.families import families
from ccl_assets.evidence.synthetic.synthesis import LEAST_PHRASES, ROUNDS, Synthesis, uncovered_families
from ccl_assets.evidence.tables import SYNTHETIC_PAIRS
from ccl_assets.prompts import load_prompt
from ccl_assets.resources.text_generation.requests import Completion
from ccl_assets.resources.text_generation.scripted import ScriptedFailureError, ScriptedGenerator
from ccl_assets.resources.text_generation.store import CompletionStore
from ccl_assets.resources.text_generation.stored import StoredTextGenerator

PROMPT = load_prompt("evidence_synthesis")
TIBIA = ("S82.201A", "S82.201S", "S82.202A", "S82.202S")
GOOD = "- right tibial shaft fracture\n- fx R tibia shaft"


def nearest(*codes, neighbours=("I11.9", "I10"), relation="category"):
    return [
        {"code": code, "rank": rank, "neighbour_code": neighbour, "relation": relation}
        for code in codes
        for rank, neighbour in enumerate(neighbours, start=1)
    ]


@pytest.fixture
def synthesis(small_ontology):
    def build(*codes, evidence=None, **others):
        found = uncovered_families(nearest(*(codes or TIBIA)), small_ontology)
        return Synthesis(found, small_ontology, evidence or {}, PROMPT, **others)

    return build


def run(synthesis, answer):
    """Drive all rounds with a scripted model; returns it and the rows."""
    generator = ScriptedGenerator(answer)
    drive(synthesis, generator)
    return generator, written(synthesis)


def drive(synthesis, generator):
    while requests := synthesis.requests():
        synthesis.take({completion.request_id: completion for completion in generator.generate(requests)})


def written(synthesis):
    return synthesis.rows(release="FY2026", chapter="19_S00-T88", model="writer")


def test_a_family_is_asked_once_and_every_member_gets_evidence_of_its_own(synthesis):
    writer = synthesis()
    generator, rows = run(writer, lambda request: GOOD)
    assert [request.request_id for request in generator.calls] == ["S82.201#1"]
    assert [(row["code"], row["evidence"]) for row in rows][:2] == [
        ("S82.201A", "right tibial shaft fracture"),
        ("S82.201A", "fx R tibia shaft"),
    ]
    by_code = {code: [row["evidence"] for row in rows if row["code"] == code] for code in TIBIA}
    assert by_code["S82.202S"][0] == "sequela of left tibial shaft fracture"
    assert len({text for texts in by_code.values() for text in texts}) == LEAST_PHRASES * len(TIBIA)
    assert not any(row["is_fallback"] for row in rows)
    assert {row["attempt_count"] for row in rows} == {1}
    assert {row["family_code"] for row in rows} == {"S82.201"}
    assert {row["neighbour_code"] for row in rows} == {"I11.9"}
    assert SYNTHETIC_PAIRS.violations(SYNTHETIC_PAIRS.table(rows)) == []


def test_only_uncovered_members_get_rows(synthesis):
    _, rows = run(synthesis("S82.202S"), lambda request: GOOD)
    assert {row["code"] for row in rows} == {"S82.202S"}


def test_families_come_in_an_order_that_does_not_follow_the_hierarchy(small_ontology):
    rows = nearest(*(f"J{number:02d}" for number in range(1, 46)))
    order = [item.family.family_code for item in uncovered_families(rows, small_ontology)]
    assert order == [item.family.family_code for item in uncovered_families(rows[::-1], small_ontology)]
    assert order != sorted(order)


def test_neighbours_of_another_release_are_an_error_that_says_what_to_do(small_ontology):
    with pytest.raises(ValueError, match=r"S99\.999A .* synthetic/nearest_codes again"):
        uncovered_families(nearest("S99.999A"), small_ontology)
    with pytest.raises(ValueError, match="no billable code"):
        uncovered_families(nearest("I10", neighbours=("Q99",)), small_ontology)


def test_a_request_shows_title_parent_terms_siblings_and_neighbours_with_their_evidence(synthesis, small_ontology):
    evidence = {"I11.9": ["HHD", "Hypertensive heart disease without heart failure", "heart dz, HTN", "a", "b"]}
    (request,) = synthesis(evidence=evidence).requests()
    assert request.messages[-1].content == (
        "PARENT: Unspecified fracture of shaft of tibia\n"
        "INCLUDES: Fracture of right tibia NOS\n"
        "NEAR: Hypertensive heart disease without heart failure: HHD, heart dz, HTN, a; Essential hypertension\n"
        "TITLE: Unspecified fracture of shaft of right tibia"
    )
    assert not request.is_restricted
    (hypertensive,) = synthesis("I11.0").requests()
    assert "\nNOT: Hypertensive heart disease without heart failure\n" in hypertensive.messages[-1].content
    (category,) = synthesis("I10").requests()
    assert category.messages[-1].content.startswith("PARENT: Essential (primary) hypertension\n")


def test_a_neighbour_outside_the_block_is_recorded_and_not_shown(small_ontology):
    found = uncovered_families(nearest("S82.201A", relation="none"), small_ontology)
    writer = Synthesis(found, small_ontology, {"I11.9": ["HHD"]}, PROMPT)
    (request,) = writer.requests()
    assert "NEAR" not in request.messages[-1].content
    writer.take({})
    assert writer.rows(release="r", chapter="c", model="m")[0]["neighbour_code"] == "I11.9"


def test_requests_are_restricted_where_evidence_may_quote_restricted_notes(synthesis):
    assert all(request.is_restricted for request in synthesis(is_restricted=True).requests())


def test_a_refused_family_is_asked_again_with_the_reason_and_only_it(synthesis):
    writer = synthesis(*TIBIA, "I10")

    def answer(request):
        if request.request_id.startswith("I10"):
            return "- primary hypertension"
        return GOOD if "#2" in request.request_id else "- left tibial shaft fracture\n- treated tibial shaft fracture"

    generator, rows = run(writer, answer)
    assert sorted(request.request_id for request in generator.calls) == ["I10#1", "S82.201#1", "S82.201#2"]
    again = generator.calls[-1].messages[-1].content
    assert (
        'REFUSED: "left tibial shaft fracture": the title does not say "left"; '
        '"treated tibial shaft fracture": "treated" is about treatment or tests\n'
    ) in again
    assert {(row["family_code"], row["attempt_count"]) for row in rows} == {("S82.201", 2), ("I10", 1)}
    assert writer.summary == {
        "families_asked": 2,
        "families_written_in_round_1": 1,
        "families_written_in_round_2": 1,
        "families_written_in_round_3": 0,
        "families_with_fallback": 0,
        "refused_invented_specificity": 1,
        "refused_treatment": 1,
    }


def test_what_one_good_phrase_leaves_refused_is_not_asked_again(synthesis):
    generator, rows = run(synthesis(), lambda request: "- broken hip\n- fx R tibia shaft\n- R tibia shaft, fx")
    assert len(generator.calls) == 1
    of_one = {row["evidence"]: row["is_fallback"] for row in rows if row["code"] == "S82.201A"}
    assert of_one == {"fx R tibia shaft": False, "Fracture of shaft of right tibia": True}  # two phrases at least


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no_answer"),
        ("\n \n", "no_answer"),
        ("- S82.201A", "code"),
        ("S82.201A\nS82.202A", "code"),
        ("I cannot help with that.", "off_topic"),
        ("- broken leg", "invented_specificity"),
    ],
)
def test_after_three_answers_without_a_usable_phrase_title_and_terms_stand_and_say_so(synthesis, text, reason):
    writer = synthesis()
    generator, rows = run(writer, lambda request: text)
    assert [request.request_id for request in generator.calls] == [f"S82.201#{number}" for number in (1, 2, 3)]
    assert len({request.cache_key("writer") for request in generator.calls}) == ROUNDS
    assert [row["evidence"] for row in rows if row["code"] == "S82.202A"] == [
        "Fracture of shaft of left tibia",
        "L tibia shaft fx",
    ]
    assert {row["code"] for row in rows} == set(TIBIA)
    assert all(row["is_fallback"] and row["attempt_count"] == ROUNDS for row in rows)
    assert writer.summary["families_with_fallback"] == 1
    assert writer.summary[f"refused_{reason}"] >= ROUNDS


def test_an_error_counts_as_no_answer_and_an_unfinished_line_is_left_out(synthesis):
    writer = synthesis()
    failed = Completion("S82.201#1", GOOD, "error", error="timed out")
    writer.take({failed.request_id: failed})
    assert writer.refused == {"no_answer": 1}
    cut = Completion("S82.201#2", "- fx R tibia shaft\n- right tibial shaft frac", "length")
    writer.take({cut.request_id: cut})
    assert writer.requests() == []
    assert {row["evidence"].split(",")[0] for row in written(writer)} >= {"fx R tibia shaft"}
    assert not any("frac," in row["evidence"] for row in written(writer))


def test_semicolons_and_plain_lines_part_phrases_too(synthesis):
    _, rows = run(synthesis("S82.201A"), lambda request: "right tibial shaft fracture; fx R tibia shaft;\nmore; words")
    assert [row["evidence"] for row in rows] == [
        "right tibial shaft fracture",
        "fx R tibia shaft",
    ]


def test_no_two_families_get_the_same_evidence(synthesis):
    writer = synthesis("J01", "J02")
    _, rows = run(writer, lambda request: "- lung disorder")
    assert all(row["is_fallback"] for row in rows)
    assert {row["evidence"] for row in rows} == {"Lung disorder number 1", "Lung disorder number 2"}
    writer = synthesis("I10", evidence={"I11.9": ["primary HTN", "essential hypertension"]})
    _, rows = run(writer, lambda request: "- essential hypertension")
    assert writer.summary["refused_near_duplicate"] == ROUNDS


def test_evidence_of_a_covered_member_of_the_family_may_be_said_of_the_others(synthesis, small_ontology):
    found = uncovered_families(nearest("S82.201S", neighbours=("S82.201A",)), small_ontology)
    writer = Synthesis(found, small_ontology, {"S82.201A": ["right tibial shaft fracture"]}, PROMPT)
    _, rows = run(writer, lambda request: GOOD)
    assert rows[0]["evidence"] == "sequela of right tibial shaft fracture"


def test_a_killed_run_goes_on_from_stored_answers(synthesis, tmp_path):
    def answer(request):
        return "- primary hypertension" if request.request_id.startswith("I10") else "- nothing of use"

    first = ScriptedGenerator(answer, raise_after=3)
    with pytest.raises(ScriptedFailureError):
        drive(synthesis(*TIBIA, "I10"), StoredTextGenerator(first, CompletionStore(tmp_path / "store.sqlite")))
    second = ScriptedGenerator(answer)
    writer = synthesis(*TIBIA, "I10")
    drive(writer, StoredTextGenerator(second, CompletionStore(tmp_path / "store.sqlite")))
    assert [request.request_id for request in second.calls] == ["S82.201#3"]
    assert writer.summary["families_with_fallback"] == 1


def test_nothing_uncovered_asks_nothing(small_ontology):
    writer = Synthesis([], small_ontology, {}, PROMPT)
    assert writer.requests() == []
    assert written(writer) == []
    assert writer.summary["families_asked"] == 0


@given(st.lists(st.one_of(st.text(max_size=120), st.sampled_from([GOOD, "- left fx", "- ;;;", "- \x00"])), min_size=9))
@settings(max_examples=40)
def test_any_answers_give_evidence_for_every_uncovered_code(small_ontology, answers):
    codes = [*TIBIA, "I10", "I11.0", "J01", "J02"]
    writer = Synthesis(uncovered_families(nearest(*codes), small_ontology), small_ontology, {}, PROMPT)
    texts = iter(answers * 9)
    _, rows = run(writer, lambda request: next(texts))
    assert {row["code"] for row in rows} == set(codes)
    assert SYNTHETIC_PAIRS.violations(SYNTHETIC_PAIRS.table(rows)) == []


def test_all_members_of_every_family_are_covered_by_titles_alone_and_told_apart(small_ontology):
    codes = [code for family in families(small_ontology).values() for code in family.variations]
    writer = Synthesis(uncovered_families(nearest(*codes), small_ontology), small_ontology, {}, PROMPT)
    _, rows = run(writer, lambda request: "")
    assert {row["code"] for row in rows} == set(codes)
    assert len({row["evidence"].lower() for row in rows}) == len(rows)
