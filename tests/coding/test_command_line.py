"""``python -m ccl_assets.coding``: what it prints, what it refuses, and that the note stays where it belongs."""

import io
import json
import re
import subprocess
import sys
from datetime import date

import pytest

from ccl_assets.coding.command import line as command_line
from ccl_assets.coding.command import note_file
from ccl_assets.coding.command.line import main
from ccl_assets.evidence.gold.pairs import IndexReferences, gold_pairs
from ccl_assets.evidence.tables import GOLD_PAIRS
from ccl_assets.icd.ontology import Ontology
from ccl_assets.icd.release.contents import open_release
from ccl_assets.icd.tables import CODES
from ccl_assets.icd.tabular.tabular_list import parse_tabular
from ccl_assets.io_managers.delta_tables import DeltaTables
from ccl_assets.resources.models.language_models import LanguageModels
from ccl_assets.resources.settings import settings
from ccl_assets.resources.text_generation.endpoint.policy import Backoff
from ccl_assets.resources.text_generation.requests import Completion
from ccl_assets.resources.text_generation.scripted import ScriptedGenerator

TABULAR = """<?xml version="1.0"?><ICD10CM.tabular><version>2026</version>
<chapter><name>9</name><desc>Circulatory (I00-I99)</desc><section id="I10-I1A"><desc>Hypertension (I10-I1A)</desc>
<diag><name>I10</name><desc>Essential (primary) hypertension</desc>
<inclusionTerm><note>High blood pressure</note></inclusionTerm></diag>
<diag><name>I11</name><desc>Hypertensive heart disease</desc>
<diag><name>I11.0</name><desc>Hypertensive heart disease with heart failure</desc></diag>
<diag><name>I11.9</name><desc>Hypertensive heart disease without heart failure</desc></diag></diag>
</section></chapter>
<chapter><name>10</name><desc>Respiratory (J00-J99)</desc><section id="J40-J4A"><desc>Chronic (J40-J4A)</desc>
<diag><name>J42</name><desc>Unspecified chronic bronchitis</desc></diag></section></chapter></ICD10CM.tabular>"""
NOTE = "Seen by Dr. Zwick.\r\nPMH: high blood pressure, chronic bronchitis.\r\nNo pneumonia."
ANSWER = """### Evidence
- high blood pressure
- chronic  bronchitis
- cough
### ICD-10-CM Codes
- I10 – Essential (primary) hypertension
- J42 – Unspecified chronic bronchitis
- I11 – Hypertensive heart disease
- J99.99 – Something"""
OK, FAILED, BAD_INPUT = 0, 1, 2


@pytest.fixture
def configure(monkeypatch, tmp_path):
    """Set settings; a small release and a fresh home to begin with."""

    def apply(**values):
        for name, value in values.items():
            monkeypatch.setenv(f"CCL_{name.upper()}", str(value))
        settings.cache_clear()

    release = tmp_path / "tabular.xml"
    release.write_text(TABULAR)
    apply(home=tmp_path / "home", icd_release=release)
    monkeypatch.setattr(command_line, "_today", lambda: date(2025, 12, 1))  # FY2026 is in force
    yield apply
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def note(tmp_path):
    path = tmp_path / "note.txt"
    path.write_bytes(NOTE.encode())
    return path


@pytest.fixture
def run(configure, capsys):
    """Run the command; returns exit status, standard output and standard error."""

    def call(*arguments):
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


@pytest.fixture
def model(monkeypatch, configure, tmp_path):
    """A scripted model behind the real completion store, and an adapter for ``scl``."""
    configure(model="some/model")
    adapter = tmp_path / "home/artifacts/sft/adapter/scl"
    adapter.mkdir(parents=True)
    (adapter / "adapter_model.safetensors").write_bytes(b"weights")
    (adapter / "adapter_config.json").write_text("{}")

    def script(answer=ANSWER, **options):
        scripted = ScriptedGenerator(answer if callable(answer) else lambda request: answer, **options)
        monkeypatch.setattr(LanguageModels, "_backend", lambda *_: scripted)
        return scripted

    return script


