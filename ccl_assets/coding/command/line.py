"""The command line that codes one note.

The note is patient data: it is restricted unless the user says otherwise, and none of it is in a message.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from ccl_assets.coding.command.note_file import NoteError, read_note
from ccl_assets.coding.command.note_names import is_batch, note_names
from ccl_assets.coding.encounter_setting import DEFAULT_SETTING, Setting
from ccl_assets.coding.prediction import CodedNote, NoteToCode
from ccl_assets.coding.systems import SYSTEMS, CoderSettings, CodingSystem, Ingredients, build_system
from ccl_assets.command_line import FAILED, OK, complain, exit_code
from ccl_assets.resources.settings import Settings, settings

if TYPE_CHECKING:
    from ccl_assets.coding.active_release import ActiveRelease
    from ccl_assets.resources.text_generation.requests import Completion, GenerationRequest, TextGenerator

_WITH_MODEL, _DEFAULT = "scl", "span_coder"


_REPORTED = 20  # notes between two lines of progress


class BadOptionError(ValueError):
    """An option cannot be used; the message says why."""


class CodingFailedError(RuntimeError):
    """The note could not be coded; the message says why and quotes nothing of the note."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Code one note and print the codes.

    Args:
        arguments: Those of the command line, if not the process's own.

    Returns:
        0, also where no code was found; 1 where a model did not answer; 2 where the note, an option, a setting or a source is
        wrong.
    """
    given = _parser().parse_args(arguments)

    def run() -> int:
        try:
            return _run(given, settings())
        except BrokenPipeError:  # the reader has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return OK

    return exit_code(run, refused=(ValueError, RuntimeError, OSError), failed=(CodingFailedError,))


def _parser() -> argparse.ArgumentParser:
    systems = "\n".join(f"  {name:<20} {system.description}" for name, system in SYSTEMS.items())
    parser = argparse.ArgumentParser(
        prog="python -m ccl_assets.coding",
        description="Code one clinical note in ICD-10-CM; every code quotes the words it rests on.",
        epilog=f"systems:\n{systems}\n\nSettings are those of the project (CCL_HOME, CCL_MODEL, CCL_BACKEND, ...).",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "note",
        nargs="+",
        metavar="NOTE.txt",
        help="the note, in UTF-8; - for standard input. Several, or a folder of .txt files, give JSON lines",
    )
    parser.add_argument(
        "--system",
        help=f"who codes; {_DEFAULT}, or {_WITH_MODEL} if its adapter of another model than the packaged one is there",
        metavar="NAME",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON instead of a table")
    form.add_argument("--fhir", action="store_true", help="print an HL7 FHIR R4 bundle of conditions")
    parser.add_argument("--patient", metavar="ID", help="id of the Patient that the bundle's conditions are about")
    parser.add_argument("--encounter", metavar="ID", help="id of the Encounter that the bundle's conditions belong to")
    parser.add_argument(
        "--date",
        metavar="YYYY-MM-DD",
        help="day of discharge or visit: the kept release that was in force then is used; without it the active one",
    )
    parser.add_argument(
        "--constrain",
        action=argparse.BooleanOptionalAction,
        help="let the model write billable codes only, where the backend can (CCL_CONSTRAIN_CODES)",
    )
    parser.add_argument(
        "--repair",
        action=argparse.BooleanOptionalAction,
        help="replace an invalid code by the valid one of the nearest title, marked (CCL_REPAIR_CODES)",
    )
    parser.add_argument(
        "--setting",
        choices=[setting.value for setting in Setting],
        default=DEFAULT_SETTING.value,
        help=f"where the patient was seen; {DEFAULT_SETTING} if not given. Diagnoses that the note calls probable or suspected are "
        "coded for inpatients (guideline II.H) and not for others (IV.H); models read the note as it is",
    )
    parser.add_argument(
        "--open",
        action="store_true",
        help="the note is no patient's: it may be sent to an endpoint on any host. Otherwise only to this one and to "
        "CCL_TRUSTED_HOSTS",
    )
    return parser


def _run(given: argparse.Namespace, chosen: Settings) -> int:
    from ccl_assets.coding.active_release import active_release
    from ccl_assets.coding.command.coders import span_coders
    from ccl_assets.coding.command.fhir import check_encounter_id, check_patient_id
    from ccl_assets.resources.models.small_language_model import PACKAGED

    name = _system(given.system, chosen)
    adapter = _adapter(name, chosen)
    if given.patient is not None:
        if not given.fhir:
            raise BadOptionError("--patient goes with --fhir")
        check_patient_id(given.patient)
    if given.encounter is not None:
        if not given.fhir:
            raise BadOptionError("--encounter goes with --fhir")
        check_encounter_id(given.encounter)
    day = _day(given.date)
    batch = is_batch(given.note)
    if batch and given.fhir:
        raise BadOptionError("--fhir takes one note")
    names = note_names(given.note)
    text = "" if batch else read_note(names[0])
    description = SYSTEMS[name]
    if not description.needs_generator and (given.constrain or given.repair):
        complain(f"system {name} asks no model, so --constrain and --repair change nothing")
    coders = None
    if description.rung is not None:
        coders, release = span_coders(chosen, description.rung, complain, day)
    else:
        release = active_release(chosen, description.needs_gold_pairs, complain, day)
    _warn_of_another_release(release.label, day)
    generator = _NotingErrors(_generator(chosen, adapter)) if description.needs_generator else None
    ingredients = Ingredients(
        billable=release.billable,
        titles=release.titles,
        generator=cast("TextGenerator | None", generator),
        gold_pairs=release.gold_pairs,
        settings=_coder_settings(given, chosen),
        span_coders=coders,
    )
    system = build_system(name, ingredients)
    if generator is not None and chosen.model == PACKAGED:
        complain(
            f"the packaged model only shows that everything runs: for codes of use set CCL_MODEL, or --system {_DEFAULT}"
        )
    if batch:
        return _run_batch(system, names, release, given, name, generator)
    coded = _code(system, NoteToCode("note", text, is_restricted=not given.open, setting=Setting(given.setting)))
    failures = generator.errors if generator else []
    if generator and failures and not generator.answer_count:
        raise CodingFailedError(f"the model did not answer: {failures[0]}")
    _print(coded, release, given, name, generator.model_name if generator else None)
    if generator and failures:
        complain(f"{len(failures)} of {len(failures) + generator.answer_count} answers are missing: {failures[0]}")
        return FAILED
    return OK


def _day(given: str | None) -> date | None:
    """The day of ``--date``."""
    if given is None:
        return None
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise BadOptionError("--date is no date: write it as 2026-10-01") from None


def _today() -> date:
    return date.today()


def _warn_of_another_release(label: str, day: date | None) -> None:
    """Say so where another release is in force on the day of the note, or today where the day is not given."""
    from ccl_assets.releases.calendar import due_release

    due = due_release(label, day or _today())
    if due is None:
        return
    when = f"on {day}" if day else "today"
    what = "is in force" if due.is_certain else "may be in force (updates in April do not come every year)"
    complain(
        f"codes are of {label}, but {when} {due.label} {what}, since {due.since}: {due.remedy}; "
        "for a note of another day give --date"
    )


def _run_batch(
    system: CodingSystem, names: Sequence[str], release: ActiveRelease, given: argparse.Namespace, name: str,
    generator: _NotingErrors | None,
) -> int:  # fmt: skip
    """Code notes one after the other, a line of JSON each; one that cannot be read or coded is named, and the others go on."""
    from ccl_assets.coding.command.printed_codes import as_json

    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    started, wrong = perf_counter(), 0
    for number, note_name in enumerate(names, start=1):
        try:
            note = NoteToCode("note", read_note(note_name), not given.open, setting=Setting(given.setting))
            coded = _code(system, note)
        except (NoteError, CodingFailedError) as error:
            complain(str(error))
            wrong += 1
            continue
        model = generator.model_name if generator else None
        line = {"note": note_name, **as_json(coded, release, name, model)}
        print(json.dumps(line, ensure_ascii=False), flush=True)
        if number % _REPORTED == 0 or number == len(names):
            complain(f"{number} of {len(names)} notes, {number / (perf_counter() - started):.1f} a second")
    if generator is not None and generator.errors:
        complain(f"{len(generator.errors)} answers are missing: {generator.errors[0]}")
        return FAILED
    return FAILED if wrong else OK


def _system(asked: str | None, chosen: Settings) -> str:
    """The system to use: the one asked for, else the best there is."""
    if asked is None:
        from ccl_assets.resources.models.small_language_model import PACKAGED

        is_trained = chosen.model != PACKAGED and _is_trained(chosen.adapters / _WITH_MODEL)
        return _WITH_MODEL if is_trained else _DEFAULT
    if asked not in SYSTEMS:
        raise BadOptionError(f"there is no system {asked!r}; there are {', '.join(SYSTEMS)}")
    if SYSTEMS[asked].needs_human_evidence:
        raise BadOptionError(
            f"system {asked} is shown the spans that people marked, and a plain note has none; it exists for evaluation. "
            f"Take {SYSTEMS[asked].recipe or _DEFAULT}"
        )
    return asked


def _adapter(name: str, chosen: Settings) -> Path | None:
    """The adapter a system needs, if it needs one."""
    recipe = SYSTEMS[name].recipe
    if recipe is None:
        return None
    directory = chosen.adapters / recipe
    if not _is_trained(directory):
        raise BadOptionError(
            f"system {name} needs the adapter of recipe {recipe}, and {directory} holds none: materialize sft/adapter, partition "
            f"{recipe} (`make run`, or `make ui`), set CCL_HOME to where it is, or take --system {_DEFAULT}"
        )
    return directory


def _is_trained(directory: Path) -> bool:
    from ccl_assets.sft.adapter.directory import WEIGHTS_FILE

    return (directory / WEIGHTS_FILE).is_file()


def _coder_settings(given: argparse.Namespace, chosen: Settings) -> CoderSettings:
    """As for the benchmark notes, save that a profile's bound on the length of answers is for benchmarks."""
    return CoderSettings(
        context_window=chosen.context_tokens,
        constrain_codes=chosen.constrain_codes if given.constrain is None else given.constrain,
        repair_codes=chosen.repair_codes if given.repair is None else given.repair,
    )