@pytest.mark.slow
def test_a_fresh_machine_codes_with_the_packaged_release(run, configure, tmp_path):
    """The whole FY2026 list: the one test that pays for it."""
    configure(icd_release="")
    path = tmp_path / "note.txt"
    path.write_text("Type 2 diabetes mellitus with diabetic chronic kidney disease. Denies asthma. Gout.")
    status, out, _ = run(path, "--system", "index_lookup")
    assert status == OK
    assert "E11.22" in out
    assert '"Type 2 diabetes mellitus with diabetic' in out
    assert "[0-61]" in out
    assert "M10.9     Gout, unspecified" in out
    assert "J45" not in out
    assert out.rstrip().splitlines()[-1].startswith("2 codes; ICD-10-CM FY2026")
    assert not (tmp_path / "home/lakehouse").exists()


def test_the_span_coder_is_the_default_and_learns_once(run, note):
    status, out, err = run(note)
    assert status == OK
    assert "system span_coder" in out
    assert "the first start learns the span coder" in err
    again = run(note, "--json")
    assert "first start" not in again[2]
    assert json.loads(again[1])["system"] == "span_coder"


def test_several_notes_give_lines_of_json_and_one_that_is_wrong_stops_none(run, note, tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    for name in ("a.txt", "b.txt"):
        (folder / name).write_bytes(note.read_bytes())
    (folder / "c.txt").write_bytes(b"")
    status, out, err = run(folder)
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["note"] for line in lines] == [str(folder / "a.txt"), str(folder / "b.txt")]
    assert status == FAILED
    assert "c.txt: the note is empty" in err
    status, _, err = run(folder, note, "--fhir")
    assert (status, "--fhir takes one note" in err) == (BAD_INPUT, True)


def test_json_has_offsets_of_the_file_as_it_is(run, note):
    status, out, _ = run(note, "--system", "index_lookup", "--json")
    written = json.loads(out)
    assert (status, written["system"], written["release"], written["model"]) == (OK, "index_lookup", "FY2026", None)
    assert [code["code"] for code in written["codes"]] == ["I10", "J42"]
    for code in written["codes"]:
        assert NOTE[code["begin"] : code["end"]] == code["evidence"]
        assert (code["is_valid"], code["evidence_status"], code["remarks"]) == (True, "verbatim", [])


def test_the_note_may_come_from_standard_input(run, monkeypatch, note):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(NOTE.encode())))
    piped = run("-", "--system", "index_lookup")
    assert piped[0] == OK
    assert piped[1].splitlines()[:-1] == run(note, "--system", "index_lookup")[1].splitlines()[:-1]


def test_a_byte_order_mark_is_no_part_of_the_note(run, tmp_path):
    path = tmp_path / "note.txt"
    path.write_bytes(b"\xef\xbb\xbfHigh blood pressure")
    (code,) = json.loads(run(path, "--system", "index_lookup", "--json")[1])["codes"]
    assert (code["begin"], code["end"]) == (0, 19)