def _generator(chosen: Settings, adapter: Path | None) -> TextGenerator:
    from ccl_assets.resources.models.language_models import LanguageModels
    from ccl_assets.sft.adapter.directory import adapter_name

    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    return LanguageModels(chosen).generator("coder", adapter, adapter_name(adapter))


class _NotingErrors:
    """A text generator that remembers why requests failed: a coded note only says that some did."""

    def __init__(self, generator: TextGenerator) -> None:
        self._generator = generator
        self.errors: list[str] = []
        self.answer_count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._generator, name)

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Completion]:
        """Answer as the generator does."""
        for completion in self._generator.generate(requests):
            if completion.error is None:
                self.answer_count += 1
            else:
                self.errors.append(completion.error)
            yield completion


def _code(system: CodingSystem, note: NoteToCode) -> CodedNote:
    """Code the note.

    What a library says of a failure may quote what it was given, so only the project's own messages are passed on.

    Raises:
        CodingFailedError: A library failed.
    """
    from ccl_assets.resources.text_generation.endpoint.client import EndpointError

    try:
        (coded,) = system.code([note])
    except EndpointError as error:
        raise CodingFailedError(str(error)) from None
    except Exception as error:
        module, line = _origin(error)
        if module.startswith("ccl_assets.") and isinstance(error, ValueError | RuntimeError):
            raise
        raise CodingFailedError(f"coding failed with {type(error).__name__} in {module}, line {line}") from None
    return coded