def test_uncertain_diagnoses_follow_the_setting(run, tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("Probable high blood pressure.")
    asked = (path, "--system", "index_lookup", "--json")
    assert json.loads(run(*asked)[1])["codes"] == []
    assert json.loads(run(*asked, "--setting", "outpatient")[1])["codes"] == []
    assert [code["code"] for code in json.loads(run(*asked, "--setting", "inpatient")[1])["codes"]] == ["I10"]


def test_no_code_is_no_failure(run, tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("Feels fine.")
    status, out, err = run(path, "--system", "index_lookup")
    assert (status, err) == (OK, "no code was found\n")
    assert out.startswith("0 codes; ICD-10-CM FY2026; system index_lookup; ")
    assert "entry" not in json.loads(run(path, "--system", "index_lookup", "--fhir")[1])


def test_control_characters_of_a_note_do_not_reach_the_terminal(run, tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("high\x1b[2J blood pressure and high \x07blood pressure")
    assert {"\x1b", "\x07"}.isdisjoint(run(path, "--system", "index_lookup")[1])


class TestRelease:
    """Where codes and terms come from."""

    @pytest.fixture
    def lakehouse(self, tmp_path):
        """Write the small release's tables as the assets do; gold pairs of the chapters given."""

        def write(label="FY2026", chapters=("09_I00-I99", "10_J00-J99")):
            opened = open_release([tmp_path / "tabular.xml"])
            codes = CODES.table(parse_tabular(opened.tabular, label).codes)
            ontology = Ontology.from_table(codes)
            tables = DeltaTables(str(tmp_path / "home/lakehouse"))
            tables.write(CODES, codes, None, {})
            for chapter in chapters:
                rows = gold_pairs(ontology, IndexReferences(ontology, []), chapter, label)
                tables.write(GOLD_PAIRS, GOLD_PAIRS.table(rows), [chapter], {})

        return write

    def test_tables_give_what_the_files_give(self, run, note, lakehouse, configure, tmp_path):
        from_files = run(note, "--system", "index_lookup", "--fhir")
        lakehouse()
        (tmp_path / "tabular.xml").unlink()
        status, out, err = run(note, "--system", "index_lookup", "--fhir")
        assert (status, err) == (OK, "")
        codes = [[entry["resource"]["code"] for entry in json.loads(text)["entry"]] for text in (from_files[1], out)]
        assert codes[0] == codes[1]

    @pytest.mark.parametrize("chapters", [(), ("09_I00-I99",)], ids=["no gold pairs", "one chapter of two"])
    def test_a_lakehouse_that_is_not_whole_is_passed_over(self, run, note, lakehouse, chapters):
        lakehouse(chapters=chapters)
        status, out, err = run(note, "--system", "index_lookup")
        assert status == OK
        assert "J42" in out
        assert "gold/pairs is not materialized for all chapters" in err

    def test_a_lakehouse_of_another_release_than_the_setting_is_passed_over(self, run, note, lakehouse, configure):
        lakehouse("FY2025")
        configure(icd_release="FY2027")
        status, _, err = run(note, "--system", "index_lookup")
        assert status == BAD_INPUT  # and not silently FY2025
        assert "the lakehouse holds FY2025, CCL_ICD_RELEASE says FY2027" in err

    def test_a_release_that_is_none_is_refused(self, run, note, configure, tmp_path):
        configure(icd_release=tmp_path / "nowhere")
        status, _, err = run(note, "--system", "index_lookup")
        assert status == BAD_INPUT
        assert err.startswith(f"release path {tmp_path / 'nowhere'} does not exist: set CCL_ICD_RELEASE")


class TestModel:
    """Systems with a model; the model is scripted, all else is real."""

    def test_scl_is_the_default_where_its_adapter_is(self, run, note, model):
        scripted = model()
        status, out, err = run(note)
        assert (status, err) == (OK, "")
        assert "system scl, model scripted" in out
        assert scripted.call_count == 1
        assert NOTE.split("\r\n")[1] in scripted.calls[0].messages[-1].content

    def test_what_is_wrong_with_a_code_is_said(self, run, note, model):
        model()
        rows = [line.rstrip() for line in run(note)[1].splitlines()]
        assert rows[1:3] == [
            'I10       Essential (primary) hypertension          "high blood pressure" [25-44]',
            'J42       Unspecified chronic bronchitis            "chronic bronchitis" [46-64]',
        ]
        assert rows[3].startswith("I11       Hypertensive heart disease ")
        assert rows[3].endswith('"cough"' + 47 * " " + "header, not billable; quote not in the note")
        assert rows[4].startswith("J99.99  ")
        assert rows[4].endswith("not in FY2026; no evidence given")
        assert rows[-2].startswith("4 codes, 2 of them not valid; ICD-10-CM FY2026; system scl, model scripted; ")

    def test_json_says_the_same(self, run, note, model):
        model()
        written = json.loads(run(note, "--json")[1])
        by_code = {code["code"]: code for code in written["codes"]}
        assert by_code["I11"]["remarks"] == ["header, not billable", "quote not in the note"]
        assert by_code["I11"]["evidence"] == "cough"
        assert by_code["J99.99"]["title"] is None
        assert (written["system"], written["model"], written["raw_output"]) == ("scl", "scripted", ANSWER)

    def test_a_bundle_leaves_out_what_is_not_valid_and_counts_it(self, run, note, model):
        model()
        status, out, err = run(note, "--fhir", "--patient", "p1")
        resources = [entry["resource"] for entry in json.loads(out)["entry"]]
        assert [resource["code"]["coding"][0]["code"] for resource in resources] == ["I10", "J42"]
        assert {resource["code"]["coding"][0]["version"] for resource in resources} == {"2026"}
        assert {resource["subject"]["reference"] for resource in resources} == {"Patient/p1"}
        assert (status, err) == (OK, "2 of 4 codes are not valid in FY2026 and left out of the bundle\n")

    def test_a_note_beyond_the_window_is_coded_in_parts(self, run, model, tmp_path):
        scripted = model()
        path = tmp_path / "note.txt"
        path.write_text("".join(f"Line {number} of a long stay.\n" for number in range(2_000)) + NOTE)
        status, out, _ = run(path)
        assert status == OK
        assert scripted.call_count > 5
        assert "I10" in out

    def test_base_cot_needs_no_adapter(self, run, note, model):
        model()
        assert "system base_cot" in run(note, "--system", "base_cot")[1]

    def test_invalid_codes_are_repaired_by_option_or_setting(self, run, note, model, configure):
        model("### ICD-10-CM Codes\n- J42.7 – Unspecified chronic bronchitis")
        assert json.loads(run(note, "--json")[1])["codes"][0]["code"] == "J42.7"
        by_option = json.loads(run(note, "--json", "--repair")[1])["codes"][0]
        assert (by_option["code"], by_option["repaired_from"], by_option["is_valid"]) == ("J42", "J42.7", True)
        configure(repair_codes="true")
        assert "repaired from J42.7; no evidence given" in run(note)[1]
        assert json.loads(run(note, "--json", "--no-repair")[1])["codes"][0]["code"] == "J42.7"

    @pytest.mark.parametrize("supports_grammar", [True, False])
    def test_a_model_is_held_to_valid_codes_where_it_can_be(self, run, note, model, supports_grammar):
        scripted = model(supports_grammar=supports_grammar)
        problems = json.loads(run(note, "--json", "--constrain")[1])["problems"]
        assert (scripted.calls[0].grammar is not None) == supports_grammar
        assert ("not_constrained" in problems) != supports_grammar

    def test_options_that_change_nothing_are_told(self, run, note):
        status, _, err = run(note, "--system", "index_lookup", "--repair")
        assert (status, err) == (OK, "system index_lookup asks no model, so --constrain and --repair change nothing\n")

    def test_an_answer_is_not_paid_for_twice(self, run, note, model):
        scripted = model()
        assert run(note)[1] == run(note)[1]
        assert scripted.call_count == 1

    def test_a_model_that_fails_is_a_failure_with_its_reason(self, run, note, model):
        model(lambda request: Completion("", "", "error", error="HTTP 400"))
        assert run(note) == (FAILED, "", "the model did not answer: HTTP 400\n")

    def test_parts_that_are_not_coded_are_told(self, run, model, tmp_path):
        path = tmp_path / "note.txt"
        path.write_text("".join(f"Line {number} of a long stay.\n" for number in range(500)) + NOTE)
        model(
            lambda request: (
                ANSWER if "PMH" in request.messages[-1].content else Completion("", "", "error", error="HTTP 400")
            )
        )
        status, out, err = run(path)
        assert status == FAILED
        assert "I10" in out
        assert re.fullmatch(r"[1-9] of \d+ answers are missing: HTTP 400\n", err)

    def test_a_restricted_note_goes_to_no_other_host(self, run, note, model):
        scripted = model(keeps_text_on_host=False)
        status, out, err = run(note)
        assert (status, out, scripted.call_count) == (BAD_INPUT, "", 0)
        assert "may not be sent" in err
        assert "CCL_TRUSTED_HOSTS" in err
        assert run(note, "--open")[0] == OK
        assert not scripted.calls[0].is_restricted

    @pytest.mark.parametrize("kind", [KeyError, ValueError, RuntimeError, UnicodeError])
    def test_what_a_library_says_of_the_note_is_not_repeated(self, run, note, model, kind):
        def fail(request):
            raise kind(request.messages[-1].content)

        model(fail)
        status, out, err = run(note)
        assert (status, out) == (FAILED, "")
        assert err.startswith(f"coding failed with {kind.__name__} in {fail.__module__}, line ")
        assert "Zwick" not in err

    def test_a_window_without_room_for_a_note_names_the_remedy(self, run, note, model, configure):
        model()
        configure(context_tokens=256)
        status, _, err = run(note)
        assert status == BAD_INPUT
        assert "a context window of 256 tokens" in err

    def test_an_endpoint_that_is_down_is_a_failure(self, run, note, configure, monkeypatch):
        monkeypatch.setattr(Backoff, "wait_s", lambda *_: 0.0)
        configure(backend="openai", endpoint="http://127.0.0.1:9/v1", model="served")
        status, out, err = run(note, "--system", "base_cot")
        assert (status, out) == (FAILED, "")
        assert err == "cannot connect to 127.0.0.1: start the server or correct CCL_ENDPOINT\n"

    def test_another_host_is_refused_before_anything_is_sent(self, run, note, configure):
        configure(backend="openai", endpoint="https://models.example.org/v1", model="served")
        status, _, err = run(note, "--system", "base_cot")
        assert status == BAD_INPUT
        assert "which may not be sent to models.example.org; nothing was sent" in err

    def test_a_model_directory_that_is_none_is_refused(self, run, note, configure, tmp_path):
        configure(model=tmp_path / "no model")
        status, _, err = run(note, "--system", "base_cot")
        assert status == BAD_INPUT
        assert err.endswith("is no model directory (no config.json) and no hub id: correct CCL_MODEL\n")


class TestDate:
    """The code set follows the day of the note."""

    @pytest.fixture(autouse=True)
    def stored(self, configure, tmp_path):
        """FY2025 and FY2026-January beside the active FY2026; each has one condition more."""
        from ccl_assets.releases.command import main as releases

        for label, title in (("FY2025", "Old bronchitis"), ("FY2026-January", "New bronchitis")):
            path = tmp_path / f"{label}.xml"
            path.write_text(
                TABULAR.replace("2026", label[2:6]).replace(
                    "<diag><name>J42", f"<diag><name>J41</name><desc>{title}</desc></diag><diag><name>J42"
                )
            )
            assert releases(["add", str(path), "--label", label]) == OK

    @pytest.mark.parametrize(
        ("day", "label"),
        [
            ("2024-10-01", "FY2025"),
            ("2025-09-30", "FY2025"),
            ("2025-10-01", "FY2026"),
            ("2025-12-31", "FY2026"),
            ("2026-01-01", "FY2026-January"),
            ("2026-03-31", "FY2026-January"),
        ],
    )
    def test_the_release_in_force_on_the_day_is_used(self, run, note, day, label):
        status, out, err = run(note, "--system", "index_lookup", "--json", "--date", day)
        assert (status, json.loads(out)["release"]) == (OK, label)
        assert err == "" or (day == "2025-09-30" and "FY2025-April may be in force" in err)

    @pytest.mark.parametrize("day", ["2023-10-01", "2026-10-01", "2030-01-01"])
    def test_a_day_without_a_kept_release_is_refused(self, run, note, day):
        status, out, err = run(note, "--system", "index_lookup", "--date", day)
        assert (status, out) == (BAD_INPUT, "")
        assert "is not kept here (there are FY2025" in err
        assert "ccl_assets.releases add" in err

    def test_what_is_no_date_is_refused(self, run, note):
        status, _, err = run(note, "--system", "index_lookup", "--date", "1.10.2026")
        assert (status, err) == (BAD_INPUT, "--date is no date: write it as 2026-10-01\n")

    def test_another_release_in_force_today_is_told(self, run, note, monkeypatch):
        monkeypatch.setattr(command_line, "_today", lambda: date(2026, 10, 1))
        status, out, err = run(note, "--system", "index_lookup")
        assert (status, "I10" in out) == (OK, True)
        assert "codes are of FY2026, but today FY2027 is in force, since 2026-10-01" in err

    def test_an_update_that_may_be_in_force_is_told(self, run, note, monkeypatch):
        monkeypatch.setattr(command_line, "_today", lambda: date(2026, 4, 1))
        assert "FY2026-April may be in force" in run(note, "--system", "index_lookup")[2]

    def test_ids_of_patient_and_encounter_are_checked_before_coding(self, run, note):
        status, _, err = run(note, "--system", "index_lookup", "--fhir", "--patient", "Patient/4711")
        assert (status, "give the id alone" in err, "4711" in err) == (BAD_INPUT, True, False)
        status, _, err = run(note, "--system", "index_lookup", "--encounter", "7")
        assert (status, err) == (BAD_INPUT, "--encounter goes with --fhir\n")
        _, out, _ = run(note, "--system", "index_lookup", "--fhir", "--encounter", "7")
        assert json.loads(out)["entry"][0]["resource"]["encounter"] == {"reference": "Encounter/7"}


class TestBadInput:
    """One clear line on standard error, exit status 2, and nothing of the note."""

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "the note is empty"),
            (b" \n\t\r\n", "the note is empty"),
            (b"Zwick \xe9tat grippal", "byte 6 is not UTF-8; save the note as UTF-8"),
            ("Zwick".encode("utf-16"), "not a text file (it holds zero bytes)"),
            (b"PK\x03\x04 Zwick \x00\x00", "not a text file (it holds zero bytes)"),
        ],
        ids=["empty", "blank", "Latin-1", "UTF-16", "binary"],
    )
    def test_a_file_that_is_no_note(self, run, tmp_path, content, message):
        path = tmp_path / "odd.txt"
        path.write_bytes(content)
        status, out, err = run(path, "--system", "index_lookup")
        assert (status, out) == (BAD_INPUT, "")
        assert err.count("\n") == 1
        assert err.startswith(f"{path}: {message}")
        assert "Zwick" not in err

    def test_a_file_that_is_too_large(self, run, tmp_path, monkeypatch):
        monkeypatch.setattr(note_file, "_MOST_BYTES", 2**20)
        path = tmp_path / "large.txt"
        path.write_bytes(b"x" * (2**20 + 1))
        assert run(path, "--system", "index_lookup") == (
            BAD_INPUT,
            "",
            f"{path}: larger than 1 MiB, which is no note\n",
        )

    @pytest.mark.parametrize(("name", "reason"), [("nowhere.txt", "No such file"), (".", "the folder holds no file")])
    def test_a_file_that_is_not_there(self, run, tmp_path, name, reason):
        status, _, err = run(tmp_path / name, "--system", "index_lookup")
        assert status == BAD_INPUT
        assert err.startswith(f"{tmp_path / name}: {reason}")

    def test_a_system_that_is_none(self, run, note):
        status, _, err = run(note, "--system", "nope")
        assert status == BAD_INPUT
        assert err.startswith("there is no system 'nope'; there are index_lookup, span_coder_gold")

    def test_a_system_that_needs_human_evidence(self, run, note):
        status, _, err = run(note, "--system", "scl_human_evidence")
        assert status == BAD_INPUT
        assert "is shown the spans that people marked, and a plain note has none" in err

    def test_a_system_without_its_adapter(self, run, note, tmp_path):
        status, _, err = run(note, "--system", "sft_evidence")
        assert status == BAD_INPUT
        assert f"{tmp_path / 'home/artifacts/sft/adapter/evidence'} holds none: materialize sft/adapter" in err

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [(["--patient", "p1"], "--patient goes with --fhir"), (["--fhir", "--patient", "a b"], "is no FHIR id")],
    )
    def test_a_patient_that_cannot_be_named(self, run, note, arguments, message):
        status, _, err = run(note, "--system", "index_lookup", *arguments)
        assert status == BAD_INPUT
        assert message in err

    def test_a_setting_that_is_wrong(self, run, note, configure):
        configure(profile="nonsense")
        assert run(note) == (BAD_INPUT, "", "setting CCL_PROFILE: Input should be 'quick' or 'full'\n")

    def test_two_forms_at_once(self, run, note):
        with pytest.raises(SystemExit) as left:
            run(note, "--json", "--fhir")
        assert left.value.code == BAD_INPUT


def test_the_module_runs_as_a_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "ccl_assets.coding", "nowhere.txt", "--system", "index_lookup"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (BAD_INPUT, "", "nowhere.txt: No such file or directory\n")
    assert list(tmp_path.iterdir()) == []