def _origin(error: Exception) -> tuple[str, int]:
    """Module and line where an error was raised."""
    trace = error.__traceback__
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return str(trace.tb_frame.f_globals.get("__name__")), trace.tb_lineno


def _print(coded: CodedNote, release: ActiveRelease, given: argparse.Namespace, system: str, model: str | None) -> None:
    from ccl_assets.coding.command.fhir import code_system_version, condition_bundle
    from ccl_assets.coding.command.printed_codes import as_json, as_table

    # JSON is UTF-8 whatever the terminal; a table on a narrower one must not end in an error that quotes the note
    sys.stdout.reconfigure(errors="backslashreplace", **({"encoding": "utf-8"} if given.json or given.fhir else {}))  # type: ignore[union-attr]
    if given.fhir:
        version = code_system_version(release.label)
        bundle = condition_bundle(
            coded.predictions,
            release.titles,
            version,
            datetime.now().astimezone(),
            given.patient,
            system,
            given.encounter,
        )
        print(json.dumps(bundle, ensure_ascii=False, indent=2))
        if left_out := sum(not prediction["is_valid"] for prediction in coded.predictions):
            complain(
                f"{left_out} of {len(coded.predictions)} codes are not valid in {release.label} and left out of the bundle"
            )
    elif given.json:
        print(json.dumps(as_json(coded, release, system, model), ensure_ascii=False, indent=2))
    else:
        print(as_table(coded, release, system, model))
    sys.stdout.flush()
    if not coded.predictions:
        complain("no code was found" + (f" ({', '.join(coded.problems)})" if coded.problems else ""))
